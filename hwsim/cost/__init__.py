"""Cost: pure functions from event counts and a technology file to energy, area and power."""

from hwsim.cost.activity import (
    full_activity,
    leakage_J,
    peak_level_share,
    peak_power,
    static_power,
)
from hwsim.cost.area import adcs_per_tile, area, converted_lines, units
from hwsim.cost.components import Component
from hwsim.cost.energy import array_energy_J, energy, total_J, unit_pulse_s
from hwsim.cost.peak import Level, PeakLine, peak_table
from hwsim.cost.technology import Figure, Technology, figures, load_technology, technologies

__all__ = [
    "Component",
    "Figure",
    "Level",
    "PeakLine",
    "Technology",
    "adcs_per_tile",
    "area",
    "array_energy_J",
    "converted_lines",
    "energy",
    "figures",
    "full_activity",
    "leakage_J",
    "load_technology",
    "peak_level_share",
    "peak_power",
    "peak_table",
    "static_power",
    "technologies",
    "total_J",
    "unit_pulse_s",
    "units",
]
