"""Simulations that choosing a design asks for; each is run once and kept.

Damage of a design is the mean Kullback-Leibler divergence of its classes' probabilities from
those of the undisturbed integer network, in nats per image: smooth where accuracy counts
single images.  All evaluations read the same device samples at the same addresses (common
random numbers), so that differences between settings are not hidden by chance.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from hwsim.peripherals.spec import AdcRange
from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.execute import IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.plan import plan
from optim.problem import Examples, Problem
from optim.store import EvaluationStore

#: Device samples of certification lie above those that a design is chosen by.
FIRST_CERTIFIED_SAMPLE = 1 << 20
FIRST_TESTED_SAMPLE = 1 << 30


@final
@dataclass(frozen=True)
class Outcome:
    """What tuning images show.

    damage: nats per image; right: (devices, images), True where the class was right.
    """

    damage: float
    right: NDArray[np.bool_]

    @property
    def share(self) -> float:
        """Share of right images."""
        return float(self.right.mean())


@final
@dataclass(frozen=True)
class Evaluator:
    """A problem, the store of its evaluations, and how many devices a whole design runs on."""

    problem: Problem
    store: EvaluationStore
    devices: int = 1

    def layer(self, name: str, knobs: Knobs) -> Outcome:
        """One layer on the tiles of one device, all others undisturbed."""
        return self._outcome(Design(default=knobs), [name], 1)

    def design(self, design: Design, devices: int | None = None) -> Outcome:
        """All layers on tiles; `devices`: fewer than the evaluator's own."""
        layers = [shape.name for shape in self.problem.shapes]
        return self._outcome(design, layers, devices or self.devices)

    def rights(self, design: Design, block: int, images: NDArray[np.int64]) -> NDArray[np.float64]:
        """(observations,) shares of right testing images, each on a device of its own.

        Where nothing lasting tells devices apart, all images run on one: their reads are
        independent all the same.

        Args:
            block: number of this block of observations.
            images: (observations, images each) numbers of testing images.
        """

        def evaluate() -> dict[str, list[float]]:
            first = FIRST_CERTIFIED_SAMPLE + block * len(images)
            groups = images if self.problem.lasting else images.reshape(1, -1)
            right = [
                self._right_on(design, shown, first + sample) for sample, shown in enumerate(groups)
            ]
            return {"right": np.stack(right).reshape(images.shape).mean(axis=1).tolist()}

        question = {
            **self.problem.content,
            "certified": self._named(design, [shape.name for shape in self.problem.shapes]),
            "block": block,
            "images": images.tolist(),
        }
        return np.array(self.store.answer(question, evaluate)["right"])

    def testing(self, design: Design, count: int, devices: int) -> NDArray[np.bool_]:
        """(devices, images) where the first `count` testing images are right."""
        images = np.arange(min(count, len(self.problem.testing)))
        return np.stack([self._tested(design, images, device) for device in range(devices)])

    def _tested(self, design: Design, images: NDArray[np.int64], device: int) -> NDArray[np.bool_]:
        def evaluate() -> dict[str, list[int]]:
            right = self._right_on(design, images, FIRST_TESTED_SAMPLE + device)
            return {"wrong": np.flatnonzero(~right).tolist()}

        layers = [shape.name for shape in self.problem.shapes]
        question = {
            **self.problem.content,
            "tested": self._named(design, layers),
            "device": device,
            "count": len(images),
        }
        right = np.ones(len(images), np.bool_)
        right[self.store.answer(question, evaluate)["wrong"]] = False
        return right

    def _right_on(
        self, design: Design, images: NDArray[np.int64], sample: int
    ) -> NDArray[np.bool_]:
        shown = self.problem.testing.taken(images)
        logits = self._logits(design, None, shown, sample)
        right: NDArray[np.bool_] = logits.argmax(axis=1) == shown.labels
        return right

    def _outcome(self, design: Design, layers: Sequence[str], devices: int) -> Outcome:
        samples = [self._sample(design, layers, sample) for sample in range(devices)]
        return Outcome(
            float(np.mean([sample.damage for sample in samples])),
            np.concatenate([sample.right for sample in samples]),
        )

    def _sample(self, design: Design, layers: Sequence[str], sample: int) -> Outcome:
        tuning = self.problem.tuning

        def evaluate() -> dict[str, Any]:
            logits = self._logits(design, layers, tuning, sample)
            damage = divergence(self.problem.tuning_logits, logits)
            wrong = np.flatnonzero(logits.argmax(axis=1) != tuning.labels)
            return {"damage": float(damage.mean()), "wrong": wrong.tolist()}

        question = {
            **self.problem.content,
            "design": self._named(design, layers),
            "sample": sample,
        }
        answer = self.store.answer(question, evaluate)
        right = np.ones((1, len(tuning)), np.bool_)
        right[0, answer["wrong"]] = False
        return Outcome(answer["damage"], right)

    @staticmethod
    def _named(design: Design, layers: Sequence[str]) -> dict[str, Any]:
        return {name: design.knobs(name).model_dump(mode="json") for name in layers}

    def _logits(
        self, design: Design, layers: Collection[str] | None, shown: Examples, sample: int
    ) -> NDArray[np.float32]:
        problem = self.problem
        tiles = TileBackend(
            problem.network,
            plan(problem.shapes, problem.arch, design),
            problem.arch,
            shifts=self._shifts(design),
            seed=problem.seed,
            device_sample=sample,
            engine=problem.engine,
            only=layers,
        )
        backend = tiles if layers is None else _Mixed(tiles, self._ideal, frozenset(layers))
        return run(problem.network, shown.images, backend)

    def _shifts(self, design: Design) -> dict[str, int]:
        """Converter ranges: a layer's own column sums and knobs, so found per setting once."""
        if self.problem.arch.tile.adc.range is not AdcRange.CALIBRATED:
            return {}
        return {
            shape.name: self._uniform_shifts(design.knobs(shape.name))[shape.name]
            for shape in self.problem.shapes
        }

    def _uniform_shifts(self, knobs: Knobs) -> dict[str, int]:
        """Ranges of all layers where all have the bits of `knobs`: nothing else matters."""
        ranged = Knobs(adc_bits=knobs.adc_bits, dac_bits=knobs.dac_bits)
        if ranged not in self._ranges:
            problem = self.problem
            placed = plan(problem.shapes, problem.arch, Design(default=ranged))
            self._ranges[ranged] = calibrate(
                problem.network, placed, problem.arch, problem.calibration
            )
        return self._ranges[ranged]

    @cached_property
    def _ranges(self) -> dict[Knobs, dict[str, int]]:
        return {}

    @cached_property
    def _ideal(self) -> IdealBackend:
        return IdealBackend(self.problem.network)


@final
@dataclass(frozen=True)
class _Mixed:
    """Some layers on tiles, the others exact."""

    tiles: TileBackend
    ideal: IdealBackend
    on_tiles: frozenset[str]

    def layer(self, name: str) -> LayerKernel:
        return (self.tiles if name in self.on_tiles else self.ideal).layer(name)


def divergence(reference: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(images,) sum over classes of p log(p / q) of softmax probabilities, in nats.

    Args:
        reference, logits: (images, classes) of p and q.
    """
    p = log_softmax(reference.astype(np.float64), axis=1)
    q = log_softmax(logits.astype(np.float64), axis=1)
    nats: NDArray[np.float64] = (np.exp(p) * (p - q)).sum(axis=1)
    return nats
