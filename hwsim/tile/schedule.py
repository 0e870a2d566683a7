"""Clock cycles of one matrix-vector product on one tile; the RTL controller gives the same.

A phase drives the word lines for `read_cycles`, samples every bit line, then each converter
works through its columns while the next phase is already driven:

    phase    = max(read_cycles, columns_per_adc * conversion_cycles)
    latency  = read_cycles + (phases - 1) * phase + columns_per_adc * conversion_cycles + 1
    interval = max(phases * phase, outputs)

The final cycle of the latency is the last code's shift-add.  Then all sums move to the output
register, from where one result leaves per cycle, while the next product is under way: that
sets the interval only where very few conversions share very many outputs.
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
    return max(geometry.phases.count * phase_cycles(geometry), geometry.weights_per_row)


def mvm_latency_cycles(geometry: Geometry) -> int:
    """Cycles from the first driven word line to the finished sum of one product."""
    tile = geometry.tile
    waits = (geometry.phases.count - 1) * phase_cycles(geometry)
    return tile.read_cycles + waits + conversion_cycles(tile.adc) + 1


#: A result's way out: output register, accumulator, three stages of the requantizer.
RESULT_STAGES = 5


def last_result_cycles(geometry: Geometry) -> int:
    """Cycles from the first driven word line to the one in which the last result leaves."""
    return mvm_latency_cycles(geometry) + RESULT_STAGES + geometry.weights_per_row - 1
