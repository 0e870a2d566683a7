"""What is simulated to choose and certify designs: tasks, and their answers.

A task says all that its answer depends on besides the problem, so that it may be computed
anywhere and in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from hwsim.peripherals.spec import AdcRange
from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.execute import run
from mapping.execute_tiles import ColumnSums, TileBackend, column_sums
from mapping.one_layer import OneLayer
from mapping.plan import plan
from optim.problem import Examples, Problem
from optim.store import Answer, Question


@final
@dataclass(frozen=True)
class Task:
    """Images on a design.

    sample: the device's number; images: numbers of images, of the testing ones or of the tuning
    ones; first: what addresses the draws of the first image; each: images on one device, the
    next so many on the next device (0: all on one); layer: on tiles alone, the others exact
    (None: all are on tiles).
    """

    design: Design
    sample: int
    images: tuple[int, ...]
    first: int = 0
    testing: bool = False
    each: int = 0
    layer: str | None = None

    def question(self, problem: Problem) -> Question:
        """All that the answer depends on."""
        layers = [self.layer] if self.layer else [shape.name for shape in problem.shapes]
        return {
            **problem.content,
            "design": {name: self.design.knobs(name).model_dump(mode="json") for name in layers},
            "sample": self.sample,
            "images": list(self.images),
            "first": self.first,
            "testing": self.testing,
            "each": self.each,
        }


@final
@dataclass(frozen=True)
class Simulator:
    """Answers tasks of a problem: {"wrong": places in the task's images, "damage": nats each}.

    Damage is the mean Kullback-Leibler divergence of the classes' probabilities from those of
    the undisturbed integer network; of tuning images only.
    """

    problem: Problem

    def __reduce__(self) -> Any:
        """Without what it remembers: it may be sent on by a worker that has used it."""
        return Simulator, (self.problem,)

    def answer(self, task: Task) -> Answer:
        """Simulate."""
        problem, chosen = self.problem, np.array(task.images)
        shown = (problem.testing if task.testing else problem.tuning).taken(chosen)
        logits = self._logits(task, shown)
        answer: Answer = {"wrong": np.flatnonzero(logits.argmax(axis=1) != shown.labels).tolist()}
        if not task.testing:
            damage = divergence(problem.tuning_logits[chosen], logits)
            answer["damage"] = float(damage.mean())
        return answer

    def _logits(self, task: Task, shown: Examples) -> NDArray[np.float32]:
        network, images = self.problem.network, shown.images
        if task.layer is not None:
            return self._exact(task.images).outputs(task.layer, self._tiles(task, task.sample))
        if not task.each:
            return run(network, images, self._tiles(task, task.sample), first=task.first)
        parts = [
            run(network, images[start : start + task.each], self._tiles(task, task.sample + device))
            for device, start in enumerate(range(0, len(images), task.each))
        ]
        return np.concatenate(parts)

    def _tiles(self, task: Task, sample: int) -> TileBackend:
        """The last one is kept: parts of a set of images follow each other."""
        key = (task.design.model_dump_json(), task.layer, sample)
        kept = self._last.get(key)
        if kept is not None:
            return kept
        problem, design = self.problem, task.design.windowed(self.problem.windows)
        tiles = TileBackend(
            problem.network,
            plan(problem.shapes, problem.unbounded, design),
            problem.arch,
            shifts=self.shifts(design),
            seed=problem.seed,
            device_sample=sample,
            engine=problem.engine,
            only=None if task.layer is None else [task.layer],
        )
        self._last.clear()
        self._last[key] = tiles
        return tiles

    def _exact(self, images: tuple[int, ...]) -> OneLayer:
        kept = self._held.get(images)
        if kept is None:
            shown = self.problem.tuning.taken(np.array(images))
            kept = OneLayer(self.problem.network, shown.images)
            self._held.clear()
            self._held[images] = kept
        return kept

    def shifts(self, design: Design) -> Mapping[str, int]:
        """Converter ranges, as `mapping.execute_tiles.calibrate` finds them for a design."""
        if self.problem.arch.tile.adc.range is not AdcRange.CALIBRATED:
            return {}
        each = {shape.name: design.knobs(shape.name) for shape in self.problem.shapes}
        return {name: self._sums(own).shift(name, own.adc_bits) for name, own in each.items()}

    def _sums(self, knobs: Knobs) -> ColumnSums:
        """Column sums of all layers where all have these knobs: those of a layer are its own.

        Converters and voltages do not change them, windows only behind lines of some resistance.
        """
        counted = Knobs(dac_bits=knobs.dac_bits, redundancy=knobs.redundancy)
        if self.problem.arch.tile.wires:
            counted = knobs.replace(adc_bits=None, read_voltage_V=None)
        if counted not in self._counted:
            problem = self.problem
            placed = plan(problem.shapes, problem.unbounded, Design(default=counted))
            self._counted[counted] = column_sums(
                problem.network, placed, problem.arch, problem.calibration
            )
        return self._counted[counted]

    @cached_property
    def _counted(self) -> dict[Knobs, ColumnSums]:
        return {}

    @cached_property
    def _last(self) -> dict[Any, TileBackend]:
        return {}

    @cached_property
    def _held(self) -> dict[tuple[int, ...], OneLayer]:
        return {}


def divergence(reference: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(images,) sum over classes of p log(p / q) of softmax probabilities, in nats.

    Args:
        reference, logits: (images, classes) of p and q.
    """
    p = log_softmax(reference.astype(np.float64), axis=1)
    q = log_softmax(logits.astype(np.float64), axis=1)
    nats: NDArray[np.float64] = (np.exp(p) * (p - q)).sum(axis=1)
    return nats
