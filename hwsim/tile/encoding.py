"""Signed weights as unsigned cell levels, and back."""

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import MappingError
from hwsim.tile.geometry import Digits, Geometry
from hwsim.tile.spec import Encoding

Levels = NDArray[np.uint8]


def encode(weights: NDArray[np.integer], geometry: Geometry) -> Levels:
    """Cell levels of a weight matrix.

    Args:
        weights: (rows, outputs) integers of `geometry.precision.weight_bits` signed bits.
    Returns:
        (columns of a pair, slices, rows, outputs) levels, least significant slice first;
        the pair's first column is the positive one.
    Raises:
        MappingError: a weight does not fit its bits.
    """
    wide = weights.astype(np.int64)
    _check_range(wide, geometry)
    slices = geometry.slices
    match geometry.tile.encoding:
        case Encoding.DIFFERENTIAL:
            parts = np.stack([np.maximum(wide, 0), np.maximum(-wide, 0)])
        case Encoding.OFFSET:
            parts = (wide + weight_offset(geometry))[None]
        case Encoding.TWOS_COMPLEMENT:
            parts = (wide & ((1 << slices.total_bits) - 1))[None]
    return np.stack([_digit(parts, slices, s) for s in range(slices.count)], axis=1)


def weight_offset(geometry: Geometry) -> int:
    """What OFFSET adds to every weight: 2^(Bw-1); 0 for the other encodings."""
    if geometry.tile.encoding is Encoding.OFFSET:
        return 1 << (geometry.precision.weight_bits - 1)
    return 0


def _digit(parts: NDArray[np.int64], digits: Digits, index: int) -> Levels:
    """Digit `index` of non-negative integers."""
    bits = 1 if digits.signs[index] < 0 else digits.bits
    shift = digits.shifts[index]
    if digits.signs[index] > 0:  # the digit below a sign bit must not reach into it
        bits = min(bits, digits.magnitude_bits - shift)
    return ((parts >> shift) & ((1 << bits) - 1)).astype(np.uint8)


def _check_range(weights: NDArray[np.int64], geometry: Geometry) -> None:
    precision = geometry.precision
    high = (1 << (precision.weight_bits - 1)) - 1
    narrow = geometry.tile.encoding is Encoding.DIFFERENTIAL and precision.narrow_weights
    low = -high if narrow else -high - 1
    if weights.size and (weights.min() < low or weights.max() > high):
        raise MappingError(
            f"weights: expected {low}..{high} ({precision.weight_bits} bits), "
            f"found {weights.min()}..{weights.max()}"
        )


def slice_weights(geometry: Geometry) -> NDArray[np.int64]:
    """(columns of a pair, slices) signed weight of one level in each cell column."""
    slices = geometry.slices
    weights = np.array([s << k for s, k in zip(slices.signs, slices.shifts, strict=True)], np.int64)
    signs = np.array([1, -1][: geometry.tile.pair_cols], np.int64)
    return signs[:, None] * weights


def phase_weights(geometry: Geometry) -> NDArray[np.int32]:
    """(phases,) signed weight of one unit pulse in each input phase."""
    phases = geometry.phases
    return np.array([s << k for s, k in zip(phases.signs, phases.shifts, strict=True)], np.int32)


def heavy_columns(levels: Levels, max_level: int) -> NDArray[np.bool_]:
    """(pair, slices, outputs): columns whose levels sum to more than half the possible sum.

    Stored complemented, no column of the block then exceeds half the full range, which saves
    one ADC bit (Shafiee et al., ISAAC, ISCA 2016, section V, "flipped" encoding).
    """
    rows = levels.shape[2]
    heavy: NDArray[np.bool_] = 2 * levels.sum(axis=2, dtype=np.int64) > rows * max_level
    return heavy
