"""What disturbs the cells of one row block, in the form the kernels read.

Frozen deviations (programming error, frozen telegraph states) belong to a cell: they are
added to its level in fixed point, `FRACTION_BITS` bits below one level step, and read as more
bit planes.  A value is rounded up or down at random, so that it is right in the mean however
small the deviation is; that adds an error of at most 1 / 64 step (rms) to each cell.
Fresh fluctuation enters as mean and variance of each conversion (`moments`).
"""

import math
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
from hwsim.device.spec import Device, Drift, Scenario, States
from hwsim.device.temperature import acceleration, log_acceleration
from hwsim.rng import address, normal_deviates, random_words
from hwsim.tile.chain import Chain
from hwsim.tile.encoding import Levels

FRACTION_BITS = 5
#: Parts of the address of frozen draws ("PROG", "STAT", ...): far beyond the numbers of vectors,
#: which stand at the same place in the address of a read.
_PROGRAMMING, _STATES, _FAULTS, _DRIFT = 0x50524F47, 0x53544154, 0x46415553, 0x44524946
_ROUNDING = 0x524F554E


class Noise(NamedTuple):
    """Three moments of fresh fluctuation, as `_kernels.moments_block` reads them."""

    linear: NDArray[np.float32]  # (M,) weight of each input monomial in a digit
    square: NDArray[np.float32]  # (M,) and in the digit's square
    cube: NDArray[np.float32]  # (M,) and in its third power
    mean: NDArray[np.float32]  # (2 + E,) constant, slope, extra monomials of the level
    variance: NDArray[np.float32]  # (2 + E,)
    third: NDArray[np.float32]  # (2 + E,) third central moment
    extra: NDArray[Any]  # (strips, C, E, W, width) planes of the extra monomials
    extra_weights: NDArray[Any]  # (E,) ones, in the lanes' type
    extra_lanes: NDArray[np.int64]  # (1,) lanes of a strip
    unit: np.float32  # value of one unit of a column sum in level steps
    current: NDArray[np.float32]  # (2,) variance per unit pulse and per level pulse
    floor: np.float32  # variance of every conversion, in level steps squared


