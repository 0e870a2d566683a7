"""The tornado table of a result: which figures of the technology it rests on most."""

from collections.abc import Mapping
from dataclasses import asdict

from codesign.report.result import SensitivityRow
from hwsim.chip.spec import Arch
from hwsim.cost import Technology, Work, sensitivity
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs
from mapping.plan import Plan
from mapping.price import duty


def sensitivity_rows(
    plan: Plan,
    arch: Arch,
    technology: Technology,
    counts: Mapping[str, EventCounts],
    interval_s: float,
) -> tuple[SensitivityRow, ...]:
    """Energy of one inference and area with one figure at a time at the ends of its range.

    Args:
        counts: events of one inference by layer and digital node.
        interval_s: between two inferences; leakage flows as long.
    """
    knobs = {layer.name: layer.knobs for layer in plan.layers}
    layers = [(knobs.get(name, Knobs()), events) for name, events in counts.items()]
    duties = tuple(duty(layer, arch) for layer in plan.layers)
    work = Work.of(layers, plan.clusters, interval_s, duties)
    return tuple(SensitivityRow(**asdict(s)) for s in sensitivity(work, arch, technology))
