"""Accuracy against cell energy: trained networks and what they are compared with.

    .venv/bin/python examples/headline.py NET.onnx --data DATA --out DIR
        [--archs emt-weak,emt-normal,emt-strong] [--states independent,markov,frozen]
        [--scheme FILE] [--recipe FILE] [--train-images N] [--samples N] [--devices M]
        [--factors 0.25,0.5,1,2,4,8] [--drop 0.01] [--trainings A,A+B,A+B+C]

For every architecture and kind of states: trains with techniques A, A+B and A+B+C, sweeps every
method over one factor on the energy of its cells, and prints for each the least energy that keeps
the accuracy of the float network but for --drop.  Ledger `pulse`: one long pulse per input;
ledger `serial`: everybody reads bit by bit.  Whole tiles: drivers are charged per unit pulse,
which is an upper bound for long pulses.

Stop it at any time: trainings go on from their checkpoints, evaluations from DIR/runs.sqlite.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import altair
import numpy as np

from codesign.flow import Case, prepare, right_in_float
from codesign.interval import accuracy_interval
from codesign.measure import right_in_integers
from codesign.simulation import Simulation
from codesign.train import TrainingRequest, train
from hwsim.chip.load import load_arch
from hwsim.cost import load_technology
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import phase_cycles
from hwsim.tile.spec import Knobs
from mapping.network import QuantizedNetwork
from mapping.onnx_import import import_network
from optim.baselines import Method, binarised, cells_J, compensated, one_for_all
from optim.evaluate import Evaluator
from optim.price import Pricing
from optim.problem import Examples, Problem
from optim.store import EvaluationStore
from optim.train.recipe import Recipe, Technique, load_recipe

#: Bits of a digit in each ledger.
LEDGERS = {"pulse": 4, "serial": 1}
TRAININGS = {"A": "A", "A+B": "AB", "A+B+C": "ABC"}


@dataclass(frozen=True)
class Point:
    """One method at one energy."""

    arch: str
    states: str
    ledger: str
    method: str
    factor: float
    accuracy: float
    low: float
    high: float
    cells_J: float
    tiles_J: float


def hardware(name: str, states: str, folder: Path) -> Path:
    """An architecture file: a preset with other states; the chain's dwell times are 8 phases."""
    arch = load_arch(name)
    phase_s = phase_cycles(Geometry(arch.tile, arch.precision)) / arch.tile.clock_Hz
    dwell = f", high_dwell_s: {8 * phase_s}, low_dwell_s: {8 * phase_s}"
    path = folder / f"{name}-{states}.yaml"
    path.write_text(
        f"extends: {name}\nname: {name}-{states}\n"
        f"device: {{fluctuation: {{states: {states}{dwell if states == 'markov' else ''}}}}}\n"
    )
    return path


def methods(asked: argparse.Namespace, arch_file: Path, case: Case) -> Iterator[tuple[str, Method]]:
    """Ledger and method, training what has to be trained."""
    clean, arch = case.network, case.arch
    rho = one_for_all(clean)
    for ledger, bits in LEDGERS.items():
        base = Knobs(dac_bits=bits)
        start = Method("weight scaling", clean, arch, rho, base)
        yield ledger, start
        yield ledger, Method("binarised encoding", clean, binarised(arch), rho, base)
        fixed = compensated(clean, arch, start.design(1.0), case.images.calibration)
        yield ledger, Method("fluctuation compensation", fixed, arch, rho, base)
    for name in asked.trainings.split(","):
        letters = TRAININGS[name]
        network, shares = trained(asked, arch_file, letters)
        for ledger, bits in LEDGERS.items():
            # With C a network is read bit by bit in either ledger.
            base = Knobs(dac_bits=1 if "C" in letters else bits)
            yield ledger, Method(name, network, arch, shares, base)


def trained(
    asked: argparse.Namespace, arch_file: Path, letters: str
) -> tuple[QuantizedNetwork, dict[str, float]]:
    """A trained network and rho of its layers; from the folder where that is finished."""
    out = asked.out / arch_file.stem / letters
    recipe: Recipe = load_recipe(asked.recipe, {"techniques": list(letters)})
    assert recipe.techniques == {Technique(letter) for letter in letters}
    request = TrainingRequest(
        asked.network,
        asked.data,
        out,
        recipe,
        arch=str(arch_file),
        scheme=asked.scheme,
        train_images=asked.train_images,
        samples=64,
        device_samples=1,
    )
    done = train(replace(request, resume=request.checkpoint.is_file()))
    network = import_network(out / "network.onnx").quantized
    assert network is not None
    return network, dict(done.rho)


