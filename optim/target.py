"""What accuracy is asked for, and how it is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError
from optim.certify import SequentialTest

#: Observations that the testing images are made into at most, each on a device of its own.  More
#: of them let the capital grow faster where few images change; every device must be programmed.
OBSERVATIONS = 1250
#: Images of one observation where they are drawn from the test set.
DRAWN = 4


class Population(Enum):
    """Which images a certificate speaks of; of devices it speaks of all that may be made."""

    IMAGES = "images"  # all like the testing images: each of those is used once
    TEST_SET = "test_set"  # just the testing images: drawn at random, as often as it takes


@final
@dataclass(frozen=True)
class Target:
    """An accuracy, or a largest loss against a reference on the same images.

    reference: (testing images,) where the reference network is right;
    accuracy: the share asked for; drop: instead, the largest loss against the reference;
    tuning_reference: share of tuning images where the reference is right;
    error: largest probability of a wrong certificate.
    """

    reference: NDArray[np.bool_]
    tuning_reference: float
    accuracy: float | None = None
    drop: float | None = None
    error: float = 0.05
    population: Population = Population.IMAGES
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.accuracy is None) == (self.drop is None):
            raise DataError("target: expected one of an accuracy and a drop, found both or none")

    @property
    def allowed_drop(self) -> float:
        """Loss against the reference that the target leaves."""
        if self.drop is not None:
            return self.drop
        assert self.accuracy is not None
        return float(self.reference.mean()) - self.accuracy

    @property
    def tuning_share(self) -> float:
        """Share of tuning images that must be right: as much below their reference."""
        return self.tuning_reference - self.allowed_drop

    @property
    def threshold(self) -> float:
        """What the mean observation is tested against."""
        return self.accuracy if self.accuracy is not None else (1 - self.allowed_drop) / 2

    def test(self, error: float) -> SequentialTest:
        """A test without observations."""
        return SequentialTest(self.threshold, error)

    def observation(self, right: float, images: NDArray[np.int64]) -> float:
        """What one device on some images says, in [0, 1].

        An accuracy is tested by the share that is right; a drop by the difference to the
        reference on the same images, which varies far less, as (difference + 1) / 2.
        """
        if self.accuracy is not None:
            return right
        return (right - float(self.reference[images].mean()) + 1) / 2

    @cached_property
    def batches(self) -> Sequence[NDArray[np.int64]]:
        """Testing images in random order, in batches for one device each."""
        random, count = np.random.default_rng(self.seed), len(self.reference)
        if self.population is Population.TEST_SET:
            return list(random.integers(0, count, (OBSERVATIONS, DRAWN)))
        order = random.permutation(count)
        size = -(-len(order) // OBSERVATIONS)
        return [order[start : start + size] for start in range(0, len(order), size)]
