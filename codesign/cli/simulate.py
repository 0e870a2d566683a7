"""`hwsim simulate`: accuracy, energy, area and latency on modelled hardware."""

from pathlib import Path
from typing import Any

import click

from codesign.cli.console import (
    FILE,
    OUT_FOLDER,
    arch_option,
    command_line,
    common_options,
    note,
    progress_bar,
)


@click.command(
    epilog="Example: hwsim simulate net.onnx --data cifar10:cifar-10-python.tar.gz --samples 1000",
    short_help="Accuracy on the modelled hardware, with interval.",
)
@click.argument("network", type=FILE)
@click.option("--data", required=True, help="digits, NAME:PATH or a YAML file; see the README.")
@arch_option
@click.option("--design", type=FILE, help="YAML file of knobs per layer.")
@click.option("--scheme", type=FILE, help="YAML file: bits and ranges of quantisation.")
@click.option("--samples", type=click.IntRange(min=1), help="Images to test; all if not given.")
@click.option(
    "--device-samples",
    type=click.IntRange(1, 10_000),
    default=3,
    show_default=True,
    help="Programmed chips to test the images on.",
)
@click.option(
    "--backend",
    type=click.Choice(["numba", "rtl", "ideal"]),
    default="numba",
    show_default=True,
    help="numba: modelled tiles; rtl: the same by the Verilog; ideal: exact integers.",
)
@click.option(
    "--engine",
    type=click.Choice(["moments", "exact"]),
    default="moments",
    show_default=True,
    help="Fresh fluctuation: column sums with the mean and variance of their cells, or every cell.",
)
@click.option("--faults", type=FILE, help="NumPy archive (.npz) of stuck cells, by layer.")
@click.option("--tiles", type=click.IntRange(min=1), help="Tiles to use in all (replication).")
@click.option("--out", type=OUT_FOLDER, help="Folder for result.json, which `hwsim report` reads.")
@common_options
def simulate(
    as_json: bool, out: Path | None, backend: str, engine: str, arch_name: str, **asked: Any
) -> None:
    """Run NETWORK (an ONNX file) on modelled tiles, over labelled images."""
    from codesign.flow import simulate as run  # noqa: PLC0415
    from codesign.report.files import save_result, to_json  # noqa: PLC0415
    from codesign.simulation import BackendName, Simulation  # noqa: PLC0415
    from hwsim.tile.spec import Engine  # noqa: PLC0415

    simulation = Simulation(
        arch=arch_name, backend=BackendName(backend), engine=Engine(engine), **asked
    )
    with progress_bar("image") as progress:
        result = run(simulation, command=command_line(), progress=progress)
    if asked["samples"] is not None and result.samples != asked["samples"]:
        note(f"--samples: only {result.samples} images are there; all were used")
    if out is not None:
        save_result(result, out)
    click.echo(to_json(result).rstrip() if as_json else summary(result))


def summary(result: Any) -> str:
    """The few numbers of a result, one line each."""
    from codesign.report.headline import headlines  # noqa: PLC0415

    lines = headlines(result)
    full = [
        f"  buffer of cluster {cluster}: {needed} bytes wait there at most, more than it holds"
        for cluster, needed in result.buffer_overflow_bytes.items()
    ]
    name = max(len(line.title) for line in lines)
    value = max(len(line.value) for line in lines)
    head = f"{result.network} on {result.arch}, backend {result.backend}"
    rows = [f"  {line.title:{name}}  {line.value:>{value}}  {line.detail}" for line in lines]
    return "\n".join([head, *rows, *full])
