"""What a plan costs: the energy of one inference by layer and component."""

from collections.abc import Mapping

from hwsim.chip.spec import Arch
from hwsim.cost import Component, Technology, energy, leakage_J
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs
from mapping.plan import Plan

Joules = dict[Component, float]


def layer_energies(
    plan: Plan,
    arch: Arch,
    technology: Technology,
    counts: Mapping[str, EventCounts],
    interval_s: float,
) -> dict[str, Joules]:
    """Energy of every layer and digital node in J; leakage goes to layers by their tiles.

    Args:
        counts: events of one inference by layer or digital node.
        interval_s: between two inferences: how long the chip leaks for each.
    """
    knobs = {layer.name: layer.knobs for layer in plan.layers}
    leakage = leakage_J(arch, technology, plan.clusters, interval_s)
    tiles = {layer.name: layer.tiles for layer in plan.layers}
    found = {}
    for name, events in counts.items():
        dynamic = energy(events, arch, technology, knobs.get(name, Knobs()))
        found[name] = {**dynamic, Component.LEAKAGE: leakage * tiles.get(name, 0) / plan.tiles}
    return found
