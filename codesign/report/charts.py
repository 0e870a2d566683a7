"""The charts of the page, as Vega-Lite specifications."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import altair as alt

from codesign.report.quantities import percent, si, square_mm
from codesign.report.result import LayerResult, Result

Spec = dict[str, Any]  # a Vega-Lite specification
MAX_LAYERS = 60
_BAR = 18  # height of a bar, pixels


class Family(Enum):
    """Components that share a colour, so that a colour means the same in every report."""

    ARRAY = "array"
    DRIVER = "driver"
    ADC = "ADC, sample and hold"
    DIGITAL = "digital units"
    REGISTERS = "registers"
    BUFFER = "buffer"
    INTERCONNECT = "bus, router, link"
    LEAKAGE = "leakage"


# Okabe and Ito (2008), distinguishable with every common colour blindness; grey for leakage.
_COLOURS = {
    Family.ARRAY: "#E69F00",
    Family.DRIVER: "#D55E00",
    Family.ADC: "#0072B2",
    Family.DIGITAL: "#009E73",
    Family.REGISTERS: "#56B4E9",
    Family.BUFFER: "#CC79A7",
    Family.INTERCONNECT: "#F0E442",
    Family.LEAKAGE: "#8C8C8C",
}
_FAMILIES = {
    "array": Family.ARRAY,
    "driver": Family.DRIVER,
    "adc": Family.ADC,
    "sample_hold": Family.ADC,
    "input_register": Family.REGISTERS,
    "output_register": Family.REGISTERS,
    "cluster_register": Family.REGISTERS,
    "buffer": Family.BUFFER,
    "bus": Family.INTERCONNECT,
    "router": Family.INTERCONNECT,
    "link": Family.INTERCONNECT,
    "leakage": Family.LEAKAGE,
}


def family(component: str) -> Family:
    """The family of a component; whatever is not listed is a digital unit."""
    return _FAMILIES.get(component, Family.DIGITAL)


def charts(result: Result) -> dict[str, Spec]:
    """Vega-Lite specifications by the id of the element that shows them."""
    layers = shown_layers(result)
    timed = [layer for layer in layers if layer.tiles]
    energy, area = result.energy_J, result.area_m2
    return {
        "energy-by-layer": _stacked(layers, result.network),
        "energy-by-component": _bars(
            _component_rows(energy.by_component, energy.total, "energy"), "energy", "J"
        ),
        "area-by-component": _bars(
            _component_rows(area.by_component, area.total, "area"), "area", "mm²"
        ),
        "time-by-layer": _time(timed),
    }


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


def _energy_rows(layers: list[LayerResult]) -> list[dict[str, Any]]:
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


def _component_rows(
    parts: Mapping[str, float], total: float, quantity: str
) -> list[dict[str, Any]]:
    is_area = quantity == "area"
    return [
        {
            "component": name,
            "family": family(name).value,
            "value": value * 1e6 if is_area else value,
            "amount": square_mm(value) if is_area else si(value, "J"),
            "share": percent(value / total if total else 0.0, 1),
        }
        for name, value in parts.items()
    ]


def _colour(rows: list[dict[str, Any]], legend: bool) -> alt.Color:
    used = {row["family"] for row in rows}
    families = [f for f in Family if f.value in used]
    return alt.Color(
        "family:N",
        scale=alt.Scale(domain=[f.value for f in families], range=[_COLOURS[f] for f in families]),
        legend=alt.Legend(title=None, orient="top") if legend else None,
    )


def _stacked(layers: list[LayerResult], network: str) -> Spec:
    rows = _energy_rows(layers)
    spec: Spec = (
        alt.Chart(alt.InlineData(rows), width="container", height=alt.Step(_BAR))
        .mark_bar()
        .encode(
            x=_amount("energy per inference", "J"),
            y=alt.Y("layer:N", sort=[layer.name for layer in layers], title=None),
            color=_colour(rows, legend=True),
            order=alt.Order("order:O"),
            tooltip=[
                _tip("layer"),
                _tip("component"),
                _tip("amount", "energy"),
                _tip("share", "of the layer"),
                _tip("total", "layer in all"),
            ],
        )
        .properties(**_described(f"Energy per layer and component of {network}"))
        .to_dict()
    )
    return spec


def _bars(rows: list[dict[str, Any]], title: str, unit: str) -> Spec:
    spec: Spec = (
        alt.Chart(alt.InlineData(rows), width="container", height=alt.Step(_BAR))
        .mark_bar()
        .encode(
            x=_amount(title, unit),
            y=alt.Y("component:N", sort="-x", title=None),
            color=_colour(rows, legend=False),
            tooltip=[_tip("component"), _tip("amount", title), _tip("share")],
        )
        .properties(**_described(f"{title} by component"))
        .to_dict()
    )
    return spec


def _time(layers: list[LayerResult]) -> Spec:
    rows = [
        {
            "layer": layer.name,
            "value": layer.time_s,
            "amount": si(layer.time_s, "s"),
            "cycles": layer.cycles,
            "replicas": layer.replicas,
        }
        for layer in layers
    ]
    spec: Spec = (
        alt.Chart(alt.InlineData(rows), width="container", height=alt.Step(_BAR))
        .mark_bar(color=_COLOURS[Family.ADC])
        .encode(
            x=_amount("time per inference", "s"),
            y=alt.Y("layer:N", sort=[layer.name for layer in layers], title=None),
            tooltip=[
                _tip("layer"),
                _tip("amount", "time"),
                _tip("cycles", "cycles"),
                _tip("replicas", "replicas"),
            ],
        )
        .properties(**_described("Time per layer"))
        .to_dict()
    )
    return spec


def _amount(title: str, unit: str) -> alt.X:
    """An axis from zero; a square millimetre takes no prefix."""
    form = "~g" if unit == "mm²" else "~s"
    number = f"replace(format(datum.value, '{form}'), regexp('^([0-9.]+)'), '$1 ')"
    label = f"datum.value === 0 ? '0' : {number} + '{unit}'"
    return alt.X("value:Q", title=title, axis=alt.Axis(labelExpr=label, tickCount=5))


def _tip(field: str, title: str | None = None) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:N", title=title or field)


def _described(text: str) -> dict[str, Any]:
    return {"description": text, "background": "transparent"}
