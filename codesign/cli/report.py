"""`hwsim report`: the record of a run as a page, a table or text."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import common_options

FILE = click.Path(path_type=Path)


@click.command(
    epilog="Example: hwsim report out/demo --out demo.html",
    short_help="Energy, area, latency, accuracy as HTML, CSV, Markdown, JSON.",
)
@click.argument("folder", metavar="DIR", type=FILE)
@click.option("--out", type=FILE, help="One file; its ending (.html .csv .md .json) says which.")
@common_options
def report(folder: Path, out: Path | None, as_json: bool, seed: int) -> None:
    """Write the report of DIR/result.json: report.html, report.csv and report.md beside it."""
    from codesign.report import load_result, write_report  # noqa: PLC0415
    from codesign.report.files import to_json  # noqa: PLC0415

    result = load_result(folder)
    if out is not None:
        write_report(result, out)
        written = [out]
    else:
        written = write_reports(result, folder if folder.is_dir() else folder.parent)
    if as_json:
        click.echo(to_json(result).rstrip())
    else:
        click.echo("\n".join(map(str, written)))


def write_reports(result: Any, folder: Path) -> list[Path]:
    """Every format of report, in `folder`; the files."""
    from codesign.report import write_report  # noqa: PLC0415

    files = [folder / f"report{ending}" for ending in (".html", ".csv", ".md")]
    for file in files:
        write_report(result, file)
    return files
