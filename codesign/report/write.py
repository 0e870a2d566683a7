"""A result, or several side by side, in the format that is asked for."""

from enum import Enum
from pathlib import Path

from codesign.report.comparison import Comparison, quantity_table, remarks, setup_table
from codesign.report.files import to_json, write_whole
from codesign.report.result import Result
from codesign.report.text import (
    latex_tables,
    table_to_csv,
    tables_to_markdown,
    to_csv,
    to_latex,
    to_markdown,
)
from hwsim.errors import SpecError
from hwsim.spec import unknown


class ReportFormat(Enum):
    """A format of reports; the value is the option's word."""

    HTML = "html"  # one self-contained page
    JSON = "json"  # the record itself
    CSV = "csv"  # one row per layer
    MARKDOWN = "markdown"
    LATEX = "latex"  # tables for a paper


_SUFFIXES = {
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".json": ReportFormat.JSON,
    ".csv": ReportFormat.CSV,
    ".md": ReportFormat.MARKDOWN,
    ".markdown": ReportFormat.MARKDOWN,
    ".tex": ReportFormat.LATEX,
}


def format_of(path: Path) -> ReportFormat:
    """The format that a file's name asks for.

    Raises:
        SpecError: its ending is not known.
    """
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    raise SpecError(f"{path}: format: {unknown(path.suffix, _SUFFIXES)}")


def render(subject: Result | Comparison, format: ReportFormat) -> str:
    """The report of a result, or of several side by side, as text."""
    return (
        _comparison(subject, format) if isinstance(subject, Comparison) else _one(subject, format)
    )


def _one(result: Result, format: ReportFormat) -> str:
    match format:
        case ReportFormat.JSON:
            return to_json(result)
        case ReportFormat.CSV:
            return to_csv(result)
        case ReportFormat.MARKDOWN:
            return to_markdown(result)
        case ReportFormat.LATEX:
            return to_latex(result)
    # altair and vl-convert take a second to import; only this format pays for them.
    from codesign.report.html import to_html  # noqa: PLC0415

    return to_html(result)


def _comparison(comparison: Comparison, format: ReportFormat) -> str:
    tables = (quantity_table(comparison), setup_table(comparison))
    match format:
        case ReportFormat.JSON:
            return comparison.model_dump_json(indent=2, by_alias=True) + "\n"
        case ReportFormat.CSV:
            return table_to_csv(*_quantities(comparison))
        case ReportFormat.MARKDOWN:
            return tables_to_markdown(tables, comparison.title, remarks(comparison))
        case ReportFormat.LATEX:
            return latex_tables(tables, comparison.title)
    from codesign.report.html import comparison_to_html  # noqa: PLC0415

    return comparison_to_html(comparison)


def _quantities(comparison: Comparison) -> tuple[list[str], list[list[object]]]:
    """Headings and rows: values in SI units, then changes to the first."""
    later = comparison.labels[1:]
    headings = ["quantity", *comparison.labels, *(f"change of {label}" for label in later)]
    return headings, [[q.key, *q.values, *q.changes[1:]] for q in comparison.quantities]


def write_report(
    subject: Result | Comparison, path: Path, format: ReportFormat | None = None
) -> None:
    """Write the report to `path`, whole or not at all; None: the format of the file's name.

    Raises:
        SpecError: the name's ending is not known, or the file cannot be written.
    """
    write_whole(path, render(subject, format or format_of(path)))
