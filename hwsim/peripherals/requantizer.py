"""The requantizer: accumulators back to codes, in integers only (the RTL's golden model).

    code = clip(round_half_even(acc * mantissa / 2^shift) + zero_point, low, high)

The real multiplier m = input_scale * weight_scale / output_scale is rounded to float32 in
the order in which onnxruntime does it, and is then held exactly as `mantissa * 2^-shift`.

Agreement with onnxruntime.  Its QLinearConv, QLinearMatMul and QGemm round twice more, to
float32: v' = fl32(fl32(acc) * m), then to the nearest even integer.  Each rounding has a
relative error of at most u = 2^-24 (the first only for |acc| > 2^24), so
|v' - v| <= |v| (2u + u^2) for the exact v = acc * m.  The two codes can therefore differ
only where v lies within that distance of a tie, k + 1/2; `tie_distance_bound` is the bound,
and tests/mapping/test_onnxruntime_agreement.py proves of each differing code that it obeys.
"""

from dataclasses import dataclass
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwsim._jit import kernel

MANTISSA_BITS = 24
MAX_SHIFT = 63
STRIP = 64
#: |acc| stays below this in any layer that fits: 2^38 * 2^24 leaves int64 its sign bit.
ACCUMULATOR_LIMIT = 1 << 38


def real_multiplier(
    input_scale: float, weight_scale: ArrayLike, output_scale: float
) -> NDArray[np.float32]:
    """input_scale * weight_scale / output_scale, each step rounded to float32.

    Args:
        weight_scale: (channels,) or a scalar.
    Returns:
        (channels,) float32.
    """
    weights = np.atleast_1d(np.asarray(weight_scale, dtype=np.float32))
    product = np.float32(input_scale) * weights
    return np.asarray(product / np.float32(output_scale), dtype=np.float32)


def fixed_point(
    multiplier: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positive float32 numbers as integers: multiplier = mantissa * 2^-shift, exactly.

    Shifts stay within 1..63.  Outside, the nearest end gives the same codes: a multiplier
    below 2^-63 * 2^24 rounds every accumulator to 0, one of 2^23 and more saturates all but 0.

    Returns:
        mantissa in [2^23, 2^24) and shift, each of the multiplier's shape.
    Raises:
        ValueError: a multiplier is not positive and finite.
    """
    if not np.all(np.isfinite(multiplier) & (multiplier > 0)):
        raise ValueError(f"multiplier: expected positive numbers, found {multiplier}")
    fraction, exponent = np.frexp(multiplier.astype(np.float64))
    mantissa = np.ldexp(fraction, MANTISSA_BITS).astype(np.int64)
    shift = MANTISSA_BITS - exponent.astype(np.int64)
    return mantissa, np.clip(shift, 1, MAX_SHIFT)


# A strip of positions at a time: the arithmetic runs along the channels, which are adjacent
# in `acc` and vectorise (1.0 ns per code; 4 to 5 ns along the positions), and the strip is
# small enough to be transposed in the first-level cache.
@kernel
def requantize_channels(
    acc: NDArray[np.int64],
    constants: NDArray[np.int64],
    limits: NDArray[np.int64],
    strip: NDArray[np.int16],
    out: NDArray[np.int16],
) -> None:
    """out[i, n, p] = code of acc[i, p, n] + constants[0, n]; see the module's formula.

    acc: (images, positions, channels); constants: (4, channels) offset, mantissa, shift and
    2^(shift-1) - 1; limits: zero point, low, high; strip: (length, channels), scratch;
    out: (images, channels, positions).
    """
    images, positions, channels = acc.shape
    length = strip.shape[0]
    zero_point, low, high = limits[0], limits[1], limits[2]
    for i in range(images):
        for first in range(0, positions, length):
            count = min(length, positions - first)
            for p in range(count):
                for n in range(channels):
                    product = (acc[i, first + p, n] + constants[0, n]) * constants[1, n]
                    # One less than half rounds ties down; the quotient's own lowest bit,
                    # added, rounds them up where that makes it even.
                    odd = (product >> constants[2, n]) & np.int64(1)
                    code = ((product + constants[3, n] + odd) >> constants[2, n]) + zero_point
                    strip[p, n] = min(max(code, low), high)
            for n in range(channels):
                for p in range(count):
                    out[i, n, first + p] = strip[p, n]


@final
@dataclass(frozen=True)
class Requantizer:
    """One layer's constants.

    offset, mantissa, shift: (channels,) int64; `offset` is added to each accumulator first
    (bias and zero-point correction).
    """

    offset: NDArray[np.int64]
    mantissa: NDArray[np.int64]
    shift: NDArray[np.int64]
    zero_point: int
    low: int
    high: int

    @classmethod
    def build(
        cls,
        multiplier: NDArray[np.float32],
        zero_point: int,
        low: int,
        high: int,
        offset: NDArray[np.int64] | None = None,
    ) -> Self:
        """Constants for real multipliers (channels,) and the codes' limits.

        Raises:
            ValueError: a multiplier is not positive and finite.
        """
        mantissa, shift = fixed_point(multiplier)
        zeros = np.zeros(mantissa.shape, dtype=np.int64)
        return cls(zeros if offset is None else offset, mantissa, shift, zero_point, low, high)

    def codes(self, acc: NDArray[np.int64]) -> NDArray[np.int16]:
        """Codes of accumulators, channels moved to the front.

        Args:
            acc: (images, positions, channels) int64, |acc + offset| < 2^38.
        Returns:
            (images, channels, positions) int16 in [low, high].
        """
        images, positions, channels = acc.shape
        out = np.empty((images, channels, positions), dtype=np.int16)
        below_half = (np.int64(1) << (self.shift - 1)) - 1
        constants = np.stack([self.offset, self.mantissa, self.shift, below_half])
        limits = np.array([self.zero_point, self.low, self.high], dtype=np.int64)
        strip = np.empty((STRIP, channels), dtype=np.int16)
        requantize_channels(np.ascontiguousarray(acc), constants, limits, strip, out)
        return out


def tie_distance_bound(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far from a tie two float32 roundings can move `value` = acc * m (module docstring)."""
    unit = 1.0 / (1 << 24)
    return np.abs(value) * (2 * unit + unit * unit)
