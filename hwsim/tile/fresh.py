"""Fresh fluctuation of one row block in the form that the kernels of each engine read."""

from typing import Any

import numpy as np

from hwsim.device.fluctuation import bit_polynomial
from hwsim.tile.chain import chain_of
from hwsim.tile.disturbance import (
    Disturbance,
    Noise,
    Telegraph,
    duty_digits,
    level_moments,
)
from hwsim.tile.encoding import Levels
from hwsim.tile.geometry import Geometry
from hwsim.tile.noise import ColumnNoise
from hwsim.tile.planes import input_monomials, monomial_planes
from hwsim.tile.schedule import phase_cycles


def moments_of(
    levels: Levels,
    disturbance: Disturbance,
    column: ColumnNoise,
    geometry: Geometry,
    lane_type: Any,
    fraction_bits: int,
) -> Noise:
    """Three moments of column sums; levels (C, S, rows, outputs)."""
    moments = level_moments(disturbance, _cells_per_line(geometry))
    linear, square, cube = input_monomials(geometry.tile.dac_bits)
    extra = monomial_planes(levels, moments.monomials, lane_type)
    return Noise(
        linear=linear,
        square=square,
        cube=cube,
        mean=moments.mean,
        variance=moments.variance,
        third=moments.third,
        extra=extra,
        extra_weights=np.ones(extra.shape[2], lane_type),
        extra_lanes=np.array([extra.shape[-1]], np.int64),
        unit=np.float32(2.0**-fraction_bits),
        **_gaussian(column),
    )


def telegraph_of(
    levels: Levels,
    disturbance: Disturbance,
    column: ColumnNoise,
    geometry: Geometry,
    lane_type: Any,
    fraction_bits: int,
) -> Telegraph:
    """States cell by cell; arguments as of `moments_of`."""
    tile, cells = geometry.tile, _cells_per_line(geometry)
    amplitude = bit_polynomial(disturbance.fresh_amplitude / cells)
    monomials, coefficients = amplitude.terms(tile.cell_bits)
    # Of all cells, the part of the amplitude that is linear in the level follows from the level
    # sum, where cells hold whole levels: fewer masks to count.
    slope, rest = amplitude.slope, amplitude.monomials
    in_rest = amplitude.coefficients
    if fraction_bits:
        slope, rest, in_rest = 0.0, monomials, coefficients
    copies = cells * disturbance.traps
    all_scales = [2.0**-fraction_bits - copies * slope, *(-copies * c for c in in_rest)]
    high_scales = [2 * amplitude.constant, *(2 * c for c in coefficients)]
    masks = monomial_planes(levels, monomials, lane_type)
    most = levels.shape[2] * geometry.max_digit  # counts of one copy
    return Telegraph(
        all_scales=np.array(all_scales, np.float32),
        high_scales=np.array(high_scales, np.float32),
        offset=np.float32(-copies * amplitude.constant),
        everywhere=np.array([monomials.index(m) for m in rest], np.int64),
        masks=masks,
        copies=np.int64(copies),
        batch=np.int64(max(1, np.iinfo(lane_type).max // most)),
        duty=duty_digits(disturbance.duty),
        digits=np.array([1 << m for m in range(tile.dac_bits)], lane_type),
        unit=np.float32(2.0**-fraction_bits),
        lanes=np.array([masks.shape[-1]], np.int64),
        chain=chain_of(
            phase_cycles(geometry) / tile.clock_Hz * disturbance.refresh_rate_Hz,
            disturbance.duty,
            8 * masks.itemsize * masks.shape[3] * masks.shape[4],
        ),
        **_gaussian(column),
    )


def _cells_per_line(geometry: Geometry) -> int:
    """Copies of a cell that are averaged on one bit line."""
    return geometry.redundancy // geometry.array_copies


def _gaussian(column: ColumnNoise) -> dict[str, Any]:
    """The fields of column noise that both engines share."""
    current = np.array([column.per_pulse, column.per_level], np.float32)
    return {"current": current, "floor": np.float32(column.floor)}
