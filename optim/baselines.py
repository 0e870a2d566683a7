"""What training is compared with, under the same cells and the same accounting.

Each method is a network in integers, an architecture, rho per layer and a drive; all of them are
swept over one factor on rho, which for a clean-trained network read as it is is weight scaling,
and for a compensated one the averaging of repeated reads.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.chip.spec import Arch
from hwsim.cost.energy import array_energy_J
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.execute import Backend, IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.network import LayerIntegers, QuantizedNetwork
from mapping.plan import plan
from mapping.shapes import layer_shapes
from optim.price import Pricing
from optim.rho import COPIES, design_of

#: Part of the window below which no method goes, as in training.
LEAST_RHO = 0.25
_PASSES = 2  # a layer's statistics depend on the corrections before it


@final
@dataclass(frozen=True)
class Method:
    """A way to live with fluctuation.

    rho: of every layer; base: the other knobs, above all bits per digit.
    """

    name: str
    network: QuantizedNetwork
    arch: Arch
    rho: Mapping[str, float]
    base: Knobs

    def design(self, factor: float) -> Design:
        """Its design with `factor` times the energy in every layer's cells, within what is made."""
        shares = {
            name: min(max(rho * factor, LEAST_RHO), COPIES[-1]) for name, rho in self.rho.items()
        }
        return design_of(shares, self.base)


def one_for_all(network: QuantizedNetwork) -> dict[str, float]:
    """rho = 1 in every layer."""
    return {node.name: 1.0 for node in network.network.linear_nodes()}


def binarised(arch: Arch) -> Arch:
    """The architecture with one bit per cell."""
    return arch.replace(tile=arch.tile.replace(cell_bits=1))


def cells_J(pricing: Pricing, design: Design) -> float:
    """Energy of all cells in one inference."""
    arch = pricing.problem.arch
    placed = pricing.price(design).plan
    counts = pricing.counts(placed)
    return sum(
        array_energy_J(
            counts[layer.name],
            device_with(arch.device, layer.knobs),
            tile_with(arch.tile, layer.knobs),
        )
        for layer in placed.layers
    )


def compensated(
    network: QuantizedNetwork, arch: Arch, design: Design, images: NDArray[np.float32]
) -> QuantizedNetwork:
    """The network with its normalisation statistics re-estimated under fluctuation.

    Every output channel of a layer, the last one apart, is shifted and scaled so that its mean
    and variance on `images`, read from one device sample, are those of the undisturbed network.
    """
    wanted = _statistics(network, IdealBackend(network), images)
    placed = plan(layer_shapes(network), arch, design)
    shifts = calibrate(network, placed, arch, images)
    # Outputs of the network itself have no normalisation.
    normalised = [
        node.name for node in network.network.linear_nodes() if node.output in network.tensors
    ]
    found = network
    for _ in range(_PASSES):
        tiles = TileBackend(found, placed, arch, shifts=shifts, seed=1)
        seen = _statistics(found, tiles, images)
        layers = {
            name: _corrected(found.layers[name], network.layers[name], seen[name], wanted[name])
            for name in normalised
        }
        found = replace(found, layers={**found.layers, **layers})
    return found


def _corrected(
    held: LayerIntegers,
    first: LayerIntegers,
    seen: tuple[NDArray[np.float64], NDArray[np.float64]],
    wanted: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> LayerIntegers:
    """`first` with a bias and a scale under which what is `seen` has the `wanted` statistics.

    Args:
        held: what ran; its weights, and so the sums of its products, are those of `first`.
    """
    gain = np.where(seen[1] > 0, wanted[1] / np.maximum(seen[1], 1e-9), 1.0)
    scale = (first.weight_scale * gain).astype(np.float32).astype(np.float64)
    bias = (wanted[0] + first.bias) / gain - seen[0]
    return replace(held, weight_scale=scale, bias=np.rint(bias).astype(np.int64))


def _statistics(
    network: QuantizedNetwork, backend: Backend, images: NDArray[np.float32]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(outputs,) mean and standard deviation of every layer's sums of products."""
    watched = {
        node.name: _Watched(backend.layer(node.name)) for node in network.network.linear_nodes()
    }
    run(network, images, _WatchedBackend(watched))
    return {name: layer.statistics() for name, layer in watched.items()}


@final
@dataclass(frozen=True)
class _WatchedBackend:
    layers: Mapping[str, "_Watched"]

    def layer(self, name: str) -> LayerKernel:
        return self.layers[name]


@final
class _Watched:
    """A layer whose sums of products are remembered as moments."""

    def __init__(self, kernel: LayerKernel) -> None:
        self._kernel = kernel
        self._lock = threading.Lock()
        self._count = 0
        self._sum: NDArray[np.float64] | float = 0.0
        self._squares: NDArray[np.float64] | float = 0.0

    @property
    def copies(self) -> int:
        return self._kernel.copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        found = self._kernel(codes, first_vector)
        flat = found.reshape(len(found), -1) / self._kernel.copies
        with self._lock:
            self._count += len(flat)
            self._sum = self._sum + flat.sum(axis=0)
            self._squares = self._squares + (flat**2).sum(axis=0)
        return found

    def statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of every output."""
        mean = np.asarray(self._sum) / self._count
        return mean, np.sqrt(np.maximum(np.asarray(self._squares) / self._count - mean**2, 0))
