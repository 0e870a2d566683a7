"""What training is compared with, under the same cells and the same accounting.

Each method is a network in integers, an architecture, rho per layer and a drive; all of them are
swept over one factor on rho, which for a clean-trained network read as it is is weight scaling,
and for a compensated one the averaging of repeated reads.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.chip.spec import Arch
from hwsim.cost.energy import array_energy_J
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.spec import Engine, Knobs
from mapping.design import Design
from mapping.execute import Backend, IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.lower import zero_sums
from mapping.network import LayerIntegers, QuantizedNetwork
from mapping.plan import plan
from mapping.shapes import layer_shapes
from optim.price import Pricing
from optim.rho import COPIES, design_of, has_windows

#: Part of the window below which no method goes, as in training.
LEAST_RHO = 0.25
_ROUNDING = 1e-12  # of a variance against the squared mean: what constants leave of float64
_BATCH = 64  # images that are normalised together
#: (outputs,) mean and standard deviation of a layer's sums of products.
_Statistics = tuple[NDArray[np.float64], NDArray[np.float64]]


@final
@dataclass(frozen=True)
class Method:
    """A way to live with fluctuation.

    rho: of every layer; base: the other knobs, above all bits per digit; scales: parts of the
    window of the slices of layers where these differ.
    """

    name: str
    network: QuantizedNetwork
    arch: Arch
    rho: Mapping[str, float]
    base: Knobs
    scales: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def design(self, factor: float) -> Design:
        """Its design with `factor` times rho in every layer, within what is made.

        Energy of the cells is in proportion at whole numbers of copies; between them a part of
        the window is in use, and it takes up to sqrt(copies / rho) times as much.  Where laws do
        not hold in parts of a window, all of it is in use.
        """
        shares = {
            name: min(max(rho * factor, LEAST_RHO), COPIES[-1]) for name, rho in self.rho.items()
        }
        windows = has_windows(self.arch.device)
        scales = self.scales if windows else {}
        return design_of(shares, self.base, windows=windows, scales=scales)


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
            arch.scenario,
        )
        for layer in placed.layers
    )


def compensated(
    network: QuantizedNetwork, arch: Arch, design: Design, images: NDArray[np.float32]
) -> QuantizedNetwork:
    """The network with its normalisation statistics re-estimated under fluctuation.

    Every output channel of a layer, the last one apart, is shifted and scaled so that its mean
    and variance on `images`, read from one device sample, are those of the undisturbed network.
    As where statistics are re-estimated in training, what comes after a layer sees its outputs
    normalised by those of their own batch: a layer's statistics depend on all before it.
    """
    wanted = _statistics(network, IdealBackend(network), images)
    placed = plan(layer_shapes(network), arch, design)
    shifts = calibrate(network, placed, arch, images)
    # Outputs of the network itself have no normalisation.
    normalised = {
        node.name: wanted[node.name]
        for node in network.network.linear_nodes()
        if node.output in network.tensors
    }
    engine = Engine.fitting(arch.device)
    tiles = TileBackend(network, placed, arch, engine=engine, shifts=shifts, seed=1)
    seen = _statistics(network, tiles, images, normalised)
    layers = {
        node.name: _corrected(
            network.layers[node.name],
            zero_sums(network, node),
            seen[node.name],
            wanted[node.name],
        )
        for node in network.network.linear_nodes()
        if node.name in normalised
    }
    return replace(network, layers={**network.layers, **layers})


def _corrected(
    held: LayerIntegers, zero: NDArray[np.int64], seen: _Statistics, wanted: _Statistics
) -> LayerIntegers:
    """A layer with a bias and a scale under which what is `seen` has the `wanted` statistics."""
    gain = _gain(seen, wanted)
    scale = (held.weight_scale * gain).astype(np.float32).astype(np.float64)
    bias = (wanted[0] + held.bias - zero) / gain - seen[0] + zero
    return replace(held, weight_scale=scale, bias=np.rint(bias).astype(np.int64))


def _gain(seen: _Statistics, wanted: _Statistics) -> NDArray[np.float64]:
    """What widens outputs as wanted; 1 where either is constant: a scale must not be 0."""
    wide = (seen[1] > 0) & (wanted[1] > 0)
    return np.where(wide, wanted[1] / np.maximum(seen[1], 1e-9), 1.0)


def _statistics(
    network: QuantizedNetwork,
    backend: Backend,
    images: NDArray[np.float32],
    wanted: Mapping[str, _Statistics] | None = None,
) -> dict[str, _Statistics]:
    """Statistics of every layer; those with `wanted` ones hand on sums that have them."""
    watched = {
        node.name: _Watched(backend.layer(node.name), (wanted or {}).get(node.name))
        for node in network.network.linear_nodes()
    }
    run(network, images, _WatchedBackend(watched), chunk=_BATCH)
    return {name: layer.statistics() for name, layer in watched.items()}


@final
@dataclass(frozen=True)
class _WatchedBackend:
    layers: Mapping[str, "_Watched"]

    def layer(self, name: str) -> LayerKernel:
        return self.layers[name]


@final
class _Watched:
    """A layer whose sums of products are remembered as moments, and normalised where wanted."""

    def __init__(self, kernel: LayerKernel, wanted: _Statistics | None) -> None:
        self._kernel, self._wanted = kernel, wanted
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
        sums, squares = flat.sum(axis=0), (flat**2).sum(axis=0)
        with self._lock:
            self._count += len(flat)
            self._sum = self._sum + sums
            self._squares = self._squares + squares
        if self._wanted is None:
            return found
        own = _moments(len(flat), sums, squares)
        normal = (flat - own[0]) * _gain(own, self._wanted) + self._wanted[0]
        return np.rint(normal * self.copies).astype(np.int64).reshape(found.shape)

    def statistics(self) -> _Statistics:
        """Mean and standard deviation of every output."""
        return _moments(self._count, np.asarray(self._sum), np.asarray(self._squares))


def _moments(count: int, sums: NDArray[np.float64], squares: NDArray[np.float64]) -> _Statistics:
    mean = sums / count
    variance = squares / count - mean**2
    return mean, np.sqrt(np.where(variance > _ROUNDING * mean**2, variance, 0))
