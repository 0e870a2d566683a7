"""Images per second and core of a whole network on modelled tiles.

    .venv/bin/python benchmarks/bench_network.py [NET.onnx DATA [IMAGES]]

Without arguments the embedded digits.  One thread; process seconds, import, quantisation and
programming left out; the best of three runs.  `emt` tiles: 128 x 128 cells of 2 bits,
differential pairs subtracted in the array, an 8-bit conversion per column, slice and phase.
"""

import os
import sys
import time
from importlib.resources import files
from pathlib import Path

os.environ["HWSIM_THREADS"] = "1"

import numpy as np

from codesign.datasets import load_dataset, read_description
from hwsim.chip.load import load_arch
from hwsim.tile.spec import Engine
from mapping.execute import Backend, IdealBackend, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import layer_shapes


def images_per_second(network, images, backend: Backend) -> float:
    """Images per process second, the best of three runs after one that compiles."""
    run(network, images[:8], backend)
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        run(network, images, backend)
        best = min(best, time.process_time() - start)
    return len(images) / best


def main() -> None:
    """Print the table."""
    asked = sys.argv[1:]
    path = Path(asked[0]) if asked else Path(str(files("codesign.demo") / "digits.onnx"))
    count = int(asked[2]) if len(asked) > 2 else 200
    description = read_description(asked[1] if len(asked) > 1 else "digits")
    images = load_dataset(description, samples=count).images
    imported = import_network(path)
    network = imported.quantized or quantize(imported.network, images, Scheme())
    arch = load_arch("emt")
    arch = arch.replace(tile=arch.tile.replace(noise=None))  # fluctuation alone
    placed = plan(layer_shapes(network), arch)
    shifts = calibrate(network, placed, arch, images[:64])
    backends = {
        "exact integers (BLAS)": IdealBackend(network),
        "ideal tiles": TileBackend(network, placed, arch, shifts=shifts, ideal_device=True),
        "fluctuating, moments": TileBackend(network, placed, arch, shifts=shifts),
        "fluctuating, every cell": TileBackend(
            network, placed, arch, shifts=shifts, engine=Engine.EXACT
        ),
    }
    print(f"{path.parent.name}/{path.name}, {len(images)} images, {placed.macs / 1e6:.1f} M MACs")
    print("| backend | images/s per core | G MAC/s |")
    print("|---|---|---|")
    for name, backend in backends.items():
        rate = images_per_second(network, images, backend)
        print(f"| {name} | {rate:.1f} | {rate * placed.macs / 1e9:.2f} |")


if __name__ == "__main__":
    main()
