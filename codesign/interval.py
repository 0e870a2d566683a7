"""The accuracy of a classifier on modelled hardware, and how sure that number is.

Two things are sampled: images, and devices (programmed chips, and the fluctuation of their
reads).  With r[m, i] = 1 where image i is right on device sample m, accuracy is the mean of r
and its variance is estimated as

    v = var_i(mean_m r) / N + var_m(mean_i r) / M

(crossed random effects; the residual stands in both terms, so v errs on the wide side).  The
interval is Wilson's with the effective size a (1 - a) / v, and with the quantile of Student's
t at the degrees of freedom of Welch and Satterthwaite: few device samples make it wide.
"""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from mapping.accuracy import normal_quantile, wilson

CONFIDENCE = 0.95


@final
@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def accuracy_interval(right: NDArray[np.bool_]) -> Interval:
    """Mean and interval over images and device samples.

    Args:
        right: (device samples, images), True where the class was right; one of each at least.
    """
    samples, images = right.shape
    mean = float(right.mean())
    by_image, by_device = right.mean(axis=0), right.mean(axis=1)
    of_images = _variance(by_image) / images
    of_devices = _variance(by_device) / samples
    variance = of_images + of_devices
    if variance == 0.0:
        # All right, all wrong, or one image: the images alone say how sure that is.
        return Interval(mean, *wilson(mean * images, images, normal_quantile(CONFIDENCE)))
    freedom = variance**2 / (
        of_images**2 / max(images - 1, 1) + of_devices**2 / max(samples - 1, 1)
    )
    quantile = float(t.ppf(0.5 + CONFIDENCE / 2, freedom))
    size = mean * (1 - mean) / variance
    return Interval(mean, *wilson(mean * size, size, quantile))


def _variance(values: NDArray[Any]) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
