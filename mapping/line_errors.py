"""What resistive lines take from a network's column sums, and the tiles' error in it."""

import threading
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.tile.line_error import LineError
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.sliced import SlicedMatrix
from mapping.execute import IdealBackend, LayerKernel, run
from mapping.execute_tiles import TileBackend
from mapping.network import QuantizedNetwork
from mapping.plan import LayerPlan, Plan

VECTORS = 8  # per layer, about evenly spaced over all images


def line_errors(
    network: QuantizedNetwork, plan: Plan, tiles: TileBackend, images: NDArray[np.float32]
) -> dict[str, LineError]:
    """Of every layer, on some input vectors of an exact run of the network.

    Args:
        tiles: the network on lines with resistance.
        images: (images, *input shape).
    Raises:
        MappingError: the lines have no resistance.
    """
    samples = {layer.name: _Sample.of(layer, len(images)) for layer in plan.layers}
    run(network, images, _Observer(IdealBackend(network), samples))
    return {
        layer.name: _layer_error(layer, tiles, samples[layer.name].codes()) for layer in plan.layers
    }


def _layer_error(layer: LayerPlan, tiles: TileBackend, codes: NDArray[np.int16]) -> LineError:
    """That of all matrices into which a layer's groups are packed; codes (vectors, groups, K)."""
    size, errors = layer.groups_per_array, []
    for pack, matrix in enumerate(tiles.layer(layer.name).matrices):
        assert isinstance(matrix, ProgrammedMatrix | SlicedMatrix)
        mine = codes[:, pack * size : (pack + 1) * size]
        errors.append(matrix.line_error(np.ascontiguousarray(mine).reshape(len(codes), -1)))
    return LineError.joined(errors)


@final
@dataclass(frozen=True)
class _Sample:
    """Input vectors of one layer, by their number in the run: the same for any chunks."""

    step: int
    vectors: dict[int, NDArray[np.int16]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, layer: LayerPlan, images: int) -> "_Sample":
        step = images * layer.mvms_per_inference // VECTORS
        return cls(max(1, step | 1))  # odd: not always the same place of an image

    def show(self, codes: NDArray[np.int16], first: int) -> None:
        """Keep some of the vectors `first`, `first` + 1, ... of the run."""
        with self.lock:
            for number in range(-(-first // self.step) * self.step, first + len(codes), self.step):
                self.vectors[number] = codes[number - first].copy()

    def codes(self) -> NDArray[np.int16]:
        """(vectors, groups, K)."""
        return np.stack([self.vectors[number] for number in sorted(self.vectors)])


@final
@dataclass(frozen=True)
class _Observer:
    """Exact products, of whose inputs samples are kept."""

    exact: IdealBackend
    samples: dict[str, _Sample]

    def layer(self, name: str) -> LayerKernel:
        return _Observed(self.exact.layer(name), self.samples[name])


@final
@dataclass(frozen=True)
class _Observed:
    product: LayerKernel
    sample: _Sample
    copies: int = 1

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        self.sample.show(codes, first_vector)
        return self.product(codes, first_vector)
