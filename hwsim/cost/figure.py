"""A physical figure: a number that says where it comes from and how far off it may be."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hwsim.spec import Spec
from hwsim.units import Ratio

LARGEST = 1e30  # no figure in any unit here comes near; products of some stay finite
Positive = Annotated[Ratio, Field(gt=0, le=LARGEST)]


class Uncertainty(Spec):
    """The range a figure may lie in, as factors of its value, and why."""

    low: Annotated[Ratio, Field(ge=0, le=1)]
    high: Annotated[Ratio, Field(ge=1, le=LARGEST)]
    source: Annotated[str, Field(min_length=1)]  # evidence, or `assumption: ...`


class Figure(Spec):
    """One physical figure."""

    value: Annotated[Ratio, Field(ge=0, le=LARGEST)]  # how many of the entry's own `unit`
    unit: str
    source: Annotated[str, Field(min_length=1)]
    node: str | None = None  # where it differs from the file's own
    conditions: str | None = None
    uncertainty: Uncertainty | None = None

    @property
    def low(self) -> float:
        """The lowest value it may have."""
        return self.value * (self.uncertainty.low if self.uncertainty else 1.0)

    @property
    def high(self) -> float:
        """The highest value it may have."""
        return self.value * (self.uncertainty.high if self.uncertainty else 1.0)

    @property
    def note(self) -> str:
        """Node, conditions and uncertainty in one line; empty where none is stated."""
        said = [self.node, self.conditions]
        if self.uncertainty:
            u = self.uncertainty
            said.append(f"{u.low:g} to {u.high:g} times ({u.source})")
        return "; ".join(part for part in said if part)


class EnergyFigure(Figure):
    """Joules."""

    unit: Literal["J"]


class EnergyPerLengthFigure(Figure):
    """Joules per metre."""

    unit: Literal["J/m"]


class AreaFigure(Figure):
    """Square metres."""

    unit: Literal["m2"]


class CapacitanceFigure(Figure):
    """Farads."""

    unit: Literal["F"]


class VoltageFigure(Figure):
    """Volts."""

    unit: Literal["V"]


class LengthFigure(Figure):
    """Metres."""

    value: Positive
    unit: Literal["m"]


class PowerFigure(Figure):
    """Watts."""

    unit: Literal["W"]


class BytesFigure(Figure):
    """Bytes."""

    value: Positive
    unit: Literal["B"]


class DecibelFigure(Figure):
    """Decibels."""

    unit: Literal["dB"]


class FactorFigure(Figure):
    """A pure number."""

    unit: Literal["1"]


class GrowthFigure(Figure):
    """An exponent per kelvin."""

    unit: Literal["1/K"]


class ShareFigure(FactorFigure):
    """A part of a whole."""

    value: Annotated[Ratio, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _stays_a_part(self) -> Self:
        if self.high >= 1:
            raise ValueError(f"uncertainty.high: a share stays below 1, found {self.high:g}")
        return self
