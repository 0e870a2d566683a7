"""The converter's range: which column sums its codes can tell apart."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.codes import code_range
from hwsim.device.fluctuation import level_step
from hwsim.device.spec import Device
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Compensation, Encoding, Subtraction


@dataclass(frozen=True)
class Converter:
    """code = clip(floor(sum / 2^shift + 1/2), low, high)."""

    bits: int
    shift: int
    signed: bool

    @property
    def low(self) -> int:
        """Smallest code."""
        return code_range(self.bits, self.signed)[0]

    @property
    def high(self) -> int:
        """Largest code."""
        return code_range(self.bits, self.signed)[1]


def converts_differences(geometry: Geometry) -> bool:
    """Whether the pair is subtracted before one signed conversion."""
    tile = geometry.tile
    return tile.encoding is Encoding.DIFFERENTIAL and tile.subtraction is Subtraction.ANALOG


def column_bound(geometry: Geometry, rows: int, flipped: bool = True, offset: float = 0.0) -> int:
    """Largest magnitude of an ideal column sum over `rows` driven rows.

    flipped: whether heavy columns of this matrix are flipped where the tile can;
    offset: of every driven cell, in level steps (`converted_offset`).
    """
    levels = rows * geometry.max_level
    if geometry.tile.flipped_columns and flipped:
        levels //= 2  # heavier columns are stored complemented
    return (levels + math.ceil(rows * offset)) * geometry.max_digit


def converted_offset(geometry: Geometry, device: Device | None) -> float:
    """What every driven cell adds to a converted sum beside its level, in level steps."""
    if device is None or geometry.tile.compensation is not Compensation.DIGITAL:
        return 0.0
    return device.conductance_min_S / level_step(device, geometry.tile.cell_bits)


def full_shift(bound: int, bits: int, signed: bool) -> int:
    """The smallest shift at which no sum of magnitude `bound` clips."""
    _, high = code_range(bits, signed)
    shift = 0
    while rounded(bound, shift) > high:
        shift += 1
    return shift


def calibrated_shift(histogram: NDArray[np.int64], coverage: float, bits: int, signed: bool) -> int:
    """The smallest shift at which at least `coverage` of the sums seen do not clip.

    Args:
        histogram: (bound + 1,) how often each magnitude of a column sum was seen.
    """
    seen = np.cumsum(histogram)
    reach = int(np.searchsorted(seen, coverage * seen[-1])) if seen[-1] else 0
    return full_shift(min(reach, histogram.size - 1), bits, signed)


def rounded(total: int, shift: int) -> int:
    """floor(total / 2^shift + 1/2)."""
    return (total + ((1 << shift) >> 1)) >> shift
