"""`hwsim validation`: published designs beside our figures."""

from pathlib import Path

import click

from codesign.cli.console import OUT_FILE, common_options, emit


@click.command(
    epilog="Example: hwsim validation --out docs/validation.md",
    short_help="Published designs, our figures, the errors.",
)
@click.option("--out", type=OUT_FILE, help="Write the page there.")
@common_options
def validation(out: Path | None, as_json: bool, seed: int) -> None:
    """Compare published designs with what the cost model says, as a page in Markdown.

    Which figures are echoes, which were used to calibrate and which are predicted stands in
    every row.
    """
    from codesign.report.files import write_whole  # noqa: PLC0415
    from codesign.validation import (  # noqa: PLC0415 - keeps `hwsim --help` quick
        validation_json,
        validation_page,
        validation_table,
    )

    rows = validation_table()
    page = validation_page(rows)
    if out is not None:
        write_whole(out, page)
    if as_json:
        emit(validation_json(rows))
    else:
        click.echo(page.rstrip() if out is None else str(out))
