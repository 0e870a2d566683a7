"""Fresh fluctuation of one row block in the form that the kernels of each engine read."""

import math
from typing import Any

import numpy as np

from hwsim.device.fluctuation import bit_polynomial
from hwsim.tile.disturbance import (
    Disturbance,
    Noise,
    Telegraph,
    duty_digits,
    level_moments,
    refresh_digits,
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
    """Mean and variance of column sums; levels (C, S, rows, outputs)."""
    moments = level_moments(disturbance, _cells_per_line(geometry))
    linear, square = input_monomials(geometry.tile.dac_bits)
    extra = monomial_planes(levels, moments.monomials, lane_type)
    return Noise(
        linear=linear,
        square=square,
        mean=moments.mean,
        variance=moments.variance,
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
    linear, _ = input_monomials(tile.dac_bits)
    masks = monomial_planes(levels, monomials, lane_type)
    read_s = phase_cycles(geometry) / tile.clock_Hz
    digits, used = refresh_digits(-math.expm1(-read_s * disturbance.refresh_rate_Hz))
    return Telegraph(
        linear=linear[: tile.dac_bits],
        constant=np.float32(amplitude.constant),
        coefficients=np.array(coefficients, np.float32),
        masks=masks,
        copies=np.int64(cells * disturbance.traps),
        duty=duty_digits(disturbance.duty),
        unit=np.float32(2.0**-fraction_bits),
        ones=np.ones(1, lane_type),
        lanes=np.array([masks.shape[-1]], np.int64),
        refresh=digits,
        refresh_digits=used,
        **_gaussian(column),
    )


def _cells_per_line(geometry: Geometry) -> int:
    """Copies of a cell that are averaged on one bit line."""
    return geometry.redundancy // geometry.array_copies


def _gaussian(column: ColumnNoise) -> dict[str, Any]:
    """The fields of column noise that both engines share."""
    current = np.array([column.per_pulse, column.per_level], np.float32)
    return {"current": current, "floor": np.float32(column.floor)}
