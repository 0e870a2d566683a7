"""What accuracy is asked for, and how it is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError
from optim.certify import SequentialTest, Verdict
from optim.race import clearly_above

#: Devices that a certificate programs at most, where they differ; images otherwise.
DEVICES, IMAGES = 1250, 20000
#: Images drawn from the test set for one device, where they differ.
DRAWN = 4
#: Observations that are simulated between two looks.
BLOCK = 250
#: Part of the allowed loss that tuning images may show: the rest is what lets a certificate
#: of as few observations succeed.
MARGIN = 0.5


class Population(Enum):
    """Which images a certificate speaks of; of devices it speaks of all that may be made."""

    IMAGES = "images"  # all like the testing images: each of those is used once
    TEST_SET = "test_set"  # just the testing images: drawn at random, as often as it takes


@final
@dataclass(frozen=True)
class Target:
    """An accuracy, or a largest loss against a reference on the same images.

    reference: (testing images,) where the reference network is right;
    tuning: (tuning images,) where it is right;
    accuracy: the share asked for; drop: instead, the largest loss against the reference;
    error: largest probability of a wrong certificate;
    lasting: whether devices differ, so that every observation needs one of its own.
    """

    reference: NDArray[np.bool_]
    tuning: NDArray[np.bool_]
    accuracy: float | None = None
    drop: float | None = None
    error: float = 0.05
    population: Population = Population.IMAGES
    lasting: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.accuracy is None) == (self.drop is None):
            raise DataError("target: expected one of an accuracy and a drop, found both or none")
        for name, share in (("an accuracy", self.accuracy), ("a drop", self.drop)):
            if share is not None and not 0 < share < 1:
                raise DataError(f"target: expected {name} between 0 and 1, found {share}")

    @property
    def allowed_drop(self) -> float:
        """Loss against the reference that the target leaves, as tuning images see it."""
        if self.drop is not None:
            return self.drop
        assert self.accuracy is not None
        return float(self.tuning.mean()) - self.accuracy

    @property
    def tuning_share(self) -> float:
        """Share of tuning images that must be right for a design to be worth a certificate."""
        allowed = self.allowed_drop
        return float(self.tuning.mean()) - (MARGIN * allowed if allowed > 0 else allowed)

    def refuses(self, right: NDArray[np.bool_]) -> bool:
        """Whether tuning images seen so far, the first ones, all but exclude the tuning share.

        Args:
            right: (devices, images seen).
        """
        seen = right.shape[1]
        losses = (1.0 - right.mean(axis=0) + self.tuning[:seen]) / 2
        allowed = float(self.tuning.mean()) - self.tuning_share
        return clearly_above(losses, len(self.tuning), (1.0 + allowed) / 2)

    @property
    def threshold(self) -> float:
        """What the mean observation is tested against."""
        if self.accuracy is not None:
            return self.accuracy
        assert self.drop is not None
        return (1 - self.drop) / 2

    def test(self, error: float) -> SequentialTest:
        """A test without observations."""
        return SequentialTest(self.threshold, error)

    def error_of(self, attempt: int) -> float:
        """An attempt's part of the error; why: `optim.search`."""
        return self.error / max(2.0, 4.0 ** (attempt - 1))

    @property
    def certifiable(self) -> bool:
        """Whether the testing images could certify a design right just where the reference is."""
        shares = [self.observations(self.reference[i].mean(axis=1), i) for i in self.blocks]
        seen = self.test(self.error_of(1)).after(np.concatenate(shares).tolist())
        return seen.verdict is Verdict.REACHED

    def observations(
        self, right: NDArray[np.float64], images: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """What devices on some images say, in [0, 1].

        An accuracy is tested by the share that is right; a drop by the difference to the
        reference on the same images, which varies far less, as (difference + 1) / 2.

        Args:
            right: (observations,) shares of right images.
            images: (observations, images each).
        """
        if self.accuracy is not None:
            return right
        difference: NDArray[np.float64] = right - self.reference[images].mean(axis=1)
        return (difference + 1) / 2

    @cached_property
    def blocks(self) -> Sequence[NDArray[np.int64]]:
        """Testing images in random order: (observations, images each) between two looks."""
        random, count = np.random.default_rng(self.seed), len(self.reference)
        if self.population is Population.TEST_SET:
            each = DRAWN if self.lasting else 1
            shown = random.integers(0, count, (DEVICES if self.lasting else IMAGES, each))
        else:
            each = -(-count // DEVICES) if self.lasting else 1
            shown = random.permutation(count)[: count - count % each].reshape(-1, each)
        return [shown[start : start + BLOCK] for start in range(0, len(shown), BLOCK)]

    @property
    def planned(self) -> int:
        """Observations of a whole test."""
        return sum(len(block) for block in self.blocks)
