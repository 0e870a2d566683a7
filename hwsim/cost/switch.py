"""What a tile's own supply feeds, and what it takes to switch that off."""

from hwsim.chip.spec import Arch
from hwsim.cost.components import Component
from hwsim.cost.technology import PowerSwitch, Technology
from hwsim.errors import SpecError

#: A cluster's buffer, bus, router and units stay on.
SWITCHED = frozenset(
    {
        Component.DRIVER,
        Component.ADC,
        Component.SAMPLE_HOLD,
        Component.SHIFT_ADD,
        Component.INPUT_REGISTER,
        Component.OUTPUT_REGISTER,
    }
)


def power_switch(arch: Arch, technology: Technology) -> PowerSwitch | None:
    """What switches the chip's tiles off; None: nothing does.

    Raises:
        SpecError: tiles are to be switched off, and the technology has no price for it.
    """
    if not arch.chip.power_gating:
        return None
    if technology.power_switch is None:
        raise SpecError(
            f"{arch.name}: chip.power_gating: expected a technology with power_switch, "
            f"found {technology.name!r} without one"
        )
    return technology.power_switch
