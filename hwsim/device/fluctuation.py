"""Fluctuation and programming error in units of one level step, as functions of the level.

A cell of c bits at level g conducts G = G_min + g * step, step = (G_max - G_min) / (2^c - 1).
The offset G_min of every cell is removed by a dummy column, so column sums are in steps.

Any function of the level is a polynomial of its bits (a Moebius transform):
    f(g) = f0 + f1 * g + sum over monomials S of r_S * product of the bits in S
with f1 chosen so that the bit 0 needs no monomial of its own.  A sum over cells of x_i f(g_i)
is then a few AND + population counts over bit planes: that is how the tile's kernels get
column variances exactly.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hwsim.device.spec import AmplitudeLaw, Device, Fluctuation, Points, ProgrammingError
from hwsim.errors import SpecError

FloatArray = NDArray[np.float64]


def level_step(device: Device, cell_bits: int) -> float:
    """Conductance between two neighbouring levels, in S."""
    window = device.conductance_max_S - device.conductance_min_S
    return window / ((1 << cell_bits) - 1)


def level_conductance(device: Device, cell_bits: int) -> FloatArray:
    """(2^c,) conductance of each level, in S."""
    levels = np.arange(1 << cell_bits, dtype=np.float64)
    return device.conductance_min_S + level_step(device, cell_bits) * levels


def fluctuation_amplitude(device: Device, cell_bits: int) -> FloatArray:
    """(2^c,) amplitude a of each level in level steps; zero without fluctuation.

    Raises:
        SpecError: a table of amplitudes does not have one figure per level.
    """
    fluctuation = device.fluctuation
    conductance = level_conductance(device, cell_bits)
    if fluctuation is None:
        return np.zeros_like(conductance)
    share = conductance / device.conductance_max_S
    relative = _amplitude_share(fluctuation, share)
    return relative * device.conductance_max_S / level_step(device, cell_bits)


def _amplitude_share(fluctuation: Fluctuation, share: FloatArray) -> FloatArray:
    """a / G_max at the conductances `share` (G / G_max)."""
    match fluctuation.law:
        case AmplitudeLaw.ABSOLUTE:
            return np.full_like(share, fluctuation.amplitude)
        case AmplitudeLaw.SQRT:
            return fluctuation.amplitude * np.sqrt(share)
        case AmplitudeLaw.RELATIVE:
            return fluctuation.amplitude * share
        case AmplitudeLaw.TABLE:
            if len(fluctuation.table) != share.size:
                raise SpecError(
                    f"device.fluctuation.table: expected {share.size} amplitudes, "
                    f"one per level, found {len(fluctuation.table)}"
                )
            return np.asarray(fluctuation.table, np.float64)
        case AmplitudeLaw.POINTS:
            return _between(fluctuation.points, share)


def _between(points: Points, share: FloatArray) -> FloatArray:
    places, figures = np.asarray(points, np.float64).T
    between: FloatArray = np.interp(share, places, figures)
    return between


def programming_sigma(device: Device, cell_bits: int) -> FloatArray:
    """(2^c,) standard deviation of the programmed level in level steps."""
    error = device.programming
    conductance = level_conductance(device, cell_bits)
    if error is None:
        return np.zeros_like(conductance)
    share = conductance / device.conductance_max_S
    return _sigma_share(error, share) * device.conductance_max_S / level_step(device, cell_bits)


def amplitude_at(device: Device, conductance_S: FloatArray) -> FloatArray:
    """Fluctuation amplitude in S at any conductances; a law 'table' knows its levels only."""
    if device.fluctuation is None:
        return np.zeros_like(conductance_S)
    share = conductance_S / device.conductance_max_S
    return _amplitude_share(device.fluctuation, share) * device.conductance_max_S


def sigma_at(device: Device, conductance_S: FloatArray) -> FloatArray:
    """Standard deviation of the programming error in S at any conductances."""
    if device.programming is None:
        return np.zeros_like(conductance_S)
    share = conductance_S / device.conductance_max_S
    return _sigma_share(device.programming, share) * device.conductance_max_S


def _sigma_share(error: ProgrammingError, share: FloatArray) -> FloatArray:
    """sigma / G_max at the conductances `share` (G / G_max)."""
    if error.points:
        return _between(error.points, share)
    if error.polynomial:
        sigma: FloatArray = np.maximum(np.polyval(error.polynomial[::-1], share), 0.0)
        return sigma
    return np.hypot(error.sigma_absolute, error.sigma_relative * share)


@dataclass(frozen=True)
class Polynomial:
    """f(g) = constant + slope * g + sum_k coefficients[k] * prod(bits of monomials[k])."""

    constant: float
    slope: float
    monomials: tuple[tuple[int, ...], ...]
    coefficients: tuple[float, ...]

    def terms(self, bits: int) -> tuple[tuple[tuple[int, ...], ...], tuple[float, ...]]:
        """Monomials and coefficients without a slope: f = constant + sum of these."""
        spelled: dict[tuple[int, ...], float] = {}
        if self.slope:
            spelled = {(v,): self.slope * (1 << v) for v in range(bits)}
        for monomial, coefficient in zip(self.monomials, self.coefficients, strict=True):
            spelled[monomial] = spelled.get(monomial, 0.0) + coefficient
        return tuple(spelled), tuple(spelled.values())


def bit_polynomial(values: FloatArray) -> Polynomial:
    """The polynomial of the level's bits that equals values[g] at every level g.

    Args:
        values: (2^c,) any function of the level.
    """
    bits = (values.size - 1).bit_length()
    moebius = values.astype(np.float64).copy()
    for v in range(bits):
        has_bit = (np.arange(values.size) >> v) & 1 == 1
        moebius[has_bit] -= moebius[np.flatnonzero(has_bit) ^ (1 << v)]
    slope = float(moebius[1]) if bits else 0.0
    monomials: list[tuple[int, ...]] = []
    coefficients: list[float] = []
    for degree in range(1, bits + 1):
        for subset in combinations(range(bits), degree):
            index = sum(1 << v for v in subset)
            rest = float(moebius[index]) - (slope * index if degree == 1 else 0.0)
            if abs(rest) > 1e-12 * max(1.0, float(np.abs(values).max())):
                monomials.append(subset)
                coefficients.append(rest)
    return Polynomial(float(moebius[0]), slope, tuple(monomials), tuple(coefficients))
