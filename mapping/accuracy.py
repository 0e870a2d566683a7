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
    low, high = wilson(right, len(labels), normal_quantile(confidence))
    return Accuracy(right, len(labels), low, high)


def normal_quantile(confidence: float) -> float:
    """Half the width of a two-sided normal interval, in standard deviations."""
    return float(norm.ppf(0.5 + confidence / 2))


def wilson(right: float, total: float, quantile: float) -> tuple[float, float]:
    """Interval for a probability after `right` of `total` (E. B. Wilson, JASA 22, 1927).

    Args:
        total: trials; an effective number of them need not be whole.
        quantile: half the width in standard deviations.
    """
    share, squared = right / total, quantile * quantile
    centre = share + squared / (2 * total)
    half = quantile * float(np.sqrt(share * (1 - share) / total + squared / (4 * total * total)))
    scale = 1 + squared / total
    # Rounding must not put the share itself outside.
    low, high = (centre - half) / scale, (centre + half) / scale
    return max(0.0, min(share, low)), min(1.0, max(share, high))
