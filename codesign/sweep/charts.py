"""Charts of a sweep: the front, and accuracy and energy along every axis."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from codesign.report.chart import Chart, Row, amount_axis, amount_label, drawn, rows_of, tip
from codesign.report.chart_tradeoff import point_row
from codesign.report.palette import ACCENT, OUTLINE, SERIES
from codesign.report.quantities import percent, si
from codesign.sweep.record import Sweep, SweepPoint
from codesign.sweep.tables import short, shown

MAX_POINTS = 2000  # in a chart or a table of the page; the first ones, and the front
_MAX_TICKS = 12  # values of an axis that stand side by side
_HEIGHT, _SMALL = 360, 260
_FRONT, _BEATEN = "on the front", "beaten"


def page_points(sweep: Sweep) -> list[SweepPoint]:
    """The points that a page shows."""
    done = [point for point in sweep.points if point.outcome is not None]
    return [p for i, p in enumerate(done) if i < MAX_POINTS or p.index in sweep.front]


def sweep_charts(sweep: Sweep) -> dict[str, Chart]:
    """Charts by name; none where no point is done."""
    points = page_points(sweep)
    if not points:
        return {}
    rows = [_row(sweep, point) for point in points]
    found = [_front(sweep, points, rows)]
    for i, axis in enumerate(sweep.axes):
        if len(_values(points, axis)) > 1:
            found += [_along(sweep, points, rows, i, *what) for what in _ALONG]
    return {chart.name: chart for chart in found}


def axis_charts(charts: dict[str, Chart]) -> list[Chart]:
    """Those along axes, in order."""
    return [chart for name, chart in charts.items() if name.startswith(("accuracy-by", "energy-b"))]


def _row(sweep: Sweep, point: SweepPoint) -> Row:
    outcome = point.outcome
    assert outcome is not None
    place = {f"axis{i}": shown(point.values[axis]) for i, axis in enumerate(sweep.axes)}
    numbers = {
        f"number{i}": point.values[axis]
        for i, axis in enumerate(sweep.axes)
        if isinstance(point.values[axis], int | float)
    }
    on_front = point.index in sweep.front
    row = point_row(
        f"point {point.index}", outcome.energy_J, outcome.accuracy.mean, outcome.accuracy.ci95
    )
    kind = {"kind": _FRONT if on_front else _BEATEN, "size": 150 if on_front else 60}
    return row | place | numbers | kind


def _values(points: Sequence[SweepPoint], axis: str) -> list[Any]:
    """Distinct values of an axis; numbers in rising order, others in that of the points."""
    found: list[Any] = []
    for point in points:
        if point.values[axis] not in found:
            found.append(point.values[axis])
    return sorted(found) if all(isinstance(v, int | float) for v in found) else found


def _series(
    sweep: Sweep, points: Sequence[SweepPoint], other_than: int | None = None
) -> int | None:
    """The axis that colours stand for: the one with most values for which colours suffice."""
    counts = {i: len(_values(points, axis)) for i, axis in enumerate(sweep.axes) if i != other_than}
    fit = [i for i, count in counts.items() if 1 < count <= len(SERIES)]
    return max(fit, key=lambda i: counts[i]) if fit else None


def _colour(sweep: Sweep, points: Sequence[SweepPoint], series: int | None) -> Any:
    if series is None:
        return alt.value(ACCENT)
    names = [shown(value) for value in _values(points, sweep.axes[series])]
    return alt.Color(
        f"axis{series}:N",
        scale=alt.Scale(domain=names, range=list(SERIES[: len(names)])),
        legend=alt.Legend(title=short(sweep.axes[series])),
    )


def _tips(sweep: Sweep) -> list[alt.Tooltip]:
    axes = [tip(f"axis{i}", short(axis)) for i, axis in enumerate(sweep.axes)]
    return [
        tip("label", "point"),
        *axes,
        tip("reads", "accuracy"),
        tip("interval", "95 % interval"),
        tip("amount", "energy"),
    ]


def _front(sweep: Sweep, points: Sequence[SweepPoint], rows: Sequence[Row]) -> Chart:
    """Energy and accuracy of every point; a line through those that none beats."""
    base = alt.Chart(rows_of(rows)).encode(
        x=amount_axis("value", "energy per inference", "J", scale=alt.Scale(zero=False, padding=24))
    )
    y = alt.Y("accuracy:Q", title="accuracy, %", scale=_percent_scale(rows))
    on_front = base.transform_filter(alt.datum.kind == _FRONT)
    line = on_front.mark_line(color=OUTLINE, interpolate="step-after", strokeWidth=2).encode(
        y=y, order=alt.Order("value:Q")
    )
    intervals = on_front.mark_rule(color=OUTLINE, strokeWidth=1, opacity=0.7, aria=False).encode(
        y=alt.Y("low:Q", title="accuracy, %"), y2="high:Q"
    )
    shape = alt.Scale(domain=[_FRONT, _BEATEN], range=["diamond", "circle"])
    marks = base.mark_point(filled=True, opacity=0.95, stroke=OUTLINE, strokeWidth=0.6).encode(
        y=y,
        color=_colour(sweep, points, _series(sweep, points)),
        shape=alt.Shape("kind:N", scale=shape, legend=alt.Legend(title=None)),
        size=alt.Size("size:Q", scale=None, legend=None),
        tooltip=_tips(sweep),
    )
    title, summary = "Accuracy against energy", _front_summary(sweep)
    spec = drawn(
        alt.layer(line, intervals, marks), f"{title}. {summary}", width="container", height=_HEIGHT
    )
    return Chart("accuracy-against-energy", title, summary, spec)


def _percent_scale(rows: Sequence[Row]) -> alt.Scale:
    """Accuracies with some room, within 0 to 100 %, and the intervals of the front."""
    ends = [row[key] for row in rows if row["kind"] == _FRONT for key in ("low", "high")]
    ends += [row["accuracy"] for row in rows]
    room = 0.05 * (max(ends) - min(ends)) or 1.0
    domain = [max(0.0, min(ends) - room), min(100.0, max(ends) + room)]
    return alt.Scale(domain=domain, nice=False)


def _front_summary(sweep: Sweep) -> str:
    outcomes = [p.outcome for p in sweep.points if p.index in sweep.front and p.outcome]
    outcomes.sort(key=lambda outcome: outcome.energy_J)
    ends = dict.fromkeys((0, len(outcomes) - 1))
    reads = [
        f"{percent(outcomes[i].accuracy.mean)} for {si(outcomes[i].energy_J, 'J')}" for i in ends
    ]
    plural = "s are" if len(outcomes) > 1 else " is"
    return (
        f"{len(outcomes)} point{plural} on the front: {' to '.join(reads)}. "
        "Bars are the 95 % intervals of its points."
    )


_ALONG = (("accuracy", "Accuracy"), ("value", "Energy"))


def _along(
    sweep: Sweep,
    points: Sequence[SweepPoint],
    rows: Sequence[Row],
    axis: int,
    field: str,
    name: str,
) -> Chart:
    """One quantity along one axis: every point, and means over the axes that are not shown."""
    series = _series(sweep, points, axis)
    values = _values(points, sweep.axes[axis])
    label = "datum.label" if field == "accuracy" else amount_label("J")
    upright: dict[str, Any] = {
        "title": "accuracy, %" if field == "accuracy" else "energy per inference",
        "scale": alt.Scale(zero=False, padding=8) if field == "value" else _percent_scale(rows),
        "axis": alt.Axis(labelExpr=label, tickCount=5, titlePadding=14),
    }
    base = alt.Chart(rows_of(rows)).encode(
        x=_place(axis, short(sweep.axes[axis]), values), color=_colour(sweep, points, series)
    )
    marks = base.mark_circle(size=42, opacity=0.75, stroke=OUTLINE, strokeWidth=0.5).encode(
        y=alt.Y(f"{field}:Q", **upright), tooltip=_tips(sweep)
    )
    layers = [marks]
    if len(values) <= _MAX_TICKS:
        mean = alt.Y(f"mean({field}):Q", **upright)
        layers.insert(0, base.mark_line(strokeWidth=2, opacity=0.8).encode(y=mean))
    title = f"{name} by {short(sweep.axes[axis])}"
    summary = _along_summary(points, sweep.axes[axis], field, values)
    spec = drawn(alt.layer(*layers), f"{title}. {summary}", width="container", height=_SMALL)
    return Chart(f"{name.lower()}-by-{axis}", title, summary, spec)


def _place(axis: int, title: str, values: Sequence[Any]) -> alt.X:
    """Few values stand side by side in order; many numbers on a scale."""
    if len(values) > _MAX_TICKS and all(isinstance(value, int | float) for value in values):
        return alt.X(f"number{axis}:Q", title=title, scale=alt.Scale(zero=False))
    order = [shown(value) for value in values]
    angle = 0 if max(map(len, order)) <= 12 else -30
    return alt.X(f"axis{axis}:O", title=title, sort=order, axis=alt.Axis(labelAngle=angle))


def _along_summary(
    points: Sequence[SweepPoint], axis: str, field: str, values: Sequence[Any]
) -> str:
    """Means at both ends of the axis, in words."""

    def mean_at(value: Any) -> str:
        here = [p.outcome for p in points if p.values[axis] == value and p.outcome is not None]
        if field == "accuracy":
            return percent(sum(o.accuracy.mean for o in here) / len(here))
        return si(sum(o.energy_J for o in here) / len(here), "J")

    first, last = values[0], values[-1]
    return f"On average {mean_at(first)} at {shown(first)}, {mean_at(last)} at {shown(last)}."
