"""Gated cells behind resistive lines inside the tile: limits, the exact ladder, the slow twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.device.spec import Device, Fluctuation, ProgrammingError
from hwsim.errors import MappingError
from hwsim.peripherals.spec import Adc
from hwsim.tile.columns import SAMPLE_BITS, ArrayColumns
from hwsim.tile.converter import Converter, column_bound, converts_differences, full_shift
from hwsim.tile.encoding import encode, phase_weights, slice_weights
from hwsim.tile.gated import pulse_planes
from hwsim.tile.geometry import Geometry
from hwsim.tile.line_error import LineError
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.planes import with_products
from hwsim.tile.spec import Averaging, Encoding, Engine, Precision, Subtraction, TileSpec, Wires
from hwsim.tile.wires import gated_columns
from tests.reference import tile as twin

WINDOW = (2e-6, 2e-5)


def make_device(**changes) -> Device:
    base = {
        "name": "test",
        "conductance_min_S": WINDOW[0],
        "conductance_max_S": WINDOW[1],
        "source": "made up for tests",
    }
    return Device.model_validate(base | changes)


def make_wires(bit_line_ohm=1.0, **ohms) -> Wires:
    return Wires(bit_line_ohm=bit_line_ohm, **ohms, source="made up for tests")


def make_geometry(wires: Wires | None = None, precision=Precision(), copies=1, **changes):  # noqa: B008
    base = {
        "rows": 128,
        "cols": 256,
        "cell_bits": 2,
        "encoding": "differential",
        "subtraction": "analog",
        "adc": Adc(bits=8, columns_per_adc=8),
        "wires": wires,
        "clock_Hz": 1e9,
        "read_cycles": 1,
        "read_voltage_V": 0.2,
    }
    return Geometry(TileSpec.model_validate(base | changes), precision, copies)


def make_matrix(geometry: Geometry, weights, device=None, bits=8, **options) -> ProgrammedMatrix:
    signed = converts_differences(geometry)
    bound = column_bound(geometry, min(len(weights), geometry.inputs_per_array))
    converter = Converter(bits, full_shift(bound, bits, signed), signed)
    return ProgrammedMatrix(weights[None], geometry, converter, device or make_device(), **options)


@st.composite
def products(draw):
    """Options of a tile, weights (rows, outputs) and codes (vectors, rows)."""
    encoding = draw(st.sampled_from(Encoding))
    options = {
        "rows": draw(st.sampled_from([40, 96, 160])),
        "cell_bits": draw(st.integers(1, 4)),
        "dac_bits": draw(st.integers(1, 3)),
        "encoding": encoding,
        "subtraction": draw(st.sampled_from(Subtraction)),
        "flipped_columns": encoding is Encoding.OFFSET and draw(st.booleans()),
        "averaging": draw(st.sampled_from(Averaging)),
        "copies": draw(st.integers(1, 2)),
    }
    stream = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.sampled_from([1, 31, 33, 64, 150, 200]))
    weights = stream.integers(-127, 128, (rows, 5))
    codes = stream.integers(0, 256, (3, rows)).astype(np.int16)
    return options, weights, codes


@given(products(), st.sampled_from([None, Engine.MOMENTS, Engine.EXACT]))
def test_lines_of_zero_ohms_change_nothing(case, engine):
    options, weights, codes = case
    device, settings = make_device(), {}
    if engine is not None:
        noise = Fluctuation(law="relative", amplitude=0.1, source="made up for tests")
        device, settings = make_device(fluctuation=noise), {"engine": engine}
    found = [
        make_matrix(make_geometry(wires, **options), weights, device, **settings)
        .multiply(codes, first=3)
        .values
        for wires in (None, make_wires(0.0))
    ]
    np.testing.assert_array_equal(*found)


@given(products(), st.sampled_from([(0.3, 0.0), (2.0, 0.0), (1.0, 100.0)]))
def test_what_the_lines_take_is_near_the_exact_ladder(case, ohms):
    options, weights, codes = case
    wires = make_wires(ohms[0], source_line_ohm=ohms[0] / 2, sense_ohm=ohms[1])
    matrix = make_matrix(make_geometry(wires, **options), weights)
    error = matrix.line_error(codes)
    assert error.lost_max > 0
    assert error.error_max < 0.4 * error.lost_max + 0.02  # where cells lie within a segment
    assert error.error_rms < 0.15 * error.lost_max + 0.01


@pytest.mark.parametrize("rows", [7, 32, 50, 128, 200])
@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("dac_bits", [1, 2])
@pytest.mark.parametrize(("ohm", "end"), [(0.2, 0.0), (0.1, 10.0), (0.0, 50.0)])
def test_lines_loaded_evenly_lose_what_they_should(rows, copies, dac_bits, ohm, end):
    wires = make_wires(ohm, source_line_ohm=ohm, source_ohm=end)
    geometry = make_geometry(wires, copies=copies, dac_bits=dac_bits, rows=rows * copies)
    matrix = make_matrix(geometry, np.full((rows, 4), 127))
    error = matrix.line_error(np.full((1, rows), 255, np.int16))
    assert error.error_max < 0.01 * error.lost_max + 0.03 * geometry.max_digit


@pytest.mark.parametrize(
    ("rows", "ohm", "rms", "largest"), [(64, 1, 0.03, 0.15), (128, 1, 0.06, 0.3), (256, 2, 0.4, 2)]
)
def test_the_documented_errors_are_not_exceeded(rows, ohm, rms, largest):
    """Uniform 8-bit weights and inputs, two bits per cell, 20 uS: docs/model/wires.md."""
    stream = np.random.default_rng(3)
    weights, codes = stream.integers(-127, 128, (rows, 40)), stream.integers(0, 256, (8, rows))
    matrix = make_matrix(make_geometry(make_wires(ohm), rows=rows), weights)
    error = matrix.line_error(codes.astype(np.int16))
    assert error.error_rms < rms
    assert error.error_max < largest
    assert error.lost_mean > 5 * error.error_rms


def exact_loss(wires: Wires, cell_bits: int):
    """A disturbance for the slow twin: the exact ladder of one column, less the dummy's."""
    step = (WINDOW[1] - WINDOW[0]) / ((1 << cell_bits) - 1)

    def disturb(levels, drive, total, *_place):
        cells = np.array([levels, [0] * len(levels)]).T * step + WINDOW[0]
        for pulse in range(1, max([1, *drive]) + 1):
            driven = np.array([[digit >= pulse for digit in drive]])
            lost = driven @ cells - gated_columns(cells, driven, wires)
            total -= (lost[0, 0] - lost[0, 1]) / step
        return total

    return disturb