class Telegraph(NamedTuple):
    """Fresh telegraph states cell by cell, as `_telegraph_kernels` read them.

    A cell in its high state, at probability `duty`, adds a(g), else it takes a(g) away; a(g) is
    a polynomial of the level's bits, the amplitude of one copy divided by the copies.
    """

    all_scales: NDArray[np.float32]  # (1 + E,) level steps per level, and per cell in a mask
    high_scales: NDArray[np.float32]  # (1 + Q,) per high cell, and per high cell in a mask
    offset: np.float32  # level steps per unit pulse
    everywhere: NDArray[np.int64]  # (E,) the masks in which all cells are counted
    masks: NDArray[Any]  # (strips, C, Q, W, width) planes of the monomials of the level
    copies: np.int64  # cells that share one bit line
    batch: np.int64  # copies whose counts fit the lanes
    duty: NDArray[np.bool_]  # binary digits of the duty, least significant first, last one set
    digits: NDArray[Any]  # (M,) weights of the bits of a digit in the lanes' type
    unit: np.float32  # value of one unit of a column sum in level steps
    lanes: NDArray[np.int64]  # (1,) lanes of a strip
    current: NDArray[np.float32]  # (2,) Gaussian variance per unit pulse and per level pulse
    floor: np.float32  # and of every conversion, in level steps squared
    chain: Chain  # of states with finite dwell times


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
    lowest: float  # G_min
    traps: int = 1
    refresh_rate_Hz: float = 0.0  # of chains with finite dwell times; 0: fresh or frozen
    drift_mean: float = 0.0  # nu * ln(t / t0): mean and spread over cells
    drift_sigma: float = 0.0
    followed: bool = True  # whether what takes G_min off drifts by the mean as well
    stuck_on: float = 0.0
    stuck_off: float = 0.0

    @staticmethod
    def of(
        device: Device, cell_bits: int, scenario: Scenario, followed: bool = True
    ) -> "Disturbance":
        """The disturbances of `device` at `cell_bits` bits per cell in `scenario`."""
        fluctuation, drift, faults = device.fluctuation, device.drift, device.faults
        decades = 0.0 if drift is None else _decades(drift, scenario, device.temperature_K)
        jumps = fluctuation.activation_eV if fluctuation else None
        faster = acceleration(jumps, scenario.temperature_K, device.temperature_K)
        return Disturbance(
            amplitude=fluctuation_amplitude(device, cell_bits),
            sigma=programming_sigma(device, cell_bits),
            duty=fluctuation.high_share if fluctuation else 0.5,
            frozen=fluctuation is not None and fluctuation.states is States.FROZEN,
            lowest=device.conductance_min_S / level_step(device, cell_bits),
            traps=fluctuation.traps if fluctuation else 1,
            refresh_rate_Hz=fluctuation.refresh_rate_Hz * faster if fluctuation else 0.0,
            drift_mean=drift.nu_mean * decades if drift else 0.0,
            drift_sigma=drift.nu_sigma * decades if drift else 0.0,
            followed=followed,
            stuck_on=faults.stuck_on if faults else 0.0,
            stuck_off=faults.stuck_off if faults else 0.0,
        )

    @staticmethod
    def none(levels: int) -> "Disturbance":
        """Cells of `levels` levels that nothing disturbs."""
        zero = np.zeros(levels)
        return Disturbance(amplitude=zero, sigma=zero, duty=0.5, frozen=False, lowest=0.0)

    @property
    def deviates(self) -> bool:
        """Whether cells deviate for good from their levels."""
        lasting = self.sigma.any() or (self.frozen and self.amplitude.any())
        aged = self.drift_mean > 0 or self.drift_sigma > 0
        return bool(lasting or aged or self.stuck_on > 0 or self.stuck_off > 0)

    @property
    def reference(self) -> float:
        """What is taken off every cell; no deviation takes level + this below zero."""
        return self.lowest * math.exp(-self.drift_mean if self.followed else 0.0)

    @property
    def fluctuates(self) -> bool:
        """Whether every read is disturbed afresh."""
        return bool(self.fresh_amplitude.any())

    @property
    def fresh_amplitude(self) -> NDArray[np.float64]:
        """(levels,) amplitude of what is drawn at reads: none where states are frozen."""
        return np.zeros_like(self.amplitude) if self.frozen else self.amplitude


def _decades(drift: Drift, scenario: Scenario, measured_K: float) -> float:
    """ln(t / t0): natural, up to t0 as the device was measured, then at the scenario's heat."""
    if scenario.time_s is None or scenario.time_s <= drift.start_s:
        return 0.0
    since = math.log(scenario.time_s - drift.start_s) - math.log(drift.start_s)
    faster = log_acceleration(drift.activation_eV, scenario.temperature_K, measured_K)
    return float(np.logaddexp(0.0, since + faster))


def cell_values(
    levels: Levels,
    disturbance: Disturbance,
    place: tuple[int, ...],
    copies: int,
    stuck: NDArray[np.int8] | None = None,
) -> NDArray[np.int64]:
    """Levels in units of 2^-FRACTION_BITS step with their frozen deviations.

    Args:
        levels: any shape.
        place: address of this block and copy.
        copies: cells averaged on one bit line; their mean is returned.
        stuck: (copies, *shape of levels) level at which a cell is stuck, -1: drawn as any other.
    Returns:
        the shape of `levels`.
    """
    deviation = np.zeros(levels.shape)
    for copy in range(copies):
        given = None if stuck is None else stuck[copy]
        deviation += _deviation(levels, disturbance, (*place, copy), given)
    dither = _words(levels.size, (*place, _ROUNDING)).reshape(levels.shape) / 2.0**32
    fixed = np.floor((levels + deviation / copies) * (1 << FRACTION_BITS) + dither)
    return fixed.astype(np.int64)


