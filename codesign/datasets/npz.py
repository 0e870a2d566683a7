"""A NumPy archive with arrays `x` (samples first) and `y` (classes)."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError


def read_npz(path: Path, samples: int | None) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """The first `samples` entries of x and y; pickled objects are refused.

    Raises:
        DataError: no such file, not an archive, cut short, or arrays that do not fit.
    """
    x = _member(path, "x")
    y = _member(path, "y")
    if x.ndim < 2 or x.dtype.kind not in "uif":
        raise DataError(
            f"{path}: x: expected numbers of shape (samples, ...), found {x.dtype} {x.shape}"
        )
    if y.dtype.kind not in "ui" or y.shape[1:] not in ((), (1,)):
        raise DataError(
            f"{path}: y: expected integers of shape (samples,), found {y.dtype} {y.shape}"
        )
    if len(y) != len(x):
        raise DataError(f"{path}: y: expected {len(x)} labels, one for each of x, found {len(y)}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{path}: x: expected finite numbers, found NaN or infinity")
    return x[:samples], y.reshape(-1)[:samples].astype(np.int64)


def _member(path: Path, name: str) -> NDArray[np.generic]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [Path(entry).stem for entry in archive.namelist()]
        if name not in names:
            raise DataError(f"{path}: expected arrays x and y, found {', '.join(names) or 'none'}")
        with np.load(path, allow_pickle=False) as stored:
            array: NDArray[np.generic] = stored[name]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, EOFError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        problem = " ".join(str(error).split())
        raise DataError(f"{path}: {name}: cannot be read as a NumPy archive: {problem}") from None
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        raise DataError(f"{path}: {name}: expected an array, found a single value")
    return array
