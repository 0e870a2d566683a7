"""Energy by layer and component, area by component: stacked and ranked bars."""

from collections.abc import Mapping

import altair as alt

from codesign.report.chart import (
    NARROW,
    Chart,
    Row,
    amount_axis,
    bars_height,
    drawn,
    family_colour,
    names_axis,
    rows_of,
    tip,
)
from codesign.report.palette import Family, family
from codesign.report.quantities import percent, si, square_mm
from codesign.report.result import LayerResult, Result
from codesign.report.table import Cell, Table

MAX_LAYERS = 60
_LABEL_ROOM = 1.4  # the axis reaches so far beyond the longest bar, for its label
_NARROW_ROOM = 2.2  # the same on a phone


def shown_layers(result: Result) -> list[LayerResult]:
    """The layers that charts show: the costliest on tiles, in the order of execution.

    Digital nodes, cheap and many, stand together as one.
    """
    on_tiles = [layer for layer in result.layers if layer.tiles]
    ranked = sorted(on_tiles, key=lambda layer: layer.energy_J, reverse=True)
    kept = {layer.name for layer in ranked[:MAX_LAYERS]}
    digital = [layer for layer in result.layers if not layer.tiles]
    shown = [layer for layer in on_tiles if layer.name in kept]
    return [*shown, _together(digital)] if digital else shown


def _together(nodes: list[LayerResult]) -> LayerResult:
    parts: dict[str, float] = {}
    for node in nodes:
        for component, joules in node.energy_by_component_J.items():
            parts[component] = parts.get(component, 0.0) + joules
    return LayerResult(
        name=f"digital nodes ({len(nodes)})",
        op="digital",
        energy_J=sum(node.energy_J for node in nodes),
        energy_by_component_J=parts,
    )


def energy_by_layer(result: Result) -> Chart:
    """Stacked bars: one per layer, one colour per family of components."""
    layers = shown_layers(result)
    rows = _energy_rows(layers)
    most = max(result.layers, key=lambda layer: layer.energy_J)
    share = percent(most.energy_J / result.energy_J.total if result.energy_J.total else 0.0, 0)
    summary = f"The costliest of {len(result.layers)} layers is {most.name} with {share}."
    bars = (
        alt.Chart(rows_of(rows))
        .mark_bar()
        .encode(
            x=amount_axis("value", "energy per inference", "J"),
            y=names_axis("layer", [layer.name for layer in layers]),
            color=family_colour(rows, legend=True),
            order=alt.Order("order:O"),
            tooltip=[
                tip("layer"),
                tip("component"),
                tip("amount", "energy"),
                tip("share", "of the layer"),
                tip("total", "layer in all"),
            ],
        )
    )
    return Chart(
        "energy-by-layer",
        "Energy by layer",
        summary,
        drawn(
            bars, f"Energy by layer. {summary}", width="container", height=bars_height(len(layers))
        ),
        _energy_table(layers),
    )


def _energy_rows(layers: list[LayerResult]) -> list[Row]:
    families = list(Family)
    return [
        {
            "layer": layer.name,
            "component": component,
            "family": family(component).value,
            "order": families.index(family(component)),
            "value": joules,
            "amount": si(joules, "J"),
            "share": percent(joules / layer.energy_J, 1),
            "total": si(layer.energy_J, "J"),
        }
        for layer in layers
        for component, joules in layer.energy_by_component_J.items()
    ]


def _energy_table(layers: list[LayerResult]) -> Table:
    components = list(dict.fromkeys(c for layer in layers for c in layer.energy_by_component_J))
    parts = [layer.energy_by_component_J for layer in layers]
    return Table(
        "energy-by-layer",
        "Energy of one inference by layer and component.",
        ("layer", *components),
        tuple(
            (
                Cell(layer.name, layer.name),
                *(Cell(si(p[c], "J"), p[c]) if c in p else Cell("") for c in components),
            )
            for layer, p in zip(layers, parts, strict=True)
        ),
        frozenset(("layer",)),
    )


def energy_by_component(result: Result) -> Chart:
    """Ranked bars, each with its amount and share."""
    energy = result.energy_J
    rows = component_rows(energy.by_component, energy.total, "J")
    return _ranked("energy-by-component", "Energy by component", rows, "energy per inference", "J")


def area_by_component(result: Result) -> Chart:
    """Ranked bars, each with its amount and share."""
    area = result.area_m2
    rows = component_rows(area.by_component, area.total, "mm²")
    return _ranked("area-by-component", "Area by component", rows, "area", "mm²")


def component_rows(parts: Mapping[str, float], total: float, unit: str) -> list[Row]:
    """A chart's rows: amount, share and colour of each component; areas in square millimetres."""
    is_area = unit == "mm²"
    rows = []
    for name, value in parts.items():
        amount = square_mm(value) if is_area else si(value, unit)
        share = percent(value / total if total else 0.0, 1)
        rows.append(
            {
                "component": name,
                "family": family(name).value,
                "value": value * 1e6 if is_area else value,
                "amount": amount,
                "share": share,
                "label": f"{amount} · {share}",
            }
        )
    return rows


def _ranked(name: str, title: str, rows: list[Row], axis: str, unit: str) -> Chart:
    rows = sorted(rows, key=lambda row: row["value"], reverse=True)
    first = rows[0]
    summary = f"The largest part is {first['component']}: {first['share']}."
    room = alt.Scale(
        domainMin=0,
        domainMax=alt.ExprRef(f"{first['value']} * ({NARROW} ? {_NARROW_ROOM} : {_LABEL_ROOM})"),
        nice=False,
    )
    base = alt.Chart(rows_of(rows)).encode(
        x=amount_axis("value", axis, unit, scale=room),
        y=names_axis("component", [row["component"] for row in rows]),
    )
    bars = base.mark_bar().encode(
        color=family_colour(rows, legend=False),
        tooltip=[tip("component"), tip("amount", axis), tip("share")],
    )
    labels = base.mark_text(align="left", dx=5, fontSize=11, aria=False).encode(text="label:N")
    described = drawn(
        bars + labels, f"{title}. {summary}", width="container", height=bars_height(len(rows))
    )
    return Chart(name, title, summary, described)
