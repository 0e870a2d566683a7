"""`hwsim rtl`: the Verilog of one tile: written out, linted, synthesized."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import FILE, OUT_FOLDER, common_options, emit, note

NOT_CLEAN = 1


@click.group(
    epilog="Example: hwsim rtl emit emt --out tile",
    short_help="The Verilog of a tile: write it out, lint it, count its cells.",
)
def rtl() -> None:
    """The synthesizable tile of an architecture."""


def tile_options(function: Any) -> Any:
    """ARCH, --design and --layer: which tile is meant."""
    for option in (
        click.option("--layer", metavar="NAME", help="Layer of --design whose knobs hold."),
        click.option("--design", type=FILE, help="YAML file of knobs per layer."),
        click.argument("arch_name", metavar="ARCH"),
    ):
        function = option(function)
    return function


@rtl.command("emit", epilog="Example: hwsim rtl emit emt --out tile && cat tile/README.md")
@tile_options
@click.option("--out", type=OUT_FOLDER, required=True, help="Folder to write.")
@click.option(
    "--vectors",
    type=click.IntRange(1, 10000),
    default=3,
    show_default=True,
    help="Random input vectors, extremes first.",
)
@click.option("--chained", is_flag=True, help="Add partial sums and requantize.")
@click.option("--ideal", is_flag=True, help="Leave out every disturbance of the cells.")
@common_options
def emit_verb(
    arch_name: str,
    design: Path | None,
    layer: str | None,
    out: Path,
    vectors: int,
    chained: bool,
    ideal: bool,
    as_json: bool,
    seed: int,
) -> None:
    """Write the tile of ARCH: Verilog with its parameters bound, a testbench, golden vectors.

    The testbench runs in Icarus and Verilator without this program; see DIR/README.md.
    """
    from codesign.rtl import emit_bundle  # noqa: PLC0415

    written = emit_bundle(
        arch_name, design, layer, out, vectors=vectors, chained=chained, ideal=ideal, seed=seed
    )
    if as_json:
        emit({"files": [str(file) for file in written], "seed": seed})
    else:
        click.echo("\n".join(f"wrote {file}" for file in written))


@rtl.command(epilog="Example: hwsim rtl lint isaac")
@tile_options
@common_options
def lint(arch_name: str, design: Path | None, layer: str | None, as_json: bool, seed: int) -> None:
    """Lint the tile with the parameters of ARCH, by Verilator and by Icarus.

    Exit status 1 if either says anything.  A simulator that is missing is left out.
    """
    from codesign.rtl import lint_tile  # noqa: PLC0415

    said, missing = lint_tile(arch_name, design, layer)
    for problem in missing:
        note(f"left out: {problem}")
    clean = not any(said.values())
    if as_json:
        emit({"clean": clean, "warnings": said, "left_out": missing})
    else:
        for program, text in said.items():
            click.echo(f"{program}: {text.strip() or 'clean'}")
    if not clean:
        raise click.exceptions.Exit(NOT_CLEAN)


@rtl.command(epilog="Example: hwsim rtl synth emt")
@tile_options
@common_options
def synth(arch_name: str, design: Path | None, layer: str | None, as_json: bool, seed: int) -> None:
    """Map the modules of one tile of ARCH to standard cells (Yosys); cells, area, energy."""
    from codesign.rtl import synthesize_tile  # noqa: PLC0415

    rows = synthesize_tile(arch_name, design, layer)
    if as_json:
        emit(rows)
        return
    headings = ("module", "per tile", "cells", "flip-flops", "area", "leakage")
    lines = [headings] + [
        (
            row["module"],
            str(row["count"]),
            str(sum(row["cells"].values())),
            str(row["registers"]),
            f"{row['area_m2'] * 1e12:.0f} um2",
            f"{row['leakage_W'] * 1e6:.1f} uW",
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    for line in lines:
        numbers = (f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        click.echo("  ".join((f"{line[0]:{widths[0]}}", *numbers)))
    total = sum(row["count"] * row["area_m2"] for row in rows)
    click.echo(f"one tile: {total * 1e12:.0f} um2 of cells at 45 nm")
