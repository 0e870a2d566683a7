"""The tile: identities first, then the slow twin, then statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.device.spec import Device, Fluctuation, ProgrammingError, States
from hwsim.errors import MappingError
from hwsim.peripherals.spec import Adc
from hwsim.tile.converter import (
    Converter,
    calibrated_shift,
    column_bound,
    converts_differences,
    full_shift,
    rounded,
)
from hwsim.tile.encoding import encode, phase_weights, slice_weights
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Averaging, Encoding, Precision, Subtraction, TileSpec
from tests.reference import tile as twin


def make_tile(**changes) -> TileSpec:
    base = {
        "rows": 32,
        "cols": 256,
        "cell_bits": 2,
        "encoding": "differential",
        "adc": Adc(bits=8, columns_per_adc=8),
        "clock_Hz": 1e9,
        "read_cycles": 1,
        "read_voltage_V": 0.2,
    }
    return TileSpec.model_validate(base | changes)


def make_device(**changes) -> Device:
    base = {
        "name": "test",
        "conductance_min_S": 1e-6,
        "conductance_max_S": 1e-5,
        "source": "made up for tests",
    }
    return Device.model_validate(base | changes)


def fluctuation(law="absolute", amplitude=0.1, **changes) -> Fluctuation:
    return Fluctuation.model_validate(
        {"law": law, "amplitude": amplitude, "source": "made up for tests"} | changes
    )


def full_converter(geometry: Geometry, rows: int, bits: int = 16) -> Converter:
    signed = converts_differences(geometry)
    bound = column_bound(geometry, min(rows, geometry.inputs_per_array))
    return Converter(bits, full_shift(bound, bits, signed), signed)


@st.composite
def products(draw, max_rows: int = 70):
    """A geometry, weights (rows, outputs) and codes (vectors, rows) that fit it."""
    encoding = draw(st.sampled_from(Encoding))
    tile = make_tile(
        rows=draw(st.sampled_from([8, 32, 40])),
        cell_bits=draw(st.integers(1, 4)),
        dac_bits=draw(st.integers(1, 4)),
        encoding=encoding,
        subtraction=draw(st.sampled_from(Subtraction)),
        flipped_columns=encoding is Encoding.OFFSET and draw(st.booleans()),
        averaging=draw(st.sampled_from(Averaging)),
    )
    precision = Precision(
        weight_bits=draw(st.integers(2, 8)),
        input_bits=draw(st.integers(2, 8)),
        input_signed=draw(st.booleans()),
        narrow_weights=draw(st.booleans()),
    )
    geometry = Geometry(tile, precision, redundancy=draw(st.integers(1, 3)))
    rows, outputs = draw(st.integers(1, max_rows)), draw(st.integers(1, 6))
    stream = np.random.default_rng(draw(st.integers(0, 2**32)))
    high = 1 << (precision.weight_bits - 1)
    weights = stream.integers(-high + precision.narrow_weights, high, (rows, outputs))
    top = 1 << precision.input_bits
    low, end = (-top // 2, top // 2) if precision.input_signed else (0, top)
    codes = stream.integers(low, end, (3, rows)).astype(np.int16)
    return geometry, weights, codes


@given(products())
def test_ideal_tile_equals_integer_product(case):
    geometry, weights, codes = case
    matrix = ProgrammedMatrix(weights[None], geometry, full_converter(geometry, len(weights)))
    expected = matrix.copies * (codes.astype(np.int64) @ weights)
    np.testing.assert_array_equal(matrix.multiply(codes).values, expected)


@given(products(), st.integers(2, 9), st.integers(0, 4))
def test_tile_equals_its_slow_twin_whatever_the_range(case, bits, shift):
    geometry, weights, codes = case
    converter = Converter(bits, shift, converts_differences(geometry))
    matrix = ProgrammedMatrix(weights[None], geometry, converter)
    found = matrix.multiply(codes).values
    for v in range(len(codes)):
        expected = twin.multiply(weights, codes[v], geometry, converter)
        assert found[v].tolist() == [matrix.copies * e for e in expected]


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("subtraction", list(Subtraction))
@pytest.mark.parametrize("bits", [3, 5])
def test_codes_that_clip_at_either_end_equal_the_slow_twin(encoding, subtraction, bits):
    """Full-size weights and codes: drawn examples rarely reach the ends of a signed range."""
    stream = np.random.default_rng(12)
    geometry = Geometry(make_tile(encoding=encoding, subtraction=subtraction), Precision())
    weights = stream.integers(-127, 128, (32, 3))
    codes = stream.integers(0, 256, (2, 32)).astype(np.int16)
    converter = Converter(bits, 0, converts_differences(geometry))
    found = ProgrammedMatrix(weights[None], geometry, converter).multiply(codes).values
    expected = [twin.multiply(weights, code, geometry, converter) for code in codes]
    assert found.tolist() == expected
    assert not np.array_equal(found, codes.astype(np.int64) @ weights)


@given(products())
def test_row_pulses_swings_and_levels_are_those_of_the_digits(case):
    geometry, weights, codes = case
    matrix = ProgrammedMatrix(weights[None], geometry, full_converter(geometry, len(weights)))
    p = geometry.precision
    digits = [
        [
            digit
            for v in range(len(codes))
            for digit, _ in twin.digits(
                int(codes[v, i]), p.input_bits, geometry.tile.dac_bits, p.input_signed
            )
        ]
        for i in range(codes.shape[1])
    ]
    products = matrix.multiply(codes)
    assert products.row_pulses.tolist() == [sum(row) for row in digits]
    assert products.row_swings.tolist() == [sum(digit > 0 for digit in row) for row in digits]
    if geometry.tile.dac_bits == 1:
        assert products.row_swings.tolist() == products.row_pulses.tolist()
    if not geometry.tile.flipped_columns:
        levels = encode(weights, geometry).sum(axis=(0, 3), dtype=np.int64)
        np.testing.assert_array_equal(matrix.row_levels, levels)


@given(products(max_rows=8), st.integers(2, 4))
def test_packed_groups_equal_groups_on_arrays_of_their_own(case, groups):
    geometry, weights, codes = case
    if geometry.inputs_per_array < groups * len(weights):
        converter = full_converter(geometry, len(weights))
        with pytest.raises(MappingError, match="packed groups exceed"):
            ProgrammedMatrix(np.stack([weights] * groups), geometry, converter)
        return
    stacked = np.stack([np.roll(weights, g, axis=0) for g in range(groups)])
    tile = geometry.tile.replace(flipped_columns=False)
    geometry = Geometry(tile, geometry.precision, geometry.redundancy)
    matrix = ProgrammedMatrix(stacked, geometry, full_converter(geometry, len(weights)))
    found = matrix.multiply(np.tile(codes, groups)).values
    alone = [codes.astype(np.int64) @ w for w in stacked]
    np.testing.assert_array_equal(found, matrix.copies * np.concatenate(alone, axis=1))


@pytest.mark.compiled
def test_permuting_outputs_permutes_results_and_splitting_rows_changes_nothing():
    stream = np.random.default_rng(1)
    geometry = Geometry(make_tile(rows=16), Precision())
    weights = stream.integers(-127, 128, (50, 300))
    codes = stream.integers(0, 256, (5, 50)).astype(np.int16)
    converter = Converter(6, 1, signed=False)
    order = stream.permutation(300)
    straight = ProgrammedMatrix(weights[None], geometry, converter).multiply(codes).values
    permuted = ProgrammedMatrix(weights[None][:, :, order], geometry, converter)
    np.testing.assert_array_equal(permuted.multiply(codes).values, straight[:, order])
    blocks = [
        ProgrammedMatrix(weights[None, s : s + 16], geometry, converter)
        .multiply(np.ascontiguousarray(codes[:, s : s + 16]))
        .values
        for s in range(0, 50, 16)
    ]
    np.testing.assert_array_equal(sum(blocks), straight)


def test_error_stays_below_half_a_step_per_conversion_and_vanishes_with_bits():
    """Where nothing clips, every code is within lsb / 2 of its column sum."""
    stream = np.random.default_rng(2)
    geometry = Geometry(make_tile(rows=128), Precision())
    weights = stream.integers(-127, 128, (128, 16))
    codes = stream.integers(0, 256, (20, 128)).astype(np.int16)
    exact = codes.astype(np.int64) @ weights
    per_code = np.abs(phase_weights(geometry)).sum() * np.abs(slice_weights(geometry)).sum()
    shifts = []
    for bits in range(3, 11):
        converter = full_converter(geometry, 128, bits)
        found = ProgrammedMatrix(weights[None], geometry, converter).multiply(codes).values
        lsb = 1 << converter.shift
        assert np.abs(found - exact).max() <= (per_code * lsb / 2 if lsb > 1 else 0)
        shifts.append(converter.shift)
    assert shifts == sorted(shifts, reverse=True)
    assert shifts[-1] == 0


def test_isaac_is_lossless_with_eight_bits_only_because_columns_are_flipped():
    stream = np.random.default_rng(3)
    weights = stream.integers(-128, 128, (128, 16))
    weights[:, 0] = 127  # the heaviest column there can be
    codes = stream.integers(0, 256, (20, 128)).astype(np.int16)
    codes[0] = 255
    exact = codes.astype(np.int64) @ weights
    for flipped in (True, False):
        tile = make_tile(rows=128, encoding="offset", flipped_columns=flipped)
        geometry = Geometry(tile, Precision(narrow_weights=False))
        matrix = ProgrammedMatrix(weights[None], geometry, Converter(8, 0, signed=False))
        assert np.array_equal(matrix.multiply(codes).values, exact) is flipped


def test_weight_beyond_its_bits_is_refused():
    geometry = Geometry(make_tile(), Precision(weight_bits=4))
    with pytest.raises(MappingError, match=r"weights: expected -7\.\.7 \(4 bits\), found -8\.\.-8"):
        encode(np.array([[-8]]), geometry)


@given(st.integers(0, 5000), st.integers(1, 12), st.booleans())
def test_full_shift_is_the_smallest_that_cannot_clip(bound, bits, signed):
    bits += signed
    shift = full_shift(bound, bits, signed)
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1
    assert rounded(bound, shift) <= high
    assert shift == 0 or rounded(bound, shift - 1) > high


def test_calibrated_shift_covers_the_share_asked_for():
    histogram = np.zeros(1001, np.int64)
    histogram[:100] = 1000
    histogram[1000] = 1
    assert calibrated_shift(histogram, 0.999, 8, signed=False) == 0
    assert calibrated_shift(histogram, 1.0, 8, signed=False) == 2
    assert calibrated_shift(np.zeros(9, np.int64), 0.999, 8, signed=True) == 0


# --- fluctuation -------------------------------------------------------------------------


@pytest.mark.compiled
@pytest.mark.parametrize("law", ["absolute", "sqrt", "relative", "table"])
@pytest.mark.parametrize("encoding", ["differential", "offset", "twos_complement"])
@pytest.mark.parametrize("dac_bits", [1, 2, 3])
@pytest.mark.parametrize("duty", [0.5, 0.8])
def test_moments_have_the_mean_and_variance_of_the_cells(law, encoding, dac_bits, duty):
    """Fixed streams; a 1 % error of the standard deviation is more than 5 sigma."""
    vectors, outputs = 60_000, 3
    stream = np.random.default_rng(4)
    tile = make_tile(encoding=encoding, dac_bits=dac_bits, subtraction="analog")
    geometry = Geometry(tile, Precision(weight_bits=5, input_bits=4))
    table = (0.3, 0.35, 0.4, 0.6) if law == "table" else ()
    noise = fluctuation(law, 0.0 if table else 0.5, duty=duty, table=table)
    device = make_device(fluctuation=noise, conductance_min_S=5e-6)
    weights = stream.integers(-15, 16, (32, outputs))
    codes = np.tile(stream.integers(0, 16, 32).astype(np.int16), (vectors, 1))
    # Signed, wide codes: what is left is the cells' noise and the rounding, no clipping.
    matrix = ProgrammedMatrix(weights[None], geometry, Converter(16, 0, True), device, (4,))
    found = matrix.multiply(codes).values
    mean, variance = expected_moments(weights, codes[0], geometry, device)
    z = (found.mean(axis=0) - mean) / np.sqrt(variance / vectors)
    assert np.abs(z).max() < 5, z
    spread = (found.var(axis=0) / variance - 1) / np.sqrt(2 / vectors)
    assert np.abs(spread).max() < 5, spread


def expected_moments(weights, codes, geometry, device):
    """Sum over phases, slices and cells of the model's mean and variance, plus rounding."""
    levels = encode(weights, geometry).astype(np.int64)
    share = np.linspace(device.conductance_min_S, device.conductance_max_S, 4)
    share /= device.conductance_max_S
    step = (share[1] - share[0]) * 1.0
    noise = device.fluctuation
    laws = {
        "absolute": noise.amplitude + 0 * share,
        "sqrt": noise.amplitude * np.sqrt(share),
        "relative": noise.amplitude * share,
        "table": np.array(noise.table or [0] * 4),
    }
    amplitude = laws[noise.law.value][levels] / step
    mean = (codes.astype(np.int64) @ weights).astype(float)
    variance = np.zeros(weights.shape[1])
    scales = slice_weights(geometry)[:, :, None, None]
    conversions = 1 if converts_differences(geometry) else len(levels)
    digit_bits = geometry.tile.dac_bits
    for weight, shift in zip(phase_weights(geometry), geometry.phases.shifts, strict=True):
        x = (codes.astype(np.int64) >> shift & ((1 << digit_bits) - 1))[:, None]
        mean += weight * (scales * x * amplitude).sum(axis=(0, 1, 2)) * (2 * noise.duty - 1)
        cells = (scales**2 * x**2 * amplitude**2).sum(axis=(0, 1, 2))
        driven = bool(x.any())
        rounding = driven * conversions * (scales[0] ** 2).sum() / 12
        variance += weight**2.0 * (4 * noise.duty * (1 - noise.duty) * cells + rounding)
    return mean, variance


