"""Area and numbers of units, from the architecture's counts."""

import math

from hwsim.chip.spec import Arch
from hwsim.cost.components import Component
from hwsim.cost.switch import SWITCHED, power_switch
from hwsim.cost.technology import ShiftAddSharing, Technology
from hwsim.tile.geometry import ceil_div
from hwsim.tile.spec import Encoding, Subtraction, TileSpec


def converted_lines(tile: TileSpec) -> int:
    """Lines of one array that reach a converter: pairs where they are subtracted in the array."""
    analog = tile.encoding is Encoding.DIFFERENTIAL and tile.subtraction is Subtraction.ANALOG
    return tile.cols // 2 if analog else tile.cols


def adcs_per_tile(tile: TileSpec) -> int:
    """Converters of one array."""
    return ceil_div(converted_lines(tile), tile.adc.columns_per_adc)


def conversion_rate_Hz(tile: TileSpec) -> float:
    """Samples per second that each converter is built for: one after another without a pause."""
    return tile.clock_Hz / tile.adc.conversion_cycles


def hop_m(arch: Arch, technology: Technology) -> float:
    """Distance between neighbouring routers: the side of the square that one router serves."""
    return math.sqrt(sum(area(arch, technology, arch.chip.clusters_per_router).values()))


def shift_adders(arch: Arch, technology: Technology) -> int:
    """Shift-adders of one cluster."""
    chip = arch.chip
    if technology.shift_add.area_per is ShiftAddSharing.CONVERTER:
        return chip.tiles_per_cluster * adcs_per_tile(arch.tile)
    return chip.groups_per_cluster * chip.shift_adds_per_group


def units(arch: Arch, technology: Technology) -> dict[Component, float]:
    """Units of each component in one cluster, in the units of the technology's areas.

    Cells, rows, converters, lines, shift-adders, bytes, wires, routers (a part of one where
    clusters share it), units.
    """
    tile, chip = arch.tile, arch.chip
    tiles, groups = chip.tiles_per_cluster, chip.groups_per_cluster
    return {
        Component.ARRAY: tiles * tile.rows * tile.cols,
        Component.DRIVER: tiles * tile.rows,
        Component.ADC: tiles * adcs_per_tile(tile),
        Component.SAMPLE_HOLD: tiles * converted_lines(tile),
        Component.SHIFT_ADD: shift_adders(arch, technology),
        Component.INPUT_REGISTER: groups * chip.input_register_bytes,
        Component.OUTPUT_REGISTER: groups * chip.output_register_bytes,
        Component.CLUSTER_REGISTER: chip.cluster_register_bytes,
        Component.BUFFER: chip.buffer_bytes,
        Component.BUS: chip.bus_bits,
        Component.ROUTER: 1 / chip.clusters_per_router,
        Component.ACTIVATION: chip.activation_units_per_cluster,
        Component.POOLING: chip.pool_units_per_cluster,
        Component.ELEMENTWISE: chip.shift_adds_per_cluster,
        Component.REQUANTIZER: chip.requantizers_per_cluster,
    }


def area(arch: Arch, technology: Technology, clusters: float = 1) -> dict[Component, float]:
    """Area of `clusters` clusters by component, in square metres; off-chip links not included.

    Of what tiles switch off, the switches are a part.
    """
    t, switch = technology, power_switch(arch, technology)
    each_m2 = {
        Component.ARRAY: t.cell.area.value,
        Component.DRIVER: t.driver.area.value,
        Component.ADC: t.adc.area_m2(arch.tile.adc.bits, conversion_rate_Hz(arch.tile)),
        Component.SAMPLE_HOLD: t.sample_hold.area.value,
        Component.SHIFT_ADD: t.shift_add.area.value,
        Component.INPUT_REGISTER: t.input_register.area.value,
        Component.OUTPUT_REGISTER: t.output_register.area.value,
        Component.CLUSTER_REGISTER: t.cluster_register.area.value,
        Component.BUFFER: t.buffer.area.value,
        Component.BUS: t.bus.area.value,
        Component.ROUTER: t.router.area.value,
        Component.ACTIVATION: t.activation.area.value,
        Component.POOLING: t.pooling.area.value,
        Component.ELEMENTWISE: t.adder.area.value,
        Component.REQUANTIZER: t.requantizer.area.value,
    }
    if switch:
        each_m2 |= {name: each_m2[name] * (1 + switch.area_share.value) for name in SWITCHED}
    return {
        name: clusters * count * each_m2[name] for name, count in units(arch, technology).items()
    }
