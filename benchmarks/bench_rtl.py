"""Cycles per second of the RTL in the loop: the library backend and cocotb.

    .venv/bin/python benchmarks/bench_rtl.py [--json] [--image NETWORK.onnx --data DATA]

The work: 128 x 128 tiles of the presets, every input driven, 8-bit random inputs and weights.
Library: whole batches per call, the analog array answered by compiled kernels; its share is
what a function that answers nothing saves.  Cocotb: the same tile without an array, Python
awake in every cycle, or once per product.  Seconds are of the process (one thread), the best of
several runs; building is not counted.  --image also runs one image of a network through the
library backend.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from codesign.flow import prepare
from codesign.simulation import Simulation
from hwsim.chip.load import load_arch
from hwsim.cosim.analog import ArrayAnswer
from hwsim.cosim.parameters import tile_parameters
from hwsim.cosim.verilated import VerilatedTile, tile_library
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.schedule import mvm_interval_cycles
from hwsim.tile.spec import Precision, Subtraction
from mapping.execute import run
from mapping.execute_rtl import RtlBackend
from mapping.execute_tiles import TileBackend, calibrate

VECTORS = 400
REPEATS = 5


def tiles() -> dict[str, tuple[str, Geometry]]:
    """Name -> (preset, geometry)."""
    emt, isaac = load_arch("emt").tile, load_arch("isaac").tile
    digital = emt.replace(subtraction=Subtraction.DIGITAL)
    return {
        "8 SAR converters, pairs subtracted in the array": ("emt", Geometry(emt, Precision())),
        "16 SAR converters, pairs subtracted digitally": ("emt", Geometry(digital, Precision())),
        "1 flash converter, offset weights": ("isaac", Geometry(isaac, Precision())),
    }


def best(work: Callable[[], float]) -> float:
    """The highest of several runs."""
    return max(work() for _ in range(REPEATS))


def library(preset: str, geometry: Geometry) -> dict[str, float]:
    """Cycles per process second, ideal, fluctuating and without an array."""
    bits, signed = geometry.tile.adc.bits, converts_differences(geometry)
    rows, outputs = geometry.inputs_per_array, geometry.weights_per_row
    converter = Converter(bits, full_shift(column_bound(geometry, rows), bits, signed), signed)
    stream = np.random.default_rng(0)
    weights = stream.integers(-127, 128, (1, rows, outputs))
    codes = stream.integers(0, 256, (VECTORS, rows)).astype(np.int16)
    tile = VerilatedTile(tile_library(geometry))
    found = {}
    for name, device in (("ideal", None), ("fluctuating", load_arch(preset).device)):
        matrix = ProgrammedMatrix(weights, geometry, converter, device)
        flips = matrix.flipped(0) if geometry.tile.flipped_columns else None
        tile.configure(geometry, converter.shift, flips=flips)
        array = ArrayAnswer(matrix, 0, range(outputs), 0, rows)
        found[name] = best(lambda array=array: _speed(tile, codes, array, outputs))
    array.function = _silent.address
    found["no array"] = best(lambda: _speed(tile, codes, array, outputs))
    return found


@numba.cfunc("void(voidptr, voidptr, int64, int64, voidptr)")
def _silent(_record: Any, _digits: Any, _vector: Any, _phase: Any, _samples: Any) -> None:
    """An array that answers nothing."""


def _speed(tile: VerilatedTile, codes: Any, array: ArrayAnswer, outputs: int) -> float:
    start = time.process_time()
    clocks = tile.run(codes, array, outputs).clocks
    return clocks / (time.process_time() - start)


def by_cocotb(geometry: Geometry) -> dict[str, float]:
    """Cycles per process second of cocotb; nothing where it is not installed."""
    try:
        from cocotb_tests.simulate import simulate  # noqa: PLC0415
    except ImportError:
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "speed.json"
        asked = {"SPEED_TARGET": str(target), "SPEED_BATCH": str(mvm_interval_cycles(geometry))}
        simulate("tile", "speed", tile_parameters(geometry), environment=asked)
        found: dict[str, float] = json.loads(target.read_text())
    return found


def one_image(file: Path, data: str) -> dict[str, Any]:
    """Seconds of the first image through the library backend, and of the model for comparison."""
    case = prepare(Simulation(file, data, samples=1))
    shifts = calibrate(case.network, case.plan, case.arch, case.images.calibration)
    tiles = TileBackend(case.network, case.plan, case.arch, shifts=shifts)
    rtl = RtlBackend(tiles, case.plan)
    image = case.images.test.images
    expected = run(case.network, image, tiles)
    found: dict[str, Any] = {"network": str(file)}
    for name, backend in (("RTL_s", rtl), ("model_s", tiles)):
        start = time.process_time()
        equal = np.array_equal(run(case.network, image, backend), expected)
        found[name] = time.process_time() - start
        found["equal"] = equal and found.get("equal", True)
    found["cycles"] = sum(rtl.cycles(name).rtl for name in rtl.names)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--data")
    asked = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for name, (preset, geometry) in tiles().items():
        rows[name] = library(preset, geometry)
        rows[name] |= {f"cocotb, {how}": speed for how, speed in by_cocotb(geometry).items()}
    image = one_image(asked.image, asked.data) if asked.image else None
    if asked.json:
        machine = platform.machine()
        print(json.dumps({"machine": machine, "cycles_per_s": rows, "image": image}, indent=1))
        return
    print("M cycles per second:")
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    print(f"| tile | {' | '.join(columns)} |")
    print(f"|---|{'---|' * len(columns)}")
    for name, row in rows.items():
        cells = [f"{row[column] / 1e6:.3g}" if column in row else "" for column in columns]
        print(f"| {name} | {' | '.join(cells)} |")
    if image:
        print(
            f"{image['network']}: one image, {image['cycles']} cycles, RTL {image['RTL_s']:.2f} s, "
            f"model {image['model_s']:.3f} s, {'equal' if image['equal'] else 'DIFFERENT'}"
        )


if __name__ == "__main__":
    main()
