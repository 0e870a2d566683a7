"""The optimiser beside its referees, under equal numbers of simulations.

    .venv/bin/python benchmarks/bench_optimizer.py [--drop D] [--seeds N]
        [--network three-layers|digits|FILE.onnx --data FILE.yaml]

`three-layers` (64-24-16-10 on the digits) is small enough to simulate every choice of its
tables.  A network of yours is judged by 500 images and has the whole default grid.  Every way
starts from the same hardware (emt-strong), grid, tuning images and rule of acceptance, which
drops clearly bad designs early.  Counted are images on designs and on single layers: ours those
of laws, uniform settings, tables, scan and refinement; the referees get as many.  Energies are
those of the cheapest accepted design, before any certificate; seconds are those of the process.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))

from three_layers import write_three_layers

from codesign.flow import prepare
from codesign.optimize import problem_of
from codesign.simulation import Simulation
from mapping.execute import IdealBackend, run
from optim.evaluate import Evaluator
from optim.grid import Grid
from optim.learned_repetitions import learned_repetitions
from optim.price import Pricing
from optim.problem import Problem
from optim.referees import exhaustive, greedy, repetitions, sampled
from optim.search import Candidate, Judge, PerLayer
from optim.store import EvaluationStore
from optim.tables import TableMaker
from optim.target import Population, Target
from optim.uniform import Uniform

TUNING = 100  # images, of the digits
OWN_TUNING = 500
SMALL_GRID = Grid(
    read_voltages_V=(0.1, 0.2, 0.4),
    redundancies=(1, 2, 4),
    adc_bits=(5, 6, 7, 8),
    conductance_scales=(0.5, 1.0),
    dac_bits=(1, 2),
)
INFINITE = float("inf")


def problem(network: Path, data: str, tuning: int) -> Problem:
    """A network on emt-strong, its first test images to tune."""
    return problem_of(prepare(Simulation(network, data, arch="emt-strong")), tuning)


def bench(problem: Problem, grid: Grid, drop: float, seeds: int, folder: Path) -> None:
    """Print one row per way."""
    right = [
        run(problem.network, shown.images, IdealBackend(problem.network)).argmax(1) == shown.labels
        for shown in (problem.tuning, problem.testing)
    ]
    target = Target(
        right[1],
        right[0],
        drop=drop,
        population=Population.TEST_SET,
        lasting=problem.lasting,
    )

    def judge(name: str) -> Judge:
        """A judge with a store of its own: nobody profits from others' simulations."""
        evaluator = Evaluator(problem, EvaluationStore(folder / f"{name}.sqlite"), 2)
        return Judge(evaluator, Pricing(problem), target, lambda *_: None)

    ours = judge("ours")
    maker = made(ours, grid)
    print("| way | images | energy | against ours | CPU s |")
    print("|---|---|---|---|---|")
    started = time.process_time()
    uniform = Uniform(ours, maker).cheapest(INFINITE)
    alike = ours.evaluator.images

    start = None if uniform is None else uniform.design.default
    tables = maker.tables(start)
    found = PerLayer(ours, tables, start).cheapest(INFINITE)
    count = ours.evaluator.images
    row("one setting for all layers", uniform, alike, found, started)
    row("ours", found, count, found, started)
    rest: dict[str, Callable[[Judge], Candidate | None]] = {
        "greedy": lambda judge: greedy(judge, grid, count),
        "learned repetitions, Garg et al.": lambda judge: learned_repetitions(
            judge, made(judge, grid)
        ),
        "repetitions alone, our allocation": lambda judge: repetitions(judge, made(judge, grid)),
    }
    for sampler in ("TPESampler", "NSGAIISampler"):
        for seed in range(seeds):
            rest[f"Optuna {sampler}, seed {seed}"] = partial(
                sampled, grid=grid, images=count, sampler=sampler, seed=seed
            )
    if len(problem.shapes) == 3:
        rest["every choice of our tables"] = lambda judge: exhaustive(judge, tables)
    for name, way in rest.items():
        started, own = time.process_time(), judge(name)
        row(name, way(own), own.evaluator.images, found, started)


def made(judge: Judge, grid: Grid) -> TableMaker:
    """Tables of a judge's own."""
    return TableMaker(judge.evaluator, judge.pricing, grid, judge.progress)


def row(
    name: str, found: Candidate | None, count: int, ours: Candidate | None, started: float
) -> None:
    """Print what a way found."""
    seconds = time.process_time() - started
    if found is None or ours is None:
        print(f"| {name} | {count} | none accepted | | {seconds:.0f} |", flush=True)
        return
    energy_J = found.price.energy_J
    ratio = energy_J / ours.price.energy_J
    print(
        f"| {name} | {count} | {energy_J * 1e9:.2f} nJ | {ratio:.3f} | {seconds:.0f} |", flush=True
    )


def main() -> None:
    """Run one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="three-layers")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--drop", type=float, default=0.06)
    parser.add_argument("--seeds", type=int, default=3, help="of each sampler")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own, grid = chosen(asked.network, asked.data, folder)
        bench(own, grid or Grid().on(own.arch), asked.drop, asked.seeds, folder)


def chosen(network: str, data: str, folder: Path) -> tuple[Problem, Grid | None]:
    """The network asked for, and its grid (None: the default)."""
    if network == "three-layers":
        small = write_three_layers(folder / "three.onnx")
        return problem(small, "digits", TUNING), SMALL_GRID
    if network == "digits":
        with as_file(files("codesign.demo").joinpath("digits.onnx")) as file:
            return problem(file, "digits", TUNING), SMALL_GRID
    return problem(Path(network), data, OWN_TUNING), None


if __name__ == "__main__":
    main()
