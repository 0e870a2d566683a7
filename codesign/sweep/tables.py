"""A sweep as tables and text."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from codesign.report.content import interval
from codesign.report.quantities import grouped, percent, si, square_mm
from codesign.report.table import Cell, Table, words
from codesign.report.text import latex_tables, table_to_csv, tables_to_markdown
from codesign.sweep.record import Outcome, Status, Sweep, SweepPoint

_PREFIXES = ("arch.tile.", "arch.", "design.default.", "design.layers.", "design.")
#: Heading, number in SI units, how it is shown; keys of a CSV file are those of the record.
_NUMBERS: tuple[tuple[str, str, Callable[[Outcome], float], Callable[[float], str]], ...] = (
    ("accuracy", "accuracy", lambda o: o.accuracy.mean, percent),
    ("energy", "energy_J", lambda o: o.energy_J, lambda v: si(v, "J")),
    ("area", "area_m2", lambda o: o.area_m2, square_mm),
    ("latency", "latency_s", lambda o: o.latency_s, lambda v: si(v, "s")),
    ("TOPS/W", "tops_per_W", lambda o: o.tops_per_W, lambda v: f"{v:.3g}"),
    ("tiles", "tiles", lambda o: float(o.tiles), lambda v: grouped(int(v))),
)
ON_FRONT = "front"


def short(axis: str) -> str:
    """An axis' name without what every architecture or design shares."""
    for prefix in _PREFIXES:
        if axis.startswith(prefix):
            return axis.removeprefix(prefix)
    return axis


def shown(value: Any) -> str:
    """The value of an axis as people read it."""
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value) if isinstance(value, dict | list | tuple) else str(value)


def point_table(sweep: Sweep, points: Sequence[SweepPoint] | None = None) -> Table:
    """Points that have a result; None: all of them."""
    done = [point for point in sweep.points if point.outcome is not None]
    some = done if points is None else points
    left_out = "" if len(some) == len(done) else f" of {len(done)}; the CSV file has all"
    return _table(sweep, "points", f"{len(some)} points{left_out}.", some)


def front_table(sweep: Sweep) -> Table:
    """The points on the front, the cheapest first."""
    on = [point for point in sweep.points if point.index in sweep.front]
    on.sort(key=lambda point: 0.0 if point.outcome is None else point.outcome.energy_J)
    table = _table(sweep, "front", "Points that none beats in accuracy for less energy.", on)
    return table.only(table.headings[:-1])


def _table(sweep: Sweep, name: str, caption: str, points: Sequence[SweepPoint]) -> Table:
    axes = [short(axis) for axis in sweep.axes]
    front = sweep.front
    numbers = [heading for heading, *_ in _NUMBERS]
    headings = ("point", *axes, numbers[0], "95 % interval", *numbers[1:], ON_FRONT)
    rows = tuple(
        (
            Cell(str(point.index), point.index),
            *(_value_cell(point.values[axis]) for axis in sweep.axes),
            *_number_cells(point.outcome),
            Cell("yes" if point.index in front else "", float(point.index in front)),
        )
        for point in points
        if point.outcome is not None
    )
    text = [h for i, h in enumerate(axes, 1) if any(isinstance(row[i].value, str) for row in rows)]
    return Table(name, caption, headings, rows, frozenset(text))


def _value_cell(value: Any) -> Cell:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(shown(value), value if number else shown(value))


def _number_cells(outcome: Outcome) -> list[Cell]:
    cells = [Cell(show(number(outcome)), number(outcome)) for _, _, number, show in _NUMBERS]
    low, _ = outcome.accuracy.ci95
    return [cells[0], Cell(interval(outcome.accuracy.ci95), low), *cells[1:]]


def problem_table(sweep: Sweep) -> Table:
    """Points without a result, and why."""
    left = [point for point in sweep.points if point.status is not Status.DONE]
    axes = tuple(short(axis) for axis in sweep.axes)
    rows = tuple(
        words(
            (
                str(point.index),
                *(shown(point.values[axis]) for axis in sweep.axes),
                point.status.value,
                point.reason,
            )
        )
        for point in left
    )
    headings = ("point", *axes, "status", "reason")
    return Table("problems", "Points without a result.", headings, rows, frozenset(headings[-2:]))


def headline_rows(sweep: Sweep) -> tuple[tuple[str, str], ...]:
    """How many points there are of each kind."""
    counts = [(status.value, sweep.count(status)) for status in Status]
    rows = [("points", len(sweep.points)), *((n, c) for n, c in counts if c)]
    return tuple((name, grouped(count)) for name, count in (*rows, ("front", len(sweep.front))))


def sweep_to_csv(sweep: Sweep) -> str:
    """One row per point, whatever became of it; SI units in the headings."""
    front = sweep.front
    numbers = [key for _, key, *_ in _NUMBERS]
    headings = ["point", *sweep.axes, "status", *numbers, "ci95_low", "ci95_high", ON_FRONT]
    rows = [
        [
            point.index,
            *(shown(v) if isinstance(v, dict | list) else v for v in _values(sweep, point)),
            point.status.value,
            *_csv_numbers(point.outcome),
            point.index in front,
            point.reason,
        ]
        for point in sweep.points
    ]
    return table_to_csv([*headings, "reason"], rows)


def _values(sweep: Sweep, point: SweepPoint) -> list[Any]:
    return [point.values[axis] for axis in sweep.axes]


def _csv_numbers(outcome: Outcome | None) -> list[float | str]:
    if outcome is None:
        return [""] * (len(_NUMBERS) + 2)
    return [*(number(outcome) for _, _, number, _ in _NUMBERS), *outcome.accuracy.ci95]


def sweep_tables(sweep: Sweep) -> tuple[Table, ...]:
    """Those that have rows."""
    tables = (front_table(sweep), point_table(sweep), problem_table(sweep))
    return tuple(table for table in tables if table.rows)


def sweep_to_markdown(sweep: Sweep) -> str:
    """All tables."""
    remarks = [sweep.description] if sweep.description else []
    return tables_to_markdown(sweep_tables(sweep), f"Sweep {sweep.name}", remarks)


def sweep_to_latex(sweep: Sweep) -> str:
    """All tables, for a paper."""
    return latex_tables(sweep_tables(sweep), f"sweep {sweep.name}")
