"""A plan as people and programs read it: the table and the JSON of `hwsim map`."""

from collections.abc import Sequence
from typing import Any

from mapping.plan import LayerPlan, Plan
from mapping.timing import PlanTime

HEADINGS = (
    "layer",
    "op",
    "rows",
    "cols",
    "MVMs",
    "arrays",
    "copies",
    "replicas",
    "tiles",
    "utilisation",
    "cycles",
)
LEFT_ALIGNED = 2  # columns of words; the others hold numbers


def map_table(plan: Plan, time: PlanTime | None = None) -> str:
    """The layers of a plan and their totals, one line each; with `time`, how long one takes.

    `arrays` hold the layer once; `copies` are the redundancy (digital ones take tiles of their
    own); tiles = arrays * digital copies * replicas.  Cycles are those of the layer's tiles alone
    per inference.
    """
    body = [_row(layer) for layer in plan.layers]
    total = (
        "total",
        f"{len(plan.layers)} layers",
        "",
        "",
        f"{sum(layer.mvms_per_inference for layer in plan.layers)}",
        f"{sum(layer.arrays for layer in plan.layers)}",
        "",
        "",
        f"{plan.tiles}",
        f"{plan.utilization:.1%}",
        f"{sum(layer.cycles for layer in plan.layers)}",
    )
    summary = (
        f"{plan.arch}: {plan.tiles} tiles in {plan.clusters} clusters, {plan.weights} weights, "
        f"{plan.macs} MACs per inference; slowest layer busy for {plan.bottleneck_cycles} cycles"
    )
    pace = [] if time is None else _pace(time)
    return "\n".join([*_aligned([HEADINGS, *body, total]), summary, *pace])


def _pace(time: PlanTime) -> list[str]:
    """Latency, interval and what sets it; then every buffer that is too small."""
    lines = [
        f"latency {time.cycles} cycles ({1e6 * time.latency_s:.4g} us); in a full pipeline one "
        f"inference every {time.interval_cycles} cycles, set by {time.bottleneck}"
    ]
    lines += [
        f"buffer of cluster {cluster}: {needed} bytes wait there at most, more than it holds"
        for cluster, needed in time.overflows.items()
    ]
    return lines


def _row(layer: LayerPlan) -> tuple[str, ...]:
    return (
        layer.name,
        layer.op if layer.groups == 1 else f"{layer.op}, {layer.groups} groups",
        f"{layer.rows}",
        f"{layer.cols}",
        f"{layer.mvms_per_inference}",
        f"{layer.arrays}",
        f"{layer.knobs.redundancy}",
        f"{layer.replicas}",
        f"{layer.tiles}",
        f"{layer.utilization:.1%}",
        f"{layer.cycles}",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < LEFT_ALIGNED else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * max(len(line) for line in lines)
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]


def map_json(plan: Plan, network: str, time: PlanTime | None = None) -> dict[str, Any]:
    """The document that `hwsim map --json` writes; its keys are stable."""
    content = {
        "network": network,
        "arch": plan.arch,
        "layers": [_layer_json(layer) for layer in plan.layers],
        "tiles": plan.tiles,
        "clusters": plan.clusters,
        "weights": plan.weights,
        "macs": plan.macs,
        "utilization": plan.utilization,
        "bottleneck_cycles": plan.bottleneck_cycles,
    }
    return content if time is None else {**content, **_time_json(time)}


def _time_json(time: PlanTime) -> dict[str, Any]:
    return {
        "latency_s": time.latency_s,
        "sequential_latency_s": time.sequential_latency_s,
        "throughput_per_s": time.throughput_per_s,
        "latency_cycles": time.cycles,
        "interval_cycles": time.interval_cycles,
        "bottleneck": time.bottleneck,
        "buffer_overflow_bytes": {str(key): value for key, value in time.overflows.items()},
        "times": [
            {
                "name": own.name,
                "start_cycles": own.start,
                "end_cycles": own.end,
                "busy_cycles": own.busy,
                "stall_cycles": {cause.value: cycles for cause, cycles in own.stalls.items()},
                "buffer_bytes": time.buffer_bytes[own.name],
            }
            for own in time.layers
        ],
    }


def _layer_json(layer: LayerPlan) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "rows": layer.rows,
        "cols": layer.cols,
        "groups": layer.groups,
        "arrays": layer.arrays,
        "redundancy": layer.knobs.redundancy,
        "replicas": layer.replicas,
        "first_tile": layer.first_tile,
        "tiles": layer.tiles,
        "utilization": layer.utilization,
        "mvms_per_inference": layer.mvms_per_inference,
        "cycles": layer.cycles,
    }
