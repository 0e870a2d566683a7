"""Reads that a fit can say little of, or that its model does not hold for: what it says then."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hwsim.device.drift import pooled_drift
from hwsim.device.fit import fit_device
from hwsim.device.fit_report import FitReport
from hwsim.device.fluctuation import fluctuation_amplitude, level_step
from hwsim.device.reads import CellReads
from hwsim.device.spec import AmplitudeLaw
from hwsim.device.synthetic import synthetic_reads
from hwsim.device.telegraph import fit_cells
from hwsim.errors import DataError, SpecError
from tests.reference.reads import NOISE_S, SLOW, built, cells_of, jumping, measured

Array = NDArray[np.float64]


def test_noise_alone_is_hardly_ever_taken_for_two_states() -> None:
    random = np.random.default_rng(3)
    times = 1.0 + np.arange(100)
    cells = [CellReads(str(c), 0, times, 1e-5 + 1e-6 * random.normal(size=100)) for c in range(400)]
    assert sum(cell.fluctuates for cell in fit_cells(cells, 1.0, drift=True)) <= 2


def test_a_second_trap_is_noted_for_it_cannot_be_fitted() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        times = 100 + np.arange(200.0)
        states = jumping(random, times, 5, 5) + jumping(random, times, 9, 9)
        return times, (5 + 15 * level) * 1e-6 + 1e-6 * states + 0.1e-6 * random.normal(size=200)

    report = fit_device(measured(cells_of(make, 10)), "x").report
    assert report.residuals_rejected > 0.9
    assert any("more than one trap" in note for note in report.notes)


def test_dwell_times_near_the_length_of_the_measurement_are_noted() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        times = 100 + np.arange(60.0)
        states = jumping(random, times, 40, 40)
        return times, (5 + 15 * level) * 1e-6 + 1e-6 * states + 0.1e-6 * random.normal(size=60)

    report = fit_device(measured(cells_of(make, 20)), "x").report
    assert any("near the length of the measurement (59 s)" in note for note in report.notes)


def test_cells_that_switch_once_and_stay_have_the_share_that_was_read() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        high = np.arange(60) >= 15
        return 100 + np.arange(60.0), (1 + 10 * level + 0.5 * high) * 1e-6

    report = fit_device(measured(cells_of(make, 6)), "x").report
    assert report.states is not None
    assert report.states.high_share == pytest.approx(0.75)
    assert report.device.fluctuation is not None
    assert report.device.fluctuation.duty == 0.75
    assert report.device.fluctuation.high_share == pytest.approx(0.75)
    assert any("near the length of the measurement" in note for note in report.notes)


def test_cells_may_have_different_numbers_of_reads() -> None:
    random = np.random.default_rng(5)
    lengths = (3, 30, 100, 250)
    cells = []
    for c, size in enumerate(lengths):
        times = 1.0 + np.arange(size)
        value = 1e-5 + 1e-6 * jumping(random, times, 5, 5) + 0.1e-6 * random.normal(size=size)
        cells.append(CellReads(str(c), 0, times, value))
    together = fit_cells(cells, 1.0, drift=False)
    for cell, fit in zip(cells, together, strict=True):
        (alone,) = fit_cells([cell], 1.0, drift=False)
        assert fit.amplitude_S == pytest.approx(alone.amplitude_S, rel=1e-3)
        assert fit.residual.size == cell.time_s.size
    assert [fit.fluctuates for fit in together] == [False, True, True, True]


def test_reads_without_any_noise_are_fitted_too() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        times = 100 + np.arange(40.0)
        return times, np.full(40, (0 + 10 * level) * 1e-6)

    report = fit_device(measured(cells_of(make, 4)), "x").report
    assert (report.device.conductance_min_S, report.device.conductance_max_S) == (0.0, 1e-5)
    assert report.device.fluctuation is None
    assert report.levels[1].spread_S == 0
    assert max(level.noise_S for level in report.levels) < 1e-4 * report.levels[1].mean_S


def test_times_that_span_less_than_a_factor_of_two_say_nothing_about_drift() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        return 100 + np.arange(30.0), (1 + 9 * level) * 1e-6 + 1e-7 * random.normal(size=30)

    report = fit_device(measured(cells_of(make, 5)), "x").report
    assert report.drift is None
    assert report.device.drift is None
    assert any("drift was not looked for" in note for note in report.notes)


def test_levels_that_are_not_even_and_odd_amplitudes_are_said_and_tabulated() -> None:
    random = np.random.default_rng(9)
    times = 100 + np.arange(100.0)
    level_S, amplitude_S = (1e-6, 2e-6, 3e-6, 10e-6), (0.2e-6, 0.6e-6, 0.2e-6, 0.4e-6)
    cells = tuple(
        CellReads(
            f"{level}.{index}",
            level,
            times,
            level_S[level]
            + 0.02e-6 * random.normal()
            + amplitude_S[level] * jumping(random, times, 4, 4)
            + 0.03e-6 * random.normal(size=100),
        )
        for level in range(4)
        for index in range(8)
    )
    report = fit_device(measured(cells), "x").report
    (note,) = [note for note in report.notes if "not evenly spaced" in note]
    assert "level 2 lies -1.3" in note
    found = fluctuation_amplitude(report.device, 2) * level_step(report.device, 2)
    np.testing.assert_allclose(found, amplitude_S, rtol=0.05)
    assert report.device.fluctuation is not None
    assert report.device.fluctuation.law is AmplitudeLaw.POINTS
    assert report.device.conductance_max_S == pytest.approx(10e-6, rel=0.02)


def test_conductance_must_rise_with_the_level() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        return 1 + np.arange(30.0), (9 - 5 * level) * 1e-6 + 1e-8 * random.normal(size=30)

    with pytest.raises(DataError, match=r"^reads.csv: expected conductance to rise with the level"):
        fit_device(measured(cells_of(make, 5)), "x")


def drifting(exponents: Array, noise: float = 0.0) -> FitReport:
    """The fit of cells that drift with these exponents, in turn at two levels.

    Args:
        noise: of a read, against the level; 1 nS comes on top.
    """
    each = iter(exponents)

    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        times = 1 + np.arange(100.0)
        start_S = (1 + 9 * level) * 1e-6
        spread_S = 1e-9 + noise * start_S
        return times, start_S * times ** -next(each) + spread_S * random.normal(size=100)

    return fit_device(measured(cells_of(make, exponents.size // 2)), "x").report


@pytest.mark.parametrize(
    ("exponents", "words"),
    [
        (np.full(10, -0.05), "rises with time (nu = -0.05 in the mean, spread 0 "),
        (
            np.tile([0.1, -0.1, 0.05, -0.04], 5),
            "cells drift either way (nu = 0.00",
        ),
    ],
)
def test_drift_that_the_device_file_has_no_law_for_is_noted_and_not_taken_for_states(
    exponents: Array, words: str
) -> None:
    report = drifting(exponents)
    assert report.drift is not None
    assert report.drift.significant
    assert report.drift.rising == (exponents < 0).sum()
    assert any(words in note and "no such law" in note for note in report.notes)
    assert report.device.drift is None
    assert report.states is None
    for level, expected_S in zip(report.levels, (1e-6, 10e-6), strict=True):
        assert level.mean_S == pytest.approx(expected_S, rel=1e-3)
        assert level.spread_S < 1e-3 * expected_S


def test_a_faint_rise_of_all_cells_is_noted_as_well() -> None:
    """A small part of what a cell's reads vary by, but alike in all cells."""
    report = drifting(np.full(40, -0.01), noise=0.02)
    assert report.drift is not None
    assert report.drift.r2 < 0.5
    assert report.drift.significant
    assert any("rises with time" in note for note in report.notes)
    assert report.device.drift is None


