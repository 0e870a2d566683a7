"""How a layer's products are disturbed, as functions of its codes: what training draws from.

A product y[j] = sum_i W[i, j] x[i] is folded from column sums, phase t and lane l (slice, column
of the pair) with signed weights p_t and s_l.  Every cell at level g reads, for a digit of d unit
pulses, d (g + m(g)) on average with the variance d^2 v(g), so that

    Var y[j]  = sum_i X2[x_i] V[W_ij] + X1[x_i] (...) + rest,   V[w] = sum_l s_l^2 v(g_l(w)),
    E y[j]    = sum_i x_i (W_ij + M[W_ij]),                     M[w] = sum_l s_l m(g_l(w)),
    X2[x]     = sum_tu p_t p_u d_t(x) d_u(x) c^|t - u|,

which are tables over codes: the same moments as hwsim.tile's engine `moments`.  c is what is left
of a cell's state from one phase to the next: 0 for independent states, exp(-rate * phase) for
chains with dwell times, of which training thus sees the correlation within one product, not that
between products.  Errors that last (programming, frozen states) disturb the weight itself, with
the variance `lasting[w]`, of conductances that end at zero.  Every conversion adds converter noise
and rounds to its least significant bit: lsb^2 / 12 (Bennett, 1948) where that is coarser than a
level step; otherwise what rounding makes of noise around an integer (Sripad and Snyder, IEEE
Trans. ASSP 25, 1977):

    Var round(N(0, v)) = v + 1/12 + sum_n (-1)^n exp(-2 pi^2 n^2 v) (4 v + 1 / (pi n)^2).

Left out: drift, stuck cells, resistive lines, offsets of converters, clipping.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from hwsim.device.spec import Device, Scenario
from hwsim.tile.converter import converts_differences
from hwsim.tile.disturbance import Disturbance
from hwsim.tile.encoding import encode, phase_weights, slice_weights
from hwsim.tile.geometry import Geometry
from hwsim.tile.held import deviation_moments
from hwsim.tile.noise import column_noise
from hwsim.tile.schedule import phase_cycles
from hwsim.tile.spec import Compensation, Encoding

FloatArray = NDArray[np.float64]


@final
@dataclass(frozen=True)
class ProductNoise:
    """Tables of one layer with one cell per weight digit (redundancy 1).

    Input tables are over codes in the order 0, 1, ..., with negative ones wrapped to the end,
    (2^bits,); weight tables likewise, slice by slice, (slices, 2^bits).  Variances are in units
    of the integer product, squared.
    """

    pulses: FloatArray  # unit pulses of an input
    squares: FloatArray  # sum of p^2 d^2, correlated phases together: states last for a pulse
    lengths: FloatArray  # sum over phases of p^2 d: noise of the current adds up over a pulse
    levels: FloatArray  # sum of a weight's cell levels
    mean: FloatArray  # what fluctuation adds to a weight on average
    variance: FloatArray  # of fresh fluctuation
    lasting: FloatArray  # variance of programming error and frozen states
    current: FloatArray  # variance of the current's own noise, per pulse of a row
    converter: FloatArray  # (slices,) variance of a product from one array: its converters' noise
    conversions: float  # sum of squared weights of the conversions of a product from one array
    shift: int = 0  # log2 of the converter's least significant bit in level steps

    @classmethod
    def of(cls, geometry: Geometry, device: Device, scenario: Scenario, shift: int = 0) -> Self:
        """Tables of a layer.

        Args:
            geometry: its digits on a tile, redundancy left aside.
            shift: log2 of the converter's least significant bit in level steps.
        """
        tile, precision = geometry.tile, geometry.precision
        disturbance = Disturbance.of(device, tile.cell_bits, scenario)
        lanes, weights = _lanes(geometry), slice_weights(geometry)[:, :, None].astype(float)
        duty = disturbance.duty
        fresh = disturbance.fresh_amplitude**2 * 4 * duty * (1 - duty) * disturbance.traps
        deviation, lasting = deviation_moments(disturbance)
        digits = _digits(precision.input_bits, geometry)
        phases = phase_weights(geometry).astype(float)
        noise = column_noise(device, tile, scenario, 1)
        squared = (phases**2).sum() * (weights**2).sum(axis=(0, 2))
        if converts_differences(geometry):
            squared /= 2
        kept = 0.0
        if disturbance.refresh_rate_Hz:
            phase_s = phase_cycles(geometry) / tile.clock_Hz
            kept = math.exp(-phase_s * disturbance.refresh_rate_Hz)

        every = weights.sum(axis=0)
        dummy = tile.compensation is Compensation.DUMMY

        def summed(of_level: NDArray[Any], power: int) -> FloatArray:
            total: FloatArray = (weights**power * of_level[lanes]).sum(axis=0)
            if dummy:  # its cells hold nothing, and are taken off every lane of an array
                total += (-every if power == 1 else every * every.sum()) * of_level[0]
            return total

        return cls(
            pulses=digits.sum(axis=0),
            squares=_squares(phases[:, None] * digits, kept),
            lengths=(phases[:, None] ** 2 * digits).sum(axis=0),
            levels=lanes.sum(axis=0).astype(float),
            mean=summed(deviation, 1),
            variance=summed(fresh, 2),
            lasting=summed(lasting, 2),
            current=summed(noise.per_pulse + noise.per_level * np.arange(fresh.size), 2),
            converter=squared * noise.floor,
            conversions=float(squared.sum()),
            shift=shift,
        )


#: Relative difference that sums of products leave aside.
_EVEN = 0.01


def simplest(noises: Sequence[ProductNoise]) -> tuple[ProductNoise, ...]:
    """Tables of one layer in several windows with the fewest sums, within a hundredth of these.

    Where all digits are of one unit pulse, or the current's noise is next to nothing, it is one
    with the cells'.
    """
    alike = all(np.array_equal(noise.squares, noise.lengths) for noise in noises)
    small = all((noise.current <= _EVEN * noise.variance).all() for noise in noises)
    found = []
    for noise in noises:
        variance, current = noise.variance, noise.current
        if alike or small:
            variance, current = variance + current, np.zeros_like(current)
        found.append(replace(noise, variance=_evened(variance), current=_evened(current)))
    return tuple(found)


def _evened(table: FloatArray) -> FloatArray:
    """The means of a table whose entries lie within a hundredth of them: sums need one column."""
    mean = table.mean(axis=1, keepdims=True)
    even = bool((np.abs(table - mean) <= _EVEN * mean).all())
    return np.broadcast_to(mean, table.shape).copy() if even else table


def _lanes(geometry: Geometry) -> NDArray[np.int64]:
    """(columns of a pair, slices, 2^weight bits) levels.

    Where cells cannot hold the most negative weight, it has those of its neighbour.
    """
    top = 1 << (geometry.precision.weight_bits - 1)
    narrow = geometry.tile.encoding is Encoding.DIFFERENTIAL and geometry.precision.narrow_weights
    every = np.concatenate([np.arange(top), [1 - top if narrow else -top], np.arange(1 - top, 0)])
    levels: NDArray[np.int64] = encode(every[None], geometry)[:, :, 0].astype(np.int64)
    return levels


def _squares(weighted: FloatArray, kept: float) -> FloatArray:
    """sum_tu w_t w_u kept^|t - u| of (phases, codes) digits with their weights."""
    places = np.arange(len(weighted))
    correlation = np.power(kept, np.abs(places[:, None] - places), dtype=float)
    squares: FloatArray = np.einsum("tx,tu,ux->x", weighted, correlation, weighted)
    return squares


def _digits(bits: int, geometry: Geometry) -> FloatArray:
    """(phases, 2^bits) digits of every input code."""
    phases = geometry.phases
    codes = np.arange(1 << bits)
    digits = []
    for shift, sign in zip(phases.shifts, phases.signs, strict=True):
        size = 1 if sign < 0 else min(phases.bits, phases.magnitude_bits - shift)
        digits.append((codes >> shift) & ((1 << size) - 1))
    return np.array(digits, dtype=float)
