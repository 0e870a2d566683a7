"""Energy: a pure function of event counts, architecture and technology."""

from collections.abc import Mapping

from hwsim.chip.spec import Arch
from hwsim.cost.area import conversion_rate_Hz, hop_m
from hwsim.cost.components import Component
from hwsim.cost.technology import Technology
from hwsim.device.spec import Device, Scenario
from hwsim.events import EventCounts
from hwsim.tile.held import held_conductance
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.spec import Knobs, TileSpec


def array_energy_J(
    events: EventCounts, device: Device, tile: TileSpec, scenario: Scenario
) -> float:
    """Energy of the cells: V^2 * t_pulse * sum of G over all cells and unit pulses.

    G = lowest + level * step is what cells conduct on average in the scenario
    (`hwsim.tile.held`): where nothing disturbs them, from G_min to G_max.
    """
    held = held_conductance(device, tile.cell_bits, scenario)
    siemens = held.lowest_S * events.cell_pulses + held.step_S * events.level_pulses
    return tile.read_voltage_V**2 * tile.unit_pulse_s * siemens


def energy(
    events: EventCounts, arch: Arch, technology: Technology, knobs: Knobs | None = None
) -> dict[Component, float]:
    """Dynamic energy of the events by component, in joules; the static part is `leakage`.

    A digit charges its word line once, however long it is: holding the line costs nothing
    but leakage (an assumption).
    """
    knobs = knobs or Knobs()
    tile, device = tile_with(arch.tile, knobs), device_with(arch.device, knobs)
    swing_J = technology.driver.swing_J(tile.cols, tile.read_voltage_V)
    conversion_J = technology.adc.conversion_J(tile.adc.bits, conversion_rate_Hz(arch.tile))
    by_component = {
        Component.ARRAY: array_energy_J(events, device, tile, arch.scenario),
        Component.DRIVER: events.row_swings * swing_J * (1 - technology.driver.static_share.value),
        Component.ADC: events.conversions * conversion_J * (1 - technology.adc.static_share.value),
    }
    return by_component | _blocks_J(events, arch, technology)


def _blocks_J(events: EventCounts, arch: Arch, technology: Technology) -> dict[Component, float]:
    """Components whose events all cost the same."""
    t, e = technology, events
    priced = {
        Component.SAMPLE_HOLD: (t.sample_hold, e.samples),
        Component.SHIFT_ADD: (t.shift_add, e.shift_adds),
        Component.INPUT_REGISTER: (t.input_register, e.input_register_bits),
        Component.OUTPUT_REGISTER: (t.output_register, e.output_register_bits),
        Component.CLUSTER_REGISTER: (t.cluster_register, e.cluster_register_bits),
        Component.BUFFER: (
            t.buffer.sized(arch.chip.buffer_bytes),
            e.buffer_read_bits + e.buffer_write_bits,
        ),
        Component.BUS: (t.bus, e.bus_bits),
        Component.ROUTER: (t.router, e.hop_bits),
        Component.ACTIVATION: (t.activation, e.activation_ops),
        Component.POOLING: (t.pooling, e.pool_ops),
        Component.ELEMENTWISE: (t.adder, e.elementwise_ops + e.partial_adds),
        Component.REQUANTIZER: (t.requantizer, e.requantizations),
    }
    joules = {name: block.dynamic_J * count for name, (block, count) in priced.items()}
    if t.mesh_wire:
        joules[Component.ROUTER] += t.mesh_wire.energy.value * hop_m(arch, t) * e.hop_bits
    return joules


def total_J(by_component: Mapping[Component, float]) -> float:
    """Sum over components, in the order of their declaration (the same bits every time)."""
    return sum(by_component.get(component, 0.0) for component in Component)
