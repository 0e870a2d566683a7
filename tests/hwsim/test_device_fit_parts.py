"""The parts of a fit, each alone: hidden states, their rates, the laws of all levels."""

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm

from hwsim.device.hidden import Batch, Guess, States, improve_rates, infer_states
from hwsim.device.laws import fit_amplitude, fit_spread
from hwsim.device.spec import AmplitudeLaw

Array = NDArray[np.float64]


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