def test_reads_are_fresh_and_addressed():
    stream = np.random.default_rng(5)
    geometry = Geometry(make_tile(), Precision())
    weights = stream.integers(-127, 128, (1, 60, 40))
    codes = np.tile(stream.integers(0, 256, 60).astype(np.int16), (8, 1))
    device = make_device(fluctuation=fluctuation())

    def read(place, first=0, batch=slice(None)):
        matrix = ProgrammedMatrix(weights, geometry, Converter(10, 0, False), device, place)
        return matrix.multiply(codes[batch], first).values

    together = read((1, 2))
    assert len({tuple(row) for row in together.tolist()}) == 8
    apart = [read((1, 2), 0, slice(0, 3)), read((1, 2), 3, slice(3, 8))]
    np.testing.assert_array_equal(np.concatenate(apart), together)
    assert not np.array_equal(read((1, 3)), together)


@pytest.mark.compiled
def test_frozen_states_repeat_at_every_read_and_have_the_cells_variance():
    samples, outputs = 1500, 4
    stream = np.random.default_rng(6)
    geometry = Geometry(make_tile(subtraction="analog"), Precision(weight_bits=5, input_bits=4))
    weights = stream.integers(-15, 16, (1, 32, outputs))
    codes = np.tile(stream.integers(0, 16, 32).astype(np.int16), (2, 1))
    error = ProgrammingError(sigma_absolute=0.2, source="made up for tests")
    device = make_device(
        fluctuation=fluctuation(amplitude=0.3, states=States.FROZEN),
        programming=error,
        conductance_min_S=9e-6,  # far from zero conductance: nothing is cut off
    )
    values = np.empty((samples, outputs))
    for sample in range(samples):
        matrix = ProgrammedMatrix(weights, geometry, Converter(16, 0, True), device, (7, sample))
        found = matrix.multiply(codes).values
        assert np.array_equal(found[0], found[1])
        values[sample] = found[0]
    step = 1e-6 / 3
    per_cell = (0.3**2 + 0.2**2) * (1e-5 / step) ** 2
    scales = slice_weights(geometry).astype(float)
    x = codes[0].astype(float)
    frozen = per_cell * (scales**2).sum() * (x @ x)
    # The same deviation is read in every phase, so it adds linearly: no gain from bit-serial.
    ratio = values.var(axis=0).mean() / frozen
    assert abs(ratio - 1) < 5 * np.sqrt(2 / (samples * outputs)), ratio


@pytest.mark.compiled
def test_redundancy_divides_the_variance():
    vectors = 20_000
    stream = np.random.default_rng(8)
    weights = stream.integers(-15, 16, (1, 8, 2))
    codes = np.tile(stream.integers(0, 16, 8).astype(np.int16), (vectors, 1))
    device = make_device(fluctuation=fluctuation(amplitude=1.0, law="absolute"))
    for averaging in Averaging:
        variances = []
        for copies in (1, 4):
            tile = make_tile(averaging=averaging, subtraction="analog")
            geometry = Geometry(tile, Precision(weight_bits=5, input_bits=4), copies)
            matrix = ProgrammedMatrix(weights, geometry, Converter(16, 0, True), device, (9,))
            found = matrix.multiply(codes).values / matrix.copies
            variances.append(found.var(axis=0).mean())
        # Rounding (1/12 per conversion) is small against an amplitude of a whole window.
        assert variances[0] / variances[1] == pytest.approx(4, rel=0.05), averaging


def test_amplitude_zero_is_the_ideal_tile():
    stream = np.random.default_rng(10)
    geometry = Geometry(make_tile(), Precision())
    weights = stream.integers(-127, 128, (1, 40, 30))
    codes = stream.integers(0, 256, (6, 40)).astype(np.int16)
    device = make_device(fluctuation=fluctuation(amplitude=0.0))
    converter = Converter(7, 1, False)
    quiet = ProgrammedMatrix(weights, geometry, converter, device, (1,)).multiply(codes).values
    ideal = ProgrammedMatrix(weights, geometry, converter).multiply(codes).values
    np.testing.assert_array_equal(quiet, ideal)


def test_converter_clips_noisy_sums_at_its_bounds():
    geometry = Geometry(make_tile(subtraction="analog"), Precision(weight_bits=2, input_bits=2))
    weights = np.ones((1, 32, 1), int)
    codes = np.full((2000, 32), 1, np.int16)
    device = make_device(fluctuation=fluctuation(amplitude=1.0))
    matrix = ProgrammedMatrix(weights, geometry, Converter(6, 0, True), device, (11,))
    found = matrix.multiply(codes).values
    assert found.max() == 31
    assert found.min() >= -32
