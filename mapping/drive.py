"""How often a network drives its word lines: exact products, beside which tiles count pulses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from hwsim.chip.spec import Arch
from hwsim.events import EventCounts
from mapping.counts import measured_pulses
from mapping.execute import Backend, IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend
from mapping.network import QuantizedNetwork
from mapping.plan import LayerPlan, Plan


class Counter(Protocol):
    """A layer that counts what it drives (TileLayer and its like)."""

    def row_pulses(self) -> NDArray[np.int64]:
        """(groups, K) unit pulses driven on each input so far, one copy."""

    def row_swings(self) -> NDArray[np.int64]:
        """(groups, K) digits that were not 0 on each input so far, one copy."""

    def row_levels(self) -> NDArray[np.int64]:
        """(slices, groups, K) sum of the stored levels along each input's word line, one copy."""


@final
@dataclass(frozen=True)
class Drive:
    """What one layer's word lines saw over some images; see `Counter`."""

    row_pulses: NDArray[np.int64]
    row_swings: NDArray[np.int64]
    row_levels: NDArray[np.int64]
    images: int

    @classmethod
    def of(cls, layer: Counter, images: int) -> "Drive":
        """What `layer` has counted."""
        return cls(layer.row_pulses(), layer.row_swings(), layer.row_levels(), images)

    def pulses(self, layer: LayerPlan, arch: Arch) -> EventCounts:
        """Pulses of one inference of the layer as planned."""
        drive = (self.row_pulses, self.row_swings, self.row_levels)
        return measured_pulses(layer, arch, *drive).scaled(1 / self.images)


def drives(
    network: QuantizedNetwork,
    plan: Plan,
    arch: Arch,
    images: NDArray[np.float32],
    progress: Callable[[int], None] | None = None,
) -> Mapping[str, Drive]:
    """What the word lines of every layer see when nothing is disturbed.

    Args:
        images: (images, *input shape).
    """
    tiles = TileBackend(network, plan, arch, ideal_device=True)
    run(network, images, _Shadowed(IdealBackend(network), tiles), progress=progress)
    return {layer.name: Drive.of(tiles.layer(layer.name), len(images)) for layer in plan.layers}


@final
@dataclass(frozen=True)
class _Shadowed:
    """Products of one backend; tiles see the same codes and count their pulses."""

    exact: Backend
    tiles: TileBackend

    def layer(self, name: str) -> LayerKernel:
        return _ShadowedLayer(self.exact.layer(name), self.tiles.layer(name))


@final
@dataclass(frozen=True)
class _ShadowedLayer:
    exact: LayerKernel
    tile: LayerKernel

    @property
    def copies(self) -> int:
        return self.exact.copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        self.tile(codes, first_vector)
        return self.exact(codes, first_vector)
