"""The search: against every design, within its chip, the same whatever the threads."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hwsim.chip.spec import ChipSpec
from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.allocate import Allocation, allocate, lower_bound_J
from optim.evaluate import Evaluator
from optim.referees import exhaustive, greedy, repetitions, sampled
from optim.search import PerLayer
from optim.store import EvaluationStore
from optim.tables import TableMaker
from optim.uniform import Uniform
from tests.optim.conftest import TUNING

DROP = 0.06


@pytest.fixture(scope="module")
def tables(maker):
    return maker.tables()


def designs(tables):
    """Every choice of one option per layer."""
    for options in itertools.product(*tables.values()):
        yield Allocation(dict(zip(tables, options, strict=True)))


def test_the_chosen_design_costs_at_most_one_percent_more_than_the_best_of_all(judge_of, maker):
    """All choices from the same tables, simulated whole; the cheapest accepted one counts."""
    judge = judge_of(DROP)
    start = Uniform(judge, maker).cheapest(np.inf).design.default
    tables = maker.tables(start)
    found = PerLayer(judge, tables, start).cheapest(np.inf)
    assert len(list(designs(tables))) > 100
    best = exhaustive(judge, tables)
    assert found.accepted
    assert found.price.energy_J <= 1.01 * best.price.energy_J


def test_the_allocated_design_is_the_optimum_of_the_measured_tables(tables):
    everything = list(designs(tables))
    for budget in np.geomspace(*PerLayer(None, tables).budgets, 7):
        cheapest = min(c.energy_J for c in everything if c.damage <= budget)
        assert allocate(tables, budget).energy_J == pytest.approx(cheapest, rel=1e-9)
        assert lower_bound_J(tables, budget) <= cheapest * (1 + 1e-9)


def test_per_layer_designs_cost_no_more_than_one_setting_for_all(judge_of, maker, tables):
    judge = judge_of(DROP)
    uniform = judge.find(Uniform(judge, maker))
    start = uniform.candidate.design.default
    layers = judge.find(PerLayer(judge, maker.tables(start), start))
    assert layers.certified
    assert uniform.certified
    assert layers.candidate.price.energy_J <= uniform.candidate.price.energy_J


@pytest.mark.parametrize("drop", [0.03, 0.06, 0.1, 0.2])
def test_the_uniform_baseline_is_the_cheapest_of_all_accepted_settings(judge_of, maker, drop):
    """Every setting on every tuning image; the search tries few of them."""
    judge = judge_of(drop)
    counted = replace(judge.evaluator)
    found = Uniform(replace(judge, evaluator=counted), maker).cheapest(np.inf)
    settings = list(maker.prices)
    outcomes = {knobs: judge.evaluator.design(Design(default=knobs)) for knobs in settings}
    accepted = [k for k, o in outcomes.items() if o.share >= judge.target.tuning_share]
    assert found.price.energy_J == min(maker.prices[k].energy_J for k in accepted)
    assert len(accepted) < len(settings)
    assert counted.images < 0.4 * len(settings) * TUNING


def test_the_uniform_search_does_not_lean_on_the_laws(judge_of, maker, monkeypatch):
    """Predictions that are wrong cost simulations, not the optimum."""
    judge = judge_of(DROP)
    right = Uniform(judge, maker).cheapest(np.inf)
    predicted = TableMaker.predicted
    monkeypatch.setattr(TableMaker, "predicted", lambda *given: 1 / predicted(*given))
    assert Uniform(judge, maker).cheapest(np.inf).price.energy_J == right.price.energy_J


def test_a_setting_refused_for_its_damage_is_not_the_baseline(judge_of, maker):
    """After a failed certificate less damage is asked for: it costs more."""
    judge = judge_of(DROP)
    first = Uniform(judge, maker).cheapest(np.inf)
    ceiling = 0.6 * first.outcome.damage
    second = Uniform(judge, maker).cheapest(ceiling)
    assert second.outcome.damage <= ceiling
    assert second.price.energy_J > first.price.energy_J


def test_an_accuracy_beyond_the_network_is_not_reachable(judge_of, tables):
    judge = judge_of(None, accuracy=0.999)
    found = judge.find(PerLayer(judge, tables))
    assert found.test is None
    assert not found.certified
    least = min(d.damage for d in designs(tables))
    assert found.candidate.added == pytest.approx(least)


def test_a_small_chip_gets_designs_of_few_tiles(judge_of, tables):
    """A cluster of as many tiles as the network needs once: no layer may be stored twice."""
    judge = judge_of(DROP)
    problem = judge.evaluator.problem
    once = judge.pricing.price(Design()).tiles
    copies = {name: {o.tiles for o in options} for name, options in tables.items()}
    chip = problem.arch.chip.replace(tiles_per_group=once, groups_per_cluster=1, max_clusters=1)
    assert isinstance(chip, ChipSpec)
    found = allocate(tables, PerLayer(judge, tables).budgets[1], once)
    assert sum(option.tiles for option in found.options.values()) <= once
    assert all(min(tiles) >= 1 for tiles in copies.values())


def test_a_refined_design_is_never_dearer_and_still_accepted(judge_of, tables):
    judge = judge_of(DROP)
    layers = PerLayer(judge, tables)
    before = layers._scanned(np.inf)
    after = layers._refined(before, np.inf)
    assert after.energy_J <= before.energy_J
    assert layers._candidate(after).accepted


def test_more_copies_do_less_damage_and_cost_more(judge_of):
    judge = judge_of(DROP)
    few, many = (Design(default=Knobs(redundancy=k)) for k in (1, 8))
    assert judge.evaluator.design(many).damage < judge.evaluator.design(few).damage
    assert judge.pricing.price(many).energy_J > judge.pricing.price(few).energy_J


def test_certifying_devices_are_not_those_of_tuning(judge_of, small_problem):
    """The same image on the same tiles: other draws for every block, none of them tuning's."""
    evaluator: Evaluator = judge_of(DROP).evaluator
    noisy = Design(default=Knobs(read_voltage_V=0.1, adc_bits=5))
    images = np.zeros((40, 1), np.int64)
    first, second = (evaluator.rights(noisy, before, images) for before in (0, 40))
    assert 0 < first.mean() < 1
    assert (first != second).any()
    np.testing.assert_array_equal(first, evaluator.rights(noisy, 0, images))


