"""Technology files: what one event costs and what one unit occupies, each with its source.

A component has two prices.  `energy` is the energy of one event when the component is busy
all the time, static part included, as published power tables give it; `static_share` is the
part of that power which flows whether or not anything happens.  So the dynamic energy of an
event is `(1 - static_share) * energy`, and the power at full activity equals the published one.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwsim.errors import SpecError
from hwsim.spec import Spec, read_extended, unknown, validate
from hwsim.units import Bit, Ratio

_FOLDER = Path(__file__).parent / "technology"


class Figure(Spec):
    """One physical figure: a number of `unit`s that says where it comes from."""

    value: Annotated[Ratio, Field(ge=0)]  # how many of the entry's own `unit`
    unit: str
    source: Annotated[str, Field(min_length=1)]
    node: str | None = None  # where it differs from the file's own
    conditions: str | None = None
    uncertainty: str | None = None


class EnergyFigure(Figure):
    """Joules."""

    unit: Literal["J"]


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

    unit: Literal["m"]


class FactorFigure(Figure):
    """A pure number."""

    unit: Literal["1"]


class ShareFigure(FactorFigure):
    """A part of a whole."""

    value: Annotated[Ratio, Field(ge=0, lt=1)]


class Block(Spec):
    """A component whose events all cost the same."""

    energy: EnergyFigure
    area: AreaFigure
    static_share: ShareFigure

    @property
    def dynamic_J(self) -> float:
        """Energy that one event adds to what flows anyway."""
        return self.energy.value * (1 - self.static_share.value)

    @property
    def static_J(self) -> float:
        """Static energy in the time of one event at full activity."""
        return self.energy.value * self.static_share.value


class Cell(Spec):
    """One memory cell's place; its read energy follows from the device."""

    area: AreaFigure


class Driver(Spec):
    """A row driver.  Energy of a unit pulse on a row of `cols` cells at read voltage V:

    energy + cols * (line_capacitance * V^2 + select_capacitance * select_voltage^2)
    """

    energy: EnergyFigure | None = None
    line_capacitance: CapacitanceFigure | None = None  # per cell, swung to the read voltage
    select_capacitance: CapacitanceFigure | None = None  # per cell, the transistors' gates
    select_voltage: VoltageFigure | None = None
    area: AreaFigure  # per row
    static_share: ShareFigure

    @model_validator(mode="after")
    def _has_a_price(self) -> "Driver":
        if (self.select_capacitance is None) != (self.select_voltage is None):
            raise ValueError("select_voltage: must be given exactly with select_capacitance")
        if not (self.energy or self.line_capacitance or self.select_capacitance):
            raise ValueError("energy: one of energy, line_capacitance must be given")
        return self

    def pulse_J(self, cols: int, read_voltage_V: float) -> float:
        """Energy of one unit pulse on one row, static part included."""
        total = self.energy.value if self.energy else 0.0
        if self.line_capacitance:
            total += cols * self.line_capacitance.value * read_voltage_V**2
        if self.select_capacitance and self.select_voltage:
            total += cols * self.select_capacitance.value * self.select_voltage.value**2
        return total


class AdcPoint(Spec):
    """A converter of one resolution."""

    bits: Annotated[Bit, Field(ge=1, le=16)]
    energy: EnergyFigure  # per conversion
    area: AreaFigure


class AdcTable(Spec):
    """Converters by resolution.

    Outside the table: below it proportional to the bits (a SAR compares once per bit), above
    it times `energy_growth` and `area_growth` per further bit.
    """

    points: Annotated[tuple[AdcPoint, ...], Field(min_length=1)]
    energy_growth: FactorFigure
    area_growth: FactorFigure
    static_share: ShareFigure

    @model_validator(mode="after")
    def _bits_follow_one_another(self) -> "AdcTable":
        bits = [point.bits for point in self.points]
        if bits != list(range(bits[0], bits[0] + len(bits))):
            raise ValueError(f"points: bits must rise by one, found {bits}")
        return self

    def covers(self, bits: int) -> bool:
        """Whether the table itself, not an extrapolation, gives the price."""
        return self.points[0].bits <= bits <= self.points[-1].bits

    def conversion_J(self, bits: int) -> float:
        """Energy of one conversion, static part included."""
        point, factor = self._nearest(bits, self.energy_growth.value)
        return point.energy.value * factor

    def area_m2(self, bits: int) -> float:
        """Area of one converter."""
        point, factor = self._nearest(bits, self.area_growth.value)
        return point.area.value * factor

    def _nearest(self, bits: int, growth: float) -> tuple[AdcPoint, float]:
        first, last = self.points[0], self.points[-1]
        if bits < first.bits:
            return first, bits / first.bits
        if bits > last.bits:
            return last, growth ** (bits - last.bits)
        return self.points[bits - first.bits], 1.0


class Technology(Spec):
    """Prices of every component; area is per unit named in the comment."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    feature_size: LengthFigure
    cell: Cell
    driver: Driver
    adc: AdcTable
    sample_hold: Block  # event: one capture; area per converted line
    shift_add: Block  # event: one code folded; area per unit of a group
    input_register: Block  # event: one bit written or read; area per byte
    output_register: Block  # event: one bit written or read; area per byte
    cluster_register: Block  # event: one bit written or read; area per byte
    buffer: Block  # event: one bit written or read; area per byte
    bus: Block  # event: one bit moved; area per wire
    router: Block  # event: one bit through one router; area per router
    activation: Block  # event: one value; area per unit
    pooling: Block  # event: one comparison or addition; area per unit
    adder: Block  # event: one addition or multiplication in a cluster; area per unit
    requantizer: Block  # event: one value; area per unit
    link: Block | None = None  # event: one bit off the chip; area per link


def technologies() -> dict[str, Path]:
    """Technology files by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def load_technology(name_or_path: str | Path) -> Technology:
    """The technology of that name, or of a YAML file; `extends` as everywhere.

    Raises:
        SpecError: no such technology; or a figure has no source or a wrong unit, by key.
    """
    known = technologies()
    if isinstance(name_or_path, str) and name_or_path in known:
        path = known[name_or_path]
    else:
        path = Path(name_or_path)
        if path.suffix not in (".yaml", ".yml"):
            raise SpecError(f"technology: {unknown(str(name_or_path), known)}, or a YAML file")
    return validate(Technology, read_extended(path, known), str(path))


def figures(technology: Technology) -> dict[str, Figure]:
    """Every figure of a technology by its key path, in the order of the file."""
    found: dict[str, Figure] = {}
    _collect(technology, "", found)
    return found


def _collect(value: object, path: str, found: dict[str, Figure]) -> None:
    if isinstance(value, Figure):
        found[path] = value
    elif isinstance(value, tuple):
        for index, below in enumerate(value):
            _collect(below, f"{path}.{index}", found)
    elif isinstance(value, Spec):
        for name in type(value).model_fields:
            _collect(getattr(value, name), f"{path}.{name}" if path else name, found)
