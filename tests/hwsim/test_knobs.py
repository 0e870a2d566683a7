"""Knobs: what they make of tile, device and energy."""

import numpy as np
import pytest

from hwsim.chip.load import load_arch
from hwsim.cost import Component, energy, load_technology
from hwsim.device.fluctuation import fluctuation_amplitude
from hwsim.events import EventCounts
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.spec import Knobs
from tests.reference.tolerance import near

ARCH = load_arch("emt")
TECHNOLOGY = load_technology(ARCH.technology)
COUNTS = EventCounts(row_swings=5, cell_pulses=300, level_pulses=400, conversions=7)


def array_J(**knobs):
    return energy(COUNTS, ARCH, TECHNOLOGY, Knobs(**knobs))[Component.ARRAY]


def test_no_knob_changes_nothing():
    assert tile_with(ARCH.tile, Knobs(redundancy=4)) == ARCH.tile
    assert device_with(ARCH.device, Knobs(redundancy=4)) == ARCH.device


def test_cells_take_energy_in_proportion_to_the_window_above_the_lowest_conductance():
    device = ARCH.device
    floor_J = array_J() * (
        device.conductance_min_S
        * COUNTS.cell_pulses
        / (
            device.conductance_min_S * COUNTS.cell_pulses
            + (device.conductance_max_S - device.conductance_min_S) / 3 * COUNTS.level_pulses
        )
    )
    half = array_J(conductance_scale=0.5)
    assert half - floor_J == near((array_J() - floor_J) / 2)


def test_cells_take_energy_as_the_square_of_the_voltage():
    assert array_J(read_voltage_V=0.4) == near(4 * array_J(read_voltage_V=0.2))


def test_a_constant_amplitude_weighs_inversely_to_the_window_in_use():
    amplitude = fluctuation_amplitude(ARCH.device, 2)
    part = fluctuation_amplitude(device_with(ARCH.device, Knobs(conductance_scale=0.25)), 2)
    np.testing.assert_allclose(part, 4 * amplitude, rtol=1e-9)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_digit_of_more_bits_is_a_longer_pulse_of_equal_units(bits):
    tile = tile_with(ARCH.tile, Knobs(dac_bits=bits))
    assert tile.dac_bits == bits
    assert tile.unit_pulse_s == near(ARCH.tile.unit_pulse_s)
    assert array_J(dac_bits=bits) == near(array_J())
