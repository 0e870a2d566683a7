"""`hwsim optimize`: knobs of every layer for the least energy at a target accuracy."""

import json
from pathlib import Path
from typing import Any

import click

from codesign.cli.console import (
    FILE,
    OUT_FOLDER,
    SHARE,
    arch_option,
    command_line,
    common_options,
    emit,
    progress_bar,
)
from codesign.cli.report import write_reports
from codesign.cli.simulate import summary

DESIGN = "design.yaml"
NOT_CERTIFIED = 1


@click.command(
    epilog="Example: hwsim optimize net.onnx --data digits --max-drop 0.02 --population test-set",
    short_help="Voltage, redundancy, bits per layer: least energy at a certified accuracy.",
)
@click.argument("network", type=FILE)
@click.option("--data", required=True, help="digits, NAME:PATH or a YAML file; see the README.")
@arch_option
@click.option("--target-accuracy", "accuracy", type=SHARE, help="Share of right images asked for.")
@click.option(
    "--max-drop", "drop", type=SHARE, help="Instead: largest loss against the float network."
)
@click.option("--scheme", type=FILE, help="YAML file: bits and ranges of quantisation.")
@click.option("--samples", type=click.IntRange(min=2), help="Test images to use; all if not given.")
@click.option(
    "--tuning-images",
    "tuning",
    type=click.IntRange(min=1),
    help="Of them, those that choose the design; a fifth, at most 1000, if not given. "
    "The others certify it.",
)
@click.option(
    "--population",
    type=click.Choice(["images", "test-set"]),
    default="images",
    show_default=True,
    help="What the certificate speaks of: all images like those, or just those.",
)
@click.option(
    "--error", type=SHARE, default=0.05, show_default=True, help="Risk of a wrong certificate."
)
@click.option("--grid", type=FILE, help="YAML file: the values that each knob may take.")
@click.option(
    "--windows",
    type=FILE,
    help="A design, such as `hwsim train` writes, whose windows by slice layers keep.",
)
@click.option(
    "--store",
    type=FILE,
    help="SQLite file of finished evaluations; a run that was stopped goes on from it.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes that simulate; one, with a thread per core, if not given.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Dask cluster to use, e.g. tcp://host:8786.")
@click.option(
    "--pareto",
    "front",
    type=click.IntRange(0, 100),
    default=6,
    show_default=True,
    help="Designs between the safest and the cheapest to show beside the chosen one.",
)
@click.option("--out", type=OUT_FOLDER, help="Folder for design.yaml, result.json and the report.")
@common_options
def optimize(
    as_json: bool, out: Path | None, arch_name: str, population: str, **asked: Any
) -> None:
    """Choose the knobs of every layer of NETWORK (an ONNX file), and certify them.

    Exit status 1: the target is not reachable, or not certain; the closest design is shown.
    """
    if (asked["accuracy"] is None) == (asked["drop"] is None):
        raise click.UsageError("expected one of --target-accuracy and --max-drop")
    if asked["workers"] is not None and asked["scheduler"] is not None:
        raise click.UsageError("expected one of --workers and --scheduler, found both")
    asked["workers"] = asked["workers"] or 1
    from codesign.optimize import Optimization  # noqa: PLC0415
    from codesign.optimize import optimize as run  # noqa: PLC0415
    from codesign.optimize_record import design_rows, optimization_result  # noqa: PLC0415
    from codesign.report.files import keep_inputs, to_json  # noqa: PLC0415
    from optim.target import Population  # noqa: PLC0415

    if out is not None:
        keep_inputs([out / DESIGN], (asked[name] for name in ("windows", "grid", "scheme")))
    wanted = Optimization(
        arch=arch_name, population=Population(population.replace("-", "_")), **asked
    )
    with progress_bar("step") as progress:
        done = run(wanted, progress)
    result = optimization_result(wanted, done, command_line())
    written = [] if out is None else write_optimized(result, out)
    if as_json:
        emit({**json.loads(to_json(result)), "design": design_rows(done)})
    else:
        click.echo(f"{design_table(done)}\n\n{summary(result)}\n\n{conclusion(result, done)}")
        click.echo("".join(f"\nwrote {file}" for file in written), nl=bool(written))
    if not result.certified:
        click.get_current_context().exit(NOT_CERTIFIED)


def write_optimized(result: Any, out: Path) -> list[Path]:
    """result.json, design.yaml (for `simulate --design`) and the report, in `out`; the files."""
    from codesign.report.files import save_result, write_whole  # noqa: PLC0415

    written = [save_result(result, out), out / DESIGN]
    write_whole(out / DESIGN, result.design.to_yaml())
    return [*written, *write_reports(result, out)]


def design_table(done: Any) -> str:
    """One line per layer: its knobs, its energy, the damage that it does alone."""
    from codesign.optimize_record import design_rows  # noqa: PLC0415
    from codesign.report.quantities import si  # noqa: PLC0415

    rows = [("layer", "read", "copies", "ADC", "window", "digit", "energy", "damage")]
    rows += [
        (
            row["layer"],
            f"{row['read_voltage_V']:g} V",
            f"{row['redundancy']}",
            f"{row['adc_bits']} bit",
            f"{row['conductance_scale']:.0%}",
            f"{row['dac_bits']} bit",
            si(row["energy_J"], "J"),
            f"{row['damage_nats']:.2g}",
        )
        for row in design_rows(done)
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def conclusion(result: Any, done: Any) -> str:
    """The best setting that is the same for all layers, and what no choice could be below."""
    from codesign.optimize_record import verdict  # noqa: PLC0415
    from codesign.report.quantities import si  # noqa: PLC0415

    uniform = done.baseline.candidate
    energy_J, uniform_J = result.energy_J.total, uniform.price.energy_J
    lines = [
        f"Best setting for all layers alike: {si(uniform_J, 'J')} "
        f"({uniform_J / energy_J:.2f} times as much): {uniform.design.default}",
        f"  {verdict(done, done.baseline)}",
        f"Layers priced one by one, no choice with as little damage takes less than "
        f"{si(done.bound_J, 'J')}.",
        f"{done.evaluations} simulations asked for.",
    ]
    return "\n".join(lines)
