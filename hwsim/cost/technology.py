"""Technology files: what one event costs and what one unit occupies, each with its source.

A component has two prices.  `energy` is the energy of one event when the component is busy
all the time, static part included, as published power tables give it; `static_share` is the
part of that power which flows whether or not anything happens.  So the dynamic energy of an
event is `(1 - static_share) * energy`, and the power at full activity equals the published one.

Static power is that at 300 K and grows exponentially with temperature (`leakage_growth`).
"""

import math
from enum import Enum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from hwsim.cost.adc import ROOM_K, AdcPrice
from hwsim.cost.figure import (
    AreaFigure,
    BytesFigure,
    CapacitanceFigure,
    EnergyFigure,
    EnergyPerLengthFigure,
    FactorFigure,
    Figure,
    GrowthFigure,
    LengthFigure,
    ShareFigure,
    VoltageFigure,
)
from hwsim.spec import Spec


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


class ShiftAddSharing(Enum):
    """What a shift-adder's area is counted for."""

    GROUP = "group"  # the architecture's `shift_adds_per_group`
    CONVERTER = "converter"  # every converter has its own


class ShiftAdd(Block):
    """Folds codes into sums; its energy is per code, however many units share the codes."""

    area_per: ShiftAddSharing = ShiftAddSharing.GROUP


class Memory(Block):
    """A buffer; without `growth` the energy of a bit is the same at every capacity.

    energy of a bit = energy * (bytes / capacity)^growth; the width of the port is of no
    consequence (an assumption: every bit has its own bit line and sense amplifier).
    """

    capacity: BytesFigure | None = None  # at which `energy` holds
    growth: FactorFigure | None = None

    @model_validator(mode="after")
    def _grows_from_somewhere(self) -> Self:
        if (self.capacity is None) != (self.growth is None):
            raise ValueError("growth: must be given exactly with capacity")
        return self

    def sized(self, capacity_bytes: int) -> Block:
        """The price of one bit in a memory of `capacity_bytes`."""
        if self.capacity is None or self.growth is None:
            return self
        factor = (capacity_bytes / self.capacity.value) ** self.growth.value
        energy = self.energy.model_copy(update={"value": self.energy.value * factor})
        return self.model_copy(update={"energy": energy})


class Wire(Spec):
    """A line between the routers of the mesh."""

    energy: EnergyPerLengthFigure  # event: one bit moved


class Cell(Spec):
    """One memory cell's place; its read energy follows from the device."""

    area: AreaFigure


class Driver(Spec):
    """A row driver.  Energy of one swing of a row of `cols` cells to read voltage V and back:

    energy + cols * (line_capacitance * V^2 + select_capacitance * select_voltage^2)
    """

    energy: EnergyFigure | None = None
    line_capacitance: CapacitanceFigure | None = None  # per cell, swung to the read voltage
    select_capacitance: CapacitanceFigure | None = None  # per cell, the transistors' gates
    select_voltage: VoltageFigure | None = None
    area: AreaFigure  # per row
    static_share: ShareFigure

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        if (self.select_capacitance is None) != (self.select_voltage is None):
            raise ValueError("select_voltage: must be given exactly with select_capacitance")
        if not (self.energy or self.line_capacitance or self.select_capacitance):
            raise ValueError("energy: one of energy, line_capacitance must be given")
        return self

    def swing_J(self, cols: int, read_voltage_V: float) -> float:
        """Energy of one swing of one row, static part included."""
        total = self.energy.value if self.energy else 0.0
        if self.line_capacitance:
            total += cols * self.line_capacitance.value * read_voltage_V**2
        if self.select_capacitance and self.select_voltage:
            total += cols * self.select_capacitance.value * self.select_voltage.value**2
        return total


class PowerSwitch(Spec):
    """What a tile's own supply takes and leaves, see `hwsim.cost.leakage`."""

    off_share: ShareFigure  # of the static power, left when it is off
    wake_cycles: FactorFigure  # at full activity, whose dynamic energy switching on takes
    area_share: ShareFigure  # of what it switches


class Technology(Spec):
    """Prices of every component; area is per unit named in the comment."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    feature_size: LengthFigure
    supply: VoltageFigure  # of the digital parts
    cell: Cell
    driver: Driver
    adc: AdcPrice
    sample_hold: Block  # event: one capture; area per converted line
    shift_add: ShiftAdd  # event: one code folded; area per unit, see `area_per`
    input_register: Block  # event: one bit written or read; area per byte
    output_register: Block  # event: one bit written or read; area per byte
    cluster_register: Block  # event: one bit written or read; area per byte
    buffer: Memory  # event: one bit written or read; area per byte
    bus: Block  # event: one bit moved; area per wire
    router: Block  # event: one bit through one router; area per router
    mesh_wire: Wire | None = None  # from router to router; None: part of the router's price
    activation: Block  # event: one value; area per unit
    pooling: Block  # event: one comparison or addition; area per unit
    adder: Block  # event: one addition or multiplication in a cluster; area per unit
    requantizer: Block  # event: one value; area per unit
    link: Block | None = None  # event: one bit off the chip; area per link
    power_switch: PowerSwitch | None = None  # None: tiles cannot be switched off
    leakage_growth: GrowthFigure | None = None  # None: the same at every temperature

    def leakage_factor(self, temperature_K: float) -> float:
        """Static power at a temperature over that at 300 K: exp(growth * (T - 300 K))."""
        if self.leakage_growth is None:
            return 1.0
        return math.exp(self.leakage_growth.value * (temperature_K - ROOM_K))


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


def with_value(technology: Technology, key: str, value: float) -> Technology:
    """A copy in which the figure at `key` (as `figures` names it) has another value."""
    copy: Technology = _replaced(technology, key.split("."), value)
    return copy


def _replaced(at: Any, path: list[str], value: float) -> Any:
    if isinstance(at, Figure):
        return at.model_copy(update={"value": value})
    name, rest = path[0], path[1:]
    if isinstance(at, tuple):
        index = int(name)
        return (*at[:index], _replaced(at[index], rest, value), *at[index + 1 :])
    return at.model_copy(update={name: _replaced(getattr(at, name), rest, value)})
