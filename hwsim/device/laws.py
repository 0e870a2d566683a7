"""Laws of the conductance, fitted to one figure per level, and their chi-square tests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.device.fit_report import Goodness
from hwsim.device.spec import AmplitudeLaw

REJECTED = 0.01  # a p value below it rejects a law

FloatArray = NDArray[np.float64]
_POWERS = {AmplitudeLaw.ABSOLUTE: 0.0, AmplitudeLaw.SQRT: 0.5, AmplitudeLaw.RELATIVE: 1.0}


@dataclass(frozen=True)
class AmplitudeFit:
    """The law a(G) that fits best; points where none does."""

    law: AmplitudeLaw
    amplitude: float  # share of G_max; zero for points
    goodness: Goodness  # of the best law, taken or not


@dataclass(frozen=True)
class SpreadFit:
    """sqrt(sigma_absolute^2 + (sigma_relative G / G_max)^2) in shares of G_max."""

    sigma_absolute: float
    sigma_relative: float
    goodness: Goodness

    @property
    def holds(self) -> bool:
        """Whether the law is not rejected."""
        return holds(self.goodness)

    @property
    def law(self) -> str:
        """What the device file gets."""
        return "absolute and relative" if self.holds else "points"


def goodness(chi2: float, degrees: int) -> Goodness:
    """The test of a chi-square."""
    from scipy.stats import chi2 as distribution  # noqa: PLC0415 - only fitting needs scipy

    p_value = float(distribution.sf(chi2, degrees)) if degrees > 0 else None
    return Goodness(chi2=float(chi2), degrees=max(degrees, 0), p_value=p_value)


def holds(test: Goodness) -> bool:
    """Whether a test does not reject its model."""
    return test.p_value is None or test.p_value >= REJECTED


def fit_amplitude(
    share: FloatArray, amplitude: FloatArray, error: FloatArray, share_error: FloatArray
) -> AmplitudeFit:
    """The power law of G through amplitudes, all in shares of G_max, (levels,).

    Args:
        share: G / G_max, known to `share_error`, which counts through the law's slope.
    """
    found = []
    for law, power in _POWERS.items():
        base = np.maximum(share, 1e-6) ** power
        slope = power * amplitude / np.maximum(share, share_error)
        total = np.maximum(error**2 + (slope * share_error) ** 2, 1e-24)
        scale = float((base * amplitude / total).sum() / (base**2 / total).sum())
        chi2 = float(((amplitude - scale * base) ** 2 / total).sum())
        found.append(AmplitudeFit(law, scale, goodness(chi2, share.size - 1)))
    best = min(found, key=lambda fit: fit.goodness.chi2)
    if holds(best.goodness):
        return best
    return AmplitudeFit(AmplitudeLaw.POINTS, 0.0, best.goodness)


def fit_spread(share: FloatArray, spread: FloatArray, cells: NDArray[np.int64]) -> SpreadFit:
    """An absolute and a relative part through spreads over cells, in shares of G_max, (levels,).

    A variance over n cells has the relative standard error sqrt(2 / (n - 1)); errors are those
    of the fitted variances, so that levels that happen to lie low do not pull.
    """
    from scipy.optimize import nnls  # noqa: PLC0415 - only fitting needs scipy

    base = np.stack([np.ones_like(share), share**2], axis=1)
    variance = spread**2
    fitted = np.full_like(variance, max(float(variance.mean()), 1e-30))
    part = np.zeros(2)
    for _ in range(20):
        error = np.maximum(fitted, 1e-6 * float(fitted.max())) * np.sqrt(2 / (cells - 1))
        part, _rest = nnls(base / error[:, None], variance / error)
        fitted = base @ part
        if not fitted.any():
            break
    error = np.maximum(fitted, 1e-30) * np.sqrt(2 / (cells - 1))
    chi2 = float((((variance - fitted) / error) ** 2).sum()) if fitted.any() else 0.0
    degrees = share.size - int((part > 0).sum())
    return SpreadFit(float(np.sqrt(part[0])), float(np.sqrt(part[1])), goodness(chi2, degrees))


def fit_line(level: FloatArray, mean: FloatArray, error: FloatArray) -> tuple[FloatArray, Goodness]:
    """Level means against evenly spaced levels: (levels,) the line, and its test."""
    slope, start = np.polyfit(level, mean, 1, w=1 / error)
    line: FloatArray = start + slope * level
    return line, goodness(float((((mean - line) / error) ** 2).sum()), level.size - 2)
