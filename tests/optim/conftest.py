"""A small problem that tests of the search share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from codesign.flow import prepare
from codesign.optimize import problem_of
from codesign.simulation import Simulation
from mapping.execute import IdealBackend, run
from optim.evaluate import Evaluator
from optim.grid import Grid
from optim.price import Pricing
from optim.problem import Problem
from optim.search import Judge
from optim.store import EvaluationStore
from optim.tables import TableMaker
from optim.target import Population, Target
from tests.reference.three_layers import write_three_layers

TUNING = 150
GRID = Grid(
    read_voltages_V=(0.1, 0.2, 0.4),
    redundancies=(1, 2, 4),
    adc_bits=(5, 6, 7, 8),
    conductance_scales=(1.0,),
    dac_bits=(1, 2),
)


@pytest.fixture(scope="session")
def three_layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network of three linear layers, trained on the digits."""
    return write_three_layers(tmp_path_factory.mktemp("net") / "three.onnx")


@pytest.fixture(scope="session")
def small_problem(three_layers: Path) -> Problem:
    """It on strongly fluctuating cells, 150 images to tune, 350 to certify."""
    return problem_of(prepare(Simulation(three_layers, "digits", arch="emt-strong")), TUNING)


@pytest.fixture(scope="session")
def judge_of(
    small_problem: Problem, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Judge]:
    """`judge_of(drop, ...)`: a judge of the small problem; all share one store."""
    store = EvaluationStore(tmp_path_factory.mktemp("store") / "runs.sqlite")
    problem = small_problem
    ideal = IdealBackend(problem.network)
    right = [
        run(problem.network, shown.images, ideal).argmax(axis=1) == shown.labels
        for shown in (problem.tuning, problem.testing)
    ]

    def make(drop: float, **changes: object) -> Judge:
        target = Target(
            right[1],
            right[0],
            drop=drop,
            lasting=problem.lasting,
            **{"population": Population.TEST_SET, **changes},
        )
        return Judge(Evaluator(problem, store), Pricing(problem), target, lambda *_: None)

    return make


@pytest.fixture(scope="session")
def maker(judge_of: Callable[..., Judge]) -> TableMaker:
    """Its tables over a grid of 72 settings."""
    judge = judge_of(0.05)
    return TableMaker(judge.evaluator, judge.pricing, GRID, judge.progress)
