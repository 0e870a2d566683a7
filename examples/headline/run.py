"""Accuracy against energy: trained networks and what they are compared with.

    .venv/bin/python examples/headline/run.py examples/headline/lenet.yaml
        --networks FOLDER --out DIR [--strengths emt-weak] [--drop 0.02] [--seed 1]

FOLDER/NETWORK holds `model.onnx` and `data.yaml`.  A clean network (fine-tuned in integers,
without fluctuation, for as many epochs) is read with fluctuation, in cells of one bit (also with
windows by slice, `optim/slices.py`), with re-estimated statistics, and with both; networks trained
with techniques A, A+B and A+B+C are read likewise.  Every method is swept over one factor on the
energy of its cells and over read voltages; what counts is the least energy that keeps the float
accuracy but for `drop`.  Ledger `pulse`: one long pulse per input of up to four bits; ledger
`serial`: everybody reads bit by bit.
For whole tiles `optimised` names networks whose knobs are chosen by `hwsim optimize`.  Stop it at
any time: trainings go on from their checkpoints, evaluations from SQLite files in DIR.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from experiment import CLEAN, TRAININGS, Experiment
from fronts import Point, figure, report, write

from codesign.flow import Case, prepare, right_in_float
from codesign.interval import accuracy_interval
from codesign.optimize import Optimization, optimize
from codesign.simulation import Simulation, silent
from codesign.train import CHECKPOINT, Trained, TrainingRequest, train
from hwsim.chip.load import load_arch
from hwsim.cost import technology_of
from hwsim.errors import HwsimError
from hwsim.spec import merge, read_extended, validate
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import phase_cycles
from mapping.network import QuantizedNetwork
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.shapes import layer_shapes
from optim.baselines import Method, cells_J, compensated, one_for_all
from optim.evaluate import Evaluator
from optim.price import Pricing
from optim.problem import Examples, Problem
from optim.slices import balanced_scales
from optim.store import EvaluationStore
from optim.target import Population
from optim.train.recipe import Recipe, load_recipe

#: Bits of a digit in each ledger.
LEDGERS = {"pulse": 4, "serial": 1}
#: Hardware that networks for other hardware are first trained for (`Experiment.further`).
ORIGIN = ("emt-strong", "independent")
#: Images that `hwsim optimize` chooses by; the others certify.
TUNING = 1000
#: A method's sweep ends where accuracy is this far below what is wanted.
HOPELESS = 0.03


@dataclass(frozen=True)
class Folder:
    """Where things lie."""

    networks: Path
    out: Path
    seed: int = 0


@dataclass(frozen=True)
class Contender:
    """A method of one ledger: its network under a design, its cells and its rho."""

    ledger: str
    name: str
    method: Method
    tuned: Callable[[Method, float], QuantizedNetwork] | None = None

    def at(self, factor: float) -> Method:
        """The method with its network tuned to a factor."""
        if self.tuned is None:
            return self.method
        return replace(self.method, network=self.tuned(self.method, factor))


@dataclass(frozen=True)
class Bench:
    """An experiment on one strength and one kind of states."""

    experiment: Experiment
    folder: Folder
    strength: str
    states: str

    def hardware(self, volt: float, cell_bits: int | None = None, *, own: bool = True) -> Path:
        """An architecture file; the chain's dwell times are 8 phases of a read bit by bit.

        Args:
            own: with what the experiment changes, to be read on; without, to be trained for.
        """
        arch = load_arch(self.strength)
        phase_s = phase_cycles(Geometry(arch.tile, arch.precision)) / arch.tile.clock_Hz
        fluctuation: dict[str, Any] = {"states": self.states}
        if self.states == "markov":
            fluctuation |= {"high_dwell_s": 8 * phase_s, "low_dwell_s": 8 * phase_s}
        tile = {"read_voltage_V": volt} | ({"cell_bits": cell_bits} if cell_bits else {})
        changes = self.experiment.hardware if own else {}
        name = f"{self.strength}-{self.states}-{volt}V" + ("-one-bit" if cell_bits else "")
        name += "-changed" if changes else ""
        content = {"extends": self.strength, "name": name, "tile": tile}
        content |= {"device": {"fluctuation": fluctuation}}
        file = self.folder.out / f"{name}.yaml"
        file.write_text(yaml.safe_dump(merge(changes, content)))
        return file

    def case(self, volt: float, cell_bits: int | None = None, samples: int | None = None) -> Case:
        """The float network quantised, on that hardware."""
        return prepare(
            Simulation(
                self.source / "model.onnx",
                str(self.source / "data.yaml"),
                arch=self.hardware(volt, cell_bits),
                scheme=self.scheme,
                samples=samples or self.experiment.samples,
            )
        )

    @property
    def source(self) -> Path:
        """The network's folder."""
        return self.folder.networks / self.experiment.network

    @property
    def scheme(self) -> Path:
        """How the network becomes integers."""
        file = self.folder.out / "scheme.yaml"
        file.write_text(yaml.safe_dump(self.experiment.scheme))
        return file

    def places(self, letters: str, cell_bits: int | None) -> tuple[Path, Path]:
        """Hardware that a network is trained on, and the folder of the training."""
        volt = self.experiment.read_voltages_V[-1]
        if not letters:
            return self.hardware(volt, own=False), self.folder.out / "clean"
        arch = self.hardware(volt, cell_bits, own=False)
        return arch, self.folder.out / arch.stem / letters

    def origin(self, letters: str) -> "tuple[Bench, str] | None":
        """Where a training that begins with another one's weights takes them from.

        A and A+B from the clean network; A+B+C from the one trained for `ORIGIN`.
        """
        if not self.experiment.further or not letters:
            return None
        if "C" not in letters:
            return self, ""
        if (self.strength, self.states) == ORIGIN:
            return None
        strength, states = ORIGIN
        return replace(self, strength=strength, states=states), letters

    def trained(self, letters: str, cell_bits: int | None) -> tuple[QuantizedNetwork, Trained]:
        """A trained network and its training; from the folder where that is finished.

        The clean one is the same on all hardware.
        """
        arch, out = self.places(letters, cell_bits)
        changes = {"techniques": list(letters), "seed": self.folder.seed}
        start = None
        if (origin := self.origin(letters)) is not None:
            bench, earlier = origin
            bench.trained(earlier, cell_bits)
            start = bench.places(earlier, cell_bits)[1] / CHECKPOINT
            changes |= self.experiment.further
        recipe: Recipe = load_recipe(None, self.experiment.recipe | changes)
        request = TrainingRequest(
            self.source / "model.onnx",
            str(self.source / "data.yaml"),
            out,
            recipe,
            arch=str(arch),
            scheme=self.scheme,
            train_images=self.experiment.train_images,
            samples=64,
            device_samples=1,
            start=start,
        )
        done = train(replace(request, resume=request.checkpoint.is_file()), progress=silent)
        network = import_network(out / "network.onnx").quantized
        assert network is not None
        return network, done

    def contenders(self, volt: float) -> Iterator[Contender]:
        """Everybody at one voltage, training what has to be trained."""
        whole, one_bit = self.case(volt), self.case(volt, 1)
        clean, _ = self.trained("", None)
        rho = one_for_all(clean)
        scales = balanced_scales(clean, plan(layer_shapes(clean), one_bit.arch), one_bit.arch)

        def retuned(method: Method, factor: float) -> QuantizedNetwork:
            images = whole.images.calibration
            return compensated(clean, method.arch, method.design(factor), images)

        for ledger, bits in LEDGERS.items():
            base = self.experiment.knobs.replace(dac_bits=bits)
            scaled = Method("weight scaling", clean, whole.arch, rho, base)
            bitwise = replace(scaled, arch=one_bit.arch)
            yield Contender(ledger, "weight scaling", scaled)
            yield Contender(ledger, "fluctuation compensation", scaled, retuned)
            yield Contender(ledger, "binarised encoding", bitwise)
            yield Contender(ledger, "binarised and compensated", bitwise, retuned)
            sliced = replace(bitwise, scales=scales)
            yield Contender(ledger, "binarised, windows by slice", sliced)
        for name in self.experiment.trainings:
            letters, cell_bits = TRAININGS[name]
            network, done = self.trained(letters, cell_bits)
            arch = one_bit.arch if cell_bits else whole.arch
            for ledger, bits in LEDGERS.items():
                alone = "C" in letters and self.experiment.serial
                base = self.experiment.knobs.replace(dac_bits=1 if alone else bits)
                method = Method(name, network, arch, done.rho, base, done.slice_scales)
                yield Contender(ledger, name, method)

    def optimised(self, name: str, wanted: float) -> Iterator[Point]:
        """A network with knobs chosen by `hwsim optimize`: for every layer, and alike for all.

        Accuracies are of the images that did not choose them.
        """
        letters, cell_bits = (TRAININGS | CLEAN)[name]
        _, trained = self.trained(letters, cell_bits)
        folder = self.places(letters, cell_bits)[1]
        done = optimize(
            Optimization(
                folder / "network.onnx",
                str(self.source / "data.yaml"),
                self.hardware(self.experiment.read_voltages_V[-1], cell_bits),
                accuracy=wanted,
                samples=self.experiment.samples,
                tuning=min(TUNING, self.experiment.samples // 2),
                population=Population.TEST_SET,
                windows=folder / "design.yaml" if trained.slice_scales else None,
                store=self.folder.out / "optimised.sqlite",
                front=0,
            )
        )
        for kind, found in (("by layer", done.found), ("alike", done.baseline)):
            design = found.candidate.design
            right = done.judge.evaluator.testing(
                design, self.experiment.samples, self.experiment.devices
            )
            accuracy = accuracy_interval(right)
            yield Point(
                self.strength,
                self.states,
                "chosen",
                None,
                f"{name}, {kind}" + ("" if found.certified else " (not certified)"),
                1.0,
                accuracy.mean,
                accuracy.low,
                accuracy.high,
                cells_J(done.judge.pricing, design),
                found.candidate.price.energy_J,
            )

    def points(self, case: Case, volt: float, one: Contender, wanted: float) -> Iterator[Point]:
        """A method from the largest factor down."""
        shown = Examples(case.images.test.images, case.images.test.labels)
        for factor in self.experiment.factors:
            method = one.at(factor)
            problem = Problem(
                method.network,
                method.arch,
                technology_of(method.arch),
                case.images.calibration,
                shown,
                shown,
            )
            pricing, design = Pricing(problem), method.design(factor)
            evaluator = Evaluator(problem, EvaluationStore(self.folder.out / "runs.sqlite"))
            right = evaluator.testing(design, len(shown), self.experiment.devices)
            found = accuracy_interval(right)
            yield Point(
                self.strength,
                self.states,
                one.ledger,
                volt,
                one.name,
                factor,
                found.mean,
                found.low,
                found.high,
                cells_J(pricing, design),
                pricing.price(design).energy_J,
            )
            if found.mean < wanted - HOPELESS:
                return


def run(experiment: Experiment, folder: Folder) -> None:
    """Train, sweep, print, draw."""
    found: list[Point] = []
    for states in experiment.states:
        for strength in experiment.strengths:
            bench = Bench(experiment, folder, strength, states)
            case = bench.case(experiment.read_voltages_V[0])
            right = right_in_float(case.imported, case.images, silent)
            wanted = float(np.mean(right)) - experiment.drop
            print(f"{strength}, {states}: wanted {wanted:.2%}", flush=True)
            for volt in experiment.read_voltages_V:
                for one in bench.contenders(volt):
                    found += bench.points(case, volt, one, wanted)
                    print(f"  {volt} V, {one.ledger}, {one.name}", flush=True)
            for name in experiment.optimised:
                found += bench.optimised(name, wanted)
            write(found, folder.out / "points.csv")
    report(found, wanted)
    figure(found, folder.out / "fronts.svg")


def main() -> None:
    """Read the experiment and what replaces parts of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--strengths")
    parser.add_argument("--states")
    parser.add_argument("--trainings")
    parser.add_argument("--drop", type=float)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    changed = {
        key: given.split(";")
        for key in ("strengths", "states", "trainings")
        if (given := getattr(asked, key))
    }
    changed |= {} if asked.drop is None else {"drop": asked.drop}
    folder = Folder(asked.networks, asked.out, asked.seed)
    try:
        content = read_extended(asked.experiment, {}) | changed
        experiment = validate(Experiment, content, str(asked.experiment))
        asked.out.mkdir(parents=True, exist_ok=True)
        run(experiment, folder)
    except HwsimError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
