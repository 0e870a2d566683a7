"""The modelled tiles as a backend: every product goes through drivers, cells and converters."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from hwsim.chip.spec import Arch
from hwsim.device.spec import Device
from hwsim.peripherals.spec import AdcRange
from hwsim.tile.converter import (
    Converter,
    calibrated_shift,
    column_bound,
    converted_offset,
    converts_differences,
    full_shift,
)
from hwsim.tile.geometry import Geometry
from hwsim.tile.knobs import devices_with
from hwsim.tile.matrix import Products, ProgrammedMatrix
from hwsim.tile.sliced import SlicedMatrix
from hwsim.tile.spec import Engine
from mapping.execute import IdealBackend, LayerKernel, run
from mapping.fault_map import FaultMap
from mapping.lower import weight_matrix
from mapping.network import QuantizedNetwork
from mapping.plan import LayerPlan, Plan

_HISTOGRAM_VECTORS = 4096  # vectors per chunk of calibration images whose column sums are counted


@final
class TileBackend:
    """A network programmed on the tiles of a plan, with one sample of its devices."""

    def __init__(
        self,
        network: QuantizedNetwork,
        plan: Plan,
        arch: Arch,
        *,
        shifts: Mapping[str, int] | None = None,
        ideal_device: bool = False,
        seed: int = 0,
        device_sample: int = 0,
        engine: Engine = Engine.MOMENTS,
        faults: FaultMap | None = None,
        only: Collection[str] | None = None,
    ) -> None:
        """Program every layer, or `only` some.

        Args:
            plan: how the layers lie on tiles, with their knobs.
            shifts: log2 of each layer's least significant bit, from `calibrate`; without an
                entry the layer's range is full.
            ideal_device: leave out every disturbance of the cells.
            seed, device_sample: address of all draws.
            engine: how fresh fluctuation is drawn.
            faults: stuck cells by layer, from `fault_map.load_fault_map`.
        """
        shifts = shifts or {}
        self._layers: dict[str, TileLayer] = {}
        for index, layer in enumerate(plan.layers):
            if only is not None and layer.name not in only:
                continue
            shift = shifts.get(layer.name, full_range_shift(layer, arch))
            place = (seed, device_sample, index)
            geometry = layer.geometry(arch.tile)
            converter = Converter(geometry.tile.adc.bits, shift, converts_differences(geometry))
            weights = layer_weights(network, layer.name)
            devices = None if ideal_device else devices_with(arch.device, layer.knobs)
            parts = _packs(weights, layer.groups_per_array)
            held: list[Any] = [None] * len(parts)
            if faults and layer.name in faults and not ideal_device:
                by_group = faults[layer.name].swapaxes(0, 1)
                packs = _packs(by_group, layer.groups_per_array)
                held = [pack.swapaxes(0, 1) for pack in packs]
            matrices = tuple(
                _matrix(
                    part, geometry, converter, devices, (*place, pack), engine, arch.scenario, stuck
                )
                for pack, (part, stuck) in enumerate(zip(parts, held, strict=True))
            )
            self._layers[layer.name] = TileLayer(layer, matrices)

    def layer(self, name: str) -> "TileLayer":
        """The products of node `name`."""
        return self._layers[name]


class Matrix(Protocol):
    """What multiplies groups packed together."""

    @property
    def row_levels(self) -> NDArray[np.int64]:
        """(slices, rows) sum of the stored levels along each word line, one copy."""

    def multiply(self, codes: NDArray[np.int16], first: int = 0) -> Products:
        """Products of a batch; see `ProgrammedMatrix.multiply`."""


@final
class TileLayer:
    """One layer on its arrays; counts the pulses it drives."""

    def __init__(self, layer: LayerPlan, matrices: tuple[Matrix, ...]) -> None:
        """A layer whose groups are packed onto `matrices`, in order."""
        self._plan = layer
        self.matrices = matrices
        self._lock = threading.Lock()
        self._pulses = [np.zeros(m.row_levels.shape[1], np.int64) for m in matrices]
        self._swings = [np.zeros(m.row_levels.shape[1], np.int64) for m in matrices]
        self._vectors = 0

    @property
    def copies(self) -> int:
        """How many times the product a result is: copies averaged digitally are summed."""
        return self._plan.array_copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        """Products (vectors, groups, N) of codes (vectors, groups, K)."""
        vectors, groups, _ = codes.shape
        out = np.empty((vectors, groups, self._plan.cols), np.int64)
        size = self._plan.groups_per_array
        for pack, matrix in enumerate(self.matrices):
            mine = slice(pack * size, min((pack + 1) * size, groups))
            part = np.ascontiguousarray(codes[:, mine]).reshape(vectors, -1)
            products = matrix.multiply(part, first_vector)
            out[:, mine] = products.values.reshape(vectors, -1, self._plan.cols)
            with self._lock:
                self._pulses[pack] += products.row_pulses
                self._swings[pack] += products.row_swings
        with self._lock:
            self._vectors += vectors
        return out

    @property
    def vectors(self) -> int:
        """Products computed so far."""
        return self._vectors

    def row_pulses(self) -> NDArray[np.int64]:
        """(groups, K) unit pulses driven on each input so far, one copy."""
        return np.concatenate(self._pulses).reshape(self._plan.groups, -1)

    def row_swings(self) -> NDArray[np.int64]:
        """(groups, K) digits that were not 0 on each input so far, one copy."""
        return np.concatenate(self._swings).reshape(self._plan.groups, -1)

    def row_levels(self) -> NDArray[np.int64]:
        """(slices, groups, K) sum of the stored levels along each input's word line, one copy."""
        levels = np.concatenate([matrix.row_levels for matrix in self.matrices], axis=1)
        return levels.reshape(len(levels), self._plan.groups, -1)


