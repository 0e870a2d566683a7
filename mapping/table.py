"""A plan as people and programs read it: the table and the JSON of `hwsim map`."""

from collections.abc import Sequence
from typing import Any

from mapping.plan import LayerPlan, Plan

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


def map_table(plan: Plan) -> str:
    """The layers of a plan and their totals, one line each.

    `arrays` hold the layer once; `copies` are the redundancy (digital ones take tiles of their
    own); tiles = arrays * digital copies * replicas.  Cycles are per inference.
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
    return "\n".join([*_aligned([HEADINGS, *body, total]), summary])


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


def map_json(plan: Plan, network: str) -> dict[str, Any]:
    """The document that `hwsim map --json` writes; its keys are stable."""
    return {
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