@given(products())
def test_the_tile_equals_the_slow_twin_with_exact_ladders(case):
    """Up to the stated error and one code per conversion."""
    options, weights, codes = case
    weights, codes = weights[:60, :2], codes[:1, :60]
    options = options | {"copies": 1, "averaging": Averaging.DIGITAL, "rows": 40}
    wires = make_wires(5.0, sense_ohm=20.0)
    geometry = make_geometry(wires, **options)
    matrix = make_matrix(geometry, weights, bits=14)
    disturb = exact_loss(wires, options["cell_bits"])
    expected = twin.multiply(weights, codes[0], geometry, matrix.converter, disturb)
    shifts = geometry.phases.shifts, geometry.slices.shifts
    conversions = np.prod([sum(2.0**k for k in parts) for parts in shifts])
    conversions *= matrix.row_blocks * geometry.tile.pair_cols
    code = 2.0**matrix.converter.shift
    off = np.abs(matrix.multiply(codes).values[0] - expected)
    assert (off <= conversions * (code + matrix.line_error(codes).error_max)).all()


@pytest.mark.parametrize("engine", Engine)
def test_noise_rides_on_what_the_lines_let_through(engine):
    """The same draws with and without resistance differ by what the lines take, on average."""
    stream = np.random.default_rng(4)
    weights = stream.integers(64, 128, (128, 6))
    codes = stream.integers(0, 256, (400, 128)).astype(np.int16)
    noise = Fluctuation(law="relative", amplitude=0.2, source="made up for tests")
    taken = []
    for device in (make_device(), make_device(fluctuation=noise)):
        values = [
            make_matrix(make_geometry(wires), weights, device, bits=12, engine=engine)
            .multiply(codes)
            .values
            for wires in (make_wires(2.0), None)
        ]
        taken.append((values[1] - values[0]).mean())
    # One conversion in 3200 is worth half a code of rounding and no more.
    assert taken[0] > 0.01 * (codes.astype(np.int64) @ weights).mean()
    assert taken[1] == pytest.approx(taken[0], rel=0.02)


def test_frozen_deviations_see_the_same_lines():
    stream = np.random.default_rng(5)
    weights, codes = stream.integers(-127, 128, (128, 20)), stream.integers(0, 256, (4, 128))
    error = ProgrammingError(sigma_absolute=0.05, source="made up for tests")
    matrix = make_matrix(make_geometry(make_wires()), weights, make_device(programming=error))
    found = matrix.line_error(codes.astype(np.int16))
    assert found.error_rms < 0.06
    assert found.lost_mean > 0.3


