"""A tile's Verilog parameters, registers and column order, from the specs of the model.

The single source: every build of the RTL takes its parameters from here, and
`hwsim.cosim.contract` checks that the Verilog computes the same derived ones.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import MappingError
from hwsim.peripherals.accumulator import SUM_BITS
from hwsim.peripherals.requantizer import MANTISSA_BITS, Requantizer
from hwsim.peripherals.shift_add import Line, line_order
from hwsim.peripherals.spec import AdcKind
from hwsim.tile.converter import converts_differences
from hwsim.tile.geometry import Geometry, ceil_div
from hwsim.tile.spec import Averaging, Encoding

ENCODINGS = {Encoding.DIFFERENTIAL: 0, Encoding.OFFSET: 1, Encoding.TWOS_COMPLEMENT: 2}
LSB_BITS = 4
ROW_BITS = 8
CODE_BITS = 16  # of zero point and limits
CONTROL_BITS = 3

#: Largest value of each parameter in the RTL (its own checks say the same).
LIMITS = {
    "ROWS": 256,
    "COLS": 256,
    "CELL_BITS": 4,
    "DAC_BITS": 4,
    "REDUNDANCY": 8,
    "ADC_BITS": 12,
    "COLUMNS_PER_ADC": 256,
    "READ_CYCLES": 4095,
    "WEIGHT_BITS": 8,
    "INPUT_BITS": 8,
}
FLASH_BITS = 8  # 255 comparators; beyond, a flash converter is not built


class Register(IntEnum):
    """Kind of a configuration register; those from MANTISSA on, but CYCLES, are per output."""

    CONTROL = 0
    LSB_SHIFT = 1
    ZERO_POINT = 2
    LOW = 3
    HIGH = 4
    MANTISSA = 5
    SHIFT = 6
    OFFSET = 7
    FLIP = 8
    CYCLES = 9


class Control(IntEnum):
    """Bits of CONTROL."""

    INPUT_SIGNED = 0
    CHAIN = 1
    REQUANTIZE = 2


def tile_parameters(geometry: Geometry) -> dict[str, int]:
    """Parameters of rtl/tile.v that are set.

    Raises:
        MappingError: the tile is outside what the RTL is built for.
    """
    tile, precision = geometry.tile, geometry.precision
    flash = tile.adc.kind is AdcKind.FLASH
    values = {
        "ROWS": tile.rows,
        "COLS": tile.cols,
        "CELL_BITS": tile.cell_bits,
        "DAC_BITS": tile.dac_bits,
        "ENCODING": ENCODINGS[tile.encoding],
        "SUBTRACT_ANALOG": int(converts_differences(geometry)),
        "REDUNDANCY": geometry.redundancy if tile.averaging is Averaging.ANALOG else 1,
        "ADC_FLASH": int(flash),
        "ADC_BITS": tile.adc.bits,
        "COLUMNS_PER_ADC": tile.adc.columns_per_adc,
        "READ_CYCLES": tile.read_cycles,
        "WEIGHT_BITS": precision.weight_bits,
        "NARROW_WEIGHTS": int(precision.narrow_weights),
        "INPUT_BITS": precision.input_bits,
    }
    limits = LIMITS | ({"ADC_BITS": FLASH_BITS} if flash else {})
    for name, limit in limits.items():
        if values[name] > limit:
            raise MappingError(f"RTL: {name}: expected at most {limit}, found {values[name]}")
    return values


def derived_parameters(geometry: Geometry) -> dict[str, int]:
    """Parameters that rtl/tile.v computes itself, computed here from the model."""
    tile = geometry.tile
    slices, pair = geometry.slices.count, tile.pair_cols
    converted = 1 if converts_differences(geometry) else pair
    outputs = geometry.weights_per_row
    lines = outputs * slices * converted
    signs = sum(sign < 0 for sign in geometry.slices.signs)
    flash = tile.adc.kind is AdcKind.FLASH
    return {
        "PAIR": pair,
        "CONVERTED": converted,
        "MAGNITUDE_BITS": geometry.slices.magnitude_bits,
        "MAGNITUDES": slices - signs,
        "SLICES": slices,
        "OUTPUTS": outputs,
        "INPUTS": geometry.inputs_per_array,
        "GROUP": slices * converted,
        "LINES": lines,
        "ADCS": ceil_div(lines, tile.adc.columns_per_adc),
        "COMPARATORS": (1 << tile.adc.bits) - 1 if flash else 1,
        "COLUMN_W": index_width(tile.adc.columns_per_adc),
        "INDEX_W": index_width(outputs),
        "ROW_W": ROW_BITS,
        "LSB_W": LSB_BITS,
        "SUM_W": SUM_BITS,
    }


def array_parameters(geometry: Geometry) -> dict[str, int]:
    """Parameters of rtl/sim/tile_with_array.v: those set and the derived ones it is given."""
    derived = derived_parameters(geometry)
    given = ("INPUTS", "LINES", "ADCS", "COMPARATORS", "INDEX_W", "ROW_W", "LSB_W", "SUM_W")
    return tile_parameters(geometry) | {name: derived[name] for name in given}


def index_width(count: int) -> int:
    """Bits that number `count` things, at least 1."""
    return max(1, (count - 1).bit_length())


def lines(geometry: Geometry) -> tuple[Line, ...]:
    """What each line of the array, from the first on, belongs to."""
    slices = geometry.slices
    converted = derived_parameters(geometry)["CONVERTED"]
    return line_order(geometry.weights_per_row, slices.shifts, slices.signs, converted)


def largest_lsb_shift(geometry: Geometry) -> int:
    """Largest LSB_SHIFT at which no sum can leave SUM_BITS; beyond any full range."""
    precision = geometry.precision
    sum_bits = geometry.tile.adc.bits + precision.input_bits + precision.weight_bits + 1
    return min((1 << LSB_BITS) - 1, SUM_BITS - 1 - sum_bits)


def row_levels(levels: NDArray[np.integer[Any]], geometry: Geometry) -> NDArray[np.int64]:
    """Levels in the order of the array's cells.

    Args:
        levels: (columns of a pair, slices, inputs, outputs) of `encode`; fewer inputs and
            outputs than the array has leave the rest empty.
    Returns:
        (ROWS, COLS), every copy of an input on its own word line.
    """
    tile = geometry.tile
    pair, slices, rows, outputs = levels.shape
    inputs = geometry.inputs_per_array
    cells = np.zeros((tile.rows, tile.cols), np.int64)
    by_column = levels.transpose(2, 3, 1, 0).reshape(rows, outputs * slices * pair)
    for copy in range(tile_parameters(geometry)["REDUNDANCY"]):
        cells[copy * inputs : copy * inputs + rows, : by_column.shape[1]] = by_column
    return cells


def phase_samples(samples: NDArray[np.integer[Any]], outputs: int) -> NDArray[np.int64]:
    """Samples of `hwsim.tile.columns` in the order of the array's lines.

    Args:
        samples: (columns of a pair converted apart, slices * outputs).
    Returns:
        (outputs * slices * columns,).
    """
    converted = samples.shape[0]
    ordered = samples.reshape(converted, -1, outputs).transpose(2, 1, 0)
    return ordered.reshape(-1).astype(np.int64)


def word(value: int) -> int:
    """A register's value as a word of the configuration port."""
    return value & ((1 << SUM_BITS) - 1)