def _matrix(
    weights: NDArray[Any],
    geometry: Geometry,
    converter: Converter,
    devices: tuple[Device, ...] | None,
    *rest: Any,
) -> ProgrammedMatrix | SlicedMatrix:
    """The matrix of cells that are ideal, alike, or different from slice to slice."""
    if devices is None or len(devices) == 1:
        device = None if devices is None else devices[0]
        return ProgrammedMatrix(weights, geometry, converter, device, *rest)
    return SlicedMatrix(weights, geometry, converter, devices, *rest)


def layer_weights(network: QuantizedNetwork, name: str) -> NDArray[np.int32]:
    """(groups, K, N) integers of one layer."""
    node = next(node for node in network.network.nodes if node.name == name)
    return weight_matrix(node, network.layers[name].weight)


def _packs(weights: NDArray[Any], size: int) -> list[NDArray[Any]]:
    return [weights[start : start + size] for start in range(0, weights.shape[0], size)]


def full_range_shift(layer: LayerPlan, arch: Arch) -> int:
    """log2 of the least significant bit at which none of the layer's column sums clips."""
    geometry = layer.geometry(arch.tile)
    rows = min(layer.rows, geometry.inputs_per_array)
    devices = devices_with(arch.device, layer.knobs)
    offset = max(converted_offset(geometry, device) for device in devices)
    bound = column_bound(geometry, rows, flipped=layer.groups_per_array == 1, offset=offset)
    return full_shift(bound, geometry.tile.adc.bits, converts_differences(geometry))


def calibrate(
    network: QuantizedNetwork,
    plan: Plan,
    arch: Arch,
    images: NDArray[np.float32],
    progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """log2 of each layer's least significant bit, from its column sums on `images`.

    Sums are those of undisturbed cells, behind the lines where these have resistance.  A layer
    whose converter has a full range needs none and is left out; the products of the run are
    exact.
    """
    if arch.tile.adc.range is not AdcRange.CALIBRATED:
        return {}
    sums = column_sums(network, plan, arch, images, progress)
    return {layer.name: sums.shift(layer.name) for layer in plan.layers}


def column_sums(
    network: QuantizedNetwork,
    plan: Plan,
    arch: Arch,
    images: NDArray[np.float32],
    progress: Callable[[int], None] | None = None,
) -> "ColumnSums":
    """What `calibrate` counts, for converters of any number of bits."""
    observer = ColumnSums(network, plan, arch)
    run(network, images, observer, progress=progress)
    return observer


def _undisturbed(device: Device) -> Device:
    """Its window alone."""
    return Device(
        name=device.name,
        conductance_min_S=device.conductance_min_S,
        conductance_max_S=device.conductance_max_S,
        source=device.source,
    )


@final
class ColumnSums:
    """Exact products that also count the column sums an array would see."""

    def __init__(self, network: QuantizedNetwork, plan: Plan, arch: Arch) -> None:
        self._ideal = IdealBackend(network)
        self._layers = {
            layer.name: _ObservedLayer.build(network, layer, arch) for layer in plan.layers
        }

    def layer(self, name: str) -> LayerKernel:
        return _Observed(self._ideal.layer(name), self._layers[name].count)

    def shift(self, name: str, bits: int | None = None) -> int:
        """A layer's calibrated range; bits: other than the plan's converters have."""
        return self._layers[name].shift(bits)


@final
@dataclass(frozen=True)
class _Observed:
    """A layer's products; `show` sees the codes first."""

    product: LayerKernel
    show: Callable[[NDArray[np.int16]], None]
    copies: int = 1

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        self.show(codes)
        return self.product(codes, first_vector)


@final
@dataclass(frozen=True)
class _ObservedLayer:
    """Column sums of one layer, counted on undisturbed arrays."""

    geometry: Geometry
    groups_per_array: int
    matrices: tuple[ProgrammedMatrix | SlicedMatrix, ...]
    counts: NDArray[np.int64]
    lock: Any

    @classmethod
    def build(cls, network: QuantizedNetwork, layer: LayerPlan, arch: Arch) -> "_ObservedLayer":
        geometry = layer.geometry(arch.tile)
        weights = layer_weights(network, layer.name)
        converter = Converter(geometry.tile.adc.bits, 0, converts_differences(geometry))
        parts = _packs(weights, layer.groups_per_array)
        devices = None
        if arch.tile.wires:
            devices = tuple(map(_undisturbed, devices_with(arch.device, layer.knobs)))
        matrices = tuple(_matrix(part, geometry, converter, devices) for part in parts)
        rows = min(layer.rows * layer.groups_per_array, geometry.inputs_per_array)
        bound = rows * geometry.max_level * geometry.max_digit
        counts = np.zeros(bound + 1, np.int64)
        return cls(geometry, layer.groups_per_array, matrices, counts, threading.Lock())

    def count(self, codes: NDArray[np.int16]) -> None:
        step = max(1, codes.shape[0] // _HISTOGRAM_VECTORS)
        some = codes[::step]
        for pack, matrix in enumerate(self.matrices):
            mine = some[:, pack * self.groups_per_array : (pack + 1) * self.groups_per_array]
            seen = matrix.column_sum_histogram(
                np.ascontiguousarray(mine).reshape(some.shape[0], -1)
            )
            with self.lock:
                self.counts[: seen.size] += seen

    def shift(self, bits: int | None) -> int:
        adc = self.geometry.tile.adc
        difference = converts_differences(self.geometry)
        return calibrated_shift(self.counts, adc.coverage, bits or adc.bits, difference)
