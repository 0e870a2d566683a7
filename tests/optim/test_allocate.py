"""Allocation: optimal against exhaustive search, bounded by its relaxation, closed form."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.tile.spec import Knobs
from optim.allocate import (
    Option,
    Unreachable,
    allocate,
    efficient,
    lower_bound_J,
    relaxed_shares,
)
from tests.reference.tolerance import near

amounts = st.integers(1, 50).map(float)
options = st.lists(
    st.builds(
        Option,
        knobs=st.just(Knobs()),
        energy_J=amounts,
        damage=amounts,
        tiles=st.integers(1, 9),
    ),
    min_size=1,
    max_size=5,
)
tables = st.lists(options, min_size=1, max_size=4).map(
    lambda layers: {f"layer{i}": layer for i, layer in enumerate(layers)}
)


def exhaustive(layers, budget, max_tiles=10**9):
    """The least energy over every choice within the limits, None where there is none."""
    found = [
        sum(o.energy_J for o in choice)
        for choice in itertools.product(*layers.values())
        if sum(o.damage for o in choice) <= budget and sum(o.tiles for o in choice) <= max_tiles
    ]
    return min(found, default=None)


@given(tables, st.integers(1, 150), st.integers(1, 40))
def test_allocation_is_the_optimum_of_every_choice(layers, budget, max_tiles):
    for limit in (None, max_tiles):
        best = exhaustive(layers, budget, limit or 10**9)
        if best is None:
            with pytest.raises(Unreachable, match="damage budget: expected at least"):
                allocate(layers, budget, limit)
            continue
        found = allocate(layers, budget, limit)
        assert found.energy_J == near(best, 1e-9)
        assert found.damage <= budget * (1 + 1e-6)
        assert set(found.options) == set(layers)


@given(tables, st.integers(1, 150))
def test_the_relaxation_is_a_lower_bound(layers, budget):
    best = exhaustive(layers, budget)
    if best is not None:
        assert lower_bound_J(layers, budget) <= best * (1 + 1e-9)


@given(tables, st.integers(1, 150))
def test_dropping_dominated_options_keeps_the_optimum(layers, budget):
    few = {name: efficient(layer) for name, layer in layers.items()}
    assert exhaustive(few, budget) == exhaustive(layers, budget)


def test_a_larger_budget_never_costs_more():
    rng = np.random.default_rng(3)
    layers = {
        f"l{i}": [Option(Knobs(), float(e), float(1 / e)) for e in rng.uniform(1, 9, 12)]
        for i in range(20)
    }
    budgets = np.linspace(4, 20, 9)
    energies = [allocate(layers, budget).energy_J for budget in budgets]
    assert energies == sorted(energies, reverse=True)
    assert energies[0] > energies[-1]


def test_fine_options_approach_the_closed_form():
    """Damage s / rho at energy e rho: rho ~ sqrt(s / e); 60 settings a layer, within 1 %."""
    rng = np.random.default_rng(4)
    sensitivity, cost = rng.uniform(0.5, 20, (2, 6))
    budget = 3.0
    shares = relaxed_shares(sensitivity, cost, budget)
    assert (sensitivity / shares).sum() == pytest.approx(budget)
    grid = np.geomspace(0.3, 3, 60)
    layers = {
        f"l{i}": [
            Option(Knobs(), float(cost[i] * r), float(sensitivity[i] / r)) for r in share * grid
        ]
        for i, share in enumerate(shares)
    }
    closed_J = np.sqrt(sensitivity * cost).sum() ** 2 / budget
    assert allocate(layers, budget).energy_J == near(closed_J, 0.01)
    assert lower_bound_J(layers, budget) == near(closed_J, 0.01)


@pytest.mark.parametrize("seed", range(4))
def test_many_layers_get_the_optimum_of_dynamic_programming(seed):
    """30 layers of 12 settings, damages in whole units: least energy by budget, layer by layer."""
    random = np.random.default_rng(seed)
    energies, damages = random.uniform(1, 9, (30, 12)), random.integers(1, 40, (30, 12))
    budget = 300
    least = np.zeros(budget + 1)
    for energy, damage in zip(energies, damages, strict=True):
        grown = np.full(budget + 1, np.inf)
        for joules, harm in zip(energy, damage, strict=True):
            grown[harm:] = np.minimum(grown[harm:], least[: budget + 1 - harm] + joules)
        least = grown
    layers = {
        f"l{i}": [
            Option(Knobs(), float(e), float(d))
            for e, d in zip(energies[i], damages[i], strict=True)
        ]
        for i in range(30)
    }
    assert allocate(layers, budget).energy_J == near(least[budget], 1e-9)
