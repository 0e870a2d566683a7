"""The RTL of one tile as a folder that needs nothing of this project.

The tile with its parameters bound, the modules below it, a behavioural array, a plain Verilog
testbench with golden vectors from the model, a file list, and how to run it all.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping
from errno import EISDIR
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.cosim.build import module_files
from hwsim.cosim.golden import Golden
from hwsim.cosim.parameters import Register, address, derived_parameters, tile_parameters
from hwsim.cosim.simulators import RTL
from hwsim.cosim.testbench import readme, testbench
from hwsim.cosim.wrapper import bound_tile
from hwsim.peripherals.accumulator import SUM_BITS

TOP = "hwsim_tile"
BENCH = "tb_hwsim_tile"
DISTURBANCE_BITS = 32


def emit_tile(golden: Golden, out: Path, name: str, rtl: Path = RTL) -> list[Path]:
    """Write the bundle into `out`, which is made if it is missing: whole, or nothing of it.

    Args:
        name: what the README calls the design.
    Returns:
        the files written, in order.
    Raises:
        MappingError: the RTL is not built for this geometry.
    """
    geometry = golden.geometry
    sources = {f"rtl/{path.name}": path.read_text() for path in module_files("tile", rtl)}
    sources[f"rtl/{TOP}.v"] = bound_tile(TOP, geometry)
    sources["sim/crossbar_array.v"] = (rtl / "sim" / "crossbar_array.v").read_text()
    sources[f"sim/{BENCH}.v"] = testbench(BENCH, TOP, golden)
    files = dict(sources)
    files["files.f"] = "".join(f"{file}\n" for file in sources)
    files |= {f"vectors/{file}.hex": text for file, text in vectors(golden).items()}
    files["README.md"] = readme(name, BENCH, golden)
    return _write_together(files, out)


def _write_together(files: Mapping[str, str], out: Path) -> list[Path]:
    """Write files by name below `out`; none is in its place before all are written."""
    for path in (out / file for file in files):
        if path.is_dir():  # which no file can replace
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), str(path))
    out.mkdir(parents=True, exist_ok=True)
    # Within `out`: files can be moved inside one file system only.
    with tempfile.TemporaryDirectory(prefix=".part-", dir=out) as scratch:
        for file, text in files.items():
            part = Path(scratch) / file
            part.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
        for file in files:
            (out / file).parent.mkdir(exist_ok=True)
            (Path(scratch) / file).replace(out / file)
    return [out / file for file in files]


def vectors(golden: Golden) -> dict[str, str]:
    """Files for `$readmemh`, one word per line, by name."""
    geometry = golden.geometry
    tile, precision = geometry.tile, geometry.precision
    derived, bound = derived_parameters(geometry), tile_parameters(geometry)
    address_bits = derived["INDEX_W"] + 4
    clear = (address(geometry, Register.CYCLES), 0)
    registers = [(place << SUM_BITS) | word for place, word in (*golden.registers, clear)]
    partial = np.zeros_like(golden.results) if golden.partial is None else golden.partial
    return {
        "levels": _lines(packed(golden.levels, tile.cell_bits), tile.cols * tile.cell_bits),
        "registers": _lines(registers, address_bits + SUM_BITS),
        "inputs": _lines(
            packed(golden.codes, precision.input_bits), derived["INPUTS"] * bound["INPUT_BITS"]
        ),
        "disturbances": _lines(
            packed(golden.disturbances, DISTURBANCE_BITS), derived["LINES"] * DISTURBANCE_BITS
        ),
        "partial": _lines(packed(partial.reshape(-1, 1), SUM_BITS), SUM_BITS),
        "results": _lines(packed(golden.results.reshape(-1, 1), SUM_BITS), SUM_BITS),
    }


def packed(values: NDArray[np.int64], bits: int) -> list[int]:
    """Each row of (rows, n) as one word, value 0 lowest, two's complement of `bits` each."""
    mask = (1 << bits) - 1
    return [sum((v & mask) << (bits * i) for i, v in enumerate(row)) for row in values.tolist()]


def _lines(words: Iterable[int], bits: int) -> str:
    digits = -(-bits // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)
