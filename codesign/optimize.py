"""From files to a certified design: what `hwsim optimize` does, as a function."""

import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from codesign.flow import Case, prepare, right_in_float
from codesign.measure import right_in_integers
from codesign.optimize_places import place_of
from codesign.simulation import BackendName, Progress, Simulation, silent
from hwsim.chip.spec import Arch
from hwsim.cost import technology_of
from hwsim.errors import DataError, SpecError
from hwsim.spec import read_yaml, validate
from mapping.design import Design, load_design
from mapping.plan import plan
from mapping.shapes import layer_shapes
from optim.allocate import lower_bound_J
from optim.evaluate import Evaluator
from optim.grid import Grid, refusal
from optim.price import Pricing
from optim.problem import Examples, Problem
from optim.search import Candidate, Found, Judge, PerLayer
from optim.store import EvaluationStore
from optim.tables import TableMaker, Tables
from optim.target import Population, Target
from optim.uniform import Uniform

_log = logging.getLogger(__name__)
#: Tuning images, where the user asks for no number: this many, at most this part of all.
TUNING_IMAGES, TUNING_PART = 1000, 0.2
#: A whole design is run on as many devices as show about this many images.
DESIGN_IMAGES = 400
#: Testing images and devices that the accuracy of the chosen design is stated for.
TESTED_IMAGES, TESTED_DEVICES = 1000, 3


@final
@dataclass(frozen=True)
class Optimization:
    """What is asked of an optimisation.

    network, data, arch, scheme, samples, seed: as of a simulation;
    accuracy: share of right images asked for; drop: instead, largest loss against the float
        network (the integers, where the file holds no float);
    tuning: the first so many test images choose the design, the others certify it;
    error: largest probability of a wrong certificate;
    grid: YAML file of knobs (None: all that the tile offers);
    store: file of finished evaluations (None: they are forgotten);
    workers: processes that simulate (1: this one, with as many threads as there are cores);
    scheduler: address of a Dask cluster to simulate on instead;
    windows: a design whose parts of the window for slices (`slice_scales`) every candidate has;
    front: designs between the safest and the cheapest that are shown beside the chosen one.
    """

    network: Path
    data: str
    arch: str | Path = "emt"
    accuracy: float | None = None
    drop: float | None = None
    scheme: Path | None = None
    samples: int | None = None
    tuning: int | None = None
    population: Population = Population.IMAGES
    error: float = 0.05
    grid: Path | Grid | None = None
    store: Path | None = None
    workers: int = 1
    scheduler: str | None = None
    windows: Path | None = None
    front: int = 6
    seed: int = 0

    @property
    def simulation(self) -> Simulation:
        """The same network, data and hardware, to be simulated."""
        return Simulation(
            self.network,
            self.data,
            arch=self.arch,
            scheme=self.scheme,
            samples=self.samples,
            backend=BackendName.NUMBA,
            seed=self.seed,
        )


@final
@dataclass(frozen=True)
class Optimized:
    """What an optimisation found.

    found, baseline: the design per layer, and the best setting equal for all layers;
    front: designs from the safest to the cheapest, as the tuning images see them;
    tested: (devices, images) where the design per layer is right on the first testing images;
    bound_J: no choice from the tables with as little damage costs less;
    evaluations: simulations asked for, of single layers, of whole designs, of certificates;
    in_float, in_integers: accuracies on the images of `tested`; None: the network's file holds
    integers.
    """

    case: Case
    judge: Judge
    tables: Tables
    found: Found
    baseline: Found
    front: Sequence[Candidate]
    tested: NDArray[np.bool_]
    bound_J: float
    evaluations: int
    in_float: float | None
    in_integers: float

    @property
    def tuning(self) -> int:
        """Images that chose the design."""
        return len(self.judge.evaluator.problem.tuning)


