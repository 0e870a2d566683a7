"""What an importer knows while it walks through a file: its nodes and tensors.

The batch is the symbol BATCH, a prime larger than any axis may be, so that a shape which was
computed from it (Shape, Gather, Concat chains) shows it: `BATCH` alone is the batch axis,
a multiple of it is a batch merged with other axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import NetworkError
from mapping.network import QuantParams

#: The largest below 2^31 - 1, which files write for the end of an axis: it fits into int32, and
#: with every other axis in one product into int64.
BATCH = 2_147_483_629


class Unsupported(NetworkError):
    """This node cannot be imported; all of them are reported together."""


@dataclass(frozen=True)
class FileNode:
    """One node of the file; missing optional inputs have an empty name."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def input(self, index: int) -> str:
        """Name of input `index`, empty where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def get(self, key: str, default: Any) -> Any:
        """Attribute `key`; strings are decoded."""
        value = self.attributes.get(key, default)
        return value.decode() if isinstance(value, bytes) else value

    @property
    def label(self) -> str:
        """How messages call it: operator and name."""
        prefix = f"{self.domain}." if self.domain else ""
        return f"{prefix}{self.op} {self.name!r}"


@dataclass(frozen=True)
class Codes:
    """The integers behind a dequantised constant: real = scale * (integers - zero_point).

    integers: the file's, widened; scale and zero_point: () or (n,) along `axis`.
    """

    integers: NDArray[np.int64]
    scale: NDArray[np.float64]
    zero_point: NDArray[np.int64]
    axis: int
    bits: int
    signed: bool


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    name: the tensor of the network that holds it (several of the file's may share one);
    shape: with BATCH for the batch;
    value: a constant's numbers, None for activations and for constants without data;
    params: how an activation is held as codes, and None for float ones;
    raw: the file's tensor holds the codes themselves and not the real values, or integers
        whose scale is not stated yet: as nodes on them compute in integers, only moving is safe;
    codes: the integers of a dequantised constant;
    of_batch: which numbers of a constant follow from the batch size, None where none does;
    bits: of a constant's integers, where the file's type is narrower than `value`'s;
    kind: bits and sign of the integers that an input of the network is declared as.
    """

    name: str
    shape: tuple[int, ...]
    constant: bool = False
    value: NDArray[Any] | None = None
    params: QuantParams | None = None
    raw: bool = False
    codes: Codes | None = None
    of_batch: NDArray[np.bool_] | None = None
    bits: int | None = None
    kind: tuple[int, bool] | None = None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class FileGraph:
    """A file as plain data: nodes in order, inputs with shapes, outputs, constants.

    inputs: their shapes with BATCH in front; constants: the initialisers;
    opset: of the default domain; fixed_batch: the batch size the file states, or None.
    """

    path: Path
    nodes: tuple[FileNode, ...]
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    constants: Mapping[str, Tensor]
    opset: int
    fixed_batch: int | None = None


def public_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape with -1 in place of the batch.

    Raises:
        Unsupported: the batch is not the first axis, or is merged with another one.
    """
    if any(size >= BATCH for size in shape[1:]) or (shape and shape[0] > BATCH):
        raise Unsupported(f"the batch axis is moved or merged: {readable(shape)}")
    return tuple(-1 if size == BATCH else int(size) for size in shape)


def readable(shape: Sequence[int]) -> str:
    """A shape for messages, with `batch` by name."""
    words = []
    for size in shape:
        times, rest = divmod(int(size), BATCH)
        if size < BATCH or rest:
            words.append(str(size))
        else:
            words.append("batch" if times == 1 else f"{times} * batch")
    return "(" + ", ".join(words) + ")"


def size_of(shape: Sequence[int]) -> int:
    """Number of elements."""
    return prod(int(size) for size in shape)


def positive_axis(axis: int, rank: int) -> int:
    """`axis` counted from 0.

    Raises:
        Unsupported: it is outside -rank..rank-1.
    """
    if not -rank <= axis < rank:
        raise Unsupported(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank
