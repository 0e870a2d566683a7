"""The golden models of the peripherals, put together, are the tile of the model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.cosim.parameters import (
    Register,
    address,
    largest_lsb_shift,
    layer_registers,
    lines,
    phase_samples,
    row_levels,
    tile_parameters,
    word,
)
from hwsim.errors import MappingError
from hwsim.peripherals import adc
from hwsim.peripherals.accumulator import SUM_BITS, SUM_LIMIT, total
from hwsim.peripherals.requantizer import Requantizer
from hwsim.peripherals.row_driver import digit_beats, input_sum, plane_word
from hwsim.peripherals.shift_add import coefficient, fold, scaled_sums
from hwsim.tile import _kernels
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.encoding import encode, heavy_columns, weight_offset
from hwsim.tile.geometry import Digits, Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from tests.hwsim.test_cosim_contract import base, geometries


def test_samples_have_the_models_fraction() -> None:
    assert adc.SAMPLE_BITS == _kernels.SAMPLE_BITS


@given(geometries(), st.integers(0, 2**32), st.integers(0, 4))
def test_the_golden_models_together_are_the_programmed_matrix(
    geometry: Geometry, seed: int, shift: int
) -> None:
    stream = np.random.default_rng(seed)
    p, tile = geometry.precision, geometry.tile
    inputs = min(geometry.inputs_per_array, 20)
    outputs = min(geometry.weights_per_row, 5)
    high = (1 << (p.weight_bits - 1)) - 1
    weights = stream.integers(-high - 1 + p.narrow_weights, high + 1, (inputs, outputs))
    low, top = adc.code_range(p.input_bits, p.input_signed)
    codes = stream.integers(low, top + 1, (2, inputs))
    is_signed = converts_differences(geometry)
    converter = Converter(tile.adc.bits, shift, is_signed)
    matrix = ProgrammedMatrix(weights[None], geometry, converter)
    columns = ArrayColumns(matrix, 0, range(outputs))
    used = [line for line in lines(geometry) if line.output < outputs]
    phases = list(zip(geometry.phases.shifts, geometry.phases.signs, strict=True))
    for vector, values in enumerate(codes):
        beats = digit_beats(values, geometry.phases)
        samples = [
            phase_samples(columns.samples(np.array(b.digits), vector, t), outputs)
            for t, b in enumerate(beats)
        ]
        found = adc.convert(np.array(samples), shift, tile.adc.bits, is_signed)
        sums = fold(found, used, phases)
        per_output = [coefficient([], tile.cell_bits, weight_offset(geometry))] * outputs
        results = scaled_sums(sums, shift, per_output, input_sum(beats))
        expected = matrix.multiply(values[None].astype(np.int16)).values[0]
        assert (results * geometry.array_copies).tolist() == expected.tolist()


@given(st.integers(2, 8), st.integers(1, 4), st.booleans(), st.integers(0, 2**32))
def test_digits_add_up_to_the_inputs(bits: int, dac: int, signed: bool, seed: int) -> None:
    low, high = adc.code_range(bits, signed)
    codes = np.random.default_rng(seed).integers(low, high + 1, 9)
    beats = digit_beats(codes, Digits(bits, dac, signed))
    assert input_sum(beats) == codes.sum()
    assert max(max(b.digits) for b in beats) < 1 << dac
    assert [b.first for b in beats] == [True] + [False] * (len(beats) - 1)
    assert [b.last for b in beats] == [False] * (len(beats) - 1) + [True]


def test_digit_planes_lie_one_after_the_other() -> None:
    assert plane_word((1, 2, 3), 2) == 0b110_101


@given(st.integers(1, 12), st.booleans(), st.integers(0, 5), st.integers(-(2**20), 2**20))
def test_both_converters_find_the_rounded_clipped_sample(
    bits: int, signed: bool, shift: int, sample: int
) -> None:
    expected = int(adc.convert(np.array(sample), shift, bits, signed))
    low, high = adc.code_range(bits, signed)
    assert expected == min(max(int(np.floor(sample / 2 ** (shift + 8) + 0.5)), low), high)
    trials, code = adc.sar_trials(sample, shift, bits, signed)
    assert code == expected
    assert len(trials) == bits
    assert all(low < trial <= high for trial in trials)
    if bits <= 8:
        answers = adc.thermometer(sample, shift, bits, signed)
        assert answers & (answers + 1) == 0  # a thermometer
        assert adc.encode_thermometer(answers, bits, signed) == expected


def test_flips_give_the_full_level_back() -> None:
    assert coefficient([True, False, True], 2, 32) == 0b110011 - 32


def test_sums_beyond_their_bits_are_refused() -> None:
    assert total(np.array([SUM_LIMIT - 2]), np.array([1])).tolist() == [SUM_LIMIT - 1]
    with pytest.raises(ValueError, match="sums: expected 38 bits, found 137438953472"):
        total(np.array([SUM_LIMIT - 1]), np.array([1]))


def test_levels_stand_output_by_output_with_copies_on_further_word_lines() -> None:
    geometry = Geometry(base().tile.replace(rows=7), base().precision, redundancy=3)
    assert tile_parameters(geometry)["REDUNDANCY"] == 3
    weights = np.array([[5, -3], [-127, 64]])
    levels = encode(weights, geometry)
    cells = row_levels(levels, geometry)
    assert cells.shape == (7, 64)
    for copy in range(3):
        for i in range(2):
            row = cells[copy * 2 + i]
            for n in range(2):
                group = row[n * 8 : n * 8 + 8].reshape(4, 2)
                value = sum((int(p) - int(m)) << (2 * s) for s, (p, m) in enumerate(group))
                assert value == weights[i, n]
    assert not cells[6].any()
    assert not cells[:, 16:].any()


def test_registers_of_a_layer() -> None:
    tile = base().tile.replace(encoding="offset", flipped_columns=True)
    geometry = Geometry(tile, base().precision.replace(input_signed=True))
    levels = encode(np.full((4, 3), 100), geometry)
    flips = heavy_columns(levels, geometry.max_level)[0]
    requantizer = Requantizer.build(np.full(3, 0.25, np.float32), -3, -128, 127)
    words = dict(layer_registers(geometry, 2, chain=True, flips=flips, requantizer=requantizer))
    assert words[address(geometry, Register.CONTROL)] == 0b111
    assert words[address(geometry, Register.LSB_SHIFT)] == 2
    assert words[address(geometry, Register.ZERO_POINT)] == word(-3) == (1 << SUM_BITS) - 3
    mask = sum(1 << s for s in np.flatnonzero(flips[:, 1]).tolist())
    assert words[address(geometry, Register.FLIP, 1)] == mask
    assert words[address(geometry, Register.MANTISSA, 2)] == 1 << 23
    assert len({where for where in words}) == len(words)


def test_a_shift_beyond_the_sums_is_refused() -> None:
    limit = largest_lsb_shift(base())
    list(layer_registers(base(), limit))
    with pytest.raises(MappingError, match=f"LSB_SHIFT: expected 0 to {limit}, found {limit + 1}"):
        list(layer_registers(base(), limit + 1))
