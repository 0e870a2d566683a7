"""Published measurements as data: what was measured, under which conditions, where it stands."""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from hwsim.errors import SpecError
from hwsim.spec import Spec, read_yaml, validate
from hwsim.units import Ratio

_FOLDER = Path(__file__).parent / "designs"

#: Conditions of one measurement, by name: voltages, bits, the name of a line of a table.
Case = Mapping[str, float | str]


class Role(Enum):
    """What a row of the table can show."""

    INPUT = "input"  # the published figure, or one it is the sum of, is in our files
    CALIBRATED = "calibrated"  # one figure of our files was computed from it
    BORROWED = "borrowed"  # predicted from figures that others may have fitted to it
    PREDICTED = "predicted"  # it entered none of our files


class Kind(Enum):
    """Which summary a design counts in."""

    DESIGN = "design"  # energy, power, area, throughput of hardware
    PHYSICS = "physics"  # laws and exact solutions


class Unit(Enum):
    """A unit as published; `si` is how many SI units it is."""

    FEMTOJOULE = "fJ"
    PICOJOULE = "pJ"
    MILLIWATT = "mW"
    SQUARE_MILLIMETRE = "mm2"
    TERAOPS = "TOPS"
    TERAOPS_PER_WATT = "TOPS/W"
    TERAOPS_PER_SQUARE_MILLIMETRE = "TOPS/mm2"
    MICROSIEMENS = "uS"
    PERCENT = "%"
    NUMBER = "1"

    @property
    def si(self) -> float:
        """How many SI units this is."""
        return _SI[self]


_SI = {
    Unit.FEMTOJOULE: 1e-15,
    Unit.PICOJOULE: 1e-12,
    Unit.MILLIWATT: 1e-3,
    Unit.SQUARE_MILLIMETRE: 1e-6,
    Unit.TERAOPS: 1e12,
    Unit.TERAOPS_PER_WATT: 1e12,
    Unit.TERAOPS_PER_SQUARE_MILLIMETRE: 1e18,
    Unit.MICROSIEMENS: 1e-6,
    Unit.PERCENT: 1e-2,
    Unit.NUMBER: 1.0,
}


class Point(Spec):
    """One published figure."""

    case: dict[str, Ratio | str] = Field(default_factory=dict)
    value: Annotated[Ratio, Field(gt=0)]  # how many of the series' `unit`
    role: Role | None = None  # None: the series'
    reason: str | None = None  # None: the series'


class Series(Spec):
    """Figures of one quantity under several conditions."""

    model: Annotated[str, Field(min_length=1)]  # a name in codesign.validation.models
    quantity: Annotated[str, Field(min_length=1)]
    unit: Unit
    source: Annotated[str, Field(min_length=1)]
    role: Role = Role.PREDICTED
    reason: str | None = None  # why the error exceeds 10 %, where it does
    points: Annotated[tuple[Point, ...], Field(min_length=1)]


class Design(Spec):
    """One chip, macro or law."""

    title: Annotated[str, Field(min_length=1)]
    kind: Kind = Kind.DESIGN
    source: Annotated[str, Field(min_length=1)]
    method: Annotated[str, Field(min_length=1)]  # how our figures come about
    not_compared: tuple[str, ...] = ()  # published figures without a row, each with its reason
    series: tuple[Series, ...] = ()


@cache
def published_designs() -> dict[str, Design]:
    """Every design by name, in the order of the page.

    Raises:
        SpecError: a file is wrong, by key.
    """
    order = read_yaml(_FOLDER / "order.yaml")["designs"]
    files = {path.stem: path for path in _FOLDER.glob("*.yaml") if path.stem != "order"}
    if set(order) != set(files):
        raise SpecError(f"{_FOLDER / 'order.yaml'}: expected {sorted(files)}, found {order}")
    return {name: validate(Design, read_yaml(files[name]), str(files[name])) for name in order}
