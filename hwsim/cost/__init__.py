"""Cost: pure functions from event counts and a technology file to energy, area and power."""

from hwsim.cost.activity import (
    full_activity,
    peak_level_share,
    peak_power,
    static_power,
)
from hwsim.cost.area import adcs_per_tile, area, conversion_rate_Hz, converted_lines, hop_m, units
from hwsim.cost.components import Component
from hwsim.cost.energy import array_energy_J, energy, total_J
from hwsim.cost.figure import Figure, Uncertainty
from hwsim.cost.leakage import Duty, leakage_J, standby_J, working_J
from hwsim.cost.load import load_technology, technologies, technology_of
from hwsim.cost.peak import Level, PeakLine, peak_table
from hwsim.cost.scaling import scaled
from hwsim.cost.sensitivity import Swing, Work, price, sensitivity
from hwsim.cost.switch import power_switch
from hwsim.cost.technology import Technology, figures

__all__ = [
    "Component",
    "Duty",
    "Figure",
    "Level",
    "PeakLine",
    "Swing",
    "Technology",
    "Uncertainty",
    "Work",
    "adcs_per_tile",
    "area",
    "array_energy_J",
    "conversion_rate_Hz",
    "converted_lines",
    "energy",
    "figures",
    "full_activity",
    "hop_m",
    "leakage_J",
    "load_technology",
    "peak_level_share",
    "peak_power",
    "peak_table",
    "power_switch",
    "price",
    "scaled",
    "sensitivity",
    "standby_J",
    "static_power",
    "technologies",
    "technology_of",
    "total_J",
    "units",
    "working_J",
]
