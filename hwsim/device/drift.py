"""Drift of all cells together: mean and spread of their exponents."""

from collections.abc import Sequence

import numpy as np

from hwsim.device.fit_report import DriftFit
from hwsim.device.telegraph import CellFit

SIGNIFICANT = 3.0  # standard errors


def pooled_drift(cells: Sequence[CellFit], start_s: float) -> DriftFit:
    """Mean and spread of the exponent (random effects; DerSimonian and Laird 1986)."""
    usable = [cell for cell in cells if 0 < cell.exponent_error < 1 and cell.centre_S > 0]
    if len(usable) < 2:
        usable = list(cells)
    nu = np.array([cell.exponent for cell in usable])
    square = np.array([max(cell.exponent_error, 1e-12) for cell in usable]) ** 2
    weight = 1 / square
    fixed = (weight * nu).sum() / weight.sum()
    excess = (weight * (nu - fixed) ** 2).sum() - (nu.size - 1)
    between = max(0.0, excess / (weight.sum() - (weight**2).sum() / weight.sum()))
    weight = 1 / (square + between)
    mean = float((weight * nu).sum() / weight.sum())
    mean_error = float(1 / np.sqrt(weight.sum()))
    between_error = float(np.sqrt(2 / (weight**2).sum()))
    sigma = float(np.sqrt(between))
    return DriftFit(
        cells=nu.size,
        start_s=start_s,
        nu_mean=mean,
        nu_mean_error=mean_error,
        nu_sigma=sigma,
        # d sigma = d(sigma^2) / (2 sigma), but no more than sqrt(d(sigma^2)) near zero
        nu_sigma_error=min(between_error / (2 * sigma), between_error**0.5)
        if sigma > 0
        else between_error**0.5,
        significant=mean > SIGNIFICANT * mean_error,
        r2=_explained(usable),
    )


def _explained(cells: Sequence[CellFit]) -> float:
    """R^2 of drift over all reads, each in standard deviations of its cell's noise."""
    left = whole = 0.0
    for cell in cells:
        shift = cell.amplitude_S * (2 * cell.high - 1)
        value = (cell.reads.conductance_S - shift) / cell.noise_S
        left += float((cell.residual**2).sum())
        whole += float(((value - value.mean()) ** 2).sum())
    return max(0.0, 1 - left / whole) if whole else 0.0
