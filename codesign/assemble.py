"""Joins plan, counts and prices to the record that reports are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codesign.assumptions import stated_assumptions
from codesign.report.result import (
    AccuracyResult,
    AreaResult,
    Assumption,
    ChipResult,
    CosimResult,
    EnergyResult,
    FigureResult,
    LayerResult,
    LineResult,
    Provenance,
    Result,
)
from codesign.sensitivity import sensitivity_rows
from hwsim.chip.flow_time import StationTime
from hwsim.chip.spec import Arch
from hwsim.cost import Component, Technology, area, figures, total_J
from hwsim.errors import MappingError
from hwsim.events import EventCounts
from mapping.plan import LayerPlan, Plan
from mapping.price import Joules, layer_energies
from mapping.timing import PlanTime, plan_time

OPERATIONS_PER_MAC = 2


@dataclass(frozen=True)
class Run:
    """What a simulation adds to a plan; the defaults say that nothing was simulated."""

    accuracy: AccuracyResult | None = None
    backend: str | None = None
    engine: str | None = None
    seed: int | None = None
    samples: int | None = None
    device_samples: int | None = None
    lines: tuple[LineResult, ...] = ()
    cosim: CosimResult | None = None


def assemble(
    network: str,
    plan: Plan,
    arch: Arch,
    technology: Technology,
    counts: Mapping[str, EventCounts],
    *,
    ops: Mapping[str, str] | None = None,
    time: PlanTime | None = None,
    run: Run | None = None,
    assumptions: Sequence[Assumption] = (),
    provenance: Provenance | None = None,
) -> Result:
    """Price a plan.

    Args:
        network: its name, as reports show it.
        counts: events of one inference for every layer of the plan and for digital nodes.
        ops: operator of each digital node, for the table.
        time: of the plan in its network; None: each layer waits for the one before.
        run: what was simulated; None: nothing.
        assumptions: further ones, e.g. how activity was assumed; shown first.
    Raises:
        MappingError: a layer of the plan has no counts.
    """
    for layer in plan.layers:
        if layer.name not in counts:
            raise MappingError(f"counts: expected layer {layer.name!r}, found none")
    timing = time or plan_time(plan, arch)
    joules = layer_energies(plan, arch, technology, counts, timing.interval_s)
    by_layer = {name: total_J(parts) for name, parts in joules.items()}
    total = sum(by_layer.values())
    run = run or Run()
    return Result(
        network=network,
        arch=arch.name,
        arch_description=arch.description,
        technology=technology.name,
        device=arch.device.name,
        **vars(run),
        energy_J=EnergyResult(total=total, by_component=_by_component(joules), by_layer=by_layer),
        area_m2=_area(plan, arch, technology),
        latency_s=timing.latency_s,
        sequential_latency_s=timing.sequential_latency_s,
        throughput_per_s=timing.throughput_per_s,
        bottleneck=timing.bottleneck,
        buffer_overflow_bytes={str(at): needed for at, needed in timing.overflows.items()},
        clock_Hz=arch.tile.clock_Hz,
        cycles=timing.cycles,
        tiles=plan.tiles,
        clusters=plan.clusters,
        weights=plan.weights,
        macs=plan.macs,
        utilization=plan.utilization,
        tops_per_W=OPERATIONS_PER_MAC * plan.macs / total / 1e12 if total else 0.0,
        layers=_layers(plan, arch, joules, counts, ops or {}, timing),
        chip=ChipResult(
            tiles_per_cluster=arch.chip.tiles_per_cluster,
            clusters_per_router=arch.chip.clusters_per_router,
            buffer_bytes=arch.chip.buffer_bytes,
        ),
        assumptions=(*assumptions, *stated_assumptions(plan, arch, technology)),
        figures=_figures(technology),
        sensitivity=sensitivity_rows(plan, arch, technology, counts, timing.interval_s),
        provenance=provenance or Provenance(),
    )


def _by_component(joules: Mapping[str, Joules]) -> dict[str, float]:
    """Sums over layers; components that never occur are left out."""
    sums = {c: sum(parts.get(c, 0.0) for parts in joules.values()) for c in Component}
    return {component.value: value for component, value in sums.items() if value > 0}


def _area(plan: Plan, arch: Arch, technology: Technology) -> AreaResult:
    parts = {c.value: m2 for c, m2 in area(arch, technology, plan.clusters).items() if m2 > 0}
    return AreaResult(total=sum(parts.values()), by_component=parts)


def _layers(
    plan: Plan,
    arch: Arch,
    joules: Mapping[str, Joules],
    counts: Mapping[str, EventCounts],
    ops: Mapping[str, str],
    timing: PlanTime,
) -> tuple[LayerResult, ...]:
    times = {own.name: _times(own, timing) for own in timing.layers}
    planned = {layer.name: layer for layer in plan.layers}
    rows = []
    for name, parts in joules.items():
        named = {c.value: value for c, value in parts.items() if value > 0}
        if name in planned:
            row = _planned(planned[name], arch, total_J(parts), named)
        else:
            op = ops.get(name, "digital")
            row = LayerResult(
                name=name, op=op, energy_J=total_J(parts), energy_by_component_J=named
            )
        events = {event: n for event, n in counts[name].as_dict().items() if n > 0}
        rows.append(row.model_copy(update={"events": events, **times.get(name, {})}))
    return tuple(rows)


def _times(own: StationTime, timing: PlanTime) -> dict[str, Any]:
    """What a layer's record says of when it works."""
    clock = timing.clock_Hz
    return {
        "start_s": own.start / clock,
        "end_s": own.end / clock,
        "busy_s": own.busy / clock,
        "stalls_s": {cause.value: cycles / clock for cause, cycles in own.stalls.items()},
        "buffer_bytes": timing.buffer_bytes[own.name],
        "overflowing_clusters": timing.crowded[own.name],
    }


def _planned(layer: LayerPlan, arch: Arch, joules: float, parts: dict[str, float]) -> LayerResult:
    return LayerResult(
        name=layer.name,
        op=layer.op,
        rows=layer.rows,
        cols=layer.cols,
        groups=layer.groups,
        mvms_per_inference=layer.mvms_per_inference,
        macs=layer.macs,
        tiles=layer.tiles,
        first_tile=layer.first_tile,
        replicas=layer.replicas,
        utilization=layer.utilization,
        read_voltage_V=layer.knobs.read_voltage_V or arch.tile.read_voltage_V,
        redundancy=layer.knobs.redundancy,
        adc_bits=layer.knobs.adc_bits or arch.tile.adc.bits,
        cycles=layer.cycles,
        time_s=layer.cycles / arch.tile.clock_Hz,
        energy_J=joules,
        energy_by_component_J=parts,
    )


def _figures(technology: Technology) -> tuple[FigureResult, ...]:
    return tuple(
        FigureResult(
            key=key,
            value=figure.value,
            unit=figure.unit,
            source=figure.source,
            note=figure.note,
        )
        for key, figure in figures(technology).items()
    )
