"""Simulations that choosing a design asks for; each is run once and kept.

Damage of a design is the mean Kullback-Leibler divergence of its classes' probabilities from
those of the undisturbed integer network, in nats per image: smooth where accuracy counts
single images.  All evaluations read the same device samples at the same addresses (common
random numbers), so that differences between settings are not hidden by chance.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.execute import IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.plan import plan
from optim.problem import Examples, Problem
from optim.store import EvaluationStore

#: Device samples of certification lie above those that a design is chosen by.
FIRST_CERTIFIED_SAMPLE = 1 << 20


@final
@dataclass(frozen=True)
class Outcome:
    """damage: nats per image; right: share of images."""

    damage: float
    right: float


@final
@dataclass(frozen=True)
class Evaluator:
    """A problem, the store of its evaluations, and how many devices each averages over."""

    problem: Problem
    store: EvaluationStore
    devices: int = 1

    def layer(self, name: str, knobs: Knobs) -> Outcome:
        """One layer on tiles, all others undisturbed."""
        return self._outcome(Design(default=knobs), [name])

    def design(self, design: Design) -> Outcome:
        """All layers on tiles."""
        return self._outcome(design, [shape.name for shape in self.problem.shapes])

    def right(self, design: Design, sample: int, images: NDArray[np.int64]) -> float:
        """Share of right ones among some testing images on a device sample for certification.

        Args:
            images: (images,) numbers of testing images.
        """

        def evaluate() -> dict[str, float]:
            shown = self.problem.testing.taken(images)
            logits = self._logits(design, None, shown, FIRST_CERTIFIED_SAMPLE + sample)
            return {"right": _share(logits, shown)}

        question = {
            **self.problem.content,
            "design": design.model_dump(mode="json"),
            "certified_sample": sample,
            "images": images.tolist(),
        }
        return float(self.store.answer(question, evaluate)["right"])

    def _outcome(self, design: Design, layers: Sequence[str]) -> Outcome:
        samples = [self._sample(design, layers, sample) for sample in range(self.devices)]
        return Outcome(
            float(np.mean([sample.damage for sample in samples])),
            float(np.mean([sample.right for sample in samples])),
        )

    def _sample(self, design: Design, layers: Sequence[str], sample: int) -> Outcome:
        def evaluate() -> dict[str, float]:
            tuning = self.problem.tuning
            logits = self._logits(design, layers, tuning, sample)
            damage = divergence(self.problem.tuning_logits, logits)
            return {"damage": float(damage.mean()), "right": _share(logits, tuning)}

        question = {
            **self.problem.content,
            "design": {name: design.knobs(name).model_dump(mode="json") for name in layers},
            "sample": sample,
        }
        return Outcome(**self.store.answer(question, evaluate))

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
                problem.network, placed, problem.arch, problem.tuning.images
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


def _share(logits: NDArray[np.float32], shown: Examples) -> float:
    return float((logits.argmax(axis=1) == shown.labels).mean())
