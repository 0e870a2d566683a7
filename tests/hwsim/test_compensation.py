"""What takes off the current of G_min: ideally, digitally, or by a dummy column of each array."""

from math import comb

import numpy as np
import pytest

from hwsim.device.fluctuation import fluctuation_amplitude, level_step
from hwsim.device.spec import Drift, ProgrammingError, Scenario, States
from hwsim.errors import MappingError, SpecError
from hwsim.peripherals.spec import Adc, AdcErrors
from hwsim.spec import validate
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.converter import Converter, column_bound, converted_offset, full_shift
from hwsim.tile.encoding import phase_weights, slice_weights
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Encoding, Engine, Precision, ReadNoise, TileSpec, Wires
from tests.hwsim.test_tile import fluctuation, make_device, make_tile

SOURCE = {"source": "made up for tests"}
ENCODINGS = list(Encoding)
BOTH = ["dummy_column", "digital"]


def matrix_of(compensation, *, encoding=Encoding.OFFSET, device=None, bits=16, **options):
    """60 inputs on two row blocks, 40 outputs on several arrays."""
    tile = make_tile(
        encoding=encoding, compensation=compensation, cols=96, **options.pop("tile", {})
    )
    geometry = Geometry(tile, Precision(weight_bits=6, input_bits=4), options.pop("redundancy", 1))
    weights = np.random.default_rng(1).integers(-31, 32, (1, 60, 40))
    device = device or make_device()
    rows = geometry.inputs_per_array
    bound = column_bound(geometry, rows, offset=converted_offset(geometry, device))
    converter = Converter(bits, full_shift(bound, bits, False), False)
    return ProgrammedMatrix(weights, geometry, converter, device, (5,), **options), weights[0]


def codes_of(vectors=4, rows=60):
    return np.random.default_rng(2).integers(0, 16, (vectors, rows)).astype(np.int16)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("compensation", BOTH)
@pytest.mark.parametrize("redundancy", [1, 2])
def test_undisturbed_cells_give_the_integer_product_however_compensated(
    encoding, compensation, redundancy
):
    for averaging in ("analog", "digital"):
        matrix, weights = matrix_of(
            compensation, encoding=encoding, redundancy=redundancy, tile={"averaging": averaging}
        )
        codes = codes_of()
        expected = matrix.copies * (codes.astype(np.int64) @ weights)
        if compensation == "digital":  # every conversion rounds to a level step
            slack = np.abs(phase_weights(matrix.geometry)).sum() / 2 + 1
            slack *= 2 * matrix.copies * np.abs(slice_weights(matrix.geometry)).sum()
            found = matrix.multiply(codes).values
            assert np.abs(found - expected).max() <= slack
            assert np.abs((found - expected).mean()) < slack / 4
        else:
            np.testing.assert_array_equal(matrix.multiply(codes).values, expected)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_digital_offset_of_whole_level_steps_is_exact(encoding):
    device = make_device(conductance_min_S=1e-6, conductance_max_S=4e-6)  # G_min: one step
    matrix, weights = matrix_of("digital", encoding=encoding, device=device)
    codes = codes_of()
    np.testing.assert_array_equal(matrix.multiply(codes).values, codes.astype(np.int64) @ weights)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_packed_groups_are_compensated_by_the_inputs_of_all_groups(encoding):
    device = make_device(conductance_min_S=1e-6, conductance_max_S=4e-6)
    weights = np.random.default_rng(4).integers(-31, 32, (2, 15, 6))
    codes = codes_of(rows=30)
    for compensation in BOTH:
        tile = make_tile(encoding=encoding, compensation=compensation)
        geometry = Geometry(tile, Precision(weight_bits=6, input_bits=4))
        matrix = ProgrammedMatrix(weights, geometry, Converter(12, 0, False), device, (5,))
        wide = codes.astype(np.int64)
        expected = np.hstack([wide[:, :15] @ weights[0], wide[:, 15:] @ weights[1]])
        np.testing.assert_array_equal(matrix.multiply(codes).values, expected)


