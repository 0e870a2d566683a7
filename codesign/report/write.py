"""A result in the format that is asked for."""

from enum import Enum
from pathlib import Path

from codesign.report.files import to_json, write_whole
from codesign.report.result import Result
from codesign.report.text import to_csv, to_latex, to_markdown
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


def render(result: Result, format: ReportFormat) -> str:
    """The report as text."""
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


def write_report(result: Result, path: Path, format: ReportFormat | None = None) -> None:
    """Write the report to `path`, whole or not at all; None: the format of the file's name.

    Raises:
        SpecError: the name's ending is not known, or the file cannot be written.
    """
    write_whole(path, render(result, format or format_of(path)))
