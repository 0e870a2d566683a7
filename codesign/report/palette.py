"""Colours: one per family of components, the same in every chart and in every report.

Okabe and Ito, "Color universal design" (2008): eight colours that people with every common
colour blindness tell apart; grey stands for leakage, which no part does, and a thin outline
keeps yellow visible on white.
"""

from enum import Enum
from typing import Final


class Family(Enum):
    """Components that share a colour."""

    ARRAY = "array"
    DRIVER = "driver"
    ADC = "ADC, sample and hold"
    DIGITAL = "digital units"
    REGISTERS = "registers"
    BUFFER = "buffer"
    INTERCONNECT = "bus, router, link"
    LEAKAGE = "leakage"


COLOURS = {
    Family.ARRAY: "#E69F00",
    Family.DRIVER: "#D55E00",
    Family.ADC: "#0072B2",
    Family.DIGITAL: "#009E73",
    Family.REGISTERS: "#56B4E9",
    Family.BUFFER: "#CC79A7",
    Family.INTERCONNECT: "#F0E442",
    Family.LEAKAGE: "#8C8C8C",
}
ACCENT = "#0072B2"
CONTRAST = "#E69F00"
OUTLINE = "#7F7F7F"
#: One per result that is compared; marks also differ in shape or place.
SERIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
#: Cividis (Nunez et al. 2018), made for colour vision deficiencies.
SEQUENTIAL: Final = "cividis"

_FAMILIES = {
    "array": Family.ARRAY,
    "driver": Family.DRIVER,
    "adc": Family.ADC,
    "sample_hold": Family.ADC,
    "input_register": Family.REGISTERS,
    "output_register": Family.REGISTERS,
    "cluster_register": Family.REGISTERS,
    "buffer": Family.BUFFER,
    "bus": Family.INTERCONNECT,
    "router": Family.INTERCONNECT,
    "link": Family.INTERCONNECT,
    "leakage": Family.LEAKAGE,
}


def family(component: str) -> Family:
    """The family of a component; whatever is not listed is a digital unit."""
    return _FAMILIES.get(component, Family.DIGITAL)