@pytest.mark.parametrize("sampler", ["TPESampler", "NSGAIISampler"])
def test_ours_costs_no_more_than_what_optuna_finds_with_as_many_simulations(
    judge_of, maker, tables, sampler, tmp_path
):
    judge = judge_of(DROP)
    ours = PerLayer(judge, tables).cheapest(np.inf)
    fresh = Evaluator(judge.evaluator.problem, EvaluationStore(tmp_path / "own.sqlite"))
    images = 60 * TUNING
    theirs = sampled(replace(judge, evaluator=fresh), maker.grid, images, sampler)
    assert theirs.accepted
    assert images <= fresh.images < images + TUNING
    assert ours.price.energy_J <= theirs.price.energy_J


def test_ours_costs_no_more_than_greedy_or_repetitions_alone(judge_of, maker, tables, tmp_path):
    judge = judge_of(DROP)
    ours = PerLayer(judge, tables).cheapest(np.inf)
    fresh = Evaluator(judge.evaluator.problem, EvaluationStore(tmp_path / "own.sqlite"))
    lowered = greedy(replace(judge, evaluator=fresh), maker.grid, 60 * TUNING)
    assert lowered.accepted
    assert ours.price.energy_J <= lowered.price.energy_J
    repeated = repetitions(judge, maker)
    assert repeated.accepted
    assert {k.adc_bits for k in repeated.design.layers.values()} == {8}
    assert ours.price.energy_J <= repeated.price.energy_J


def test_greedy_has_the_safest_design_where_no_step_from_it_is_accepted(judge_of, maker):
    only_best = maker.grid.model_copy(
        update={"read_voltages_V": (0.4,), "redundancies": (4,), "dac_bits": (1,)}
    )
    hard = only_best.model_copy(update={"adc_bits": (1, 8)})
    found = greedy(judge_of(DROP), hard, 20 * TUNING)
    assert found.accepted
    assert {knobs.adc_bits for knobs in found.design.layers.values()} == {8}


def test_a_design_that_the_chip_does_not_hold_is_not_accepted(judge_of):
    judge, design = judge_of(DROP), Design(default=Knobs(redundancy=4))
    problem = judge.evaluator.problem
    chip = problem.arch.chip.replace(tiles_per_group=1, groups_per_cluster=1, max_clusters=1)
    small = replace(problem, arch=problem.arch.replace(chip=chip))
    limited = replace(judge, evaluator=replace(judge.evaluator, problem=small))
    assert judge.candidate(design).accepted
    assert not limited.candidate(design).accepted


PROGRAM = """
import sys
from pathlib import Path
from codesign.optimize import Optimization, optimize
from optim.grid import Grid
from optim.target import Population

grid = Grid(read_voltages_V=(0.1, 0.2), redundancies=(1, 2), adc_bits=(6, 8),
            conductance_scales=(1.0,), dac_bits=(1,))
asked = Optimization(Path(sys.argv[1]), "digits", arch="emt-strong", drop=0.05, tuning=60,
                     population=Population.TEST_SET, grid=grid, front=2, seed=int(sys.argv[2]))
done = optimize(asked)
print(done.found.candidate.design.model_dump_json(), done.found.test.observations[:500],
      [p.price.energy_J for p in done.front], done.evaluations)
"""


@pytest.mark.slow
def test_the_result_depends_on_the_seed_and_not_on_the_number_of_threads(three_layers):
    def found(threads, seed):
        command = [sys.executable, "-c", PROGRAM, str(three_layers), seed]
        environment = {**os.environ, "HWSIM_THREADS": threads}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    alone = found("1", "0")
    assert found("2", "0") == alone
    assert found("1", "1") != alone
