"""How fast the tile multiplies, per core, beside the machine's own limits in the same run.

    .venv/bin/python benchmarks/bench_tile.py [--json] [--peers PYTHON]

The work: K x N layers, batch 256, random 8-bit inputs read bit by bit, 8-bit weights in
2-bit slices on differential pairs, an 8-bit conversion per column, slice and phase.  One
logical multiply-accumulate (MAC) is 8 phases x 14 bit planes (7 magnitude bits, 2 columns of
the pair) = 112 cell bits.  Seconds are of this process (one thread), the best of several
runs.  Random inputs drive word lines in every phase; real activations are sparser and faster.
With --peers, an interpreter that has aihwkit does the same work in the same run.
"""

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hwsim._jit import kernel, popcount
from hwsim.chip.load import load_arch
from hwsim.device.spec import Device
from hwsim.rng import normal_deviates, random_words
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision, Subtraction

LAYERS = ((512, 512, 256), (1152, 256, 256), (576, 64, 1024), (144, 16, 4096))
CELL_BITS_PER_MAC = 8 * 14


def best_seconds(work: Callable[[], Any], repeats: int = 5) -> float:
    """Process seconds of the fastest of `repeats` runs, after one that compiles."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


@kernel
def and_popcount(words, planes, out, repeats):
    """The plain limit: AND, population count, add, on data in the first-level cache."""
    for r in range(repeats):
        word = words[r % words.shape[0]]
        for i in range(out.shape[0]):
            low = popcount(word & planes[0, i]) + popcount(word & planes[1, i])
            low += popcount(word & planes[2, i]) + popcount(word & planes[3, i])
            high = popcount(word & planes[4, i]) + popcount(word & planes[5, i])
            high += popcount(word & planes[6, i]) + popcount(word & planes[7, i])
            out[i] += low + high


def popcount_limit() -> float:
    """Cell bits per second of AND + population count + add."""
    stream = np.random.default_rng(0)
    lanes, repeats, best = 512, 20_000, 0.0
    for word in (np.uint16, np.uint32, np.uint64):
        bits = np.dtype(word).itemsize * 8
        words = stream.integers(0, 2**15, 64).astype(word)
        planes = stream.integers(0, 2**15, (8, lanes)).astype(word)
        out = np.zeros(lanes, word)
        seconds = best_seconds(lambda w=words, p=planes, o=out: and_popcount(w, p, o, repeats))
        best = max(best, repeats * lanes * 8 * bits / seconds)
    return best


@kernel
def draw_many(words, deviates, repeats):
    """Random words and normal deviates from them, in the first-level cache."""
    for r in range(repeats):
        random_words(np.uint64(r), 0, words)
        normal_deviates(words.view(np.int32), deviates)


def deviate_limit() -> float:
    """Normal deviates per second."""
    words, deviates, repeats = np.empty(512, np.uint64), np.empty(1024, np.float32), 5000
    return repeats * deviates.size / best_seconds(lambda: draw_many(words, deviates, repeats))


#: Columns of the table: the cells' fluctuation and the engine that draws it.
ENGINES: dict[str, tuple[dict[str, Any] | None, Engine]] = {
    "ideal": (None, Engine.MOMENTS),
    "moments": ({}, Engine.MOMENTS),
    "moments, relative": ({"law": "relative"}, Engine.MOMENTS),
    "exact": ({}, Engine.EXACT),
    "exact, relative": ({"law": "relative"}, Engine.EXACT),
    "markov": (
        {"states": "markov", "high_dwell_s": 1e-6, "low_dwell_s": 1e-6},
        Engine.EXACT,
    ),
}


def device_of(changes: dict[str, Any]) -> Device:
    """The device of `emt` with another fluctuation."""
    device = load_arch("emt").device
    fluctuation = {**device.fluctuation.model_dump(), **changes}
    return Device.model_validate({**device.model_dump(), "fluctuation": fluctuation})


def measure(
    shape: tuple[int, int, int], array_rows: int, subtraction: Subtraction, engine: str
) -> float:
    """Logical MACs per second of one layer."""
    rows, outputs, vectors = shape
    base = load_arch("emt").tile.replace(noise=None)  # fluctuation alone
    geometry = Geometry(base.replace(rows=array_rows, subtraction=subtraction), Precision())
    signed = converts_differences(geometry)
    bound = column_bound(geometry, min(rows, array_rows))
    stream = np.random.default_rng(1)
    weights = stream.integers(-127, 128, (1, rows, outputs))
    codes = stream.integers(0, 256, (vectors, rows)).astype(np.int16)
    converter = Converter(8, full_shift(bound, 8, signed), signed)
    changes, drawn_by = ENGINES[engine]
    device = None if changes is None else device_of(changes)
    matrix = ProgrammedMatrix(weights, geometry, converter, device, engine=drawn_by)
    return vectors * rows * outputs / best_seconds(lambda: matrix.multiply(codes), 3)


def peers(python: str) -> list[dict[str, Any]]:
    """What aihwkit does in this run; nothing, with a sentence, where it cannot be imported."""
    script = Path(__file__).with_name("peer_aihwkit.py")
    layers = [",".join(map(str, shape)) for shape in LAYERS[:2]]
    done = subprocess.run(
        [python, str(script), *layers], check=False, capture_output=True, text=True
    )
    if done.returncode:
        print(f"aihwkit left out: {done.stderr.strip().splitlines()[-1]}")
        return []
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has aihwkit")
    asked = parser.parse_args()
    bits, deviates = popcount_limit(), deviate_limit()
    bound = bits / CELL_BITS_PER_MAC
    rows = []
    for shape in LAYERS:
        for array_rows in (128, 256):
            for subtraction in Subtraction:
                row: dict[str, Any] = {
                    "layer": f"{shape[0]}x{shape[1]}",
                    "array_rows": array_rows,
                    "subtraction": subtraction.value,
                }
                for engine in ENGINES:
                    row[engine] = measure(shape, array_rows, subtraction, engine)
                pair = 1 if subtraction is Subtraction.ANALOG else 2
                blocks = -(-shape[0] // array_rows)
                conversions = pair * 8 * 4 * blocks / shape[0]  # per MAC: phases, slices
                row["share_of_popcount_limit"] = row["ideal"] / bound
                row["share_of_deviate_limit"] = row["moments"] * conversions / deviates
                rows.append(row)
    limits = {
        "machine": platform.machine(),
        "popcount_bits_per_s": bits,
        "popcount_bound_MAC_per_s": bound,
        "normal_deviates_per_s": deviates,
    }
    beside = peers(asked.peers) if asked.peers else []
    if asked.json:
        print(json.dumps({"limits": limits, "rows": rows, "aihwkit": beside}, indent=1))
        return
    print(f"AND + popcount {bits / 1e9:.0f} G cell bits/s = {bound / 1e9:.2f} G MAC/s")
    print(f"normal deviates {deviates / 1e9:.2f} G/s")
    print("G MAC/s; ideal of the popcount limit, moments of the deviates':")
    heads = ["layer", "array rows", "pair subtracted", *ENGINES, "of popcount", "of deviates"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        rates = " | ".join(f"{row[engine] / 1e9:.2f}" for engine in ENGINES)
        print(
            f"| {row['layer']} | {row['array_rows']} | {row['subtraction']} | {rates} | "
            f"{row['share_of_popcount_limit']:.0%} | {row['share_of_deviate_limit']:.0%} |"
        )
    for row in beside:
        print(
            f"| aihwkit, {row['tile']} tile | {row['layer']} | {row['array_rows']} | "
            f"output noise {row['noise']} | {row['MAC_per_s'] / 1e9:.3f} |"
        )


if __name__ == "__main__":
    main()
