"""`hwsim report`: the record of a run as a page, a table or text; several side by side."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import FILE, OUT_FILE, common_options

ENDINGS = (".html", ".csv", ".md", ".tex")
SWEEP_FILE = "sweep.json"


@click.command(
    epilog="Example: hwsim report out/demo --out demo.html; two: hwsim report out/a out/b",
    short_help="Energy, area, latency, accuracy as HTML, CSV, Markdown, LaTeX, JSON.",
)
@click.argument("folders", metavar="DIR...", nargs=-1, type=FILE)
@click.option(
    "--out", type=OUT_FILE, help="One file; its ending (.html .csv .md .tex .json) says which."
)
@click.option(
    "--figures",
    type=click.Choice(["svg", "png"]),
    help="Also write every chart as a figure, into a folder 'figures' beside the report.",
)
@click.option(
    "--schema",
    "print_schema",
    is_flag=True,
    help="Print the JSON Schema of result.json; nothing else.",
)
@common_options
def report(
    folders: tuple[Path, ...],
    out: Path | None,
    figures: str | None,
    print_schema: bool,
    as_json: bool,
    seed: int,
) -> None:
    """Write the report of DIR/result.json: report.html, .csv, .md and .tex beside it.

    Two or more DIR: comparison.html, .csv, .md and .tex, in the first.
    The folder of a sweep: the report of all its points.
    """
    from codesign.report import compare, load_result, result_schema, write_report  # noqa: PLC0415
    from codesign.report.files import RESULT_FILE, keep_inputs  # noqa: PLC0415

    if print_schema:
        click.echo(result_schema(), nl=False)
        return
    if not folders:
        raise click.UsageError("DIR: expected the folder of a result, found none")
    if out is not None:
        records = (RESULT_FILE, SWEEP_FILE)
        keep_inputs([out], [*folders, *(folder / name for folder in folders for name in records)])
    if (folders[0] / SWEEP_FILE).is_file():
        _report_sweep(folders, out, figures, as_json)
        return
    results = [load_result(folder) for folder in folders]
    subject = results[0] if len(results) == 1 else compare(results)
    folder = folders[0] if folders[0].is_dir() else folders[0].parent
    if out is None:
        written = write_reports(subject, folder)
    else:
        write_report(subject, out)
        written, folder = [out], out.parent
    if figures is not None:
        written += _write_figures(subject, folder / "figures", figures)
    click.echo(_json(subject).rstrip() if as_json else "\n".join(map(str, written)))


def write_reports(subject: Any, folder: Path) -> list[Path]:
    """Every format of the report of a result or a comparison, in `folder`; the files."""
    from codesign.report import Comparison, write_report  # noqa: PLC0415

    name = "comparison" if isinstance(subject, Comparison) else "report"
    files = [folder / f"{name}{ending}" for ending in ENDINGS]
    for file in files:
        write_report(subject, file)
    return files


def _write_figures(subject: Any, folder: Path, ending: str) -> list[Path]:
    from codesign.report.figures import FigureFormat, write_figures  # noqa: PLC0415

    return write_figures(subject, folder, FigureFormat(ending))


def _report_sweep(
    folders: tuple[Path, ...], out: Path | None, figures: str | None, as_json: bool
) -> None:
    from codesign.report import ReportFormat  # noqa: PLC0415
    from codesign.report.figures import FigureFormat, write_charts  # noqa: PLC0415
    from codesign.sweep.charts import sweep_charts  # noqa: PLC0415
    from codesign.sweep.record import load_sweep_record  # noqa: PLC0415
    from codesign.sweep.report import render_sweep, write_sweep_report  # noqa: PLC0415

    if len(folders) > 1:
        raise click.UsageError(f"DIR: expected the folder of a sweep alone, found {len(folders)}")
    sweep = load_sweep_record(folders[0])
    written = [folders[0] / f"report{ending}" for ending in ENDINGS] if out is None else [out]
    for file in written:
        write_sweep_report(sweep, file)
    if figures is not None:
        folder = written[0].parent / "figures"
        written += write_charts(sweep_charts(sweep), folder, FigureFormat(figures))
    click.echo(
        render_sweep(sweep, ReportFormat.JSON).rstrip() if as_json else "\n".join(map(str, written))
    )


def _json(subject: Any) -> str:
    from codesign.report import ReportFormat, render  # noqa: PLC0415

    return render(subject, ReportFormat.JSON)
