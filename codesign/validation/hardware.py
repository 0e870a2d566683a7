"""The architectures and technologies that stand for the published designs."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.cost import Component, Technology, energy, load_technology, scaled
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs

_FOLDER = Path(__file__).parent / "hardware"

Joules = dict[Component, float]

#: The cost model's laws over voltage, as a case names them.
LINES = "C V^2 of lines"
BLOCKS = "rule of digital blocks"
CONVERTERS = "rule of converters"


@cache
def arch(name: str) -> Arch:
    """The architecture of that name in `hardware`."""
    return load_arch(_FOLDER / f"{name}-arch.yaml")


@cache
def technology(name: str) -> Technology:
    """The technology of that name in `hardware`."""
    return load_technology(_FOLDER / f"{name}.yaml")


def technology_files() -> tuple[str, ...]:
    """Names of all technologies in `hardware`."""
    paths = sorted(_FOLDER.glob("*.yaml"))
    return tuple(path.stem for path in paths if not path.stem.endswith("-arch"))


def priced(
    events: EventCounts, arch_name: str, technology_name: str, knobs: Knobs | None = None
) -> Joules:
    """Energy of events by component, in joules, from the product's cost model."""
    return energy(events, arch(arch_name), technology(technology_name), knobs)


def swing_J(arch_name: str, technology_name: str, volt: float, count: float = 1) -> float:
    """Energy of `count` driven lines at `volt`: the cost model's C V^2."""
    knobs = Knobs(read_voltage_V=volt)
    events = EventCounts(row_swings=count)
    return priced(events, arch_name, technology_name, knobs)[Component.DRIVER]


def at_supply_J(
    events: EventCounts, arch_name: str, technology_name: str, case: Mapping[str, float | str]
) -> float:
    """Energy of events at the supply `V` by the law that the case names; C V^2 if none.

    Row swings are priced as driven lines; shift-adds and conversions by the technology scaled
    from its own supply to `V`.
    """
    volt, law = float(case["V"]), case.get("law", LINES)
    if law == LINES:
        return swing_J(arch_name, technology_name, volt, events.row_swings)
    own = technology(technology_name)
    at_supply = scaled(own, own.feature_size.value, volt)
    component = {BLOCKS: Component.SHIFT_ADD, CONVERTERS: Component.ADC}[str(law)]
    return energy(events, arch(arch_name), at_supply)[component]
