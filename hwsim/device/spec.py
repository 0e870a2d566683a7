"""What one memory cell is: its conductance window and how its reads disturb the level."""

from enum import Enum
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from hwsim.spec import Spec
from hwsim.units import ElectronVolt, Kelvin, Ratio, Second, Siemens

Temperature = Annotated[Kelvin, Field(ge=1, le=600)]
Time = Annotated[Second, Field(ge=1e-12, le=1e12)]  # since programming
Dwell = Annotated[Second, Field(ge=1e-15, le=1e15)]


class AmplitudeLaw(Enum):
    """How the fluctuation's amplitude a(G) depends on the conductance G."""

    ABSOLUTE = "absolute"  # a = amplitude * G_max at every level
    SQRT = "sqrt"  # a = amplitude * G_max * sqrt(G / G_max)
    RELATIVE = "relative"  # a = amplitude * G
    TABLE = "table"  # a = table[level] * G_max, one figure per level, from measurements
    POINTS = "points"  # straight lines between points (G / G_max, a / G_max), any cell bits


class States(Enum):
    """How a cell's fluctuation at one read relates to its other reads."""

    INDEPENDENT = "independent"  # dwell times far below the read cycle: fresh at every read
    MARKOV = "markov"  # a two-state chain with the dwell times given
    FROZEN = "frozen"  # dwell times far above the experiment: drawn once per device sample


#: Points (G / G_max, figure / G_max) of a curve, in rising order; flat outside them.
Points = tuple[tuple[Annotated[Ratio, Field(ge=0)], Annotated[Ratio, Field(ge=0, le=1)]], ...]


def _check_points(points: Points) -> None:
    places = [place for place, _ in points]
    if any(left >= right for left, right in pairwise(places)):
        raise ValueError(f"points: must rise in G / G_max, found {places}")


class Fluctuation(Spec):
    """Random telegraph noise: G -> G + a(G) * s at each read, s in {-1, +1}.

    `duty` is the probability of s = +1; mean and variance of s are 2*duty - 1 and
    4*duty*(1 - duty).  With states 'markov' it follows from the mean dwell times in the two
    states: duty = high_dwell_s / (high_dwell_s + low_dwell_s).
    """

    law: AmplitudeLaw
    amplitude: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of G_max
    table: tuple[Annotated[Ratio, Field(ge=0, le=1)], ...] = ()
    points: Points = ()
    duty: Annotated[Ratio, Field(gt=0, lt=1)] = 0.5
    states: States = States.INDEPENDENT
    high_dwell_s: Dwell | None = None  # mean time in s = +1 (emission)
    low_dwell_s: Dwell | None = None  # mean time in s = -1 (capture)
    activation_eV: Annotated[ElectronVolt, Field(gt=0, le=5)] | None = None  # of both dwell times
    traps: Annotated[int, Field(ge=1, le=8)] = 1  # independent, equal ones in every cell
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _dwell_times_go_with_markov(self) -> "Fluctuation":
        given = (self.high_dwell_s is not None, self.low_dwell_s is not None)
        if given != (self.states is States.MARKOV,) * 2:
            raise ValueError(
                "high_dwell_s, low_dwell_s: must both be given exactly when states is 'markov'"
            )
        if self.activation_eV is not None and self.states is not States.MARKOV:
            raise ValueError("activation_eV: must be given only when states is 'markov'")
        return self

    @property
    def refresh_rate_Hz(self) -> float:
        """Sum of both jump rates of a chain, whose states correlate as exp(-rate * t); else 0."""
        if self.high_dwell_s is None or self.low_dwell_s is None:
            return 0.0
        return 1 / self.high_dwell_s + 1 / self.low_dwell_s

    @property
    def high_share(self) -> float:
        """Probability of s = +1."""
        if self.high_dwell_s is None or self.low_dwell_s is None:
            return self.duty
        return self.high_dwell_s / (self.high_dwell_s + self.low_dwell_s)

    @model_validator(mode="after")
    def _table_goes_with_its_law(self) -> "Fluctuation":
        if (self.law is AmplitudeLaw.TABLE) != bool(self.table):
            raise ValueError("table: must be given exactly when law is 'table'")
        if (self.law is AmplitudeLaw.POINTS) != bool(self.points):
            raise ValueError("points: must be given exactly when law is 'points'")
        _check_points(self.points)
        return self


class ProgrammingError(Spec):
    """Gaussian error of the programmed conductance, drawn once per device sample.

    Standard deviation sqrt(sigma_absolute^2 + (sigma_relative * G / G_max)^2) * G_max, or a
    published law of the level instead: polynomial[0] + polynomial[1] * G / G_max + ... times
    G_max (never below zero), or straight lines between `points`.
    """

    sigma_absolute: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of G_max
    sigma_relative: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of G
    polynomial: tuple[Annotated[Ratio, Field(ge=-1e3, le=1e3)], ...] = ()
    points: Points = ()
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _has_one_law(self) -> "ProgrammingError":
        sigmas = self.sigma_absolute > 0 or self.sigma_relative > 0
        if sigmas + bool(self.polynomial) + bool(self.points) > 1:
            raise ValueError(
                "expected one law: sigma_absolute and sigma_relative, polynomial, or points"
            )
        _check_points(self.points)
        return self


class Drift(Spec):
    """G(t) = G(t0) * (t / t0)^-nu; nu is drawn once per cell, normal, cut off at zero."""

    nu_mean: Annotated[Ratio, Field(ge=0, le=1)]
    nu_sigma: Annotated[Ratio, Field(ge=0, le=1)] = 0.0
    start_s: Time  # t0, when the levels were programmed and verified
    activation_eV: Annotated[ElectronVolt, Field(gt=0, le=5)] | None = None  # None: never faster
    source: Annotated[str, Field(min_length=1)]


class Faults(Spec):
    """Cells that cannot be programmed, drawn once per device sample."""

    stuck_on: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of cells at G_max
    stuck_off: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of cells at G_min
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _shares_add_up(self) -> "Faults":
        if self.stuck_on + self.stuck_off > 1:
            raise ValueError("stuck_on, stuck_off: must not exceed 1 together")
        return self


class Scenario(Spec):
    """When and where a chip is read."""

    time_s: Time | None = None  # since programming; None: no drift yet
    temperature_K: Temperature = 300.0


class Device(Spec):
    """One memory cell."""

    name: Annotated[str, Field(min_length=1)]
    conductance_min_S: Annotated[Siemens, Field(ge=0, le=1)]
    conductance_max_S: Annotated[Siemens, Field(ge=1e-15, le=1)]
    temperature_K: Temperature = 300.0  # at which all of this holds
    fluctuation: Fluctuation | None = None
    programming: ProgrammingError | None = None
    drift: Drift | None = None
    faults: Faults | None = None
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _window_is_open(self) -> "Device":
        if self.conductance_min_S >= self.conductance_max_S:
            raise ValueError(
                f"conductance_min_S: must be below conductance_max_S = "
                f"{self.conductance_max_S}, found {self.conductance_min_S}"
            )
        return self
