"""Read the data of a pickle without running anything it names.

A pickle is a program; `pickle.load` imports and calls whatever it asks for.  Here the only
names it may use are those of a NumPy array of bytes, and even these lead to inert stand-ins
of ours: NumPy's own reconstruction never sees the file.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError


class _Dtype:
    """What the pickle says of an element type: its code, such as 'u1', and byte order."""

    def __init__(self, code: object, *_options: object) -> None:
        self.code, self.order = _text(code), "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])


class _Array:
    """What the pickle says of an array: shape, element type, raw bytes."""

    def __init__(self, *_arguments: object) -> None:
        self.content: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, kind, fortran, raw = state
        self.content = _from_bytes(raw, kind, shape, "F" if fortran else "C")


class _Ndarray:
    """Stands for the name `numpy.ndarray`; never instantiated."""


def _from_bytes(raw: object, kind: object, shape: object, order: str) -> NDArray[Any]:
    if not isinstance(kind, _Dtype) or kind.order + kind.code not in ("|u1", "<i4", "<i8"):
        raise pickle.UnpicklingError("an array of something other than bytes or integers")
    if not isinstance(raw, bytes | bytearray) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("an array that does not hold plain bytes")
    flat = np.frombuffer(raw, np.dtype(kind.order + kind.code))
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _from_buffer(raw: object, kind: object, shape: object, order: str = "C") -> _Array:
    array = _Array()
    array.content = _from_bytes(raw, kind, shape, order)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in the old protocols: as Latin-1 text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Ndarray,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


class _Refused(Exception):
    """The pickle names something that is not data."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: object) -> Any:
        raise _Refused(f"persistent object {pid!r}")


def read_batch(content: bytes, where: str) -> dict[str, Any]:
    """The dictionary a pickled batch holds: numbers, text, lists and integer arrays.

    Args:
        content: the pickle, from Python 2 or 3.
        where: names the file in messages.

    Raises:
        DataError: the pickle names code, is cut short, or holds something else.
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except _Refused as error:
        raise DataError(
            f"{where}: expected a pickle of numbers only, found the name {error}; "
            "nothing of it was run"
        ) from None
    except Exception as error:
        # A broken pickle may raise anything; whatever it is, the file is at fault.
        problem = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where}: cannot be read as a pickled batch: {problem}") from error
    if not isinstance(batch, dict):
        raise DataError(f"{where}: expected a pickled dictionary, found {type(batch).__name__}")
    return {_text(key): _plain(value) for key, value in batch.items()}


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _plain(value: object) -> object:
    return value.content if isinstance(value, _Array) else value
