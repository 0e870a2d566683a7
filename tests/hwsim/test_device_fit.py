"""Fitting a device to reads: what is put in comes out, within the errors that are stated."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm
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
from hwsim.device.hidden import Batch, Guess, States, improve_rates, infer_states
from hwsim.device.laws import fit_amplitude, fit_spread
from hwsim.device.reads import CellReads, Measurement, load_reads, write_reads
from hwsim.device.spec import AmplitudeLaw, Device
from hwsim.device.spec import States as StateLaw
from hwsim.device.synthetic import synthetic_reads
from hwsim.device.telegraph import fit_cells
from hwsim.errors import DataError

Array = NDArray[np.float64]
BITS = 2
NOISE_S = 0.2e-6
MARKOV = {"states": "markov", "high_dwell_s": 8.0, "low_dwell_s": 4.0}
SLOW = {"states": "markov", "high_dwell_s": 40.0, "low_dwell_s": 40.0}
UNEQUAL = {"states": "markov", "high_dwell_s": 20.0, "low_dwell_s": 2.0}
FAST = {"states": "independent", "duty": 0.3}
DRIFT = {"nu_mean": 0.04, "nu_sigma": 0.01, "start_s": 1.0, "source": "truth"}


def built(fluctuation: dict[str, object] | None, drift: bool = True) -> Device:
    law = {"law": "sqrt", "amplitude": 0.03, "source": "truth"}
    return Device.model_validate(
        {
            "name": "truth",
            "conductance_min_S": 2e-6,
            "conductance_max_S": 40e-6,
            "programming": {"sigma_absolute": 0.01, "sigma_relative": 0.03, "source": "truth"},
            "fluctuation": None if fluctuation is None else law | fluctuation,
            "drift": DRIFT if drift else None,
            "source": "truth",
        }
    )


TRUTHS = {
    "telegraph": built(MARKOV),
    "no telegraph": built(None),
    "no drift": built(MARKOV, drift=False),
    "slow": built(SLOW),
    "unequal duty": built(UNEQUAL),
    "fast": built(FAST | {"law": "absolute"}),
    "relative": built(MARKOV | {"law": "relative", "amplitude": 0.05}),
}


def measured(cells: tuple[CellReads, ...]) -> Measurement:
    return Measurement("reads.csv", "0" * 64, cells)


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


def jumping(random: np.random.Generator, time_s: Array, high_s: float, low_s: float) -> Array:
    """States drawn jump by jump, as a clock sees them; nothing in common with the fit."""
    high = bool(random.random() < high_s / (high_s + low_s))
    now, state = time_s[0], np.empty(time_s.size)
    ends = now + random.exponential(high_s if high else low_s)
    for t, at in enumerate(time_s):
        while ends <= at:
            high = not high
            ends += random.exponential(high_s if high else low_s)
        state[t] = 1.0 if high else -1.0
    return state


def cells_of(
    make: Callable[[np.random.Generator, int], tuple[Array, Array]], per_level: int, seed: int = 0
) -> tuple[CellReads, ...]:
    """Two levels of cells; `make(random, level)` gives times and conductances."""
    random = np.random.default_rng(seed)
    return tuple(
        CellReads(f"{level}.{index}", level, *make(random, level))
        for level in (0, 1)
        for index in range(per_level)
    )


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


def chain(step_s: Array, leave_high: float, leave_low: float) -> Array:
    """(T - 1, 2, 2) transition matrices by the matrix exponential; high first."""
    rates = np.array([[-leave_high, leave_high], [leave_low, -leave_low]])
    return np.array([expm(rates * step) for step in step_s])


def one_cell(value: Array, step_s: Array, regular: bool = False) -> Batch:
    weight = np.ones((value.size, 1))
    return Batch(value[:, None], 0 * weight, step_s[:, None], weight, np.array([regular]))


def guessed(leave_high: float, leave_low: float) -> Guess:
    figures = (1.0, 0.1, 0.0, 0.08, leave_high, leave_low)
    return Guess(*(np.array([figure]) for figure in figures))


def test_states_are_those_of_a_sum_over_all_paths() -> None:
    value, step_s = np.array([1.1, 0.95, 0.9, 1.02, 1.2]), np.array([0.5, 2.0, 0.1, 1.0])
    moves = chain(step_s, 0.3, 0.8)
    density = [
        np.exp(-0.5 * ((value - mean) / 0.08) ** 2) / (0.08 * np.sqrt(2 * np.pi))
        for mean in (1.1, 0.9)
    ]
    total, high, pairs = 0.0, np.zeros(5), np.zeros((4, 4))
    for path in product((0, 1), repeat=5):
        chance = (0.8, 0.3)[path[0]] / 1.1 * np.prod([density[s][t] for t, s in enumerate(path)])
        for t, (now, then) in enumerate(pairwise(path)):
            chance *= moves[t, now, then]
        total += chance
        high += chance * (1 - np.array(path))
        for t, (now, then) in enumerate(pairwise(path)):
            pairs[2 * now + then, t] += chance
    states = infer_states(one_cell(value, step_s), guessed(0.3, 0.8))
    np.testing.assert_allclose(states.log_likelihood[0], np.log(total), rtol=1e-9)
    np.testing.assert_allclose(states.high[:, 0], high / total, rtol=1e-9)
    np.testing.assert_allclose(states.pairs[:, :, 0], pairs / total, rtol=1e-8)


@pytest.mark.parametrize("regular", [True, False])
def test_rates_are_found_from_the_pairs_that_a_chain_expects(regular: bool) -> None:
    step_s = np.full(5, 1.0) if regular else np.array([0.2, 0.5, 1.0, 1.7, 3.0])
    share = np.array([0.8, 0.3]) / 1.1
    pairs = (share[:, None] * chain(step_s, 0.3, 0.8)).reshape(5, 4).T[:, :, None]
    batch, guess = one_cell(np.ones(6), step_s, regular), guessed(2.0, 0.1)
    states = States(np.ones((6, 1)), pairs, np.zeros(1))
    for _ in range(400):
        improve_rates(batch, guess, states)
    assert (guess.leave_high[0], guess.leave_low[0]) == pytest.approx((0.3, 0.8), rel=1e-5)


def test_an_amplitude_law_is_the_one_that_holds() -> None:
    share = np.array([0.1, 0.4, 0.7, 1.0])
    none, small = np.zeros(4), np.full(4, 1e-4)
    for law, power in (("absolute", 0.0), ("sqrt", 0.5), ("relative", 1.0)):
        fit = fit_amplitude(share, 0.02 * share**power, small, none)
        assert (fit.law.value, fit.amplitude) == (law, pytest.approx(0.02))
        assert fit.goodness.p_value == pytest.approx(1.0)
    assert fit_amplitude(share, 0.02 * share**3, small, none).law is AmplitudeLaw.POINTS


def test_a_spread_has_an_absolute_and_a_relative_part() -> None:
    share = np.array([0.1, 0.4, 0.7, 1.0])
    cells = np.full(4, 100)
    fit = fit_spread(share, np.hypot(0.01, 0.05 * share), cells)
    assert (fit.sigma_absolute, fit.sigma_relative) == pytest.approx((0.01, 0.05))
    assert fit.holds
    assert not fit_spread(share, np.array([0.01, 0.08, 0.01, 0.08]), cells).holds


def test_a_fitted_file_loads_and_says_where_it_comes_from(tmp_path: Path) -> None:
    device = fitted("telegraph", 0).report.device
    file = tmp_path / "fitted.yaml"
    file.write_text(device.to_yaml(), encoding="utf-8")
    assert load_device(file) == device
    assert device.source == f"Fitted from reads.csv (sha256 {'0' * 64}): 64 cells, 16000 reads."


def test_reads_written_to_a_file_come_back(tmp_path: Path) -> None:
    cells = synthetic_reads(TRUTHS["telegraph"], 1, 3, 1.0 + np.arange(5), NOISE_S, 0)
    write_reads(tmp_path / "r.csv", cells)
    back = load_reads(tmp_path / "r.csv")
    assert (back.file, back.reads, back.levels) == ("r.csv", 30, (0, 1))
    for one, other in zip(cells, back.cells, strict=True):
        assert (one.cell, one.level) == (other.cell, other.level)
        np.testing.assert_allclose(one.conductance_S, other.conductance_S, rtol=1e-5)


GOOD = "cell,level,time_s,conductance_S\n" + "".join(
    f"c{cell},{level},{time},{1 + level}e-6\n"
    for level in (0, 1)
    for cell in range(3)
    for time in (1, 2, 3)
)


def test_further_columns_empty_lines_a_mark_and_any_order_are_passed_over(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    turned = [",".join([*reversed(line.split(",")), "note"]) for line in lines]
    file = tmp_path / "r.csv"
    file.write_text("\ufeff" + "\r\n\r\n".join(turned) + "\r\n", encoding="utf-8")
    assert load_reads(file).reads == 18


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level,", "", "line 1: expected a column 'level', found cell, time_s, conductance_S"),
        (GOOD, "", "line 1: expected a column 'cell', found an empty line"),
        ("c0,0,2,1e-6", "c0,0,two,1e-6", "line 3: time_s: expected a number, found 'two'"),
        ("c0,0,2,1e-6", "c0,0,2,nan", "line 3: conductance_S: expected a number, found 'nan'"),
        (
            "c0,0,2,1e-6",
            "c0,0,2,-1e-6",
            "line 3: conductance_S: expected a number not below zero, found '-1e-6'",
        ),
        ("c0,0,1,", "c0,0,0,", "line 2: time_s: expected a number above zero, found '0'"),
        ("c0,0,2,1e-6", "c0,0,2", "line 3: expected 4 fields, found 3"),
        ("c0,0,2,1e-6", ",0,2,1e-6", "line 3: cell: expected a name, found nothing"),
        ("c0,0,2,", "c0,-1,2,", "line 3: level: expected 0, 1, ... 255, found '-1'"),
        ("c0,0,2,", "c0,0.5,2,", "line 3: level: expected 0, 1, ... 255, found '0.5'"),
        (
            "c0,0,2,1e-6\n",
            "",
            "cell 'c0' at level 0: expected at least 3 reads, found 2",
        ),
        ("c0,0,2,", "c0,0,1,", "expected every read at its own time, found time_s = 1 twice"),
        (",0,", ",2,", "level: expected level 0 and at least one other, found 1, 2"),
        (
            "c2,1,1,2e-6\nc2,1,2,2e-6\nc2,1,3,2e-6\n",
            "",
            "level 1: expected at least 3 cells, found 2",
        ),
    ],
)
def test_a_bad_file_is_one_line_that_names_file_and_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    file = tmp_path / "reads.csv"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_reads(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ")
    assert message in text
    assert "\n" not in text


def test_a_file_that_is_missing_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv: no such file"):
        load_reads(tmp_path / "none.csv")
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"b.csv: cannot be read as text"):
        load_reads(binary)
