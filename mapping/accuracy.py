"""Accuracy of a classifier, with the interval that so many images allow."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hwsim.errors import DataError


@final
@dataclass(frozen=True)
class Accuracy:
    """right of total images; `low`..`high` is the Wilson score interval."""

    right: int
    total: int
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Share of images classified rightly."""
        return self.right / self.total


def accuracy(logits: NDArray[Any], labels: NDArray[Any], confidence: float = 0.95) -> Accuracy:
    """Top-1 accuracy; of equal logits the first counts.

    Args:
        logits: (images, classes).
        labels: (images,) class numbers.

    Raises:
        DataError: as many labels as logits are needed, and at least one.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise DataError(f"labels: expected {logits.shape[:1]} numbers, found {labels.shape}")
    right = int((logits.argmax(axis=1) == labels).sum())
    low, high = wilson(right, len(labels), confidence)
    return Accuracy(right, len(labels), low, high)


def wilson(right: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for a probability after `right` of `total` (E. B. Wilson, JASA 22, 1927)."""
    z = float(norm.ppf(0.5 + confidence / 2))
    share = right / total
    centre = share + z * z / (2 * total)
    half = z * float(np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)))
    scale = 1 + z * z / total
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
