"""Repetitions learned on a relaxation: its closed form, its gradient, and whole designs."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from optim.learned_repetitions import Relaxation, learned_repetitions
from optim.search import PerLayer

PLACES = np.arange(1.0, 9.0)
SENSITIVITY, COST = np.array([8.0, 1.0, 3.0]), np.array([1.0, 2.0, 0.5])


@pytest.fixture
def relaxation():
    """Damage s / k at energy e k."""
    return Relaxation(PLACES, SENSITIVITY[:, None] / PLACES, COST[:, None] * PLACES)


def test_learned_repetitions_are_those_of_the_closed_form(relaxation):
    """s / k + w e k in units of both sums is least at k = sqrt(s E / (w e S)), within 1 to 8."""
    for weight in (0.05, 0.3, 2.0):
        wanted = np.sqrt(SENSITIVITY * COST.sum() / (weight * COST * SENSITIVITY.sum()))
        found = relaxation.learned(weight)
        np.testing.assert_allclose(found, np.clip(wanted, 1, 8), rtol=1e-3)


def test_the_gradient_is_that_of_the_loss(relaxation):
    for seed in range(5):
        at = np.random.default_rng(seed).uniform(0.01, 2.0, 3)
        error = check_grad(
            lambda x: relaxation._loss(x, 0.7)[0], lambda x: relaxation._loss(x, 0.7)[1], at
        )
        assert error < 1e-5


def test_dearer_energy_never_gives_more_repetitions(relaxation):
    found = np.array([relaxation.learned(weight) for weight in np.geomspace(1e-3, 1e3, 9)])
    assert (np.diff(found, axis=0) <= 1e-3).all()
    np.testing.assert_allclose(found[0], 8, rtol=1e-3)
    np.testing.assert_allclose(found[-1], 1, rtol=1e-3)


def test_the_design_turns_no_other_knob_and_costs_no_less_than_ours(judge_of, maker):
    judge = judge_of(0.06)
    found = learned_repetitions(judge, maker)
    assert found.accepted
    settings = found.design.layers.values()
    assert {(k.read_voltage_V, k.adc_bits, k.dac_bits) for k in settings} == {(0.2, 8, 1)}
    assert {k.conductance_scale for k in settings} == {1.0}
    ours = PerLayer(judge, maker.tables()).cheapest(np.inf)
    assert ours.price.energy_J <= found.price.energy_J
