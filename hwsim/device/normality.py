"""Kolmogorov-Smirnov tests of what a fit takes for normal."""

from collections.abc import Sequence

import numpy as np

from hwsim.device.fit_report import LevelFit
from hwsim.device.telegraph import CellFit


def normal_programming(
    cells: Sequence[CellFit], levels: Sequence[LevelFit], high_share: float
) -> float:
    """Kolmogorov-Smirnov: cells about their level's mean, in its standard deviations.

    Args:
        high_share: of time that fluctuating cells are high.

    Mean and deviation come from the same cells, so the chance is an upper bound.
    """
    from scipy.stats import kstest  # noqa: PLC0415 - only fitting needs scipy

    parts = []
    for level in levels:
        own = [cell for cell in cells if cell.reads.level == level.level]
        average = np.array([cell.average_S(high_share) for cell in own])
        deviation = average.std(ddof=1)
        if deviation > 0:
            parts.append((average - average.mean()) / deviation)
    return float(kstest(np.concatenate(parts), "norm").pvalue) if parts else 1.0


def rejected_residuals(cells: Sequence[CellFit]) -> float:
    """Share of cells whose residuals are not normal (Kolmogorov-Smirnov, p < 0.01)."""
    from scipy.stats import kstest  # noqa: PLC0415 - only fitting needs scipy

    # Reads without noise leave nothing but rounding.
    noisy = [cell.residual for cell in cells if cell.residual.std() > 0.5]
    return float(np.mean([kstest(one, "norm").pvalue < 0.01 for one in noisy])) if noisy else 0.0
