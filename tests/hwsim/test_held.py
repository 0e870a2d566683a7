"""What cells conduct on average: closed forms, and the draws that tiles are programmed with."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hwsim.chip.load import load_arch, load_device
from hwsim.device.fluctuation import level_conductance, level_step
from hwsim.device.spec import Device, Scenario, States
from hwsim.tile.disturbance import FRACTION_BITS, Disturbance, cell_values
from hwsim.tile.held import deviation_moments, held_conductance, mean_conductance_S

PLAIN = load_arch("emt").device.replace(fluctuation=None)
LATER = Scenario(time_s=1e6)
DRIFT = {"nu_mean": 0.05, "start_s": 1.0, "source": "of this test"}
TRAPS = {"law": "absolute", "amplitude": 0.02, "duty": 0.25, "source": "of this test"}
CELLS = 100_000


def cell(**changes: Any) -> Device:
    named = {
        key: None if value is None else {"source": "of this test", **value}
        for key, value in changes.items()
    }
    return PLAIN.replace(**named)


def test_undisturbed_cells_conduct_what_they_should() -> None:
    held = held_conductance(PLAIN, 2, LATER)
    assert held.lowest_S == pytest.approx(PLAIN.conductance_min_S, rel=1e-12)
    assert held.step_S == pytest.approx(level_step(PLAIN, 2), rel=1e-12)


def test_states_half_of_the_time_up_change_nothing() -> None:
    traps = cell(fluctuation=TRAPS | {"duty": 0.5})
    assert_allclose(mean_conductance_S(traps, 2, LATER), level_conductance(PLAIN, 2), rtol=1e-12)


def test_drift_without_spread_divides_all_conductances() -> None:
    """By hand: 10^6 s after 1 s with an exponent of 0.05, conductances are halved (0.501)."""
    drifted = mean_conductance_S(cell(drift=DRIFT), 2, LATER)
    assert_allclose(drifted, level_conductance(PLAIN, 2) * 1e6**-0.05, rtol=1e-6)
    young = mean_conductance_S(cell(drift=DRIFT), 2, Scenario())
    assert_allclose(young, level_conductance(PLAIN, 2))


def test_stuck_cells_conduct_as_their_ends() -> None:
    low, high = PLAIN.conductance_min_S, PLAIN.conductance_max_S
    stuck = mean_conductance_S(cell(faults={"stuck_on": 0.25, "stuck_off": 0.5}), 2, Scenario())
    assert_allclose(stuck, 0.25 * level_conductance(PLAIN, 2) + 0.25 * high + 0.5 * low)


def test_errors_that_are_cut_off_at_zero_raise_the_lowest_level() -> None:
    """The mean of a normal deviate where it is positive, else 0: sigma / sqrt(2 pi)."""
    open_cell = cell(programming={"sigma_absolute": 0.1}).replace(conductance_min_S=0.0)
    raised = mean_conductance_S(open_cell, 1, Scenario())[0]
    assert raised == pytest.approx(0.1 * open_cell.conductance_max_S / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("cell_bits", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"drift": DRIFT | {"nu_sigma": 0.03}},
        {"programming": {"sigma_absolute": 0.1}},
        {"faults": {"stuck_on": 0.1, "stuck_off": 0.2}},
        {"fluctuation": TRAPS},
        {"fluctuation": TRAPS | {"law": "relative", "amplitude": 0.2, "traps": 3}},
        {
            "drift": DRIFT,
            "programming": {"sigma_relative": 0.1},
            "faults": {"stuck_on": 0.02},
            "fluctuation": TRAPS,
        },
    ],
)
def test_as_the_cells_of_tiles_are_drawn(
    changes: dict[str, Any], cell_bits: int, frozen: bool
) -> None:
    """Means of 10^5 cells of each level, within five of their standard errors."""
    device = cell(**changes)
    if frozen and device.fluctuation is not None:
        states = device.fluctuation.replace(states=States.FROZEN)
        device = device.replace(fluctuation=states.model_dump())
    disturbance = Disturbance.of(device, cell_bits, LATER)
    fresh = replace(disturbance, frozen=False) if disturbance.frozen else disturbance
    expected = mean_conductance_S(device, cell_bits, LATER) / level_step(device, cell_bits)
    for level, mean in enumerate(expected):
        levels = np.full(CELLS, level, np.uint8)
        drawn = cell_values(levels, disturbance, (7, level), 1) / (1 << FRACTION_BITS)
        found = drawn + disturbance.reference
        if not disturbance.frozen:
            found = found + fresh.amplitude[level] * (2 * fresh.duty - 1) * fresh.traps
        error = drawn.std() / math.sqrt(CELLS) + 1e-6
        assert abs(found.mean() - mean) < 5 * error, level


@pytest.mark.parametrize("frozen", [False, True])
def test_deviations_vary_as_the_cells_of_tiles_do(frozen: bool) -> None:
    """Variances of 10^5 cells, half of whose lowest ones are cut off at zero conductance."""
    changes = {"programming": {"sigma_absolute": 0.03}, "fluctuation": TRAPS | {"traps": 2}}
    device = cell(**changes).replace(conductance_min_S=0.0)
    assert device.fluctuation is not None
    states = States.FROZEN if frozen else States.INDEPENDENT
    device = device.replace(fluctuation=device.fluctuation.replace(states=states).model_dump())
    disturbance = Disturbance.of(device, 2, Scenario())
    mean, variance = deviation_moments(disturbance)
    for level in range(4):
        levels = np.full(CELLS, level, np.uint8)
        drawn = cell_values(levels, disturbance, (8, level), 1) / (1 << FRACTION_BITS) - level
        if not frozen:
            drawn += TRAPS["amplitude"] * 3 * (2 * TRAPS["duty"] - 1) * 2
        assert drawn.mean() == pytest.approx(mean[level], abs=5 * drawn.std() / math.sqrt(CELLS))
        dither = 1 / 32**2 / 6  # of rounding up or down, of all that is not exactly zero
        more, slack = drawn.var() - variance[level], 0.03 * variance[level]
        assert -slack < more < dither + slack


@pytest.mark.parametrize("scenario", [Scenario(), Scenario(time_s=3.15e8)])
@pytest.mark.parametrize("cell_bits", [1, 2, 4])
@pytest.mark.parametrize("name", ["emt-strong", "pcm", "rram-wan", "rram-wan-1day", "flash-sonos"])
def test_means_of_presets_lie_on_their_lines(name: str, cell_bits: int, scenario: Scenario) -> None:
    device = load_device(name)
    mean = mean_conductance_S(device, cell_bits, scenario)
    held = held_conductance(device, cell_bits, scenario)
    line = held.lowest_S + held.step_S * np.arange(mean.size)
    assert_allclose(line, mean, atol=0.004 * device.conductance_max_S)