def _deviation(
    levels: Levels,
    disturbance: Disturbance,
    place: tuple[int, ...],
    stuck: NDArray[np.int8] | None,
) -> NDArray[np.float64]:
    """Lasting deviations from the levels, in level steps: errors first, then drift, then traps.

    A stuck cell stays at its end of the window, is programmed to nothing and does not drift.
    """
    held = _stuck_levels(levels, disturbance, place)
    if stuck is not None:
        held = np.where(stuck >= 0, stuck, held)
    free = held < 0
    value = np.where(free, levels, held).astype(np.float64)
    if disturbance.sigma.any():
        error = disturbance.sigma[levels] * normals(levels, (*place, _PROGRAMMING))
        value += np.where(free, error, 0.0)
    if disturbance.drift_mean > 0 or disturbance.drift_sigma > 0:
        stays = value + disturbance.lowest - disturbance.reference
        value = np.where(free, _drifted(value, disturbance, place), stays)
    if disturbance.frozen and disturbance.amplitude.any():
        for trap in range(disturbance.traps):
            words = _words(levels.size, (*place, _STATES, trap)).reshape(levels.shape)
            high = words < np.uint32(disturbance.duty * 2.0**32)
            value += disturbance.amplitude[levels] * np.where(high, 1.0, -1.0)
    physical: NDArray[np.float64] = np.maximum(value, -disturbance.reference) - levels
    return physical


def _stuck_levels(
    levels: Levels, disturbance: Disturbance, place: tuple[int, ...]
) -> NDArray[np.int64]:
    """The level at which each cell is stuck, -1 where it is not."""
    held = np.full(levels.shape, -1, np.int64)
    if disturbance.stuck_on > 0 or disturbance.stuck_off > 0:
        uniform = _words(levels.size, (*place, _FAULTS)).reshape(levels.shape) / 2.0**32
        held[uniform < disturbance.stuck_on + disturbance.stuck_off] = 0
        held[uniform < disturbance.stuck_on] = disturbance.amplitude.size - 1
    return held


def _drifted(
    value: NDArray[np.float64], disturbance: Disturbance, place: tuple[int, ...]
) -> NDArray[np.float64]:
    """(level + G_min) * (t / t0)^-nu per cell, less what takes G_min off."""
    exponent = np.full(value.shape, disturbance.drift_mean)
    if disturbance.drift_sigma > 0:
        exponent += disturbance.drift_sigma * normals(value, (*place, _DRIFT))
    conductance = (value + disturbance.lowest) * np.exp(-np.maximum(exponent, 0.0))
    aged: NDArray[np.float64] = conductance - disturbance.reference
    return aged


def normals(like: NDArray[Any], place: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal deviates in the shape of `like`."""
    normal = np.empty(like.size, np.float32)
    normal_deviates(_words(like.size, place).view(np.int32), normal)
    return normal.reshape(like.shape)


def _words(count: int, place: tuple[int, ...]) -> NDArray[np.uint32]:
    words = np.empty((count + 1) // 2, np.uint64)
    random_words(address(*place), 0, words)
    return words.view(np.uint32)[:count]


@dataclass(frozen=True)
class LevelMoments:
    """Moments of one cell's fresh fluctuation as polynomials of its level's bits."""

    monomials: tuple[tuple[int, ...], ...]
    mean: NDArray[np.float32]  # (2 + E,)
    variance: NDArray[np.float32]
    third: NDArray[np.float32]  # central


def level_moments(disturbance: Disturbance, copies: int) -> LevelMoments:
    """Moments of the mean of `copies` cells: G -> G + a(G) s with s = +1 at `duty`, else -1."""
    duty, traps = disturbance.duty, disturbance.traps
    amplitude = disturbance.fresh_amplitude
    mean = bit_polynomial(amplitude * (2 * duty - 1) * traps)
    variance = bit_polynomial(amplitude**2 * 4 * duty * (1 - duty) * traps / copies)
    skewed = 8 * duty * (1 - duty) * (1 - 2 * duty) * traps / copies**2
    third = bit_polynomial(amplitude**3 * skewed)
    monomials = tuple(sorted({*mean.monomials, *variance.monomials, *third.monomials}))

    def column(polynomial: Any) -> NDArray[np.float32]:
        by_monomial = dict(zip(polynomial.monomials, polynomial.coefficients, strict=True))
        extra = [by_monomial.get(monomial, 0.0) for monomial in monomials]
        return np.array([polynomial.constant, polynomial.slope, *extra], np.float32)

    return LevelMoments(monomials, column(mean), column(variance), column(third))