def optimize(asked: Optimization, progress: Progress = silent) -> Optimized:
    """Choose and certify the knobs of every layer, and of all layers alike.

    Raises:
        HwsimError: a file is wrong, or network, data and hardware do not fit together.
    """
    grid, where = _grid(asked.grid)
    case = prepare(asked.simulation, progress)
    _check_grid(grid, case.arch, where)
    tuning = _tuning(asked, len(case.images.test.labels))
    integers = right_in_integers(case.network, case.images, progress)
    has_float = case.imported.quantized is None
    reference = right_in_float(case.imported, case.images, progress) if has_float else integers
    problem = replace(problem_of(case, tuning, asked.seed), windows=windows_of(asked, case))
    target = Target(
        reference[tuning:],
        reference[:tuning],
        accuracy=asked.accuracy,
        drop=asked.drop,
        error=asked.error,
        population=asked.population,
        lasting=problem.lasting,
        seed=asked.seed,
    )
    if not target.certifiable:
        _log.warning(
            "hwsim: %d testing images would not certify even the undisturbed network; "
            "try a less strict target, more images or the population test-set",
            len(target.reference),
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        place_of(problem, asked.workers, asked.scheduler) as place,
    ):
        store = EvaluationStore(asked.store or Path(folder) / "evaluations.sqlite")
        evaluator = Evaluator(problem, store, max(1, round(DESIGN_IMAGES / tuning)), place)
        judge = Judge(evaluator, Pricing(problem), target, progress)
        maker = TableMaker(evaluator, judge.pricing, grid.on(case.arch), progress)
        shown = slice(tuning, tuning + TESTED_IMAGES)
        in_integers = float(integers[shown].mean())
        accuracies = (float(reference[shown].mean()) if has_float else None, in_integers)
        return _searched(case, judge, maker, asked.front, accuracies)


def _searched(
    case: Case,
    judge: Judge,
    maker: TableMaker,
    points: int,
    accuracies: tuple[float | None, float],
) -> Optimized:
    alike = Uniform(judge, maker)
    # As tuning images alone have it: an error for each of its starts would not add up.
    start = (alike.cheapest(math.inf) or alike.safest()).design.default
    baseline = judge.find(alike)
    tables = maker.tables(start)
    layers = PerLayer(judge, tables, start)
    found = judge.find(layers)
    front = tuple(layers.front(points)) if points else ()
    damage = found.candidate.added or 0.0
    digital = found.candidate.price.digital_J
    return Optimized(
        case=case,
        judge=judge,
        tables=tables,
        found=found,
        baseline=baseline,
        front=front,
        tested=judge.evaluator.testing(found.candidate.design, TESTED_IMAGES, TESTED_DEVICES),
        bound_J=lower_bound_J(tables, damage * (1 + 1e-9)) + digital,
        evaluations=judge.evaluator.asked,
        in_float=accuracies[0],
        in_integers=accuracies[1],
    )


def problem_of(case: Case, tuning: int, seed: int = 0) -> Problem:
    """A case to optimise: its first `tuning` test images choose, the others certify."""
    test = Examples(case.images.test.images, case.images.test.labels)
    return Problem(
        case.network,
        case.arch,
        technology_of(case.arch),
        case.images.calibration,
        test.taken(slice(tuning)),
        test.taken(slice(tuning, None)),
        seed=seed,
    )


def _grid(asked: Path | Grid | None) -> tuple[Grid, str]:
    """The knobs to choose from, and what messages call them."""
    if isinstance(asked, Path):
        return validate(Grid, read_yaml(asked), str(asked)), str(asked)
    return asked or Grid(), "grid"


def _check_grid(grid: Grid, arch: Arch, where: str) -> None:
    """Refuse what is named and cannot be had: voltages, bits, copies, parts of the window."""
    tile, made = arch.tile, arch.tile.read_voltages_V
    for volt in grid.read_voltages_V:
        if made and volt not in made:
            listed = ", ".join(map(str, made))
            raise SpecError(f"{where}: read_voltages_V: expected some of {listed}, found {volt}")
    if (bits := max(grid.adc_bits, default=0)) > tile.adc.bits:
        raise SpecError(f"{where}: adc_bits: expected at most {tile.adc.bits}, found {bits}")
    for key, knobs in grid.named():
        if (why := refusal(arch, knobs)) is not None:
            raise SpecError(f"{where}: {key}: {why}")


def windows_of(asked: Optimization, case: Case) -> Mapping[str, tuple[float, ...]]:
    """Parts of the window by layer.

    Raises:
        HwsimError: the design has none, or they do not fit the network or the tile.
    """
    if asked.windows is None:
        return {}
    shapes, design = layer_shapes(case.network), load_design(asked.windows)
    names = dict.fromkeys([shape.name for shape in shapes] + list(design.layers))
    scales = {name: design.knobs(name).slice_scales for name in names}
    found = {name: own for name, own in scales.items() if own}
    if not found:
        raise SpecError(f"{asked.windows}: expected slice_scales in some layer, found none")
    plan(shapes, case.arch, Design().windowed(found), where=str(asked.windows))
    return found


def _tuning(asked: Optimization, images: int) -> int:
    """How many test images choose the design.

    Raises:
        DataError: no image would be left to certify it.
    """
    tuning = asked.tuning or max(1, min(TUNING_IMAGES, int(TUNING_PART * images)))
    if tuning >= images:
        raise DataError(
            f"tuning images: expected fewer than the {images} test images, of which the others "
            f"certify the design, found {tuning}"
        )
    return tuning
