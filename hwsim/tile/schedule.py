"""Clock cycles of one matrix-vector product on one tile; the RTL controller gives the same.

A phase drives the word lines for `read_cycles`, samples every bit line, then each converter
works through its columns while the next phase is already driven:

    phase   = max(read_cycles, columns_per_adc * conversion_cycles)
    latency = read_cycles + (phases - 1) * phase + columns_per_adc * conversion_cycles + 1

The final cycle is the last code's shift-add.
"""

from hwsim.peripherals.spec import Adc
from hwsim.tile.geometry import Geometry


def conversion_cycles(adc: Adc) -> int:
    """Cycles in which one converter works through its columns once."""
    return adc.columns_per_adc * adc.conversion_cycles


def phase_cycles(geometry: Geometry) -> int:
    """Cycles between two input phases."""
    return max(geometry.tile.read_cycles, conversion_cycles(geometry.tile.adc))


def mvm_interval_cycles(geometry: Geometry) -> int:
    """Cycles between two matrix-vector products on the same tile."""
    return geometry.phases.count * phase_cycles(geometry)


def mvm_latency_cycles(geometry: Geometry) -> int:
    """Cycles from the first driven word line to the finished sum of one product."""
    tile = geometry.tile
    waits = (geometry.phases.count - 1) * phase_cycles(geometry)
    return tile.read_cycles + waits + conversion_cycles(tile.adc) + 1
