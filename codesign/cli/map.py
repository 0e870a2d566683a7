"""`hwsim map`: where a network's layers lie on the tiles."""

from pathlib import Path

import click

from codesign.cli.console import FILE, OUT_FILE, arch_option, common_options, emit
from hwsim.errors import NetworkError


@click.command(
    "map",
    epilog="Example: hwsim map net.onnx --arch isaac --out plan.json",
    short_help="Partition a network onto tiles; the table of layers.",
)
@click.argument("network", type=FILE)
@arch_option
@click.option("--design", type=FILE, help="YAML file of knobs per layer.")
@click.option("--tiles", type=click.IntRange(min=1), help="Tiles to use in all (replication).")
@click.option(
    "--input-shape",
    "input_shapes",
    multiple=True,
    metavar="NAME=1,3,32,32",
    help="Shape of an input whose file leaves it open; may be repeated.",
)
@click.option("--out", type=OUT_FILE, help="Write the plan here (JSON).")
@common_options
def map_verb(
    network: Path,
    arch_name: str,
    design: Path | None,
    tiles: int | None,
    input_shapes: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    seed: int,
) -> None:
    """Partition NETWORK (an ONNX file, or a YAML file of layer shapes) onto tiles.

    Only shapes are read, so that the ONNX file's external data may be absent.
    """
    from codesign.flow import map_network  # noqa: PLC0415
    from codesign.report.files import keep_inputs, make_folder, write_whole  # noqa: PLC0415
    from mapping.table import map_json, map_table  # noqa: PLC0415

    if out is not None:
        keep_inputs([out], [network, design])
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in map(_input_shape, input_shapes):
        if shapes.setdefault(name, shape) != shape:
            raise NetworkError(f"--input-shape: expected one shape of {name!r}, found two")
    mapped = map_network(network, arch_name, design, tiles=tiles, input_shapes=shapes)
    if out is not None:
        make_folder(out.parent)
        write_whole(out, mapped.plan.to_json())
    if as_json:
        emit({**map_json(mapped.plan, mapped.name, mapped.time), "seed": seed})
    else:
        click.echo(map_table(mapped.plan, mapped.time))


def _input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, numbers = text.rpartition("=")
    try:
        shape = tuple(int(number) for number in numbers.split(","))
    except ValueError:
        shape = ()
    if not name or not shape or min(shape) < 1:
        raise NetworkError(f"--input-shape: expected NAME=1,3,32,32, found {text!r}")
    return name, shape
