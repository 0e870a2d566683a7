"""`hwsim cosim`: the RTL against the model."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import arch_option, command_line, common_options, emit, progress_bar

FILE = click.Path(path_type=Path)
DIFFERENT = 1


@click.command(
    epilog="Example: hwsim cosim --network net.onnx --data cifar10:cifar-10-python.tar.gz",
    short_help="The Verilog against the model: values and cycles of every layer.",
)
@click.option("--network", required=True, type=FILE, help="ONNX file.")
@click.option("--data", required=True, help="digits, NAME:PATH or a YAML file; see the README.")
@click.option(
    "--samples", type=click.IntRange(min=1), default=1, show_default=True, help="Images to run."
)
@click.option("--layer", metavar="NAME", help="Only this layer goes through the RTL.")
@arch_option
@click.option("--design", type=FILE, help="YAML file of knobs per layer.")
@click.option("--scheme", type=FILE, help="YAML file: bits and ranges of quantisation.")
@click.option("--ideal", is_flag=True, help="Leave out every disturbance of the cells.")
@click.option("--waves", type=FILE, help="Record the first products: FILE.fst or FILE.vcd (large).")
@click.option("--out", type=FILE, help="Folder of a result.json; its report then shows this run.")
@common_options
def cosim(
    as_json: bool,
    layer: str | None,
    arch_name: str,
    ideal: bool,
    waves: Path | None,
    out: Path | None,
    **asked: Any,
) -> None:
    """Run images of a network on modelled tiles and on the Verilated RTL; compare both.

    Every product, every code and every cycle is compared.  Exit status 1 if any differs.
    """
    from codesign.cosim import cosimulate  # noqa: PLC0415
    from codesign.report import load_result  # noqa: PLC0415
    from codesign.report.files import save_result  # noqa: PLC0415
    from codesign.simulation import Simulation  # noqa: PLC0415

    simulation = Simulation(arch=arch_name, **asked)
    recorded = None if out is None else load_result(out)
    with progress_bar("image") as progress:
        found = cosimulate(
            simulation, layer=layer, ideal_device=ideal, waves=waves, progress=progress
        )
    if out is not None and recorded is not None:
        save_result(recorded.replace(cosim=found.result.model_dump()), out)
    if as_json:
        about = {key: value for key, value in vars(found).items() if key != "result"}
        emit({**about, **found.result.model_dump(mode="json"), "command": command_line()})
    else:
        click.echo(comparison(found))
    if not found.result.equal:
        raise click.exceptions.Exit(DIFFERENT)


def comparison(found: Any) -> str:
    """One line per layer: arrays, products, cycles by the RTL and by the schedule, verdict."""
    result = found.result
    rows = [("layer", "arrays", "products", "cycles, RTL", "schedule", "codes", "")]
    for one in result.layers:
        numbers = (one.arrays, one.vectors, one.cycles, one.schedule_cycles, one.codes)
        rows.append((one.name, *map(str, numbers), "equal" if one.equal else one.difference))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = [
        "  ".join(
            (f"{row[0]:{widths[0]}}", *(f"{row[i]:>{widths[i]}}" for i in range(1, 6)), row[6])
        )
        for row in rows
    ]
    verdict = "equal in every value and cycle" if result.equal else "DIFFERENT"
    lines.append(
        f"{found.network} on {found.arch}, device {found.device}, {result.samples} images: "
        f"{result.vectors} products, {result.cycles} cycles: {verdict}"
    )
    return "\n".join(line.rstrip() for line in lines)
