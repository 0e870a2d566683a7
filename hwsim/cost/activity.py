"""Full activity: what one cluster does in a second when nothing ever waits.

Rows are all driven in every phase; cells hold the heaviest pattern the encoding allows; a
phase lasts as long as the schedule says.  Inputs arrive as fast as the rows take them;
results leave at the ratio of a group's output to its input register; every bit is written
once and read once, moved over the bus once and over one router.  Units of a cluster work
once per clock cycle.  These rules reproduce ISAAC's published table (see the tests), which has
no requantiser.
"""

from hwsim.chip.spec import Arch
from hwsim.cost.area import conversion_rate_Hz, converted_lines, units
from hwsim.cost.components import Component
from hwsim.cost.energy import energy
from hwsim.cost.technology import Technology
from hwsim.events import EventCounts
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import phase_cycles
from hwsim.tile.spec import Encoding, TileSpec


def peak_level_share(tile: TileSpec) -> float:
    """Highest possible mean level of an array, as a share of the highest level.

    One cell of a differential pair is empty; a flipped column holds at most half.
    """
    halved = tile.encoding is Encoding.DIFFERENTIAL or tile.flipped_columns
    return 0.5 if halved else 1.0


def full_activity(arch: Arch) -> EventCounts:
    """Events per second of one busy cluster."""
    tile, chip = arch.tile, arch.chip
    phase_Hz = tile.clock_Hz / phase_cycles(Geometry(tile, arch.precision))
    reads = chip.tiles_per_cluster * phase_Hz
    row_pulses = reads * tile.rows * ((1 << tile.dac_bits) - 1)
    cell_pulses = row_pulses * tile.cols
    top_level = (1 << tile.cell_bits) - 1
    conversions = reads * converted_lines(tile)
    in_bits = reads * tile.rows * tile.dac_bits
    out_bits = in_bits * chip.output_register_bytes / chip.input_register_bytes
    return EventCounts(
        array_reads=reads,
        row_pulses=row_pulses,
        row_swings=reads * tile.rows,
        cell_pulses=cell_pulses,
        level_pulses=cell_pulses * top_level * peak_level_share(tile),
        samples=conversions,
        conversions=conversions,
        shift_adds=conversions,
        input_register_bits=2 * in_bits,
        output_register_bits=2 * out_bits,
        cluster_register_bits=2 * out_bits,
        buffer_read_bits=in_bits + out_bits,
        buffer_write_bits=in_bits + out_bits,
        bus_bits=in_bits + out_bits,
        hop_bits=in_bits + out_bits,
        activation_ops=chip.activation_units_per_cluster * tile.clock_Hz,
        pool_ops=chip.pool_units_per_cluster * tile.clock_Hz,
        elementwise_ops=chip.shift_adds_per_cluster * tile.clock_Hz,
        requantizations=chip.requantizers_per_cluster * tile.clock_Hz,
    )


def static_power(arch: Arch, technology: Technology, clusters: float = 1) -> dict[Component, float]:
    """Power that `clusters` clusters draw all the time, by component, in watts."""
    rates, t = full_activity(arch), technology
    warm = t.leakage_factor(arch.scenario.temperature_K)
    swing_J = t.driver.swing_J(arch.tile.cols, arch.tile.read_voltage_V)
    conversion_J = t.adc.conversion_J(arch.tile.adc.bits, conversion_rate_Hz(arch.tile))
    buffer_bits = rates.buffer_read_bits + rates.buffer_write_bits
    watts = {
        Component.DRIVER: rates.row_swings * swing_J * t.driver.static_share.value,
        Component.ADC: rates.conversions * conversion_J * t.adc.static_share.value,
        Component.SAMPLE_HOLD: rates.samples * t.sample_hold.static_J,
        Component.SHIFT_ADD: rates.shift_adds * t.shift_add.static_J,
        Component.INPUT_REGISTER: rates.input_register_bits * t.input_register.static_J,
        Component.OUTPUT_REGISTER: rates.output_register_bits * t.output_register.static_J,
        Component.CLUSTER_REGISTER: rates.cluster_register_bits * t.cluster_register.static_J,
        Component.BUFFER: buffer_bits * t.buffer.sized(arch.chip.buffer_bytes).static_J,
        Component.BUS: rates.bus_bits * t.bus.static_J,
        Component.ROUTER: rates.hop_bits * t.router.static_J,
        Component.ACTIVATION: rates.activation_ops * t.activation.static_J,
        Component.POOLING: rates.pool_ops * t.pooling.static_J,
        Component.ELEMENTWISE: rates.elementwise_ops * t.adder.static_J,
        Component.REQUANTIZER: rates.requantizations * t.requantizer.static_J,
    }
    return {component: clusters * warm * power for component, power in watts.items()}


def peak_power(arch: Arch, technology: Technology) -> dict[Component, float]:
    """Power of one busy cluster by component, dynamic plus static, in watts."""
    dynamic = energy(full_activity(arch), arch, technology)
    static = static_power(arch, technology)
    present = units(arch, technology)
    return {
        component: power + static.get(component, 0.0)
        for component, power in dynamic.items()
        if present[component] > 0 and (power > 0 or component in static)
    }
