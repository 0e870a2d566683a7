"""Offset, gain and bends of the converters: limits, closed forms, the slow twin, addresses."""

import numpy as np
import pytest

from hwsim.device.spec import States
from hwsim.errors import SpecError
from hwsim.peripherals.adc import SAMPLE_BITS, code_range, convert
from hwsim.peripherals.shift_add import line_order
from hwsim.peripherals.spec import Adc, AdcErrors
from hwsim.spec import validate
from hwsim.tile._converter_kernels import distort
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.converter_errors import ConverterErrors, converter_errors, converter_of_line
from hwsim.tile.encoding import phase_weights, slice_weights
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Encoding, Engine, Precision, Subtraction, Wires
from tests.hwsim.test_tile import fluctuation, full_converter, make_device, make_tile
from tests.reference import tile as twin

SOURCE = {"source": "made up for tests"}
SMALL = Precision(weight_bits=6, input_bits=4, input_signed=True)


def make_geometry(errors=None, precision=SMALL, bits=8, **tile) -> Geometry:
    spec = None if errors is None else AdcErrors(**errors, **SOURCE)
    return Geometry(
        make_tile(adc=Adc(bits=bits, columns_per_adc=3, errors=spec), **tile), precision
    )


def layer(geometry: Geometry, rows=40, outputs=70, vectors=4):
    stream = np.random.default_rng(7)
    high = (1 << (geometry.precision.weight_bits - 1)) - 1
    weights = stream.integers(-high, high + 1, (rows, outputs))
    top = 1 << geometry.precision.input_bits
    low, end = (-top // 2, top // 2) if geometry.precision.input_signed else (0, top)
    return weights, stream.integers(low, end, (vectors, rows)).astype(np.int16)


def distorted(samples, bits=6, shift=1, signed=True, **errors) -> np.ndarray:
    """Samples (n,) through one converter; errors in LSB, gain as it is."""
    lsb = float(1 << (shift + SAMPLE_BITS))
    low, high = code_range(bits, signed)
    held = {name: np.float32(errors.get(name, 0.0) * lsb) for name in ("bow", "cubic")}
    held |= {"low": np.float32(low * lsb), "per_range": np.float32(1 / ((high - low) * lsb))}
    for name, unit in (("offset", lsb), ("gain", 1.0)):
        held[name] = np.full((1, 1, samples.size), errors.get(name, 0.0) * unit, np.float32)
    changed = samples.astype(np.int32).reshape(1, 1, -1)
    distort(changed, 0, ConverterErrors(**held))
    return changed.ravel()


def all_samples(bits=6, shift=1, signed=True) -> np.ndarray:
    low, high = code_range(bits, signed)
    return np.arange((low - 3) << (shift + SAMPLE_BITS), (high + 3) << (shift + SAMPLE_BITS))


@pytest.mark.parametrize("signed", [True, False])
def test_an_offset_of_one_lsb_shifts_every_unclipped_code_by_one(signed):
    samples = all_samples(signed=signed)
    low, high = code_range(6, signed)
    codes = convert(samples, 1, 6, signed)
    for offset in (1, -1, 3):
        found = convert(distorted(samples, signed=signed, offset=offset), 1, 6, signed)
        np.testing.assert_array_equal(found, np.clip(_unclipped(samples) + offset, low, high))
    assert codes.min() == low
    assert codes.max() == high


def _unclipped(samples):
    return (samples + (1 << SAMPLE_BITS)) >> (1 + SAMPLE_BITS)


@pytest.mark.parametrize("gain", [0.125, -0.25, 0.01])
def test_a_gain_error_scales_every_sample_about_zero(gain):
    samples = all_samples()
    found = distorted(samples, gain=gain)
    assert np.abs(found - (1 + gain) * samples).max() <= 0.5 + 1e-3
    assert found[samples == 0] == 0


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bend", ["bow", "cubic"])
def test_bends_are_zero_at_both_ends_and_beyond_and_peak_at_their_size(bend, signed):
    samples = all_samples(signed=signed)
    low, high = (code << (1 + SAMPLE_BITS) for code in code_range(6, signed))
    lsb = 1 << (1 + SAMPLE_BITS)
    shift = distorted(samples, signed=signed, **{bend: 0.75}) - samples
    assert not shift[(samples <= low) | (samples >= high)].any()
    x = (samples - low) / (high - low)
    peak = 0.5 if bend == "bow" else 0.5 - 12**-0.5
    assert shift.max() == pytest.approx(0.75 * lsb, abs=1)
    assert x[shift.argmax()] == pytest.approx(peak, abs=0.05)
    expected = shift[::-1] if bend == "bow" else -shift[::-1]
    inside = (samples >= low) & (samples <= high)
    assert np.abs(shift[inside] - expected[inside[::-1]]).max() <= 1
    np.testing.assert_allclose(
        distorted(samples, signed=signed, **{bend: -0.75}) - samples, -shift, atol=1
    )


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("subtraction", list(Subtraction))
@pytest.mark.parametrize("cells", ["ideal", "fresh", "frozen", "exact", "markov"])
def test_errors_of_size_zero_change_no_code(encoding, subtraction, cells):
    states = {"frozen": States.FROZEN, "markov": States.MARKOV}.get(cells, States.INDEPENDENT)
    dwell = {"high_dwell_s": 1e-8, "low_dwell_s": 1e-8} if cells == "markov" else {}
    noise = None if cells == "ideal" else fluctuation("relative", 0.2, states=states, **dwell)
    engine = Engine.EXACT if cells in ("exact", "markov") else Engine.MOMENTS
    found = []
    for errors in (None, {}):
        geometry = make_geometry(errors, encoding=encoding, subtraction=subtraction)
        weights, codes = layer(geometry)
        device = make_device(fluctuation=noise)
        converter = Converter(7, 1, converts_differences(geometry))
        matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (5,), engine)
        found.append(matrix.multiply(codes).values)
    np.testing.assert_array_equal(found[0], found[1])


