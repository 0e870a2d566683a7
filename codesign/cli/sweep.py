"""`hwsim sweep`: many architectures, devices and designs, each point simulated once."""

import json
from pathlib import Path
from typing import Any

import click

from codesign.cli.console import (
    FILE,
    OUT_FOLDER,
    command_line,
    common_options,
    emit,
    note,
    progress_bar,
)

NOT_ALL_DONE = 1


@click.command(
    epilog="Example: hwsim sweep examples/sweeps/adc-bits-rows.yaml --out out/adc-bits-rows",
    short_help="Many architectures, devices and designs from a YAML file; resumable.",
)
@click.argument("spec", metavar="SPEC.yaml", type=FILE)
@click.option("--out", type=OUT_FOLDER, help="Folder of results; out/NAME if not given.")
@click.option("--dry-run", is_flag=True, help="Only list the points.")
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Keep what an earlier run in the folder has finished, or compute all of it again.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes on this machine; as many as it has cores if not given.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Dask cluster to use, e.g. tcp://host:8786.")
@common_options
def sweep(
    spec: Path,
    out: Path | None,
    dry_run: bool,
    resume: bool,
    as_json: bool,
    seed: int,
    **where: Any,
) -> None:
    """Simulate every point of SPEC.yaml; `hwsim report` draws the folder.

    Exit status 1: some points are invalid or failed; the record says why.
    """
    if where["workers"] is not None and where["scheduler"] is not None:
        raise click.UsageError("expected one of --workers and --scheduler, found both")
    from codesign.sweep.record import Status  # noqa: PLC0415
    from codesign.sweep.run import plan_sweep, run_sweep  # noqa: PLC0415

    plan = plan_sweep(spec, seed)
    if dry_run:
        _list(plan, as_json)
        return
    folder = out or Path("out") / plan.spec.name
    with progress_bar("point") as advance:
        ran = run_sweep(
            plan,
            folder,
            **where,
            resume=resume,
            command=command_line(),
            progress=lambda done, total: advance("sweep", done, total),
        )
    if as_json:
        document = json.loads(ran.sweep.model_dump_json(by_alias=True))
        emit({**document, "computed": ran.computed, "kept": ran.kept})
    else:
        click.echo(summary(ran))
        note(f"`hwsim report {folder}` draws it")
    if ran.sweep.count(Status.DONE) < len(ran.sweep.points):
        raise click.exceptions.Exit(NOT_ALL_DONE)


def _list(plan: Any, as_json: bool) -> None:
    if as_json:
        points = [
            {
                "index": index,
                "values": point.values,
                "status": "open" if point.task else "invalid",
                "reason": point.reason,
            }
            for index, point in enumerate(plan.points)
        ]
        emit({"name": plan.spec.name, "axes": plan.spec.axes, "points": points})
        return
    for index, point in enumerate(plan.points):
        values = ", ".join(f"{key} = {value}" for key, value in point.values.items())
        click.echo(f"{index}: {values}{'' if point.task else f': invalid: {point.reason}'}")


def summary(ran: Any) -> str:
    """The front, and how many points there are of each status."""
    from codesign.sweep.record import Status  # noqa: PLC0415
    from codesign.sweep.tables import front_table  # noqa: PLC0415

    counts = [f"{ran.sweep.count(s)} {s.value}" for s in Status if ran.sweep.count(s)]
    head = (
        f"{ran.sweep.name}: {len(ran.sweep.points)} points: {', '.join(counts)}; "
        f"{ran.computed} computed, {ran.kept} kept from before"
    )
    table = front_table(ran.sweep)
    if not table.rows:
        return head
    rows = [table.headings, *(tuple(cell.shown for cell in row) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([head, "", table.caption, *lines])
