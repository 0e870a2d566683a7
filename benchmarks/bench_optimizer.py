"""The optimiser beside its referees, under equal numbers of simulations.

    .venv/bin/python benchmarks/bench_optimizer.py [--network three-layers|digits] [--drop D]

`three-layers` (64-24-16-10 on the digits) is small enough to simulate every choice of its
tables.  Every way starts from the same hardware (emt-strong), grid, tuning images and rule of
acceptance, which drops clearly bad designs early.  Counted are images on designs and on single
layers: ours those of laws, uniform settings, tables, scan and refinement; the referees get as
many.  Energies are those of the cheapest accepted design, before any certificate; seconds are
those of the process.
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

TUNING = 100
SEEDS = 3  # of each sampler
GRID = Grid(
    read_voltages_V=(0.1, 0.2, 0.4),
    redundancies=(1, 2, 4),
    adc_bits=(5, 6, 7, 8),
    conductance_scales=(0.5, 1.0),
    dac_bits=(1, 2),
)
INFINITE = float("inf")


def digits_problem(network: Path) -> Problem:
    """Digits on emt-strong, the first 100 test images to tune."""
    return problem_of(prepare(Simulation(network, "digits", arch="emt-strong")), TUNING)


def bench(problem: Problem, drop: float, folder: Path) -> None:
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
    maker = made(ours)
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
        "greedy": lambda judge: greedy(judge, GRID, count),
        "learned repetitions, Garg et al.": lambda judge: learned_repetitions(judge, made(judge)),
        "repetitions alone, our allocation": lambda judge: repetitions(judge, made(judge)),
    }
    for sampler in ("TPESampler", "NSGAIISampler"):
        for seed in range(SEEDS):
            rest[f"Optuna {sampler}, seed {seed}"] = partial(
                sampled, grid=GRID, images=count, sampler=sampler, seed=seed
            )
    if len(problem.shapes) == 3:
        rest["every choice of our tables"] = lambda judge: exhaustive(judge, tables)
    for name, way in rest.items():
        started, own = time.process_time(), judge(name)
        row(name, way(own), own.evaluator.images, found, started)


def made(judge: Judge) -> TableMaker:
    """Tables of a judge's own."""
    return TableMaker(judge.evaluator, judge.pricing, GRID, judge.progress)


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
    parser.add_argument("--network", choices=["three-layers", "digits"], default="three-layers")
    parser.add_argument("--drop", type=float, default=0.06)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.network == "digits":
            with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
                bench(digits_problem(network), asked.drop, folder)
        else:
            bench(digits_problem(write_three_layers(folder / "three.onnx")), asked.drop, folder)


if __name__ == "__main__":
    main()
