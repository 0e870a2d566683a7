"""What charts share: a specification with its text alternative, axes, tooltips, legend."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, final

import altair as alt

from codesign.report.palette import COLOURS, OUTLINE, Family
from codesign.report.table import Table

Spec = dict[str, Any]  # a Vega-Lite specification
Row = dict[str, Any]
_BAR = 18  # height of a bar, pixels
NARROW = "narrow"  # a parameter of every chart: the page sets it on a phone
#: What a map's legend takes of its height, pixels.
LEGEND_HEIGHT = 46
_FONT = "system-ui, sans-serif"
#: Ink and rules take the page's colours by style; these are for figures that stand alone.
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "gridColor": "#d5d9de",
        "labelLimit": 220,
    },
    "axisX": {"labelOverlap": "greedy"},
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
    "legend": {
        "orient": "top",
        "title": None,
        "labelFontSize": 12,
        "symbolType": "square",
        "columns": 4,
    },
    "scale": {"invalid": {"color": {"value": "transparent"}}},  # spare tiles
    "bar": {"stroke": OUTLINE, "strokeWidth": 0.4},
}


@final
@dataclass(frozen=True)
class Chart:
    """A chart, what it shows in a sentence, and the same numbers as a table."""

    name: str  # id of its element, and name of its file as a figure
    title: str
    summary: str
    spec: Spec
    table: Table | None = None  # None: a table of the page holds them


Drawing = alt.Chart | alt.LayerChart | alt.FacetChart


def drawn(chart: Drawing, description: str, **properties: Any) -> Spec:
    """The specification of an Altair chart; `description` is read by screen readers."""
    spec: Spec = chart.properties(description=description, **properties).to_dict()
    # A view whose height is given keeps it; one without gets it where it is drawn.
    fit = {"type": "fit-x" if "height" in spec else "fit", "contains": "padding"}
    # The configuration that Altair adds by itself sets the size of views that have none.
    params = [*spec.get("params", []), {"name": NARROW, "value": False}]
    return {**spec, "params": params, "autosize": fit, "config": deepcopy(CONFIG)}


def bars_height(bars: int) -> int:
    """Height of a chart with so many bars, pixels."""
    return _BAR * bars


def rows_of(rows: Sequence[Row]) -> alt.InlineData:
    """The rows that a chart is drawn from, inside its specification."""
    return alt.InlineData(list(rows))


def amount_axis(field: str, title: str, unit: str, **scale: Any) -> alt.X:
    """A horizontal axis; square millimetres and percentages take no prefix, others do."""
    label = f"datum.value === 0 ? '0' : {amount_label(unit)}"
    axis = alt.Axis(labelExpr=label, tickCount=5)
    return alt.X(f"{field}:Q", title=title, axis=axis, **scale)


def amount_label(unit: str) -> str:
    """A Vega expression: the value of an axis or legend with prefix and unit."""
    form = "~g" if unit in ("mm²", "%") else ".3~s"
    return f"replace(format(datum.value, '{form}'), regexp('([0-9.]+)'), '$1 ') + '{unit}'"


def names_axis(field: str, order: Sequence[str] | str) -> alt.Y:
    """A vertical axis of names in the given order."""
    # Names of one network start alike: the end tells them apart.
    short = f"{NARROW} && length(datum.label) > 16 ? '…' + slice(datum.label, -15) : datum.label"
    return alt.Y(f"{field}:N", sort=order, title=None, axis=alt.Axis(labelExpr=short))


def tip(field: str, title: str | None = None) -> alt.Tooltip:
    """A line of a tooltip; `field` holds text that people read."""
    return alt.Tooltip(f"{field}:N", title=title or field)


def family_colour(rows: Sequence[Row], *, legend: bool) -> alt.Color:
    """The colours of the families that occur in the field `family`."""
    used = {row["family"] for row in rows}
    families = [f for f in Family if f.value in used]
    return alt.Color(
        "family:N",
        scale=alt.Scale(domain=[f.value for f in families], range=[COLOURS[f] for f in families]),
        legend=alt.Legend() if legend else None,
    )
