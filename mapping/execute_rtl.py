"""The RTL as a backend: every product goes through Verilated tiles, every code through the
Verilated requantizer.

Cells and disturbances are those of a `TileBackend`; the analog arrays are answered by its own
kernels, everything digital is the Verilog of rtl/: drivers, converters' control, shift-and-add,
accumulation of row blocks and copies (tiles are chained), requantisation, the schedule.  Results
equal those of the `TileBackend` bit for bit.  What the walker does between layers (im2col,
pooling, additions, and the conversion of the last sums to float) has no RTL here.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray

from hwsim.cosim.matrix import CycleCount, VerilatedMatrix
from hwsim.cosim.verilated import VerilatedRequantizer
from hwsim.errors import MappingError
from hwsim.peripherals.requantizer import Requantizer
from hwsim.tile.matrix import ProgrammedMatrix
from mapping.codes import Requantize
from mapping.execute_tiles import TileBackend, TileLayer
from mapping.plan import LayerPlan, Plan


@final
class RtlBackend:
    """A programmed network on Verilated tiles."""

    def __init__(
        self,
        tiles: TileBackend,
        plan: Plan,
        *,
        strict: bool = True,
        layers: frozenset[str] | None = None,
    ) -> None:
        """Build, or take from the cache, the tile of every layer's parameters.

        Args:
            tiles: the programmed network; its own counts are not touched.
            strict: cycles that differ from the schedule are an error; else they are noted.
            layers: those that are run; None: all of the plan.
        Raises:
            MappingError: the RTL is not built for this architecture or layer.
            MissingSimulator, BuildError: there is no Verilator or compiler, or it fails.
        """
        self._matrices: dict[str, tuple[VerilatedMatrix, ...]] = {}
        self._layers: dict[str, TileLayer] = {}
        for layer in plan.layers:
            if layers is not None and layer.name not in layers:
                continue
            matrices = tuple(
                VerilatedMatrix(_programmed(matrix, layer), f"layer {layer.name!r}", strict=strict)
                for matrix in tiles.layer(layer.name).matrices
            )
            self._matrices[layer.name] = matrices
            self._layers[layer.name] = TileLayer(layer, matrices)
        self._idle: list[VerilatedRequantizer] = [VerilatedRequantizer()]
        self._lock = threading.Lock()
        self._codes = dict.fromkeys(self._layers, 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Layers that go through the RTL, in the plan's order."""
        return tuple(self._layers)

    def layer(self, name: str) -> TileLayer:
        """The products of node `name`, by the RTL."""
        return self._layers[name]

    def requantizer(self, name: str) -> Requantize:
        """What makes the codes of node `name`: the RTL's requantizer."""
        return partial(self._requantize, name)

    def _requantize(
        self, name: str, built: Requantizer, acc: NDArray[np.int64], _first_image: int
    ) -> NDArray[np.int16]:
        """Codes (images, channels, positions) of accumulators (images, positions, channels)."""
        with self._model() as requantizer:
            codes, _ = requantizer.codes(built, acc)
        with self._lock:
            self._codes[name] += codes.size
        return np.ascontiguousarray(codes.transpose(0, 2, 1).astype(np.int16))

    def codes(self, name: str) -> int:
        """Codes of one layer that the requantizer has made so far."""
        return self._codes[name]

    def matrices(self, name: str) -> tuple[VerilatedMatrix, ...]:
        """The matrices that a layer's groups are packed into."""
        return self._matrices[name]

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of the RTL that its products and codes go through."""
        matrices = (matrix for layer in self._matrices.values() for matrix in layer)
        return tuple(sorted(set[str]().union(*(matrix.modules for matrix in matrices))))

    def cycles(self, name: str) -> CycleCount:
        """Cycles of one layer so far."""
        return sum((matrix.cycles for matrix in self._matrices[name]), start=CycleCount())

    def late(self, name: str) -> str:
        """The first product of one layer whose cycles are not the schedule's, "" without one."""
        found = [matrix.late for matrix in self._matrices[name]]
        first = min((late for late in found if late is not None), default=None)
        return "" if first is None else f"product {first.product}: {first.text}"

    def arrays(self, name: str) -> int:
        """Arrays of one layer, copies included."""
        return sum(matrix.arrays for matrix in self._matrices[name])

    @contextmanager
    def _model(self) -> Iterator[VerilatedRequantizer]:
        """A model for this thread alone."""
        with self._lock:
            model = self._idle.pop() if self._idle else None
        model = model or VerilatedRequantizer()
        yield model
        with self._lock:
            self._idle.append(model)


def _programmed(matrix: object, layer: LayerPlan) -> ProgrammedMatrix:
    if not isinstance(matrix, ProgrammedMatrix):
        raise MappingError(
            f"layer {layer.name!r}: slice_scales: expected none for products by the RTL, found some"
        )
    return matrix
