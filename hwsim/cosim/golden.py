"""Golden vectors of one tile: what it is given and what must come out, computed by the model."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwsim.codes import code_range
from hwsim.cosim.parameters import layer_registers, phase_samples, row_levels
from hwsim.device.spec import Device
from hwsim.peripherals.requantizer import Requantizer
from hwsim.peripherals.row_driver import digit_beats
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.encoding import encode, heavy_columns
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.schedule import mvm_interval_cycles, mvm_latency_cycles

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Golden:
    """One run of a tile.

    levels: (ROWS, COLS); registers: (address, word) to write; codes: (vectors, INPUTS);
    disturbances: (phases of all vectors, LINES), 8 fractional bits of a level step;
    partial: (vectors, OUTPUTS) of the tile before, None: not chained;
    results: (vectors, OUTPUTS), sums or (chained) codes;
    cycles: busy cycles when nothing waits.
    """

    geometry: Geometry
    levels: IntArray
    registers: tuple[tuple[int, int], ...]
    codes: IntArray
    disturbances: IntArray
    partial: IntArray | None
    results: IntArray
    cycles: int


def random_matrix(geometry: Geometry, vectors: int, seed: int) -> tuple[IntArray, IntArray]:
    """Weights (INPUTS, OUTPUTS) and codes (vectors, INPUTS): random, extremes among them."""
    stream = np.random.default_rng(seed)
    p = geometry.precision
    low, high = code_range(p.weight_bits, True)
    shape = geometry.inputs_per_array, geometry.weights_per_row
    weights = stream.integers(low + p.narrow_weights, high + 1, shape)
    if shape[1] > 2:
        weights[:, 0], weights[:, 1] = high, low + p.narrow_weights
    least, most = code_range(p.input_bits, p.input_signed)
    codes = stream.integers(least, most + 1, (vectors, shape[0]))
    codes[: min(3, vectors)] = np.array([most, least, 0])[: min(3, vectors), None]
    return weights, codes


def golden(
    geometry: Geometry,
    weights: IntArray,
    codes: IntArray,
    *,
    device: Device | None = None,
    seed: int = 0,
    chained: bool = False,
) -> Golden:
    """The model's answer.

    Args:
        weights: (INPUTS, OUTPUTS); codes: (vectors, INPUTS).
        device: the cell; None: an ideal one.
        seed: addresses the cell's draws and the partial sums.
        chained: add partial sums and requantize.
    Of copies that are averaged digitally it is one: each has a tile of its own.

    Raises:
        MappingError: a weight does not fit its bits.
    """
    geometry = replace(geometry, redundancy=geometry.redundancy // geometry.array_copies)
    bits, signed = geometry.tile.adc.bits, converts_differences(geometry)
    bound = column_bound(geometry, geometry.inputs_per_array)
    converter = Converter(bits, max(0, full_shift(bound, bits, signed) - 1), signed)
    matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (seed,))
    results = matrix.multiply(codes.astype(np.int16)).values
    partial, requantizer = None, None
    if chained:
        stream = np.random.default_rng(seed)
        spread = max(1, int(np.abs(results).max()))
        partial = stream.integers(-spread, spread + 1, results.shape)
        requantizer = _requantizer(results.shape[1], spread, stream)
        results = requantizer.codes((results + partial)[None])[0].T.astype(np.int64)
    levels, flips = _cells(weights, geometry)
    registers = layer_registers(
        geometry, converter.shift, chain=chained, flips=flips, requantizer=requantizer
    )
    return Golden(
        geometry=geometry,
        levels=row_levels(levels, geometry),
        registers=tuple(registers),
        codes=codes,
        disturbances=_disturbances(matrix, weights, converter, codes, device),
        partial=partial,
        results=results,
        cycles=mvm_latency_cycles(geometry) + (len(codes) - 1) * mvm_interval_cycles(geometry),
    )


def _requantizer(outputs: int, spread: int, stream: np.random.Generator) -> Requantizer:
    """Codes that fill the range and leave it."""
    multiplier = (stream.uniform(20, 300, outputs) / spread).astype(np.float32)
    offset = stream.integers(-spread // 4 - 1, spread // 4 + 1, outputs)
    return Requantizer.build(multiplier, 3, -100, 110, offset)


def _cells(weights: IntArray, geometry: Geometry) -> tuple[IntArray, NDArray[np.bool_] | None]:
    """Levels as stored, and which columns (slices, outputs) are complemented."""
    stored = encode(weights, geometry)
    levels = stored.astype(np.int64)
    if not geometry.tile.flipped_columns:
        return levels, None
    flips = heavy_columns(stored, geometry.max_level)
    return np.where(flips[:, :, None, :], geometry.max_level - levels, levels), flips[0]


def _disturbances(
    matrix: ProgrammedMatrix,
    weights: IntArray,
    converter: Converter,
    codes: IntArray,
    device: Device | None,
) -> IntArray:
    """What each line's sample differs by from the ideal one, phase by phase."""
    geometry = matrix.geometry
    samples = _samples(matrix, codes)
    tile = geometry.tile
    if device is None and tile.adc.errors is None:
        return np.zeros_like(samples)
    perfect = replace(geometry, tile=tile.replace(adc=tile.adc.replace(errors=None)))
    return samples - _samples(ProgrammedMatrix(weights[None], perfect, converter), codes)


def _samples(matrix: ProgrammedMatrix, codes: IntArray) -> IntArray:
    outputs = matrix.geometry.weights_per_row
    columns = ArrayColumns(matrix, 0, range(outputs))
    return np.array(
        [
            phase_samples(columns.samples(np.array(beat.digits), vector, phase), outputs)
            for vector, inputs in enumerate(codes)
            for phase, beat in enumerate(digit_beats(inputs, matrix.geometry.phases))
        ]
    )
