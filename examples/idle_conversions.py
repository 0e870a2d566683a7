"""How many conversions see no driven row, by layer: what a tile that skips them could save.

    .venv/bin/python examples/idle_conversions.py NETWORK.onnx --data DATA.yaml
        [--arch ARCH.yaml] [--scheme SCHEME.yaml] [--samples 32]

A conversion of a phase sees no driven row when every digit of its block of inputs is 0.  The
network is run in exact integers; blocks and phases are those of its plan.
"""

import argparse
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codesign.flow import prepare
from codesign.simulation import Simulation
from hwsim.errors import HwsimError
from hwsim.tile.geometry import Digits
from mapping.counts import converted_columns_per_weight
from mapping.execute import IdealBackend, LayerKernel, run
from mapping.plan import LayerPlan


def digits(codes: NDArray[np.int16], phases: Digits) -> Iterator[NDArray[np.int64]]:
    """The digits of all codes, phase by phase, the sign bit last."""
    bits = codes.astype(np.int64) & ((1 << phases.total_bits) - 1)
    for shift in range(0, phases.magnitude_bits, phases.bits):
        width = min(phases.bits, phases.magnitude_bits - shift)
        yield (bits >> shift) & ((1 << width) - 1)
    if phases.signed:
        yield bits >> phases.magnitude_bits


@dataclass
class Watched:
    """A layer's exact products; counts blocks of inputs by phase, and those at rest."""

    exact: LayerKernel
    layer: LayerPlan
    phases: Digits
    seen: int = 0
    idle: int = 0
    lock: Any = field(default_factory=threading.Lock)

    @property
    def copies(self) -> int:
        return self.exact.copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        blocks = range(0, codes.shape[2], self.layer.inputs_per_array)
        for digit in digits(codes, self.phases):
            driven = np.add.reduceat(digit != 0, list(blocks), axis=2)
            idle = int((driven == 0).sum())
            with self.lock:
                self.seen += driven.size
                self.idle += idle
        return self.exact(codes, first_vector)


@dataclass
class Watch:
    """A backend of watched layers."""

    exact: IdealBackend
    layers: dict[str, tuple[LayerPlan, Digits]]
    watched: dict[str, Watched] = field(default_factory=dict)

    def layer(self, name: str) -> Watched:
        if name not in self.watched:
            self.watched[name] = Watched(self.exact.layer(name), *self.layers[name])
        return self.watched[name]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--arch", default="emt")
    parser.add_argument("--scheme", type=Path)
    parser.add_argument("--samples", type=int, default=32)
    given = parser.parse_args()
    try:
        case = prepare(Simulation(**vars(given)))
    except HwsimError as error:
        parser.exit(2, f"{error}\n")
    geometries = {layer.name: layer.geometry(case.arch.tile) for layer in case.plan.layers}
    layers = {layer.name: (layer, geometries[layer.name].phases) for layer in case.plan.layers}
    watch = Watch(IdealBackend(case.network), layers)
    run(case.network, case.images.test.images, watch)
    idle = conversions = 0
    print("| layer | phases | conversions without a driven row |\n|---|---|---|")
    for name, one in watch.watched.items():
        each = one.layer.cols * converted_columns_per_weight(geometries[name])
        idle, conversions = idle + each * one.idle, conversions + each * one.seen
        print(f"| {name} | {one.phases.count} | {one.idle / one.seen:.1%} |")
    print(f"| all | | {idle / conversions:.1%} |")


if __name__ == "__main__":
    main()
