"""Lines with resistance: the solver beside badcrossbar, and what they cost the tile.

    .venv/bin/python benchmarks/bench_wires.py [--badcrossbar PYTHON] [--json]

Passive arrays: cells uniform in 10..100 uS, 1 ohm per segment on both lines; seconds for the
whole transfer matrix in this process with one thread, the best of several runs.  badcrossbar
(PyPI; another interpreter may hold it, named by --badcrossbar) solves all unit vectors in one
call, in the same run, turn by turn with ours, its threads limited to one as well.

Gated cells in the tile: layer 512x512, batch 256, 8-bit inputs bit by bit, 8-bit weights in
slices (of 2 bits for the error) on differential pairs, 2..20 uS; with and without resistance
turn by turn.  The
error is that of the kernels' column sums against exact ladders, in level steps.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hwsim.chip.load import load_arch
from hwsim.device.spec import Device
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Precision, Subtraction, Wires
from hwsim.tile.wires import transfer_matrix

SIZES = (64, 128, 256)
OHM = 1.0
#: Run by the other interpreter: argv holds a file of cells, argv the file for the currents.
PEER = """
import sys, time
import numpy as np
import badcrossbar
cells = np.load(sys.argv[1])
start = time.process_time()
least = {"node_voltages": False, "all_currents": False}  # its fastest
solution = badcrossbar.compute(np.eye(len(cells)), 1 / cells, r_i=float(sys.argv[3]), **least)
print(time.process_time() - start)
np.save(sys.argv[2], solution.currents.output)
"""


def process_seconds(work: Callable[[], Any]) -> float:
    """Process seconds of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def array_of(size: int) -> np.ndarray:
    """Conductances (size, size) of the comparison."""
    return np.random.default_rng(0).uniform(1e-5, 1e-4, (size, size))


def peer_transfer(python: str, cells: np.ndarray) -> tuple[float, np.ndarray]:
    """Process seconds of badcrossbar for the transfer matrix, and the matrix."""
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "cells.npy"), Path(folder, "found.npy")
        np.save(given, cells)
        command = [python, "-c", PEER, str(given), str(found), str(OHM)]
        environment = os.environ | one
        shown = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        ).stdout
        return float(shown.splitlines()[-1]), np.load(found)


def solver_row(size: int, python: str | None) -> dict[str, Any]:
    """One size of the solver's table."""
    wires = Wires(word_line_ohm=OHM, bit_line_ohm=OHM, source="benchmark")
    cells = array_of(size)
    transfer = transfer_matrix(cells, wires)
    ours, theirs, off = [], [], []
    for _ in range(3):
        with threadpool_limits(1):
            ours += [process_seconds(lambda: transfer_matrix(cells, wires)) for _ in range(3)]
        if python:
            seconds, peer = peer_transfer(python, cells)
            theirs.append(seconds)
            off.append(float(np.abs(transfer / peer - 1).max()))
    return {
        "cells": f"{size}x{size}",
        "transfer_s": min(ours),
        "badcrossbar_s": min(theirs) if theirs else None,
        "relative_difference": max(off) if off else None,
    }


def matrix_of(
    rows: int, subtraction: Subtraction, ohm: float | None, cell_bits: int = 2
) -> ProgrammedMatrix:
    """The benchmark's layer; ohm None leaves the lines out."""
    device = Device(
        name="bench", conductance_min_S=2e-6, conductance_max_S=2e-5, source="benchmark"
    )
    wires = None if ohm is None else Wires(bit_line_ohm=ohm, source="benchmark")
    tile = load_arch("emt").tile
    content = wires.model_dump() if wires else None
    geometry = Geometry(
        tile.replace(rows=rows, subtraction=subtraction, wires=content, cell_bits=cell_bits),
        Precision(),
    )
    signed = converts_differences(geometry)
    converter = Converter(8, full_shift(column_bound(geometry, rows), 8, signed), signed)
    weights = np.random.default_rng(1).integers(-127, 128, (1, 512, 512))
    return ProgrammedMatrix(weights, geometry, converter, device)


def cost_row(rows: int, subtraction: Subtraction, cell_bits: int) -> dict[str, Any]:
    """What lines with resistance cost the tile."""
    codes = np.random.default_rng(2).integers(0, 256, (256, 512)).astype(np.int16)
    matrices = [matrix_of(rows, subtraction, ohm, cell_bits) for ohm in (None, OHM)]
    seconds: list[list[float]] = [[], []]
    for turn in range(12):
        for kind, matrix in enumerate(matrices):
            taken = process_seconds(lambda m=matrix: m.multiply(codes))
            if turn:  # the first compiles
                seconds[kind].append(taken)
    ideal, wired = map(min, seconds)
    macs = 256 * 512 * 512
    return {
        "array_rows": rows,
        "cell_bits": cell_bits,
        "subtraction": subtraction.value,
        "ideal_MAC_per_s": macs / ideal,
        "wired_MAC_per_s": macs / wired,
        "cost": wired / ideal,
    }


def error_row(rows: int, ohm: float) -> dict[str, Any]:
    """The error of the kernels' account on the layer's first row blocks."""
    codes = np.random.default_rng(3).integers(0, 256, (4, 512)).astype(np.int16)
    error = matrix_of(rows, Subtraction.ANALOG, ohm).line_error(codes)
    return {
        "array_rows": rows,
        "ohm": ohm,
        "lost_mean": error.lost_mean,
        "lost_max": error.lost_max,
        "error_rms": error.error_rms,
        "error_max": error.error_max,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""

    def shown(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(map(shown, row.values())) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--badcrossbar", metavar="PYTHON", help="an interpreter that has it")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    tables = {
        "solver": [solver_row(size, arguments.badcrossbar) for size in SIZES],
        "cost": [
            cost_row(rows, part, bits)
            for rows in (128, 256)
            for bits in (1, 2, 3, 4)
            for part in Subtraction
        ],
        "error": [error_row(rows, ohm) for rows in SIZES for ohm in (0.1, 0.5, 1.0, 2.0, 5.0)],
    }
    if arguments.json:
        json.dump(tables, sys.stdout, indent=1)
        return
    for name, rows in tables.items():
        print(f"{name}:\n{table(rows)}\n")


if __name__ == "__main__":
    main()