def address(geometry: Geometry, register: Register, output: int = 0) -> int:
    """Where a register is."""
    return (register << index_width(geometry.weights_per_row)) | output


def layer_registers(
    geometry: Geometry,
    lsb_shift: int,
    *,
    chain: bool = False,
    flips: NDArray[np.bool_] | None = None,
    requantizer: Requantizer | None = None,
) -> Iterator[tuple[int, int]]:
    """(address, word) of everything that a layer's configuration writes.

    Args:
        lsb_shift: log2 of the converters' least significant bit.
        chain: whether the partial stream is added.
        flips: (slices, outputs) columns stored complemented.
        requantizer: its constants; None leaves sums as they are.
    Raises:
        MappingError: the shift is too large.
    """
    limit = largest_lsb_shift(geometry)
    if not 0 <= lsb_shift <= limit:
        raise MappingError(f"RTL: LSB_SHIFT: expected 0 to {limit}, found {lsb_shift}")
    control = (
        geometry.precision.input_signed << Control.INPUT_SIGNED
        | chain << Control.CHAIN
        | (requantizer is not None) << Control.REQUANTIZE
    )
    yield address(geometry, Register.CONTROL), control
    yield address(geometry, Register.LSB_SHIFT), lsb_shift
    yield from _flip_registers(geometry, flips)
    if requantizer is not None:
        yield from _requantizer_registers(geometry, requantizer)


def _flip_registers(
    geometry: Geometry, flips: NDArray[np.bool_] | None
) -> Iterator[tuple[int, int]]:
    for n in range(geometry.weights_per_row):
        mask = 0
        if flips is not None and n < flips.shape[1]:
            mask = sum(1 << s for s, flip in enumerate(flips[:, n].tolist()) if flip)
        yield address(geometry, Register.FLIP, n), mask


def _requantizer_registers(
    geometry: Geometry, requantizer: Requantizer
) -> Iterator[tuple[int, int]]:
    yield address(geometry, Register.ZERO_POINT), word(requantizer.zero_point)
    yield address(geometry, Register.LOW), word(requantizer.low)
    yield address(geometry, Register.HIGH), word(requantizer.high)
    tables = (
        (Register.MANTISSA, requantizer.mantissa),
        (Register.SHIFT, requantizer.shift),
        (Register.OFFSET, requantizer.offset),
    )
    for register, table in tables:
        for n, value in enumerate(table.tolist()):
            yield address(geometry, register, n), word(value)


#: Widths of the registers' values, as the Verilog must have them.
REGISTER_BITS = {
    Register.CONTROL: CONTROL_BITS,
    Register.LSB_SHIFT: LSB_BITS,
    Register.ZERO_POINT: CODE_BITS,
    Register.LOW: CODE_BITS,
    Register.HIGH: CODE_BITS,
    Register.MANTISSA: MANTISSA_BITS,
    Register.SHIFT: 6,
    Register.OFFSET: SUM_BITS,
}

__all__ = [
    "REGISTER_BITS",
    "Control",
    "Register",
    "address",
    "array_parameters",
    "derived_parameters",
    "index_width",
    "largest_lsb_shift",
    "layer_registers",
    "lines",
    "phase_samples",
    "row_levels",
    "tile_parameters",
    "word",
]