def test_a_window_that_is_nearly_closed_is_followed_too():
    """A column of G_min alone weighs more level steps than 15 bits hold one by one."""
    stream = np.random.default_rng(15)
    weights, codes = stream.integers(-127, 128, (256, 6)), stream.integers(0, 256, (4, 256))
    geometry = make_geometry(make_wires(0.5), rows=256, cell_bits=1)
    matrix = make_matrix(geometry, weights, make_device(conductance_min_S=1.99e-5))
    assert matrix.programmed(0).lines.fall > 0
    error = matrix.line_error(codes.astype(np.int16))
    assert error.error_rms < 0.1 * error.lost_max


def test_more_resistance_takes_more():
    stream = np.random.default_rng(6)
    weights, codes = stream.integers(0, 128, (128, 4)), stream.integers(0, 256, (5, 128))
    sums = [
        make_matrix(make_geometry(make_wires(ohm)), weights, bits=12)
        .multiply(codes.astype(np.int16))
        .values.sum()
        for ohm in (0.0, 0.5, 2.0, 5.0)
    ]
    assert sorted(sums, reverse=True) == sums
    assert sums[-1] < 0.97 * sums[0]


def test_results_do_not_depend_on_the_batch():
    stream = np.random.default_rng(7)
    weights = stream.integers(-127, 128, (200, 7))
    codes = stream.integers(0, 256, (50, 200)).astype(np.int16)
    noise = Fluctuation(law="absolute", amplitude=0.05, source="made up for tests")
    matrix = make_matrix(make_geometry(make_wires()), weights, make_device(fluctuation=noise))
    whole = matrix.multiply(codes).values
    parts = [matrix.multiply(codes[k : k + 17], first=k).values for k in range(0, 50, 17)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("digit_bits", [1, 2, 3, 4])
def test_as_many_pulses_as_the_digit_says(digit_bits):
    digits = np.random.default_rng(8).integers(0, 1 << digit_bits, 64)
    bits = np.array([digits >> b & 1 for b in range(digit_bits)], np.uint8)
    words = with_products(np.packbits(bits, axis=1, bitorder="little").view(np.uint16)[None, None])
    pulses = pulse_planes(words, digit_bits)[0, 0]
    found = np.unpackbits(pulses.view(np.uint8), axis=1, bitorder="little")
    for number, driven in enumerate(found, start=1):
        np.testing.assert_array_equal(driven, digits >= number)
    assert len(found) == (1 << digit_bits) - 1


def test_a_matrix_of_zeros_behind_lines_gives_zero():
    matrix = make_matrix(
        make_geometry(make_wires()),
        np.zeros((10, 2), np.int64),
        make_device(conductance_min_S=0.0),
    )
    assert not matrix.multiply(np.full((2, 10), 255, np.int16)).values.any()


@pytest.mark.parametrize("subtraction", list(Subtraction))
@pytest.mark.parametrize("dac_bits", [1, 2])
@pytest.mark.parametrize("device", ["still", "fresh", "deviating"])
def test_single_arrays_see_the_lines_that_the_matrix_does(subtraction, dac_bits, device):
    stream = np.random.default_rng(9)
    weights = stream.integers(-127, 128, (200, 9))
    codes = stream.integers(0, 256, (2, 200)).astype(np.int16)
    geometry = make_geometry(make_wires(2.0), subtraction=subtraction, dac_bits=dac_bits)
    changes = {
        "still": {},
        "fresh": {"fluctuation": Fluctuation(law="relative", amplitude=0.1, source="test")},
        "deviating": {"programming": ProgrammingError(sigma_absolute=0.05, source="test")},
    }
    matrix = make_matrix(geometry, weights, make_device(**changes[device]))
    scales, phases = slice_weights(geometry), phase_weights(geometry)
    shift, converter = matrix.converter.shift + SAMPLE_BITS, matrix.converter
    found = np.zeros((2, 9), np.int64)
    for block in range(matrix.row_blocks):
        columns = ArrayColumns(matrix, block, range(9))
        rows, pairs = matrix.block_rows(block), columns.shape[0]
        for v, vector in enumerate(codes[:, rows]):
            for t, weight in enumerate(phases):
                digits = vector >> dac_bits * t & geometry.max_digit
                samples = columns.samples(digits, v, t).reshape(pairs, -1, 9)
                code = (samples + (1 << shift >> 1)) >> shift
                code = np.clip(code, converter.low, converter.high)
                folded = np.einsum("cs,csn->n", scales[:pairs], code) << converter.shift
                found[v] += int(weight) * folded
    np.testing.assert_array_equal(found, matrix.multiply(codes).values)


def exact_sums(matrix: ProgrammedMatrix, weights, codes, wires: Wires):
    """Magnitudes of the column sums of one row block of 2-bit differential cells, exactly."""
    step = (WINDOW[1] - WINDOW[0]) / 3
    levels = encode(weights, matrix.geometry)  # (pair, slices, rows, outputs)
    pair, slices, rows, outputs = levels.shape
    cells = levels.transpose(2, 0, 1, 3).reshape(rows, -1) * step + WINDOW[0]
    cells = np.hstack([cells, np.full((rows, 1), WINDOW[0])])
    driven = (codes[:, None] >> np.arange(8)[:, None] & 1).astype(bool).reshape(-1, rows)
    let = gated_columns(cells, driven, wires) / step
    return np.diff((let[:, :-1] - let[:, -1:]).reshape(-1, pair, slices * outputs), axis=1)


def test_the_range_of_a_converter_is_calibrated_on_what_the_lines_let_through():
    stream = np.random.default_rng(10)
    weights, codes = stream.integers(0, 128, (128, 5)), stream.integers(200, 256, (6, 128))
    codes = codes.astype(np.int16)
    wires = make_wires(4.0)
    behind = make_matrix(make_geometry(wires), weights).column_sum_histogram(codes)
    ideal = make_matrix(make_geometry(), weights).column_sum_histogram(codes)
    exact = np.abs(exact_sums(make_matrix(make_geometry(wires), weights), weights, codes, wires))
    assert behind.sum() == ideal.sum() == exact.size
    largest = [np.flatnonzero(counts)[-1] for counts in (behind, ideal)]
    assert largest[0] == pytest.approx(exact.max(), abs=2)
    assert largest[0] < 0.9 * largest[1]
    mean = (behind * np.arange(behind.size)).sum() / behind.sum()
    assert mean == pytest.approx(exact.mean(), abs=0.7)  # half of it is the rounding up


def test_a_histogram_behind_lines_of_zero_ohms_is_the_ideal_one():
    stream = np.random.default_rng(11)
    weights = stream.integers(-127, 128, (300, 70))
    codes = stream.integers(0, 256, (40, 300)).astype(np.int16)
    found = [
        make_matrix(make_geometry(wires), weights).column_sum_histogram(codes)
        for wires in (None, make_wires(0.0))
    ]
    np.testing.assert_array_equal(*found)


def test_the_power_is_that_of_the_exact_currents():
    """Two columns of a pair, two driven rows: a circuit solved by hand."""
    wires, high, low = make_wires(100.0), WINDOW[1], WINDOW[0]
    geometry = make_geometry(wires, cell_bits=4, precision=Precision(weight_bits=5))
    matrix = make_matrix(geometry, np.array([[15], [15]]))
    error = matrix.line_error(np.array([[1, 1]], np.int16))

    def column(cell):
        above = 1 / (1 / cell + 100)
        return 1 / (1 / (above + cell) + 100)

    share = (column(high) + column(low)) / (2 * high + 2 * low)
    assert error.power_share == pytest.approx(share, rel=1e-9)
    assert error.conversions == 2 * geometry.phases.count


def test_lanes_that_hold_no_column_do_not_count():
    stream = np.random.default_rng(12)
    weights, codes = stream.integers(-127, 128, (128, 5)), stream.integers(0, 256, (3, 128))
    codes = codes.astype(np.int16)
    wide = make_geometry(make_wires(), cell_bits=1)  # 35 lanes of 36
    error = make_matrix(wide, weights).line_error(codes)
    parts = [make_matrix(wide, weights[:, [n]]).line_error(codes) for n in range(5)]
    assert error.conversions == 3 * 8 * 2 * 35
    joined = LineError.joined(parts)
    assert error.lost_mean == pytest.approx(joined.lost_mean, rel=1e-12)
    assert error.power_share == pytest.approx(joined.power_share, rel=1e-12)


def test_chains_of_states_with_resistive_lines_are_refused():
    chained = Fluctuation(
        law="absolute",
        amplitude=0.1,
        states="markov",
        high_dwell_s=1e-6,
        low_dwell_s=1e-6,
        source="made up for tests",
    )
    with pytest.raises(MappingError, match=r"tile\.wires: expected none for states 'markov'"):
        make_matrix(
            make_geometry(make_wires()),
            np.ones((10, 2), np.int64),
            make_device(fluctuation=chained),
            engine=Engine.EXACT,
        )


def test_an_error_of_lines_without_resistance_is_refused():
    matrix = make_matrix(make_geometry(), np.ones((10, 2), np.int64))
    with pytest.raises(MappingError, match=r"tile\.wires: expected resistances and a device"):
        matrix.line_error(np.zeros((1, 10), np.int16))


def test_lines_that_take_most_of_the_current_are_refused():
    with pytest.raises(MappingError, match=r"tile\.wires: expected lines that take at most half"):
        make_matrix(make_geometry(make_wires(100.0)), np.full((128, 2), 127))