def points(
    asked: argparse.Namespace, case: Case, states: str, name: str, ledger: str, method: Method
) -> Iterator[Point]:
    """A method at every factor."""
    shown = Examples(case.images.test.images, case.images.test.labels)
    problem = Problem(
        method.network,
        method.arch,
        load_technology(method.arch.technology),
        case.images.calibration,
        shown,
        shown,
    )
    evaluator = Evaluator(problem, EvaluationStore(asked.out / "runs.sqlite"))
    pricing = Pricing(problem)
    for factor in map(float, asked.factors.split(",")):
        design = method.design(factor)
        right = evaluator.testing(design, len(shown), asked.devices)
        found = accuracy_interval(right)
        yield Point(
            name,
            states,
            ledger,
            method.name,
            factor,
            found.mean,
            found.low,
            found.high,
            cells_J(pricing, design),
            pricing.price(design).energy_J,
        )


def least(found: list[Point], wanted: float) -> Point | None:
    """The least energy of the cells from which on the wanted accuracy is kept."""
    kept = [point for point in found if point.accuracy >= wanted]
    return min(kept, key=lambda point: point.cells_J) if kept else None


def figure(found: list[Point], file: Path) -> None:
    """Fronts of all methods, one panel per ledger."""
    rows = [vars(point) | {"accuracy": 100 * point.accuracy} for point in found]
    chart = altair.Chart(altair.Data(values=rows)).mark_line(point=True)
    chart = chart.encode(
        x=altair.X(
            "cells_J:Q",
            scale=altair.Scale(type="log"),
            axis=altair.Axis(format="~s", tickCount=4),
            title="energy of the cells (J)",
        ),
        y=altair.Y("accuracy:Q", scale=altair.Scale(zero=False), title="accuracy (%)"),
        color=altair.Color("method:N", title=None),
        order="cells_J:Q",
    )
    panels = chart.properties(width=360, height=260).facet(
        row=altair.Row("arch:N", title=None), column=altair.Column("ledger:N", title=None)
    )
    panels.save(file)


def report(found: list[Point], wanted: float) -> None:
    """Print the least energy of every method."""
    print(f"Least cell energy at an accuracy of {wanted:.2%}; beyond the sweep: none.")
    print("| hardware | ledger | method | accuracy | cells | whole tiles | against A+B+C |")
    print("|---|---|---|---|---|---|---|")
    groups = dict.fromkeys((p.arch, p.states, p.ledger) for p in found)
    for arch, states, ledger in groups:
        own = [p for p in found if (p.arch, p.states, p.ledger) == (arch, states, ledger)]
        ours = least([p for p in own if p.method == "A+B+C"], wanted)
        for method in dict.fromkeys(p.method for p in own):
            best = least([p for p in own if p.method == method], wanted)
            head = f"| {arch}, {states} | {ledger} | {method} | "
            if best is None:
                print(f"{head}not reached | | | |")
                continue
            ratio = f"{best.cells_J / ours.cells_J:.2f}" if ours else ""
            print(
                f"{head}{best.accuracy:.2%} | {best.cells_J * 1e9:.1f} nJ | "
                f"{best.tiles_J * 1e6:.2f} uJ | {ratio} |"
            )


def main() -> None:
    """Train, sweep, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--archs", default="emt-weak,emt-normal,emt-strong")
    parser.add_argument("--states", default="independent")
    parser.add_argument("--scheme", type=Path)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--trainings", default=",".join(TRAININGS))
    parser.add_argument("--train-images", type=int)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--factors", default="0.25,0.35,0.5,0.7,1,2,4,8")
    parser.add_argument("--drop", type=float, default=0.01)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    found: list[Point] = []
    for states in asked.states.split(","):
        for name in asked.archs.split(","):
            arch_file = hardware(name, states, asked.out)
            case = prepare(
                Simulation(
                    asked.network,
                    asked.data,
                    arch=arch_file,
                    scheme=asked.scheme,
                    samples=asked.samples,
                )
            )
            in_float = float(np.mean(right_in_float(case.imported, case.images, lambda *_: None)))
            integers = float(np.mean(right_in_integers(case.network, case.images, lambda *_: None)))
            print(f"{name}, {states}: float {in_float:.2%}, integers {integers:.2%}", flush=True)
            for ledger, method in methods(asked, arch_file, case):
                found += points(asked, case, states, name, ledger, method)
                print(f"  {ledger} {method.name}", flush=True)
            table = asked.out / "points.csv"
            with table.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(vars(found[0])))
                writer.writeheader()
                writer.writerows(vars(point) for point in found)
    report(found, in_float - asked.drop)
    figure(found, asked.out / "fronts.svg")


if __name__ == "__main__":
    main()
