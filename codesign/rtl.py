"""What `hwsim rtl` does, as functions."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.cosim.emit import emit_tile
from hwsim.cosim.golden import golden, random_matrix
from hwsim.cosim.instances import instances
from hwsim.cosim.lint import icarus_warnings, verilator_warnings
from hwsim.cosim.parameters import derived_parameters, tile_parameters
from hwsim.cosim.simulators import MissingSimulator
from hwsim.cosim.synthesis import synthesize_all
from hwsim.errors import MappingError
from hwsim.spec import unknown
from hwsim.tile.geometry import Geometry
from hwsim.tile.knobs import device_with, tile_with
from mapping.design import check_design, load_design


def tile_geometry(
    arch_name: str | Path, design: Path | None = None, layer: str | None = None
) -> tuple[Arch, Geometry]:
    """The tile of an architecture as the knobs of a design's layer (or default) set it.

    Returns:
        the architecture with the device as the knobs use it, and the tile.

    Raises:
        HwsimError: a file is wrong, the layer is not named in the design, or the RTL is not
            built for its tile.
    """
    arch = load_arch(arch_name)
    if design is None:
        if layer is not None:
            raise MappingError(f"--layer: expected --design with it, found only {layer!r}")
        return arch, _built(Geometry(arch.tile, arch.precision))
    knobs = load_design(design)
    check_design(knobs, knobs.layers, arch.tile, str(design))
    if layer is not None and layer not in knobs.layers:
        raise MappingError(f"{design}: layers: {unknown(layer, knobs.layers)}")
    chosen = knobs.default if layer is None else knobs.layers[layer]
    if chosen.slice_scales is not None:
        where = "default" if layer is None else f"layers.{layer}"
        raise MappingError(f"{design}: {where}.slice_scales: expected none for the RTL, found some")
    used = arch.replace(device=device_with(arch.device, chosen))
    geometry = Geometry(tile_with(arch.tile, chosen), arch.precision, chosen.redundancy)
    return used, _built(geometry)


def _built(geometry: Geometry) -> Geometry:
    """The tile itself, once nothing about it is refused."""
    tile_parameters(geometry)
    derived_parameters(geometry)
    return geometry


def emit_bundle(
    arch_name: str | Path,
    design: Path | None,
    layer: str | None,
    out: Path,
    *,
    vectors: int,
    chained: bool,
    ideal: bool,
    seed: int,
) -> list[Path]:
    """Write the tile with golden vectors; the files written.

    Raises:
        HwsimError: a file is wrong, or the RTL is not built for the tile.
    """
    arch, geometry = tile_geometry(arch_name, design, layer)
    weights, codes = random_matrix(geometry, vectors, seed)
    device = None if ideal else arch.device
    run = golden(geometry, weights, codes, device=device, seed=seed, chained=chained)
    name = f"Tile of {arch.name}" + (f", layer {layer}" if layer else "")
    return emit_tile(run, out, name)


def lint_tile(
    arch_name: str | Path, design: Path | None, layer: str | None
) -> tuple[dict[str, str], list[str]]:
    """What each simulator says of the tile, and which one is missing.

    Raises:
        HwsimError: a file is wrong, the RTL is not built for the tile, or no simulator is there.
    """
    _, geometry = tile_geometry(arch_name, design, layer)
    parameters = tile_parameters(geometry)
    said, missing = {}, []
    for program, lint in (("verilator", verilator_warnings), ("icarus", icarus_warnings)):
        try:
            said[program] = lint("tile", parameters)
        except MissingSimulator as problem:
            missing.append(str(problem))
    if not said:
        raise MissingSimulator("; ".join(missing))
    return said, missing


def synthesize_tile(
    arch_name: str | Path, design: Path | None, layer: str | None
) -> list[dict[str, Any]]:
    """Cells, area, leakage and energies of every module of one tile.

    Raises:
        HwsimError: a file is wrong, the RTL is not built for the tile, or Yosys is missing.
    """
    _, geometry = tile_geometry(arch_name, design, layer)
    chosen = instances(geometry)
    return [
        {**asdict(one), "registers": one.registers, "count": instance.count}
        for instance, one in zip(chosen, synthesize_all(chosen), strict=True)
    ]
