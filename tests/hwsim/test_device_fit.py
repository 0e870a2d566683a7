"""Fitting a device to reads: what is put in comes out, within the errors that are stated."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from hwsim.chip.load import load_device
from hwsim.device.fit import DeviceFit, fit_device
from hwsim.device.fit_report import FitReport
from hwsim.device.fluctuation import (
    fluctuation_amplitude,
    level_conductance,
    level_step,
    programming_sigma,
)
from hwsim.device.spec import States as StateLaw
from hwsim.device.synthetic import synthetic_reads
from tests.reference.reads import BITS, NOISE_S, TRUTHS, cells_of, jumping, measured

Array = NDArray[np.float64]


@cache
def fitted(name: str, seed: int) -> DeviceFit:
    times = 1.0 + np.arange(250)
    return fit_device(
        measured(synthetic_reads(TRUTHS[name], BITS, 16, times, NOISE_S, seed)), "fitted"
    )


SEEDS = (0, 1)
every_truth = pytest.mark.parametrize("name", TRUTHS)
every_seed = pytest.mark.parametrize("seed", SEEDS)


def truth(name: str) -> tuple[Array, Array, Array]:
    """Level, programming error and amplitude in S."""
    device = TRUTHS[name]
    step = level_step(device, BITS)
    return (
        level_conductance(device, BITS),
        programming_sigma(device, BITS) * step,
        fluctuation_amplitude(device, BITS) * step,
    )


@every_truth
@every_seed
def test_level_means_are_recovered_within_four_errors(name: str, seed: int) -> None:
    for level, expected in zip(fitted(name, seed).report.levels, truth(name)[0], strict=True):
        assert abs(level.mean_S - expected) < 4 * level.mean_error_S


@every_truth
@every_seed
def test_programming_errors_lie_where_chi_square_says(name: str, seed: int) -> None:
    for level, expected in zip(fitted(name, seed).report.levels, truth(name)[1], strict=True):
        low, high = chi2.ppf([5e-5, 1 - 5e-5], level.cells - 1) / (level.cells - 1)
        assert low < (level.spread_S / expected) ** 2 < high


@pytest.mark.parametrize("name", [name for name in TRUTHS if name != "no telegraph"])
@every_seed
def test_amplitudes_and_their_law_are_recovered(name: str, seed: int) -> None:
    report = fitted(name, seed).report
    for level, expected in zip(report.levels, truth(name)[2], strict=True):
        assert abs(level.amplitude_S - expected) < 4 * level.amplitude_error_S
    expected_law = TRUTHS[name].fluctuation
    found = report.device.fluctuation
    assert found is not None
    assert expected_law is not None
    assert found.law is expected_law.law
    assert found.amplitude == pytest.approx(expected_law.amplitude, rel=0.03)


@pytest.mark.parametrize("name", ["telegraph", "no drift", "slow", "unequal duty", "relative"])
@every_seed
def test_dwell_times_are_recovered_and_their_runs_fit_a_chain(name: str, seed: int) -> None:
    report, expected = fitted(name, seed).report, TRUTHS[name].fluctuation
    states, found = report.states, report.device.fluctuation
    assert states is not None
    assert expected is not None
    assert found is not None
    assert states.resolved
    assert states.runs is not None
    assert states.runs.p_value is not None
    assert states.runs.p_value > 1e-3
    assert abs(states.high_share - expected.high_share) < 4 * states.high_share_error
    assert expected.high_dwell_s is not None
    assert expected.low_dwell_s is not None
    assert abs(states.high_dwell_s - expected.high_dwell_s) < 4 * states.high_dwell_error_s
    assert abs(states.low_dwell_s - expected.low_dwell_s) < 4 * states.low_dwell_error_s
    assert found.states is StateLaw.MARKOV
    assert found.high_dwell_s == pytest.approx(states.high_dwell_s, rel=1e-5)


@every_seed
def test_states_that_change_between_reads_are_independent_with_their_duty(seed: int) -> None:
    report = fitted("fast", seed).report
    states, found = report.states, report.device.fluctuation
    assert states is not None
    assert found is not None
    assert not states.resolved
    assert found.states is StateLaw.INDEPENDENT
    assert abs(found.duty - 0.3) < 4 * states.high_share_error
    assert any("states change faster than reads come" in note for note in report.notes)


@every_seed
def test_no_cell_fluctuates_where_none_does(seed: int) -> None:
    report = fitted("no telegraph", seed).report
    assert sum(level.fluctuating_cells for level in report.levels) == 0
    assert report.states is None
    assert report.device.fluctuation is None
    assert any("no cell was seen to fluctuate" in note for note in report.notes)


@pytest.mark.parametrize("name", [name for name in TRUTHS if name != "no drift"])
@every_seed
def test_the_drift_exponent_is_recovered(name: str, seed: int) -> None:
    drift, found = fitted(name, seed).report.drift, fitted(name, seed).report.device.drift
    assert drift is not None
    assert found is not None
    assert drift.r2 > 0.9
    assert abs(drift.nu_mean - 0.04) < 4 * drift.nu_mean_error
    assert abs(drift.nu_sigma - 0.01) < 4 * drift.nu_sigma_error
    assert (found.nu_mean, found.start_s) == (pytest.approx(drift.nu_mean, rel=1e-5), 1.0)


@every_seed
def test_no_drift_is_found_where_there_is_none(seed: int) -> None:
    report = fitted("no drift", seed).report
    assert report.drift is not None
    assert not report.drift.significant
    assert report.device.drift is None


def scores(report: FitReport, name: str) -> list[float]:
    """Deviations from the truth in stated errors."""
    level_S, _, amplitude_S = truth(name)
    found = []
    for level, mean, amplitude in zip(report.levels, level_S, amplitude_S, strict=True):
        found.append((level.mean_S - mean) / level.mean_error_S)
        found.append((level.amplitude_S - amplitude) / level.amplitude_error_S)
    states, drift, expected = report.states, report.drift, TRUTHS[name].fluctuation
    assert states is not None
    assert drift is not None
    assert expected is not None
    assert expected.high_dwell_s is not None
    assert expected.low_dwell_s is not None
    found.append((states.high_dwell_s - expected.high_dwell_s) / states.high_dwell_error_s)
    found.append((states.low_dwell_s - expected.low_dwell_s) / states.low_dwell_error_s)
    found.append((drift.nu_mean - 0.04) / drift.nu_mean_error)
    return found


def test_stated_errors_are_as_large_as_the_deviations_from_the_truth() -> None:
    found = [
        score
        for name in ("telegraph", "unequal duty", "slow")
        for seed in SEEDS
        for score in scores(fitted(name, seed).report, name)
    ]
    size = float(np.sqrt(np.mean(np.square(found))))
    assert len(found) == 66
    assert 0.8 < size < 1.35, f"root mean square of {len(found)} scores: {size:.2f}"
    assert np.mean(np.abs(found) < 2) > 0.85


@pytest.mark.parametrize("regular", [True, False])
def test_switches_missed_between_reads_do_not_bias_dwell_times(regular: bool) -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        steps = np.ones(400) if regular else random.exponential(1.0, 400) + 0.05
        times = 100 + np.cumsum(steps)
        states = jumping(random, times, 3.0, 1.0)
        return times, (1 + 9 * level) * 1e-6 + 0.3e-6 * states + 0.05e-6 * random.normal(size=400)

    states = fit_device(measured(cells_of(make, 15)), "x").report.states
    assert states is not None
    # A third of the visits to the low state last less than a read's distance of 1 s; counting
    # runs of equal reads would give longer dwell times, far outside of these errors.
    assert abs(states.high_dwell_s - 3) < 4 * states.high_dwell_error_s < 0.6
    assert abs(states.low_dwell_s - 1) < 4 * states.low_dwell_error_s < 0.2
    assert (states.runs is None) is not regular


def test_a_share_of_fluctuating_cells_gives_the_amplitude_of_the_same_variance() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        times = 100 + np.arange(200.0)
        moves = random.random() < 0.3
        states = jumping(random, times, 4.0, 4.0) if moves else 0.0
        return times, (5 + 15 * level) * 1e-6 + 1e-6 * states + 0.1e-6 * random.normal(size=200)

    report = fit_device(measured(cells_of(make, 60)), "x").report
    for level in report.levels:
        share = level.fluctuating_cells / level.cells
        assert 0.1 < share < 0.5
        assert level.amplitude_S == pytest.approx(1e-6 * share**0.5, rel=0.03)
    fluctuation = report.device.fluctuation
    assert fluctuation is not None
    assert "of 120 cells fluctuate" in fluctuation.source


@pytest.mark.parametrize("jump_S", [1.6e-6, -1.6e-6])
def test_a_quarter_of_cells_with_rare_jumps_gives_reads_of_the_same_mean_and_spread(
    jump_S: float,
) -> None:
    jumps = iter(jump_S * (np.arange(80) % 4 == 0))

    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        value = (2 + 8 * level) * 1e-6 + next(jumps) * (random.random(600) < 0.05)
        return 1000 + np.arange(600.0), value + 0.01e-6 * random.normal(size=600)

    cells = cells_of(make, 40)
    device = fit_device(measured(cells), "x").report.device
    assert device.fluctuation is not None
    share, step = device.fluctuation.high_share, level_step(device, 1)
    amplitude = fluctuation_amplitude(device, 1) * step
    mean = level_conductance(device, 1) + amplitude * (2 * share - 1)
    states = amplitude * 2 * (share * (1 - share)) ** 0.5
    spread = np.hypot(programming_sigma(device, 1) * step, states)
    for level in (0, 1):
        reads = np.concatenate([cell.conductance_S for cell in cells if cell.level == level])
        assert mean[level] == pytest.approx(reads.mean(), abs=0.01e-6)
        assert spread[level] == pytest.approx(reads.std(), rel=0.05)


def test_a_fitted_file_loads_and_says_where_it_comes_from(tmp_path: Path) -> None:
    device = fitted("telegraph", 0).report.device
    file = tmp_path / "fitted.yaml"
    file.write_text(device.to_yaml(), encoding="utf-8")
    assert load_device(file) == device
    assert device.source == f"Fitted from reads.csv (sha256 {'0' * 64}): 64 cells, 16000 reads."
