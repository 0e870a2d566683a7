"""A sweep as a page, tables or its record."""

from pathlib import Path

from codesign.report.files import write_whole
from codesign.report.write import ReportFormat, format_of
from codesign.sweep.record import Sweep
from codesign.sweep.tables import (
    front_table,
    headline_rows,
    point_table,
    problem_table,
    sweep_to_csv,
    sweep_to_latex,
    sweep_to_markdown,
)


def render_sweep(sweep: Sweep, format: ReportFormat) -> str:
    """The report of a sweep as text."""
    match format:
        case ReportFormat.JSON:
            return sweep.model_dump_json(indent=2, by_alias=True) + "\n"
        case ReportFormat.CSV:
            return sweep_to_csv(sweep)
        case ReportFormat.MARKDOWN:
            return sweep_to_markdown(sweep)
        case ReportFormat.LATEX:
            return sweep_to_latex(sweep)
    return sweep_to_html(sweep)


def sweep_to_html(sweep: Sweep) -> str:
    """One page that needs no network."""
    # altair and vl-convert take a second to import; only this format pays for them.
    from codesign.report.html import page  # noqa: PLC0415
    from codesign.sweep.charts import axis_charts, page_points, sweep_charts  # noqa: PLC0415

    charts = sweep_charts(sweep)
    problems = problem_table(sweep)
    return page(
        "sweep.html.j2",
        charts,
        sweep=sweep,
        headlines=headline_rows(sweep),
        along=axis_charts(charts),
        front=front_table(sweep),
        points=point_table(sweep, page_points(sweep)),
        problems=problems if problems.rows else None,
    )


def write_sweep_report(sweep: Sweep, path: Path) -> None:
    """Write the report to `path`, whole or not at all; the format is that of the file's name.

    Raises:
        SpecError: the name's ending is not known, or the file cannot be written.
    """
    write_whole(path, render_sweep(sweep, format_of(path)))