def test_drift_of_some_cells_the_other_way_is_noted_beside_the_law() -> None:
    report = drifting(np.tile([0.1, 0.2, 0.1, 0.05, -0.03], 8))
    assert report.device.drift is not None
    assert any("either way" in note and "8 of 40 rise" in note for note in report.notes)


def test_slow_states_are_not_taken_for_cells_that_drift_differently() -> None:
    truth = built(SLOW, drift=False)
    cells = synthetic_reads(truth, 2, 16, 1.0 + np.arange(60), NOISE_S, 0)
    with_drift = fit_cells(cells, 1.0, drift=True)
    report = fit_device(measured(cells), "x").report
    assert pooled_drift(with_drift, 1.0).rising > 0  # some steps look like it
    assert report.drift is not None
    assert not report.drift.significant


def test_a_drift_that_no_device_file_can_state_is_one_line() -> None:
    def make(random: np.random.Generator, level: int) -> tuple[Array, Array]:
        times = np.logspace(0, 2, 30)
        return times, (1 + 10 * level) * 1e-6 * times**-1.5 * (1 + 1e-3 * random.normal(size=30))

    message = r"^reads.csv: drift.nu_mean: expected less than or equal to 1, found 1\.[45]\d*$"
    with pytest.raises(SpecError, match=message):
        fit_device(measured(cells_of(make, 5)), "x")
