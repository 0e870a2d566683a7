"""From files to results: what the command line does, as functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwsim.chip.load import load_arch
from mapping.design import Design, load_design
from mapping.onnx_import import import_network
from mapping.plan import Plan, plan
from mapping.shapes import LayerShape, layer_shapes, load_shapes


def map_network(
    network: Path,
    arch: str | Path,
    design: Path | None = None,
    *,
    tiles: int | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> tuple[str, Plan]:
    """A network's name and its plan on an architecture; reads shapes, not weights.

    Args:
        network: an ONNX file, or a YAML file of layer shapes.
        tiles: tiles to use in all; None as `mapping.plan.plan`.
        input_shapes: whole shapes of inputs that the ONNX file leaves open.

    Raises:
        HwsimError: a file is wrong, or the network does not fit the architecture.
    """
    hardware = load_arch(arch)
    name, layers = _layers(network, input_shapes)
    knobs = Design() if design is None else load_design(design)
    where = "design" if design is None else str(design)
    return name, plan(layers, hardware, knobs, tiles=tiles, where=where)


def _layers(
    network: Path, input_shapes: Mapping[str, Sequence[int]] | None
) -> tuple[str, list[LayerShape]]:
    if network.suffix in (".yaml", ".yml"):
        return load_shapes(network)
    imported = import_network(network, input_shapes, weights=False)
    known = imported.quantized or imported.network
    return network.stem, layer_shapes(known)
