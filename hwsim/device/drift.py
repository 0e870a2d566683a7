"""Drift of all cells together: mean and spread of their exponents, and what a file says of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwsim.device.fit_report import DriftFit
from hwsim.device.telegraph import CellFit

SIGNIFICANT = 3.0  # standard errors
CLEAR = 0.5  # share of the variance in time
MANY_RISE = 0.05  # share of cells

FloatArray = NDArray[np.float64]


def pooled_drift(cells: Sequence[CellFit], start_s: float) -> DriftFit:
    """Mean and spread of the exponent (random effects; DerSimonian and Laird 1986)."""
    usable = _usable(cells)
    nu, square = _exponents(usable)
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
        rising=int((nu < -SIGNIFICANT * np.sqrt(square)).sum()),
        significant=abs(mean) > SIGNIFICANT * mean_error,
        r2=_explained(usable),
    )


def falls(drift: DriftFit) -> bool:
    """Whether conductance falls in the mean over cells: the device file has a law for that."""
    return drift.nu_mean > SIGNIFICANT * drift.nu_mean_error


def drift_note(drift: DriftFit) -> str | None:
    """What the device file cannot say of this drift, if anything."""
    if not drift.significant or (falls(drift) and drift.rising <= MANY_RISE * drift.cells):
        return None
    figures = f"nu = {drift.nu_mean:.3g} in the mean, spread {drift.nu_sigma:.2g} over cells"
    if drift.nu_mean < -SIGNIFICANT * drift.nu_mean_error:
        return f"conductance rises with time ({figures}); the device file has no such law"
    return (
        f"cells drift either way ({figures}; {drift.rising} of {drift.cells} rise); the device "
        "file has no such law"
    )


def cells_differ(cells: Sequence[CellFit], still: Sequence[CellFit], drift: DriftFit) -> bool:
    """Whether most of what reads vary in time is drift, whatever its mean over cells.

    Less may also be slow states, several traps or 1/f noise, which exponents follow in part.

    Args:
        cells: fitted with drift.
        still: the same without: states alone must not explain the reads better.
    """
    if sum(cell.evidence for cell in cells) <= sum(cell.evidence for cell in still):
        return False
    usable = _usable(cells)
    spare = sum(cell.reads.time_s.size for cell in usable) - len(usable)
    # An exponent per cell explains its part of pure noise as well (adjusted R^2).
    return (1 - drift.r2) * spare < (1 - CLEAR) * (spare - len(usable))


def _usable(cells: Sequence[CellFit]) -> Sequence[CellFit]:
    """Those whose exponents are known, if there are two."""
    usable = [cell for cell in cells if 0 < cell.exponent_error < 1 and cell.centre_S > 0]
    return usable if len(usable) > 1 else cells


def _exponents(cells: Sequence[CellFit]) -> tuple[FloatArray, FloatArray]:
    """Exponents and squares of their errors."""
    nu = np.array([cell.exponent for cell in cells])
    return nu, np.array([max(cell.exponent_error, 1e-12) for cell in cells]) ** 2


def _explained(cells: Sequence[CellFit]) -> float:
    """R^2 of drift over all reads, each in standard deviations of its cell's noise."""
    left = whole = 0.0
    for cell in cells:
        shift = cell.amplitude_S * (2 * cell.high - 1)
        value = (cell.reads.conductance_S - shift) / cell.noise_S
        left += float((cell.residual**2).sum())
        whole += float(((value - value.mean()) ** 2).sum())
    return max(0.0, 1 - left / whole) if whole else 0.0
