"""What a plan costs: the energy of one inference by layer and component."""

from collections.abc import Mapping

from hwsim.chip.spec import Arch
from hwsim.cost import Component, Duty, Technology, energy, standby_J, working_J
from hwsim.events import EventCounts
from hwsim.tile.geometry import ceil_div
from hwsim.tile.spec import Knobs
from mapping.plan import LayerPlan, Plan

Joules = dict[Component, float]


def layer_energies(
    plan: Plan,
    arch: Arch,
    technology: Technology,
    counts: Mapping[str, EventCounts],
    interval_s: float,
) -> dict[str, Joules]:
    """Energy of every layer and digital node in J; leakage goes to layers by their tiles, and by
    how long those work where the chip switches idle ones off.

    Args:
        counts: events of one inference by layer or digital node.
        interval_s: between two inferences: how long the chip leaks for each.
    """
    knobs = {layer.name: layer.knobs for layer in plan.layers}
    standby = standby_J(arch, technology, plan.clusters, interval_s)
    leakage = {
        layer.name: standby * layer.tiles / plan.tiles
        + working_J(arch, technology, duty(layer, arch), interval_s)
        for layer in plan.layers
    }
    found = {}
    for name, events in counts.items():
        dynamic = energy(events, arch, technology, knobs.get(name, Knobs()))
        found[name] = {**dynamic, Component.LEAKAGE: leakage.get(name, 0.0)}
    return found


def duty(layer: LayerPlan, arch: Arch) -> Duty:
    """What a layer's tiles do in an inference, every product a stretch of work of its own."""
    wakes = ceil_div(layer.mvms_per_inference, layer.replicas)
    return Duty(layer.tiles, layer.busy_cycles / arch.tile.clock_Hz, wakes)
