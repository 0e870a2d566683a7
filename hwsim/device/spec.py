"""What one memory cell is: its conductance window and how its reads disturb the level."""

from enum import Enum
from typing import Annotated

from pydantic import Field, model_validator

from hwsim.spec import Spec
from hwsim.units import Ratio, Siemens


class AmplitudeLaw(Enum):
    """How the fluctuation's amplitude a(G) depends on the conductance G."""

    ABSOLUTE = "absolute"  # a = amplitude * G_max at every level
    SQRT = "sqrt"  # a = amplitude * G_max * sqrt(G / G_max)
    RELATIVE = "relative"  # a = amplitude * G
    TABLE = "table"  # a = table[level] * G_max, one figure per level, from measurements


class States(Enum):
    """How a cell's fluctuation at one read relates to its other reads."""

    INDEPENDENT = "independent"  # dwell times far below the read cycle: fresh at every read
    FROZEN = "frozen"  # dwell times far above the experiment: drawn once per device sample


class Fluctuation(Spec):
    """Random telegraph noise: G -> G + a(G) * s at each read, s in {-1, +1}.

    `duty` is the probability of s = +1; mean and variance of s are 2*duty - 1 and
    4*duty*(1 - duty).
    """

    law: AmplitudeLaw
    amplitude: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of G_max
    table: tuple[Annotated[Ratio, Field(ge=0, le=1)], ...] = ()
    duty: Annotated[Ratio, Field(gt=0, lt=1)] = 0.5
    states: States = States.INDEPENDENT
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _table_goes_with_its_law(self) -> "Fluctuation":
        if (self.law is AmplitudeLaw.TABLE) != bool(self.table):
            raise ValueError("table: must be given exactly when law is 'table'")
        return self


class ProgrammingError(Spec):
    """Gaussian error of the programmed conductance, drawn once per device sample.

    Standard deviation: sqrt(sigma_absolute^2 + (sigma_relative * G / G_max)^2) * G_max.
    """

    sigma_absolute: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of G_max
    sigma_relative: Annotated[Ratio, Field(ge=0, le=1)] = 0.0  # share of G
    source: Annotated[str, Field(min_length=1)]


class Device(Spec):
    """One memory cell."""

    name: Annotated[str, Field(min_length=1)]
    conductance_min_S: Annotated[Siemens, Field(ge=0)]
    conductance_max_S: Annotated[Siemens, Field(gt=0)]
    fluctuation: Fluctuation | None = None
    programming: ProgrammingError | None = None
    source: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _window_is_open(self) -> "Device":
        if self.conductance_min_S >= self.conductance_max_S:
            raise ValueError(
                f"conductance_min_S: must be below conductance_max_S = "
                f"{self.conductance_max_S}, found {self.conductance_min_S}"
            )
        return self
