"""Dummy columns: what takes the offset current of G_min off every other column of an array.

A dummy column holds cells at G_min that are driven like all others, with errors and
fluctuation of their own.  What it reads differs from the nominal offset by D, in level steps;
every column of its array then converts A - D, so that D is common to all of them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.tile import _dummy_kernels
from hwsim.tile.disturbance import Noise, Telegraph
from hwsim.tile.geometry import Geometry, ceil_div
from hwsim.tile.planes import Bank

#: Continues the address of a copy of a block to its dummy columns: beyond any copy's number.
DUMMIES = 0x44554D4D


class DummyReads(NamedTuple):
    """What the dummy columns read beside the nominal offset, as kernels take it off."""

    reads: NDArray[np.int32]  # (V, T, arrays) in samples' units; no V: no dummy columns
    array: NDArray[np.int64]  # (strips, width) array of each lane


NO_DUMMY = DummyReads(np.zeros((0, 0, 0), np.int32), np.zeros((0, 0), np.int64))


class DummyColumns(NamedTuple):
    """The dummy columns of one copy of a row block, a lane for each array."""

    bank: Bank
    noise: Noise | Telegraph
    key: np.uint64
    array: NDArray[np.int64]  # (strips, width) array of each lane of the copy itself

    def read(self, words: NDArray[Any], first: int) -> DummyReads:
        """Reads of a batch; words (V, T, M, W), `first` the number of the first vector."""
        strips, _, _, _, width = self.bank.planes.shape
        reads = np.empty((*words.shape[:2], strips * width), np.int32)
        drawn = isinstance(self.noise, Telegraph)
        kernel = _dummy_kernels.dummy_exact if drawn else _dummy_kernels.dummy_moments
        kernel(words, self.bank, self.noise, self.key, first, reads)
        return DummyReads(reads, self.array)


def arrays_of(geometry: Geometry, outputs: int) -> int:
    """Arrays side by side that hold `outputs` outputs."""
    return ceil_div(outputs, geometry.weights_per_row)


def array_of_lane(geometry: Geometry, outputs: int, width: int) -> NDArray[np.int64]:
    """(strips, width) array that each lane (slice * outputs + output) lies on."""
    lanes = np.tile(np.arange(outputs) // geometry.weights_per_row, geometry.slices.count)
    return np.pad(lanes, (0, -lanes.size % width)).reshape(-1, width)
