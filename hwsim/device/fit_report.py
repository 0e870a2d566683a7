"""What a fit of measured reads found; `_error` is a standard error, `p_value` a chance.

A p value is the probability of a misfit at least as large if the model is right: below 0.01 the
model is rejected.
"""

from typing import Annotated

from pydantic import Field

from hwsim.device.spec import Device
from hwsim.spec import Spec
from hwsim.units import Ratio, Second, Siemens

PValue = Annotated[Ratio, Field(ge=0, le=1)]


class LevelFit(Spec):
    """The cells that were programmed to one level."""

    level: int
    cells: int
    reads: int
    mean_S: Siemens  # midway between the states of the device's cells, which all fluctuate
    mean_error_S: Siemens
    spread_S: Siemens  # of averages over time: standard deviation, measuring errors taken out
    spread_error_S: Siemens
    fluctuating_cells: int
    amplitude_S: Siemens  # root mean square over all cells of the level
    amplitude_error_S: Siemens
    noise_S: Siemens  # what is left from read to read: median over cells


class Goodness(Spec):
    """A chi-square test."""

    chi2: Ratio
    degrees: int
    p_value: PValue | None = None  # None: as many figures as parameters


class StateFit(Spec):
    """How states switch, over all fluctuating cells."""

    cells: int
    reads: int
    switches: Ratio  # between reads, expected
    high_share: Ratio  # of time in s = +1
    high_share_error: Ratio
    resolved: bool  # whether states at neighbouring reads are correlated: dwell times are seen
    correlation: Ratio  # of states at the closest reads
    correlation_error: Ratio
    high_dwell_s: Second
    high_dwell_error_s: Second
    low_dwell_s: Second
    low_dwell_error_s: Second
    runs: Goodness | None = None  # lengths of runs in a state against the chain


class DriftFit(Spec):
    """G(t) = G(t0) (t / t0)^-nu over all cells."""

    cells: int
    start_s: Second
    nu_mean: Ratio
    nu_mean_error: Ratio
    nu_sigma: Ratio  # over cells, measuring errors taken out
    nu_sigma_error: Ratio
    rising: int  # cells whose exponent lies three standard errors below zero
    significant: bool  # in the mean, or clear in cells that differ: fluctuation is fitted beside it
    r2: Ratio  # share of the variance in time that drift explains, states taken out


class LawFit(Spec):
    """A figure as a law of the conductance."""

    law: str
    goodness: Goodness


class FitReport(Spec):
    """A device, the figures it was made from, and how well they fit."""

    file: str
    sha256: str
    cells: int
    reads: int
    levels: tuple[LevelFit, ...]
    spacing: Goodness  # level means against even spacing
    programming: LawFit
    programming_normal: PValue  # Kolmogorov-Smirnov, cells about their level's mean
    fluctuation: LawFit | None
    states: StateFit | None
    drift: DriftFit | None
    residuals_rejected: Ratio  # share of cells whose residuals are not normal at p < 0.01
    notes: tuple[str, ...]
    device: Device