ERRORS = {"offset_sigma_lsb": 1.5, "gain_sigma": 0.05, "bow_lsb": 1.25, "cubic_lsb": -0.8}


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("subtraction", list(Subtraction))
def test_lines_share_converters_in_the_order_of_the_rtl(encoding, subtraction):
    geometry = make_geometry(ERRORS, encoding=encoding, subtraction=subtraction, cols=24)
    number = converter_of_line(geometry, 5)
    converted = number.shape[0]
    number = number.reshape(converted, -1, 5)
    slices, per_array = geometry.slices, geometry.weights_per_row
    lines = line_order(per_array, slices.shifts, slices.signs, converted)
    adcs = -(-len(lines) // 3)
    for n in range(5):
        own = [i for i, line in enumerate(lines) if line.output == n % per_array]
        expected = [n // per_array * adcs + i // 3 for i in own]
        assert number[:, :, n].T.ravel().tolist() == expected


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("subtraction", list(Subtraction))
def test_tile_equals_its_slow_twin(encoding, subtraction):
    """The twin bends in double precision, the kernel in single: no tie among these numbers."""
    geometry = make_geometry(ERRORS, encoding=encoding, subtraction=subtraction, cols=48)
    weights, codes = layer(geometry, outputs=9, vectors=3)
    signed = converts_differences(geometry)
    converter = Converter(5, 2, signed)
    matrix = ProgrammedMatrix(weights[None], geometry, converter, place=(3,))
    low, high = converter.low, converter.high

    def bend(total, pair, block, _phase, s, n):
        held = matrix.programmed(block).errors
        lane = s * 9 + n
        strip, lane = divmod(lane, held.offset.shape[2])
        lsb = 1 << (converter.shift + SAMPLE_BITS)
        y = total / (1 << converter.shift)
        y += held.offset[strip, pair, lane] / lsb + float(held.gain[strip, pair, lane]) * y
        x = min(max((y - low) / (high - low), 0), 1)
        y += 4 * 1.25 * x * (1 - x) - 0.8 * 6 * 3**0.5 * x * (1 - x) * (1 - 2 * x)
        return np.floor(y * lsb + 0.5) / 2.0**SAMPLE_BITS

    found = matrix.multiply(codes).values
    expected = [twin.multiply(weights, code, geometry, converter, bend=bend) for code in codes]
    assert found.tolist() == expected
    ideal = [twin.multiply(weights, code, geometry, converter) for code in codes]
    assert found.tolist() != ideal


@pytest.mark.compiled
def test_offset_and_gain_have_their_spread_over_converters_and_are_shared_within_one():
    geometry = make_geometry({"offset_sigma_lsb": 0.7, "gain_sigma": 0.02}, cols=240)
    converter = Converter(8, 3, False)
    outputs = 65_000
    held = converter_errors(geometry, converter, (1, 2), outputs, 256)
    number = converter_of_line(geometry, outputs)
    lines = number.shape[1]
    first = np.unique(number, return_index=True)[1]
    for error, sigma in ((held.offset, 0.7 * (8 << SAMPLE_BITS)), (held.gain, 0.02)):
        flat = error.transpose(1, 0, 2).reshape(len(number), -1)[:, :lines].ravel()
        own = flat[first]
        np.testing.assert_array_equal(flat, own[number.ravel()])
        assert len(own) >= 125_000  # 1 % of the spread is five of its standard errors
        assert own.std() == pytest.approx(sigma, rel=0.01)
        assert abs(own.mean()) < 5 * sigma / np.sqrt(len(own))
        assert abs(np.corrcoef(own[:-1], own[1:])[0, 1]) < 5 / np.sqrt(len(own))


def test_blocks_copies_seeds_and_arrays_have_converters_of_their_own():
    geometry = make_geometry(ERRORS, averaging="digital", cols=48)
    geometry = Geometry(geometry.tile, geometry.precision, redundancy=2)
    weights, _ = layer(geometry)
    converter = full_converter(geometry, 40, 8)
    held = [
        ProgrammedMatrix(weights[None], geometry, converter, place=(seed,))
        .programmed(block, copy)
        .errors.offset
        for seed in (0, 1)
        for block in (0, 1)
        for copy in (0, 1)
    ]
    assert len({offset.tobytes() for offset in held}) == 8
    per_array = geometry.weights_per_row
    first = held[0][0, :, :per_array], held[0][0, :, per_array : 2 * per_array]
    assert not np.array_equal(*first)


def test_idle_columns_convert_to_their_offset():
    geometry = make_geometry({"offset_sigma_lsb": 4.0}, subtraction="analog")
    weights, codes = layer(geometry)
    for device, engine in (
        (None, Engine.MOMENTS),
        (make_device(fluctuation=fluctuation("absolute", 0.0)), Engine.EXACT),
        (make_device(fluctuation=fluctuation("absolute", 0.1)), Engine.EXACT),
    ):
        matrix = ProgrammedMatrix(
            weights[None], geometry, Converter(8, 0, True), device, (2,), engine
        )
        found = matrix.multiply(np.zeros_like(codes)).values
        expected = np.zeros(70)
        for block in range(matrix.row_blocks):
            offset = matrix.programmed(block).errors.offset[:, 0].reshape(-1)[: 3 * 70]
            code = np.floor(offset / (1 << SAMPLE_BITS) + 0.5).reshape(3, 70)
            expected += phase_weights(geometry).sum() * (slice_weights(geometry)[0] @ code)
        np.testing.assert_array_equal(found, np.tile(expected, (4, 1)))
        assert expected.any()


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("wires", [False, True])
def test_codes_do_not_depend_on_the_batch(engine, wires):
    lines = Wires(bit_line_ohm=1.0, **SOURCE) if wires else None
    geometry = make_geometry(ERRORS, wires=lines)
    weights, codes = layer(geometry, vectors=6)
    device = make_device(fluctuation=fluctuation())
    converter = full_converter(geometry, 40, 8)
    matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (1,), engine)
    whole = matrix.multiply(codes).values
    parts = [matrix.multiply(codes[v : v + 2], first=v).values for v in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("noisy", [False, True])
def test_lines_without_resistance_change_nothing(engine, noisy):
    device = make_device(fluctuation=fluctuation() if noisy else None)
    found = []
    for wires in (None, Wires(**SOURCE)):
        geometry = make_geometry(ERRORS, wires=wires)
        weights, codes = layer(geometry)
        converter = full_converter(geometry, 40, 8)
        matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (1,), engine)
        found.append(matrix.multiply(codes).values)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("subtraction", list(Subtraction))
@pytest.mark.parametrize("noisy", [False, True])
def test_codes_of_an_arrays_columns_are_the_matrix_own(encoding, subtraction, noisy):
    geometry = make_geometry(ERRORS, encoding=encoding, subtraction=subtraction, cols=96)
    geometry = Geometry(geometry.tile, Precision(weight_bits=6, input_bits=4))
    weights, codes = layer(geometry)
    device = make_device(fluctuation=fluctuation("relative", 0.2)) if noisy else None
    converter = Converter(7, 1, converts_differences(geometry))
    matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (5,))
    scales, step = slice_weights(geometry), geometry.weights_per_row
    found = np.zeros((len(codes), 70), np.int64)
    for block in range(2):
        for start in range(0, 70, step):
            picked = range(start, min(start + step, 70))
            columns = ArrayColumns(matrix, block, picked)
            for v, t in np.ndindex(len(codes), 4):
                digits = codes[v, matrix.block_rows(block)] >> t & 1
                samples = columns.samples(digits, v, t).reshape(columns.shape[0], -1, len(picked))
                code = convert(samples, 1, 7, converter.signed)
                folded = np.einsum("cs,csn->n", scales[: len(code)], code) << 1
                found[v, start : picked.stop] += folded << t
    offset = 32 if encoding is Encoding.OFFSET else 0
    found -= offset * codes.sum(axis=1, dtype=np.int64)[:, None]
    np.testing.assert_array_equal(found, matrix.multiply(codes).values)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "offset_sigma_lsb",
            -1,
            "adc: errors.offset_sigma_lsb: expected greater than or equal to 0",
        ),
        (
            "gain_sigma",
            0.6,
            "adc: errors.gain_sigma: expected less than or equal to 0.5, found 0.6",
        ),
        ("bow_lsb", 65, "adc: errors.bow_lsb: expected less than or equal to 64, found 65"),
        ("cubic_lsb", "x", "adc: errors.cubic_lsb: expected a valid number"),
        ("inl_lsb", 1, "adc: errors.inl_lsb: unknown key"),
    ],
)
def test_bad_errors_are_named(key, value, expected):
    content = {"bits": 8, "columns_per_adc": 8, "errors": {key: value, **SOURCE}}
    with pytest.raises(SpecError) as found:
        validate(Adc, content, "adc")
    assert str(found.value).startswith(expected)


def test_errors_without_a_source_do_not_load():
    content = {"bits": 8, "columns_per_adc": 8, "errors": {"bow_lsb": 1}}
    with pytest.raises(SpecError, match=r"^adc: errors\.source: missing; it must be given$"):
        validate(Adc, content, "adc")
