"""Tornadoes: how energy and area move when a figure goes to the ends of its uncertainty."""

from collections.abc import Callable
from dataclasses import replace

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
from codesign.report.content import sensitivity_table
from codesign.report.palette import ACCENT, CONTRAST
from codesign.report.quantities import percent, si, square_mm
from codesign.report.result import Result, SensitivityRow

MAX_FIGURES = 15
_LOW, _HIGH = "figure at its low end", "figure at its high end"
Ends = Callable[[SensitivityRow], tuple[float, float]]


def energy_tornado(result: Result) -> Chart | None:
    """The figures that change energy most; None: none is known to."""
    chart = _tornado(
        result,
        "energy",
        result.energy_J.total,
        lambda row: (row.energy_low_J, row.energy_high_J),
        lambda joules: si(joules, "J"),
    )
    # One table holds the numbers of both tornadoes.
    return None if chart is None else replace(chart, table=sensitivity_table(result))


def area_tornado(result: Result) -> Chart | None:
    """The figures that change area most; None: none is known to."""
    return _tornado(
        result,
        "area",
        result.area_m2.total,
        lambda row: (row.area_low_m2, row.area_high_m2),
        square_mm,
    )


def _tornado(
    result: Result, quantity: str, total: float, ends: Ends, shown: Callable[[float], str]
) -> Chart | None:
    moved = [row for row in result.sensitivity if total and ends(row)[0] != ends(row)[1]]
    widest = sorted(moved, key=lambda row: abs(ends(row)[1] - ends(row)[0]), reverse=True)
    if not widest:
        return None
    first = widest[0]
    low, high = sorted(ends(first))
    summary = (
        f"{first.key} matters most: {shown(low)} to {shown(high)} over its stated uncertainty."
    )
    rows = [
        _row(row, kind, value, total, shown(value))
        for row in widest[:MAX_FIGURES]
        for kind, value in zip((_LOW, _HIGH), ends(row), strict=True)
    ]
    bars = (
        alt.Chart(rows_of(rows))
        .mark_bar()
        .encode(
            x=amount_axis("value", f"change of {quantity}, %", "%"),
            y=names_axis("figure", [row.key for row in widest[:MAX_FIGURES]]),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=[_LOW, _HIGH], range=[ACCENT, CONTRAST]),
                legend=alt.Legend(),
            ),
            tooltip=[
                tip("figure"),
                tip("at", "value"),
                tip("amount", quantity),
                tip("change"),
            ],
        )
    )
    title = f"What {quantity} rests on"
    described = drawn(
        bars, f"{title}. {summary}", width="container", height=bars_height(len(rows) // 2)
    )
    return Chart(f"sensitivity-{quantity}", title, summary, described)


def _row(row: SensitivityRow, kind: str, value: float, total: float, amount: str) -> Row:
    change = value / total - 1
    return {
        "figure": row.key,
        "kind": kind,
        "value": 100 * change,
        "at": f"{row.low if kind == _LOW else row.high:g} {row.unit}",
        "amount": amount,
        "change": ("+" if change > 0 else "") + percent(change, 1),
    }
