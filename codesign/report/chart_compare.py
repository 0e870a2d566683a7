"""Charts of several results: one colour per result, grouped bars, a scatter."""

from collections.abc import Mapping, Sequence

import altair as alt

from codesign.report.chart import (
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
from codesign.report.chart_cost import component_rows, shown_layers
from codesign.report.chart_tradeoff import point_row, scatter
from codesign.report.comparison import Comparison, breakdown_table, signed
from codesign.report.palette import SERIES
from codesign.report.quantities import si

_SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
_HEIGHT = 320


def comparison_charts(comparison: Comparison) -> dict[str, Chart]:
    """Charts by name; a scatter only of results with accuracies, layers only of one network."""
    found = [_scatter(comparison), _totals(comparison), _by_component(comparison)]
    if len({result.network for result in comparison.results}) == 1:
        found.append(_by_layer(comparison))
    return {chart.name: chart for chart in found if chart is not None}


def _colour(comparison: Comparison, legend: bool = True) -> alt.Color:
    return alt.Color(
        "result:N",
        scale=alt.Scale(
            domain=list(comparison.labels), range=list(SERIES[: len(comparison.labels)])
        ),
        legend=alt.Legend() if legend else None,
    )


def _scatter(comparison: Comparison) -> Chart | None:
    rows: list[Row] = [
        point_row(label, result.energy_J.total, result.accuracy.mean, result.accuracy.ci95)
        | {"result": label}
        for label, result in zip(comparison.labels, comparison.results, strict=True)
        if result.accuracy is not None
    ]
    if not rows:
        return None
    labels = list(comparison.labels)
    shape = alt.Shape(
        "result:N", scale=alt.Scale(domain=labels, range=list(_SHAPES[: len(labels)]))
    )
    points = scatter(rows, _colour(comparison), shape)
    summary = "; ".join(f"{row['label']} {row['reads']} at {row['amount']}" for row in rows) + "."
    return Chart(
        "accuracy-against-energy",
        "Accuracy against energy",
        summary,
        drawn(points, f"Accuracy against energy. {summary}", width="container", height=_HEIGHT),
    )


def _totals(comparison: Comparison) -> Chart:
    rows = [
        row | {"result": label}
        for label, result in zip(comparison.labels, comparison.results, strict=True)
        for row in component_rows(result.energy_J.by_component, result.energy_J.total, "J")
    ]
    bars = (
        alt.Chart(rows_of(rows))
        .mark_bar()
        .encode(
            x=amount_axis("value", "energy per inference", "J"),
            y=names_axis("result", comparison.labels),
            color=family_colour(rows, legend=True),
            tooltip=[tip("result"), tip("component"), tip("amount", "energy"), tip("share")],
        )
    )
    first, *others = comparison.results
    changes = [
        f"{label} {signed(other.energy_J.total / first.energy_J.total - 1)}"
        for label, other in zip(comparison.labels[1:], others, strict=True)
        if first.energy_J.total
    ]
    summary = f"To {comparison.labels[0]}: {', '.join(changes)}."
    height = bars_height(2 * len(comparison.labels))
    described = drawn(bars, f"Energy in all. {summary}", width="container", height=height)
    return Chart("energy-in-all", "Energy in all", summary, described)


def _by_component(comparison: Comparison) -> Chart:
    parts = [result.energy_J.by_component for result in comparison.results]
    names = {name for part in parts for name in part}
    ranked = sorted(names, key=lambda name: max(part.get(name, 0.0) for part in parts))[::-1]
    return _grouped(comparison, "component", parts, ranked)


def _by_layer(comparison: Comparison) -> Chart:
    shown = [
        {layer.name: layer.energy_J for layer in shown_layers(result)}
        for result in comparison.results
    ]
    return _grouped(comparison, "layer", shown, list(dict.fromkeys(n for p in shown for n in p)))


def _grouped(
    comparison: Comparison, kind: str, parts: Sequence[Mapping[str, float]], names: Sequence[str]
) -> Chart:
    rows = [
        {"result": label, "name": name, "value": part[name], "amount": si(part[name], "J")}
        for name in names
        for label, part in zip(comparison.labels, parts, strict=True)
        if name in part
    ]
    bars = (
        alt.Chart(rows_of(rows))
        .mark_bar()
        .encode(
            x=amount_axis("value", "energy per inference", "J"),
            y=names_axis("name", names),
            yOffset=alt.YOffset("result:N", sort=list(comparison.labels)),
            color=_colour(comparison),
            tooltip=[tip("name", kind), tip("result"), tip("amount", "energy")],
        )
    )
    summary = _widest(comparison, parts)
    title = f"Energy by {kind}"
    height = bars_height(max(1, len(names) * (len(comparison.labels) + 1) * 2 // 3))
    return Chart(
        f"energy-by-{kind}",
        title,
        summary,
        drawn(bars, f"{title}. {summary}", width="container", height=height),
        breakdown_table(comparison, f"energy-by-{kind}", f"{title}, with differences.", parts),
    )


def _widest(comparison: Comparison, parts: Sequence[Mapping[str, float]]) -> str:
    """The part in which a result differs most from the first, in a sentence."""
    first = parts[0]
    gaps = [
        (part.get(name, 0.0) - first.get(name, 0.0), name, label)
        for part, label in zip(parts[1:], comparison.labels[1:], strict=True)
        for name in {**first, **part}
    ]
    gap, name, label = max(gaps, key=lambda found: abs(found[0]))
    more = "more" if gap > 0 else "less"
    return f"The largest difference: {label} spends {si(abs(gap), 'J')} {more} on {name}."
