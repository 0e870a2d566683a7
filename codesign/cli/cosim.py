"""`hwsim cosim`: the RTL against the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from codesign.cli.console import (
    FILE,
    OUT_FILE,
    OUT_FOLDER,
    arch_option,
    command_line,
    common_options,
    emit,
    note,
    progress_bar,
)

DIFFERENT = 1


@click.command(
    epilog="Example: hwsim cosim --network net.onnx --data cifar10:cifar-10-python.tar.gz",
    short_help="The Verilog against the model: values and cycles of every layer.",
)
@click.option("--network", type=FILE, help="ONNX file.")
@click.option("--data", help="digits, NAME:PATH or a YAML file; see the README.")
@click.option(
    "--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Images to run."
)
@click.option("--layer", metavar="NAME", help="Only this layer goes through the RTL.")
@click.option(
    "--module",
    "modules",
    metavar="NAME",
    multiple=True,
    help="Instead of a network: this module's cocotb bench (or `all`); may be repeated.",
)
@arch_option
@click.option("--design", type=FILE, help="YAML file of knobs per layer.")
@click.option("--scheme", type=FILE, help="YAML file: bits and ranges of quantisation.")
@click.option("--ideal", is_flag=True, help="Leave out every disturbance of the cells.")
@click.option(
    "--waves", type=OUT_FILE, help="Record the first products: FILE.fst or FILE.vcd (large)."
)
@click.option(
    "--out", type=OUT_FOLDER, help="Folder of a result.json; its report then shows this run."
)
@common_options
def cosim(
    as_json: bool,
    arch_name: str,
    modules: tuple[str, ...],
    out: Path | None,
    layer: str | None,
    ideal: bool,
    waves: Path | None,
    **asked: Any,
) -> None:
    """Run images of a network on modelled tiles and on the Verilated RTL; compare both.

    Every product, every code and every cycle is compared.  Exit status 1 if any differs.
    With --module: the cocotb benches of single modules, from the source tree; --seed gives
    them other draws than their own.
    """
    if modules:
        _expect_alone()
    elif not (asked["network"] and asked["data"]):
        raise click.UsageError("expected --network and --data, or --module")
    with _kept(out) as (before, keep):
        if modules:
            seed = asked["seed"] if _given("seed") else None
            equal = _benches(modules, seed, as_json, keep)
        else:
            options = {"layer": layer, "ideal_device": ideal, "waves": waves}
            equal = _network({"arch": arch_name, **asked}, options, as_json, before, keep)
    if not equal:
        raise click.exceptions.Exit(DIFFERENT)


def _expect_alone() -> None:
    """Refuse, beside --module, what has a say for a network only."""
    of_network = ("network", "data", "samples", "layer", "arch_name", "design", "scheme")
    for name in (*of_network, "ideal", "waves"):
        if _given(name):
            option = name.removesuffix("_name")
            raise click.UsageError(f"--module: expected alone, found --{option} beside it")


def _given(name: str) -> bool:
    """Whether an option has a value that is not its default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


@contextmanager
def _kept(out: Path | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The result in `out` (None without one), and a record that becomes part of it."""
    from codesign.report import load_result  # noqa: PLC0415
    from codesign.report.files import save_result  # noqa: PLC0415

    before = None if out is None else load_result(out)  # a wrong folder shows at once
    changes: dict[str, Any] = {}
    yield before, changes
    if out is not None and before is not None:
        save_result(before.replace(**changes), out)


def _network(
    asked: dict[str, Any],
    options: dict[str, Any],
    as_json: bool,
    before: Any,
    keep: dict[str, Any],
) -> bool:
    from codesign.cosim import cosimulate, expect_same_run  # noqa: PLC0415
    from codesign.simulation import Simulation  # noqa: PLC0415

    simulation = Simulation(**asked)
    if before is not None:
        expect_same_run(before, simulation)
    with progress_bar("image") as progress:
        found = cosimulate(simulation, **options, progress=progress)
    keep["cosim"] = found.result.model_dump()
    if as_json:
        about = {key: value for key, value in vars(found).items() if key != "result"}
        emit({**about, **found.result.model_dump(mode="json"), "command": command_line()})
    else:
        click.echo(comparison(found))
    return bool(found.result.equal)


def _benches(
    modules: tuple[str, ...], seed: int | None, as_json: bool, keep: dict[str, Any]
) -> bool:
    from codesign.cosim_benches import run_benches  # noqa: PLC0415
    from codesign.report.cosim import BENCH_HEADINGS, bench_rows  # noqa: PLC0415

    found = run_benches(modules, lambda name: note(f"bench of {name}"), seed)
    keep["benches"] = [bench.model_dump() for bench in found]
    passed = all(bench.passed for bench in found)
    if as_json:
        benches = [bench.model_dump(mode="json") for bench in found]
        emit({"benches": benches, "passed": passed, "command": command_line()})
    else:
        click.echo(aligned([BENCH_HEADINGS, *bench_rows(found)]))
    return passed


def comparison(found: Any) -> str:
    """One line per layer: arrays, products, cycles by the RTL and by the schedule, verdict."""
    from codesign.report.cosim import HEADINGS, rows  # noqa: PLC0415

    result = found.result
    verdict = "equal in every value and cycle" if result.equal else "DIFFERENT"
    return (
        f"{aligned([HEADINGS, *rows(result)])}\n"
        f"{found.network} on {found.arch}, device {found.device}, {result.samples} images: "
        f"{result.vectors} products, {result.cycles} cycles: {verdict}"
    )


def aligned(rows: list[tuple[str, ...]]) -> str:
    """Columns side by side; names and verdicts to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        numbers = [f"{cell:>{width}}" for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        lines.append("  ".join((f"{row[0]:{widths[0]}}", *numbers, row[-1])).rstrip())
    return "\n".join(lines)
