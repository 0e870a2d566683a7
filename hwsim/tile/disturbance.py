"""What disturbs the cells of one row block, in the form the kernels read.

Frozen deviations (programming error, frozen telegraph states) belong to a cell: they are
added to its level in fixed point, `FRACTION_BITS` bits below one level step (rounding error
1 / (32 sqrt(12)) = 0.009 step), and read as more bit planes.  Fresh fluctuation enters as
mean and variance of each conversion (`moments`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.device.fluctuation import (
    bit_polynomial,
    fluctuation_amplitude,
    level_step,
    programming_sigma,
)
from hwsim.device.spec import Device, States
from hwsim.rng import address, normal_deviates, random_words
from hwsim.tile.encoding import Levels

FRACTION_BITS = 5
_PROGRAMMING, _STATES = 1, 2  # last part of the address of a block's frozen draws


class Noise(NamedTuple):
    """Mean and variance of fresh fluctuation, as `_kernels.moments_block` reads them."""

    linear: NDArray[np.float32]  # (M,) weight of each input monomial in a digit
    square: NDArray[np.float32]  # (M,) and in the digit's square
    mean: NDArray[np.float32]  # (2 + E,) constant, slope, extra monomials of the level
    variance: NDArray[np.float32]  # (2 + E,)
    extra: NDArray[Any]  # (strips, C, E, W, width) planes of the extra monomials
    extra_weights: NDArray[Any]  # (E,) ones, in the lanes' type
    extra_lanes: NDArray[np.int64]  # (1,) lanes of a strip
    unit: np.float32  # value of one unit of a column sum in level steps
    floor: np.float32  # variance of every conversion, in level steps squared


class Telegraph(NamedTuple):
    """Fresh telegraph states cell by cell, as `_kernels.exact_block` reads them.

    A cell in its high state, at probability `duty`, adds a(g), else it takes a(g) away; a(g) is
    a polynomial of the level's bits, the amplitude of one copy divided by the copies.
    """

    linear: NDArray[np.float32]  # (M,) weight of each input monomial in a digit
    constant: np.float32
    coefficients: NDArray[np.float32]  # (Q,)
    masks: NDArray[Any]  # (strips, C, Q, W, width) planes of the monomials of the level
    copies: np.int64  # cells that share one bit line
    duty: NDArray[np.bool_]  # binary digits of the duty, least significant first, last one set
    unit: np.float32  # value of one unit of a column sum in level steps
    ones: NDArray[Any]  # (1,) a one in the lanes' type
    lanes: NDArray[np.int64]  # (1,) lanes of a strip


DUTY_BITS = 16


def duty_digits(duty: float) -> NDArray[np.bool_]:
    """Binary digits of a duty rounded to DUTY_BITS, least significant first, no zeros in front.

    A word whose bits are one with probability 0.d1 d2 ... dn is made of n fair words: beginning
    with the least significant digit, OR with a fair word where the digit is one, else AND.
    """
    scaled = min(max(round(duty * 2**DUTY_BITS), 1), 2**DUTY_BITS - 1)
    digits = [scaled >> b & 1 for b in range(DUTY_BITS)]
    return np.array(digits[digits.index(1) :], np.bool_)


@dataclass(frozen=True)
class Disturbance:
    """The device's disturbances as functions of the level, in level steps."""

    amplitude: NDArray[np.float64]  # (levels,)
    sigma: NDArray[np.float64]  # (levels,)
    duty: float
    frozen: bool
    lowest: float  # deviation cannot take a cell below zero conductance: level + this

    @staticmethod
    def of(device: Device, cell_bits: int) -> "Disturbance":
        """The disturbances of `device` at `cell_bits` bits per cell."""
        fluctuation = device.fluctuation
        return Disturbance(
            amplitude=fluctuation_amplitude(device, cell_bits),
            sigma=programming_sigma(device, cell_bits),
            duty=fluctuation.duty if fluctuation else 0.5,
            frozen=fluctuation is not None and fluctuation.states is States.FROZEN,
            lowest=device.conductance_min_S / level_step(device, cell_bits),
        )

    @property
    def deviates(self) -> bool:
        """Whether cells deviate for good from their levels."""
        return bool(self.sigma.any() or (self.frozen and self.amplitude.any()))

    @property
    def fluctuates(self) -> bool:
        """Whether every read is disturbed afresh."""
        return bool(not self.frozen and self.amplitude.any())


def cell_values(
    levels: Levels, disturbance: Disturbance, place: tuple[int, ...], copies: int
) -> NDArray[np.int64]:
    """Levels in units of 2^-FRACTION_BITS step with their frozen deviations.

    Args:
        levels: any shape.
        place: address of this block and copy.
        copies: cells averaged on one bit line; their mean is returned.
    Returns:
        the shape of `levels`.
    """
    deviation = np.zeros(levels.shape)
    for copy in range(copies):
        deviation += _deviation(levels, disturbance, (*place, copy))
    fixed = np.rint((levels + deviation / copies) * (1 << FRACTION_BITS))
    return fixed.astype(np.int64)


def _deviation(
    levels: Levels, disturbance: Disturbance, place: tuple[int, ...]
) -> NDArray[np.float64]:
    deviation = np.zeros(levels.shape)
    if disturbance.sigma.any():
        words = _words(levels.size, (*place, _PROGRAMMING))
        normal = np.empty(words.size, np.float32)
        normal_deviates(words.view(np.int32), normal)
        deviation += disturbance.sigma[levels] * normal.reshape(levels.shape)
    if disturbance.frozen and disturbance.amplitude.any():
        words = _words(levels.size, (*place, _STATES))
        high = words < np.uint32(disturbance.duty * 2.0**32)
        deviation += disturbance.amplitude[levels] * np.where(high, 1.0, -1.0).reshape(levels.shape)
    physical: NDArray[np.float64] = np.maximum(deviation, -(levels + disturbance.lowest))
    return physical


def _words(count: int, place: tuple[int, ...]) -> NDArray[np.uint32]:
    words = np.empty((count + 1) // 2, np.uint64)
    random_words(address(*place), 0, words)
    return words.view(np.uint32)[:count]


@dataclass(frozen=True)
class LevelMoments:
    """Mean and variance of one cell's fresh fluctuation as polynomials of its level's bits."""

    monomials: tuple[tuple[int, ...], ...]
    mean: NDArray[np.float32]  # (2 + E,)
    variance: NDArray[np.float32]


def level_moments(disturbance: Disturbance, copies: int) -> LevelMoments:
    """Moments of the mean of `copies` cells: G -> G + a(G) s with s = +1 at `duty`, else -1."""
    duty = disturbance.duty
    mean = bit_polynomial(disturbance.amplitude * (2 * duty - 1))
    variance = bit_polynomial(disturbance.amplitude**2 * 4 * duty * (1 - duty) / copies)
    monomials = tuple(sorted({*mean.monomials, *variance.monomials}))

    def column(polynomial: Any) -> NDArray[np.float32]:
        by_monomial = dict(zip(polynomial.monomials, polynomial.coefficients, strict=True))
        extra = [by_monomial.get(monomial, 0.0) for monomial in monomials]
        return np.array([polynomial.constant, polynomial.slope, *extra], np.float32)

    return LevelMoments(monomials, column(mean), column(variance))