def test_a_converted_offset_costs_range():
    """G_min of one step per cell beside levels up to three: a third more range, one bit here."""
    device = make_device(conductance_min_S=1e-6, conductance_max_S=4e-6)
    shifts = []
    for compensation in ("ideal", *BOTH):
        geometry = Geometry(make_tile(encoding="offset", compensation=compensation), Precision())
        offset = converted_offset(geometry, device)
        shifts.append(full_shift(column_bound(geometry, 32, offset=offset), 7, False))
    assert shifts == [0, 0, 1]
    assert converted_offset(geometry, None) == 0


def test_programmed_dummy_cells_disturb_all_columns_of_their_array_alike():
    """Errors of cells at G_min alone: all other levels are exact."""
    points = ((0.0, 0.05), (0.11, 0.05), (0.3, 0.0), (1.0, 0.0))
    device = make_device(programming=ProgrammingError(points=points, **SOURCE))
    levels = np.full((1, 60, 40), 31)  # two's complement of 31: level 3, 3, 1; sign 0
    tile = make_tile(encoding="offset", compensation="dummy_column", cols=96)
    geometry = Geometry(tile, Precision(weight_bits=6, input_bits=4))
    matrix = ProgrammedMatrix(levels, geometry, Converter(16, 0, False), device, (5,))
    codes = codes_of(vectors=30)
    error = matrix.multiply(codes).values - codes.astype(np.int64) @ levels[0]
    per_array = geometry.weights_per_row
    assert per_array == 32
    assert (error[:, :per_array] == error[:, :1]).all()
    assert (error[:, per_array:] == error[:, -1:]).all()
    assert not np.array_equal(error[:, 0], error[:, -1])
    assert error.std() > 0


@pytest.mark.compiled
@pytest.mark.parametrize("engine", list(Engine))
def test_fluctuating_dummy_cells_add_their_variance_once_to_all_columns(engine):
    """Weights of level 3 in every cell and an amplitude at G_min only."""
    vectors, rows = 40_000, 20
    device = make_device(
        fluctuation=fluctuation("table", 0.0, table=(0.07, 0.0, 0.0, 0.0), duty=0.3)
    )
    weights = np.full((1, rows, 2), 31)
    tile = make_tile(encoding="offset", compensation="dummy_column", averaging="analog")
    geometry = Geometry(tile, Precision(weight_bits=6, input_bits=2), redundancy=1)
    matrix = ProgrammedMatrix(weights, geometry, Converter(16, 0, False), device, (5,), engine)
    codes = np.full((vectors, rows), 3, np.int16)
    error = matrix.multiply(codes).values - 3 * 31 * rows
    np.testing.assert_array_equal(error[:, 0], error[:, 1])
    amplitude = fluctuation_amplitude(device, 2)[0]
    scale = slice_weights(geometry).sum()
    phases = phase_weights(geometry)
    mean, variance = rows * amplitude * (1 - 2 * 0.3), rows * amplitude**2 * 4 * 0.3 * 0.7 + 1 / 12
    if engine is Engine.EXACT:  # few values, rounded: no even spread within a level step
        high = np.arange(rows + 1)
        chance = np.array([comb(rows, k) * 0.3**k * 0.7 ** (rows - k) for k in high])
        taken = np.floor(0.5 - amplitude * (2 * high - rows))
        mean = chance @ taken
        variance = chance @ (taken - mean) ** 2
    mean *= scale * phases.sum()
    variance *= scale**2 * (phases**2).sum()
    z = (error.mean() - mean) / np.sqrt(variance / vectors)
    assert abs(z) < 5, z
    assert error[:, 0].var() == pytest.approx(variance, rel=0.04)


