"""Simulations that choosing a design asks for; each is run once and kept.

All evaluations read the same device samples at the same addresses (common random numbers), so
that differences between settings are not hidden by chance.  They are asked for in parts of fixed
size, which may be answered by any number of workers, and stop where the answer is clear.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.problem import Problem
from optim.simulate import Simulator, Task
from optim.store import Answer, EvaluationStore, content_key

#: Device samples of certification lie above those that a design is chosen by.
FIRST_CERTIFIED_SAMPLE = 1 << 20
FIRST_TESTED_SAMPLE = 1 << 30
#: Tuning images that single layers are measured on: damage is smooth, accuracy is not asked.
LAYER_IMAGES = 100
#: Images of one task.
PART = 50
#: Images after which a design is looked at; from the last on in steps of it.
LOOKS = (50, 100, 200)

#: Answers to tasks by key, in any order.
Place = Callable[[Mapping[str, Task]], Iterator[tuple[str, Answer]]]


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


def never(_right: NDArray[np.bool_]) -> bool:
    """All images are wanted."""
    return False


@final
@dataclass(frozen=True)
class Evaluator:
    """A problem, the store of its evaluations, and how many devices a whole design runs on.

    place: what answers tasks; None: this process.
    """

    problem: Problem
    store: EvaluationStore
    devices: int = 1
    place: Place | None = None
    _images: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def asked(self) -> int:
        """Different tasks so far, kept from before or not."""
        return len(self._images)

    @property
    def images(self) -> int:
        """Images in them."""
        return sum(self._images.values())

    def layer(self, name: str, knobs: Knobs) -> Outcome:
        """One layer on the tiles of one device, all others undisturbed."""
        return self.layers([(name, knobs)])[0]

    def layers(self, wanted: Sequence[tuple[str, Knobs]]) -> Sequence[Outcome]:
        """One layer each."""
        images = tuple(range(min(LAYER_IMAGES, len(self.problem.tuning))))
        tasks = [Task(Design(default=knobs), 0, images, layer=name) for name, knobs in wanted]
        answers = self._answers(tasks)
        return [_outcome([task], [answer]) for task, answer in zip(tasks, answers, strict=True)]

    def design(
        self, design: Design, enough: Callable[[NDArray[np.bool_]], bool] = never
    ) -> Outcome:
        """All layers on tiles.

        Args:
            enough: whether (devices, images) where the class was right suffice; asked at fixed
                numbers of images.
        """
        parts: list[Outcome] = []
        for begin, end in self._stages:
            tasks = [
                Task(design, device, tuple(range(at, min(at + PART, end))), first=at)
                for device in range(self.devices)
                for at in range(begin, end, PART)
            ]
            parts.append(_outcome(tasks, self._answers(tasks), self.devices))
            right = np.concatenate([part.right for part in parts], axis=1)
            if enough(right):
                break
        weights = [part.right.size for part in parts]
        damage = np.average([part.damage for part in parts], weights=weights)
        return Outcome(float(damage), right)

    def rights(self, design: Design, before: int, images: NDArray[np.int64]) -> NDArray[np.float64]:
        """(observations,) shares of right testing images, each on a device of its own.

        Where nothing lasting tells devices apart, images share one: their reads are independent
        all the same.

        Args:
            before: observations before these.
            images: (observations, images each) numbers of testing images.
        """
        each = images.shape[1] if self.problem.lasting else 0
        tasks = [
            Task(
                design,
                FIRST_CERTIFIED_SAMPLE + before + at,
                tuple(images[at : at + PART].ravel().tolist()),
                testing=True,
                each=each,
            )
            for at in range(0, len(images), PART)
        ]
        right = [_right(t, a) for t, a in zip(tasks, self._answers(tasks), strict=True)]
        shares: NDArray[np.float64] = np.concatenate(right).reshape(images.shape).mean(axis=1)
        return shares

    def testing(self, design: Design, count: int, devices: int) -> NDArray[np.bool_]:
        """(devices, images) where the first `count` testing images are right."""
        last = min(count, len(self.problem.testing))
        tasks = [
            Task(
                design,
                FIRST_TESTED_SAMPLE + device,
                tuple(range(at, min(at + PART, last))),
                first=at,
                testing=True,
            )
            for device in range(devices)
            for at in range(0, last, PART)
        ]
        right = [_right(t, a) for t, a in zip(tasks, self._answers(tasks), strict=True)]
        return np.concatenate(right).reshape(devices, last)

    @property
    def _stages(self) -> Sequence[tuple[int, int]]:
        last = len(self.problem.tuning)
        ends = [0, *LOOKS, *range(2 * LOOKS[-1], last, LOOKS[-1])]
        return list(pairwise([*(end for end in ends if end < last), last]))

    def _answers(self, tasks: Sequence[Task]) -> Sequence[Answer]:
        """Kept answers and fresh ones, which are kept."""
        questions = [task.question(self.problem) for task in tasks]
        keys = [content_key(question) for question in questions]
        self._images.update({key: len(task.images) for key, task in zip(keys, tasks, strict=True)})
        asked = dict(zip(keys, questions, strict=True))
        found = {key: kept for key, q in asked.items() if (kept := self.store.get(q)) is not None}
        missing = {key: task for key, task in zip(keys, tasks, strict=True) if key not in found}
        for key, answer in (self.place or self._here)(missing):
            self.store.put(asked[key], answer)
            found[key] = answer
        return [found[key] for key in keys]

    def _here(self, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Answer]]:
        return ((key, self._simulator.answer(task)) for key, task in tasks.items())

    @cached_property
    def _simulator(self) -> Simulator:
        return Simulator(self.problem)


def _right(task: Task, answer: Answer) -> NDArray[np.bool_]:
    right = np.ones(len(task.images), np.bool_)
    right[answer["wrong"]] = False
    return right


def _outcome(tasks: Sequence[Task], answers: Sequence[Answer], devices: int = 1) -> Outcome:
    """Of tasks device by device."""
    right = [_right(task, answer) for task, answer in zip(tasks, answers, strict=True)]
    weights = [len(task.images) for task in tasks]
    damage = np.average([answer["damage"] for answer in answers], weights=weights)
    return Outcome(float(damage), np.concatenate(right).reshape(devices, -1))
