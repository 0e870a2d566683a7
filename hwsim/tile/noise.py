"""Thermal, shot and converter noise of a bit line, in level steps squared.

A cell is driven for unit pulses of length t at the read voltage V, and the bit line's current
is integrated: over one pulse its noise bandwidth is 1 / (2 t), and pulses add up.  With G the
conductance of the driven cells of a column, the noise of the charge, divided by that of one
level step in one pulse (step * V * t), has the variance, per unit pulse and per conversion,

    thermal    4 k T G / (2 t) / (step V)^2          (Johnson 1928, Nyquist 1928)
    shot       2 q G V / (2 t) / (step V)^2          (Schottky 1918)
    converter  (converter_A / (step V))^2            input-referred, one per conversion: a charge
                                                     of converter_A * t, however long the read

G is a sum over driven cells of G_min + g * step: a constant per driven cell plus a slope per
level.  Relative to the signal, thermal and converter noise power fall as 1 / V^2, shot noise
as 1 / V.
"""

import math
from dataclasses import dataclass

from hwsim.device.fluctuation import level_step
from hwsim.device.spec import Device, Scenario
from hwsim.device.temperature import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C
from hwsim.errors import MappingError
from hwsim.tile.spec import TileSpec

_LARGEST_STEPS = 1e5  # samples are int32 with 8 fractional bits: 2^23 steps


@dataclass(frozen=True)
class ColumnNoise:
    """Variance of one conversion: per_pulse * pulses + per_level * level sum + floor."""

    per_pulse: float = 0.0
    per_level: float = 0.0
    floor: float = 0.0

    @property
    def present(self) -> bool:
        """Whether there is any."""
        return self.per_pulse > 0 or self.per_level > 0 or self.floor > 0


def column_noise(device: Device, tile: TileSpec, scenario: Scenario, copies: int) -> ColumnNoise:
    """The noise of one conversion of the mean of `copies` cells on one bit line.

    The range of the converter is `copies` times as wide in current: its own noise counts for
    1 / copies^2, that of the cells for 1 / copies.

    Raises:
        MappingError: there is more than samples hold, far beyond what any converter resolves.
    """
    if tile.noise is None:
        return ColumnNoise()
    step = level_step(device, tile.cell_bits)
    volt = tile.read_voltage_V
    bandwidth_Hz = 1 / (2 * tile.unit_pulse_s)
    density = 0.0
    if tile.noise.thermal:
        density += 4 * BOLTZMANN_J_PER_K * scenario.temperature_K
    if tile.noise.shot:
        density += 2 * ELEMENTARY_CHARGE_C * volt
    per_siemens = density * bandwidth_Hz / (step * volt) ** 2 / copies
    converter = (tile.noise.converter_A / (step * volt * copies)) ** 2
    noise = ColumnNoise(per_siemens * device.conductance_min_S, per_siemens * step, converter)
    pulses = tile.rows * ((1 << tile.dac_bits) - 1)
    highest = noise.per_pulse + noise.per_level * ((1 << tile.cell_bits) - 1)
    if (rms := math.sqrt(pulses * highest + noise.floor)) > _LARGEST_STEPS:
        raise MappingError(
            f"tile.noise: expected at most {_LARGEST_STEPS:g} level steps (rms) in a conversion, "
            f"found {rms:.3g} (a step is {step * volt:.3g} A)"
        )
    return noise