def test_a_digital_offset_does_not_follow_drift_and_a_dummy_column_does():
    device = make_device(drift=Drift(nu_mean=0.05, start_s=20.0, **SOURCE))
    scenario = Scenario(time_s=2e4)
    codes = codes_of()
    found = {
        name: matrix_of(name, device=device, scenario=scenario)[0].multiply(codes).values
        for name in ("ideal", *BOTH)
    }
    slack = 0.05 * np.abs(found["ideal"]).max() + 200
    assert np.abs(found["dummy_column"] - found["ideal"]).max() < slack
    left = level_offset(device) * (1000**-0.05 - 1)  # level steps of current that stay, per pulse
    missing = found["digital"] - found["ideal"]
    pulses = codes.sum(axis=1)[:, None]
    np.testing.assert_allclose(missing / pulses, left * 21, atol=3)


def level_offset(device) -> float:
    return device.conductance_min_S / level_step(device, 2)


@pytest.mark.parametrize("compensation", BOTH)
@pytest.mark.parametrize("engine", list(Engine))
def test_codes_do_not_depend_on_the_batch(compensation, engine):
    device = make_device(fluctuation=fluctuation(), programming=ProgrammingError(
        sigma_absolute=0.02, **SOURCE))  # fmt: skip
    adc = Adc(bits=8, columns_per_adc=8, errors=AdcErrors(offset_sigma_lsb=1, **SOURCE))
    matrix, _ = matrix_of(compensation, device=device, engine=engine, bits=8, tile={"adc": adc})
    codes = codes_of(6)
    whole = matrix.multiply(codes, first=3).values
    parts = [matrix.multiply(codes[v : v + 2], first=3 + v).values for v in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("compensation", BOTH)
def test_single_arrays_are_refused(compensation):
    matrix, _ = matrix_of(compensation)
    expected = f"^tile.compensation: expected 'ideal' for single arrays, found '{compensation}'$"
    with pytest.raises(MappingError, match=expected):
        ArrayColumns(matrix, 0, range(2))


def test_dummy_columns_of_chained_states_are_refused():
    noise = fluctuation(states=States.MARKOV, high_dwell_s=1e-7, low_dwell_s=1e-7)
    with pytest.raises(MappingError, match=r"^tile.compensation: expected 'ideal' or 'digital' "):
        matrix_of("dummy_column", device=make_device(fluctuation=noise), engine=Engine.EXACT)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"encoding": "differential", "subtraction": "analog", "compensation": "digital"},
            "tile: compensation: must be 'ideal' for pairs subtracted in the array",
        ),
        (
            {"compensation": "dummy_column", "wires": Wires(**SOURCE)},
            "tile: compensation: must be 'ideal' where wires have resistance",
        ),
        (
            {
                "compensation": "digital",
                "adc": Adc(bits=8, columns_per_adc=8, range="calibrated"),
            },
            "tile: compensation: 'digital' needs adc.range 'full'",
        ),
    ],
)
def test_what_does_not_go_together_is_named(changes, expected):
    content = make_tile().model_dump() | {"encoding": "offset"} | changes
    with pytest.raises(SpecError) as found:
        validate(TileSpec, content, "tile")
    assert str(found.value) == expected


@pytest.mark.parametrize("engine", list(Engine))
def test_a_dummy_column_adds_no_noise_of_the_converter_and_its_own_of_the_cells(engine):
    codes = codes_of(200)
    for noise, alike in (
        (ReadNoise(thermal=False, shot=False, converter_A=1e-6, **SOURCE), True),
        (ReadNoise(thermal=True, shot=True, **SOURCE), False),
    ):
        ideal, dummy = (
            matrix_of(name, engine=engine, tile={"noise": noise, "clock_Hz": 1e12})[0]
            .multiply(codes)
            .values
            for name in ("ideal", "dummy_column")
        )
        assert np.array_equal(ideal, dummy) == alike
        assert ideal.std() > 0
