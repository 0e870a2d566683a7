"""What one run of a tile is given and what must come out, computed by the model.

Made in the pytest process, where the model's kernels are compiled once; the simulator's process
reads it as arrays.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.cosim.parameters import layer_registers, phase_samples, row_levels
from hwsim.device.spec import Device, Fluctuation
from hwsim.peripherals.requantizer import Requantizer
from hwsim.peripherals.row_driver import digit_beats
from hwsim.peripherals.spec import Adc
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.encoding import encode, heavy_columns
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Precision, TileSpec

TILE = set(TileSpec.model_fields) - {"adc"}
PRECISION = set(Precision.model_fields)


def make_geometry(case: dict[str, Any]) -> Geometry:
    """A geometry from the flat description of a test case."""
    tile = TileSpec.model_validate(
        {"clock_Hz": 1e9, "read_voltage_V": 0.2, **{k: v for k, v in case.items() if k in TILE}}
        | {"adc": Adc.model_validate(case["adc"])}
    )
    precision = Precision.model_validate({k: v for k, v in case.items() if k in PRECISION})
    return Geometry(tile, precision, case.get("redundancy", 1))


def fluctuating_cell() -> Device:
    """A cell that fluctuates by up to a third of its window at every read."""
    noise = Fluctuation.model_validate({"law": "absolute", "amplitude": 0.3, "source": "made up"})
    return Device.model_validate(
        {
            "name": "bench",
            "conductance_min_S": 1e-6,
            "conductance_max_S": 1e-5,
            "source": "made up",
            "fluctuation": noise,
        }
    )


def stimulus(
    geometry: Geometry, vectors: int, seed: int, *, noisy: bool = False, chained: bool = False
) -> dict[str, NDArray[Any]]:
    """Arrays of one run.

    levels (ROWS, COLS); registers (n, 2) address and word; codes (vectors, inputs);
    disturbances (phases of all vectors, lines); partial, results (vectors, outputs);
    clipped (phases, lines): whether a conversion clips.
    """
    stream = np.random.default_rng(seed)
    weights = _weights(geometry, stream)
    codes = _codes(geometry, vectors, stream)
    converter = _converter(geometry, seed)
    place = (seed,)
    cell = fluctuating_cell() if noisy else None
    matrix = ProgrammedMatrix(weights[None], geometry, converter, cell, place)
    ideal = ProgrammedMatrix(weights[None], geometry, converter)
    results = matrix.multiply(codes.astype(np.int16)).values
    partial = np.zeros_like(results)
    requantizer = None
    if chained:
        spread = max(1, int(np.abs(results).max()))
        partial = stream.integers(-spread, spread + 1, results.shape)
        requantizer = _requantizer(results.shape[1], spread, stream)
        results = requantizer.codes((results + partial)[None])[0].T.astype(np.int64)
    levels, flips = _cells(weights, geometry)
    registers = layer_registers(
        geometry, converter.shift, chain=chained, flips=flips, requantizer=requantizer
    )
    samples, exact = (_samples(m, codes, geometry) for m in (matrix, ideal))
    scale = converter.shift + 8
    rounded = (samples + (1 << scale >> 1)) >> scale
    return {
        "levels": row_levels(levels, geometry),
        "registers": np.array(list(registers), np.uint64),
        "codes": codes,
        "disturbances": samples - exact,
        "partial": partial,
        "results": results,
        "clipped": (rounded < converter.low) | (rounded > converter.high),
    }


def save(path: Path, **runs: dict[str, NDArray[Any]]) -> Path:
    """Write named runs to one file."""
    flat = {
        f"{run}.{name}": array for run, arrays in runs.items() for name, array in arrays.items()
    }
    np.savez(path, **flat)
    return path


def load(path: Path, run: str) -> dict[str, NDArray[Any]]:
    """One run of `save`."""
    with np.load(path) as stored:
        return {
            name.removeprefix(f"{run}."): stored[name]
            for name in stored.files
            if name.startswith(f"{run}.")
        }


def _weights(geometry: Geometry, stream: np.random.Generator) -> NDArray[np.int64]:
    """Random ones, but for a heavy and a light column: they flip, and their sums clip."""
    p = geometry.precision
    high = (1 << (p.weight_bits - 1)) - 1
    low = -high - 1 + p.narrow_weights
    shape = geometry.inputs_per_array, geometry.weights_per_row
    weights = stream.integers(low, high + 1, shape)
    weights[:, 0] = high
    weights[:, -1] = low
    return weights


def _codes(geometry: Geometry, vectors: int, stream: np.random.Generator) -> NDArray[np.int64]:
    """Random ones after the lowest, the highest and zero."""
    p = geometry.precision
    low = -(1 << (p.input_bits - 1)) if p.input_signed else 0
    high = low + (1 << p.input_bits) - 1
    codes = stream.integers(low, high + 1, (vectors, geometry.inputs_per_array))
    codes[0], codes[1], codes[2] = low, high, 0
    return codes


def _converter(geometry: Geometry, seed: int) -> Converter:
    """A range in which nothing clips, or two or four times narrower."""
    is_signed = converts_differences(geometry)
    bits = geometry.tile.adc.bits
    full = full_shift(column_bound(geometry, geometry.inputs_per_array), bits, is_signed)
    return Converter(bits, max(0, full - seed % 3), is_signed)


def _cells(
    weights: NDArray[np.int64], geometry: Geometry
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Levels as stored, and which columns (slices, outputs) are complemented."""
    levels = encode(weights, geometry)
    if not geometry.tile.flipped_columns:
        return levels, None
    top = geometry.max_level
    flips = heavy_columns(levels, top)
    return np.where(flips[:, :, None, :], top - levels, levels), flips[0]


def _samples(
    matrix: ProgrammedMatrix, codes: NDArray[np.int64], geometry: Geometry
) -> NDArray[np.int64]:
    """(phases of all vectors, lines)."""
    outputs = geometry.weights_per_row
    columns = ArrayColumns(matrix, 0, range(outputs))
    return np.array(
        [
            phase_samples(columns.samples(np.array(beat.digits), vector, phase), outputs)
            for vector, inputs in enumerate(codes)
            for phase, beat in enumerate(digit_beats(inputs, geometry.phases))
        ]
    )


def _requantizer(outputs: int, spread: int, stream: np.random.Generator) -> Requantizer:
    """Codes that fill the range and leave it."""
    multiplier = (stream.uniform(20, 300, outputs) / spread).astype(np.float32)
    offset = stream.integers(-spread // 4 - 1, spread // 4 + 1, outputs)
    return Requantizer.build(multiplier, 3, -100, 110, offset)
