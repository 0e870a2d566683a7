"""The sequential test: closed forms, and errors as rare as stated."""

import math

import numpy as np
import pytest

from hwsim.errors import DataError
from optim.certify import BETS, SequentialTest, Verdict, confidence_bounds, log_capital


def test_capital_is_the_mixture_of_its_bets():
    seen, mean = np.array([1.0, 0.25, 0.75]), 0.6
    by_hand = [
        np.log(np.mean([math.prod(1 - f + f * x / mean for x in seen[:n]) for f in BETS]))
        for n in (1, 2, 3)
    ]
    np.testing.assert_allclose(log_capital(seen, mean), by_hand, rtol=1e-12)


def test_capital_stays_where_every_share_is_the_mean():
    np.testing.assert_allclose(log_capital(np.full(50, 0.9), 0.9), 0.0, atol=1e-12)


def test_all_right_images_reach_at_the_rate_of_the_highest_bet():
    """Each observation multiplies a bet by 1 - f + f / m; the mixture lags by log(bets)."""
    n, mean = 500, 0.9
    best = n * math.log1p(BETS.max() * (1 / mean - 1))
    found = log_capital(np.ones(n), mean)[-1]
    assert best - math.log(BETS.size) <= found <= best


def test_verdict_is_open_without_data_and_certain_with_enough():
    test = SequentialTest(0.9, 0.05)
    assert test.verdict is Verdict.OPEN
    assert test.after([1.0] * 200).verdict is Verdict.REACHED
    assert test.after([0.5] * 50).verdict is Verdict.MISSED


@pytest.mark.parametrize("error", [0.2, 0.05, 0.001])
def test_the_verdict_comes_with_the_first_capital_of_one_over_the_error(error):
    """Of right images only, or of wrong ones only: powers of what each bet multiplies by."""
    for share, threshold, verdict in ((1.0, 0.9, Verdict.REACHED), (0.0, 0.1, Verdict.MISSED)):
        mean = 0.9  # of what is bet on, right or wrong
        first = next(
            n
            for n in range(1, 10_000)
            if np.mean((1 - BETS + BETS / mean) ** n) >= (1 - 1e-12) / error
        )
        test = SequentialTest(threshold, error)
        assert test.after([share] * (first - 1)).verdict is Verdict.OPEN
        assert test.after([share] * first).verdict is verdict


def test_later_data_do_not_take_a_verdict_back():
    test = SequentialTest(0.9, 0.05).after([1.0] * 200)
    assert test.after([0.0] * 500).verdict is Verdict.REACHED


@pytest.mark.parametrize("name", ["threshold", "error"])
def test_numbers_outside_the_unit_interval_are_refused(name):
    arguments = {"threshold": 0.9, "error": 0.05, name: 1.0}
    with pytest.raises(DataError, match=f"^{name}: expected a number between 0 and 1, found 1.0$"):
        SequentialTest(**arguments)


def shares(rng, accuracy, spread, runs, looks, images=8):
    """(runs, looks) shares of right images; devices' accuracies vary by `spread`."""
    a, b = accuracy * (1 / spread - 1), (1 - accuracy) * (1 / spread - 1)
    return rng.binomial(images, rng.beta(a, b, (runs, looks))) / images


@pytest.mark.parametrize("spread", [0.01, 0.2])
def test_a_design_below_target_is_certified_at_most_as_often_as_stated(spread):
    """True accuracy just below the threshold; 600 runs of 400 looks each, an error of 0.1.

    Ville's bound holds for any number of looks, so the share of wrong certificates is at most
    0.1; 600 runs let it look larger by 5 sigma = 0.061.
    """
    rng, error, target = np.random.default_rng(7), 0.1, 0.9
    seen = shares(rng, target - 1e-9, spread, 600, 400)
    certified = [(log_capital(run, target).max() >= -math.log(error)) for run in seen]
    assert np.mean(certified) <= error + 5 * math.sqrt(error * (1 - error) / 600)


def test_certificates_are_issued_and_withheld_where_they_should_be():
    rng, target = np.random.default_rng(8), 0.9
    good = [SequentialTest(target, 0.05).after(run) for run in shares(rng, 0.94, 0.01, 40, 600)]
    bad = [SequentialTest(target, 0.05).after(run) for run in shares(rng, 0.86, 0.01, 40, 600)]
    assert all(test.verdict is Verdict.REACHED for test in good)
    assert all(test.verdict is Verdict.MISSED for test in bad)


def test_the_interval_covers_the_mean_at_every_look_as_often_as_stated():
    rng, mean, error = np.random.default_rng(9), 0.92, 0.2
    runs = shares(rng, mean, 0.05, 300, 200)
    bounds = [confidence_bounds(run, error) for run in runs]
    missed = np.mean([not low <= mean <= high for low, high in bounds])
    assert missed <= error + 5 * math.sqrt(error * (1 - error) / 300)


def test_the_interval_narrows_as_data_come_and_says_nothing_without():
    assert confidence_bounds([], 0.05) == pytest.approx((0.0, 1.0), abs=1e-9)
    rng = np.random.default_rng(10)
    run = shares(rng, 0.9, 0.01, 1, 1000)[0]
    widths = [np.diff(confidence_bounds(run[:n], 0.05))[0] for n in (10, 100, 1000)]
    assert widths[0] > widths[1] > widths[2] > 0
