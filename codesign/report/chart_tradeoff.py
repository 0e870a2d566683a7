"""Accuracy against energy: points with intervals, the chosen one marked."""

from collections.abc import Sequence

import altair as alt

from codesign.report.chart import Chart, Row, amount_axis, drawn, rows_of, tip
from codesign.report.content import front_table, interval
from codesign.report.palette import ACCENT, CONTRAST, OUTLINE
from codesign.report.quantities import percent, si
from codesign.report.result import FrontPoint, Result

_HEIGHT = 300
_SHAPES = ["diamond", "circle"]
_CHOSEN, _OTHER = "chosen design", "other design"


def accuracy_against_energy(result: Result) -> Chart | None:
    """The front of designs that a search evaluated; None: there was no search."""
    if not result.front:
        return None
    chosen = next((point for point in result.front if point.chosen), None)
    summary = f"{len(result.front)} designs."
    if chosen is not None:
        summary = (
            f"The chosen one of {len(result.front)} designs is right in "
            f"{percent(chosen.accuracy)} at {si(chosen.energy_J, 'J')}."
        )
    rows = [_row(point) for point in result.front]
    kind = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=[_CHOSEN, _OTHER], range=[CONTRAST, ACCENT]),
        legend=alt.Legend(),
    )
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=[_CHOSEN, _OTHER], range=_SHAPES))
    front = scatter(rows, kind, shape, link=True)
    return Chart(
        "accuracy-against-energy",
        "Accuracy against energy",
        summary,
        drawn(front, f"Accuracy against energy. {summary}", width="container", height=_HEIGHT),
        front_table(result),
    )


def _row(point: FrontPoint) -> Row:
    kind = _CHOSEN if point.chosen else _OTHER
    return point_row(point.label, point.energy_J, point.accuracy, point.ci95) | {
        "kind": kind,
        "size": 240 if point.chosen else 70,
    }


def point_row(label: str, energy_J: float, accuracy: float, ci95: tuple[float, float]) -> Row:
    """What a point of `scatter` is drawn from; accuracies in percent."""
    return {
        "label": label,
        "value": energy_J,
        "accuracy": 100 * accuracy,
        "low": 100 * ci95[0],
        "high": 100 * ci95[1],
        "amount": si(energy_J, "J"),
        "reads": percent(accuracy),
        "interval": interval(ci95),
        "size": 140,
    }


def scatter(
    rows: Sequence[Row], colour: alt.Color, shape: alt.Shape, *, link: bool = False
) -> alt.LayerChart | alt.FacetChart:
    """Points with 95 % intervals; `link` joins them in the order of energy."""
    base = alt.Chart(rows_of(rows)).encode(
        x=amount_axis("value", "energy per inference", "J", scale=alt.Scale(zero=False, padding=24))
    )
    title = "accuracy, %"
    scale = alt.Scale(domain=_range(rows), nice=False)
    y = alt.Y("accuracy:Q", title=title, scale=scale)
    intervals = base.mark_rule(color=OUTLINE, strokeWidth=1.5, aria=False).encode(
        y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
    )
    points = base.mark_point(filled=True, opacity=1, stroke=OUTLINE, strokeWidth=0.6).encode(
        y=y,
        color=colour,
        shape=shape,
        size=alt.Size("size:Q", scale=None, legend=None),
        tooltip=[
            tip("label", "design"),
            tip("amount", "energy"),
            tip("reads", "accuracy"),
            tip("interval", "95 % interval"),
        ],
    )
    layers = [intervals, points]
    if link:
        order = alt.Order("value:Q")
        layers.insert(0, base.mark_line(color=OUTLINE, opacity=0.6).encode(y=y, order=order))
    return alt.layer(*layers)


def _range(rows: Sequence[Row]) -> list[float]:
    """Accuracies to show: the intervals with some room, within 0 to 100 %."""
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    room = 0.1 * (high - low) or 1.0
    return [max(0.0, low - room), min(100.0, high + room)]
