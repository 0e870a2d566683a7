"""Where time goes: when each layer works on one inference, and what it waits for."""

import altair as alt

from codesign.report.chart import (
    Chart,
    Row,
    amount_axis,
    bars_height,
    drawn,
    names_axis,
    rows_of,
    tip,
)
from codesign.report.chart_cost import MAX_LAYERS, shown_layers
from codesign.report.palette import ACCENT, SERIES
from codesign.report.quantities import grouped, percent, si
from codesign.report.result import LayerResult, Result
from codesign.report.table import Cell, Table

_WORKS = "works"


def time_by_layer(result: Result) -> Chart:
    """One bar per layer on tiles: how long its tiles alone take."""
    layers = [layer for layer in shown_layers(result) if layer.tiles]
    slowest = max(layers, key=lambda layer: layer.time_s)
    share = percent(slowest.time_s / result.latency_s if result.latency_s else 0.0, 0)
    summary = (
        f"The tiles of {slowest.name} work longest: {si(slowest.time_s, 's')}, {share} of the "
        f"latency of {si(result.latency_s, 's')}."
    )
    bars = (
        alt.Chart(rows_of([_time_row(layer) for layer in layers]))
        .mark_bar(color=ACCENT)
        .encode(
            x=amount_axis("value", "time of the tiles per inference", "s"),
            y=names_axis("layer", [layer.name for layer in layers]),
            tooltip=[tip("layer"), tip("amount", "time"), tip("cycles"), tip("replicas")],
        )
    )
    described = drawn(
        bars, f"Time by layer. {summary}", width="container", height=bars_height(len(layers))
    )
    return Chart("time-by-layer", "Time by layer", summary, described)


def _time_row(layer: LayerResult) -> Row:
    return {
        "layer": layer.name,
        "value": layer.time_s,
        "amount": si(layer.time_s, "s"),
        "cycles": grouped(layer.cycles),
        "replicas": layer.replicas,
    }


def timeline(result: Result) -> Chart | None:
    """From the first input to the last result of each layer; None: the result has no times."""
    layers = _timed(result)
    if not layers:
        return None
    bound = f", bound by {result.bottleneck}" if result.bottleneck else ""
    summary = (
        f"One inference takes {si(result.latency_s, 's')}; a full pipeline ends one every "
        f"{si(1 / result.throughput_per_s, 's')}{bound}."
    )
    rows = [_span_row(layer) for layer in layers]
    bars = (
        alt.Chart(rows_of(rows))
        .mark_bar(cornerRadius=2)
        .encode(
            x=amount_axis("start", "time since the inference began", "s"),
            x2="end:Q",
            y=names_axis("layer", [layer.name for layer in layers]),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=["on tiles", "digital"], range=[ACCENT, SERIES[2]]),
                legend=alt.Legend(),
            ),
            tooltip=[
                tip("layer"),
                tip("from"),
                tip("to"),
                tip("works"),
                tip("waits", "waits"),
            ],
        )
    )
    described = drawn(
        bars, f"Timeline. {summary}", width="container", height=bars_height(len(layers))
    )
    return Chart("timeline", "One inference on its way", summary, described, _span_table(layers))


def stalls(result: Result) -> Chart | None:
    """Stacked bars: how long each layer works, and for what it waits; None: nothing waits."""
    layers = _timed(result)
    causes = sorted({cause for layer in layers for cause, s in layer.stalls_s.items() if s > 0})
    if not causes:
        return None
    waits = {cause: sum(layer.stalls_s.get(cause, 0.0) for layer in layers) for cause in causes}
    most = max(causes, key=waits.__getitem__)
    share = percent(waits[most] / sum(waits.values()), 0)
    summary = f"Of all waiting {share} is for {most}."
    kinds = [_WORKS, *(f"waits: {cause}" for cause in causes)]
    # Okabe and Ito have no more colours than causes have names: the last ones share.
    colours = [SERIES[min(index, len(SERIES) - 1)] for index in range(len(kinds))]
    bars = (
        alt.Chart(rows_of([row for layer in layers for row in _stall_rows(layer, kinds)]))
        .mark_bar()
        .encode(
            x=amount_axis("value", "time between first input and last result", "s"),
            y=names_axis("layer", [layer.name for layer in layers]),
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=kinds, range=colours), legend=alt.Legend()
            ),
            order=alt.Order("order:O"),
            tooltip=[tip("layer"), tip("kind", "what"), tip("amount", "time"), tip("share")],
        )
    )
    described = drawn(
        bars, f"Stalls. {summary}", width="container", height=bars_height(len(layers))
    )
    return Chart("stalls", "Working and waiting", summary, described, _stall_table(layers, causes))


def _timed(result: Result) -> list[LayerResult]:
    """Layers with times, by their start; of many, only those that the other charts show."""
    timed = [layer for layer in result.layers if layer.start_s is not None and layer.end_s]
    if len(timed) > MAX_LAYERS:
        shown = {layer.name for layer in shown_layers(result)}
        timed = [layer for layer in timed if layer.name in shown]
    return sorted(timed, key=lambda layer: (layer.start_s or 0.0, layer.end_s or 0.0))


def _span(layer: LayerResult) -> float:
    return (layer.end_s or 0.0) - (layer.start_s or 0.0)


def _span_row(layer: LayerResult) -> Row:
    return {
        "layer": layer.name,
        "kind": "on tiles" if layer.tiles else "digital",
        "start": layer.start_s,
        "end": layer.end_s,
        "from": si(layer.start_s or 0.0, "s"),
        "to": si(layer.end_s or 0.0, "s"),
        "works": si(layer.busy_s or 0.0, "s"),
        "waits": si(sum(layer.stalls_s.values()), "s"),
    }


def _span_table(layers: list[LayerResult]) -> Table:
    return Table(
        "timeline",
        "From the first input to the last result of each layer.",
        ("layer", "from", "to", "works", "waits"),
        tuple(
            (
                Cell(layer.name, layer.name),
                *(
                    Cell(si(seconds, "s"), seconds)
                    for seconds in (
                        layer.start_s or 0.0,
                        layer.end_s or 0.0,
                        layer.busy_s or 0.0,
                        sum(layer.stalls_s.values()),
                    )
                ),
            )
            for layer in layers
        ),
        frozenset(("layer",)),
    )


def _stall_rows(layer: LayerResult, kinds: list[str]) -> list[Row]:
    spent = {_WORKS: layer.busy_s or 0.0}
    spent |= {f"waits: {cause}": seconds for cause, seconds in layer.stalls_s.items()}
    span = _span(layer)
    return [
        {
            "layer": layer.name,
            "kind": kind,
            "order": kinds.index(kind),
            "value": seconds,
            "amount": si(seconds, "s"),
            "share": percent(seconds / span if span else 0.0, 1),
        }
        for kind, seconds in spent.items()
        if seconds > 0
    ]


def _stall_table(layers: list[LayerResult], causes: list[str]) -> Table:
    return Table(
        "stalls",
        "Time of each layer, working and waiting.",
        ("layer", _WORKS, *(f"waits: {cause}" for cause in causes)),
        tuple(
            (
                Cell(layer.name, layer.name),
                *(
                    Cell(si(seconds, "s"), seconds)
                    for seconds in (
                        layer.busy_s or 0.0,
                        *(layer.stalls_s.get(cause, 0.0) for cause in causes),
                    )
                ),
            )
            for layer in layers
        ),
        frozenset(("layer",)),
    )
