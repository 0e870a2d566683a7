"""Drift, stuck cells, traps, thermal, shot and converter noise: limits and laws first."""

from dataclasses import astuple

import numpy as np
import pytest

from hwsim.device.fluctuation import level_step
from hwsim.device.spec import Drift, Faults, Scenario, States
from hwsim.errors import MappingError
from hwsim.tile.converter import Converter
from hwsim.tile.disturbance import Disturbance, cell_values
from hwsim.tile.encoding import encode, phase_weights, slice_weights
from hwsim.tile.geometry import Geometry
from hwsim.tile.knobs import tile_with
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.noise import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C, column_noise
from hwsim.tile.spec import Engine, Knobs, Precision, ReadNoise
from tests.hwsim.test_tile import fluctuation, make_device, make_tile

SOURCE = {"source": "made up for tests"}


def matrix_of(weights, geometry, device, *, place=(1,), engine=Engine.MOMENTS, **scenario):
    converter = Converter(16, 0, True)
    return ProgrammedMatrix(
        weights[None], geometry, converter, device, place, engine, Scenario(**scenario)
    )


def layer(rows=64, outputs=6, **tile):
    stream = np.random.default_rng(3)
    geometry = Geometry(make_tile(rows=64, subtraction="analog", **tile), Precision())
    weights = stream.integers(-127, 128, (rows, outputs))
    codes = stream.integers(0, 256, (4, rows)).astype(np.int16)
    return geometry, weights, codes


def test_nothing_has_drifted_at_the_start():
    geometry, weights, codes = layer()
    device = make_device(drift=Drift(nu_mean=0.1, nu_sigma=0.05, start_s=20.0, **SOURCE))
    exact = codes.astype(np.int64) @ weights
    for scenario in ({}, {"time_s": 20.0}, {"time_s": 1.0}):
        found = matrix_of(weights, geometry, device, **scenario).multiply(codes).values
        np.testing.assert_array_equal(found, exact)


def test_uniform_drift_scales_every_product_alike():
    geometry, weights, codes = layer()
    device = make_device(drift=Drift(nu_mean=0.05, start_s=20.0, **SOURCE))
    found = matrix_of(weights, geometry, device, time_s=20.0 * 1000).multiply(codes).values
    exact = codes.astype(np.int64) @ weights
    factor = 1000**-0.05
    # Each of the conversions rounds to a level step; cells are rounded to 1/32 step.
    slack = np.abs(phase_weights(geometry)).sum() * slice_weights(geometry)[0].sum()
    assert np.abs(found - factor * exact).max() < slack * (0.5 + 64 * 2 / 64)
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("factor", [0.9999, 0.986, 0.95])
def test_cells_that_drift_by_less_than_their_rounding_are_right_in_the_mean(factor):
    device = make_device(drift=Drift(nu_mean=-np.log10(factor), start_s=20.0, **SOURCE))
    disturbance = Disturbance.of(device, 1, Scenario(time_s=200.0))
    found = cell_values(np.ones((200, 500), np.uint8), disturbance, (1, 2), 1) / 32
    assert found.std() <= 1 / 64 + 1e-9
    assert found.mean() == pytest.approx(factor, abs=5 / 64 / np.sqrt(found.size))
    whole = cell_values(np.ones((200, 500), np.uint8), Disturbance.none(2), (1, 2), 1)
    assert (whole == 32).all()


def test_stuck_cells_are_at_the_ends_of_the_window():
    geometry, weights, codes = layer()
    exact = codes.astype(np.int64) @ weights
    none = make_device(faults=Faults(**SOURCE))
    np.testing.assert_array_equal(matrix_of(weights, geometry, none).multiply(codes).values, exact)
    off = make_device(faults=Faults(stuck_off=1.0, **SOURCE))
    assert not matrix_of(weights, geometry, off).multiply(codes).values.any()
    on = make_device(faults=Faults(stuck_on=1.0, **SOURCE))
    assert not matrix_of(weights, geometry, on).multiply(codes).values.any()  # P and N alike


def test_share_of_stuck_cells_is_the_rate():
    geometry, weights, _ = layer(rows=64, outputs=200)
    device = make_device(faults=Faults(stuck_on=0.1, stuck_off=0.05, **SOURCE))
    matrix = matrix_of(weights, geometry, device)
    one_hot = np.eye(64, dtype=np.int16)
    found = matrix.multiply(one_hot).values  # the weights as the cells hold them
    changed = (found != weights).mean()
    # A weight changes when any of its eight cells leaves its level.
    levels = encode(weights, geometry)
    keep = np.where(levels == 3, 0.95, np.where(levels == 0, 0.9, 0.85))
    expected = 1 - keep.prod(axis=(0, 1)).mean()
    assert changed == pytest.approx(expected, abs=5 * np.sqrt(0.25 / weights.size))


@pytest.mark.compiled
def test_traps_add_their_variances():
    geometry = Geometry(make_tile(subtraction="analog"), Precision(weight_bits=5, input_bits=4))
    stream = np.random.default_rng(8)
    weights = stream.integers(-15, 16, (16, 2))
    codes = np.tile(stream.integers(0, 16, 16).astype(np.int16), (20_000, 1))
    for states, engine in (
        (States.INDEPENDENT, Engine.MOMENTS),
        (States.INDEPENDENT, Engine.EXACT),
    ):
        variances = []
        for traps in (1, 3):
            noise = fluctuation(amplitude=0.8 / np.sqrt(2), traps=traps, states=states)
            device = make_device(fluctuation=noise)
            matrix = matrix_of(weights, geometry, device, engine=engine)
            variances.append(matrix.multiply(codes).values.var(axis=0).mean())
        assert variances[1] / variances[0] == pytest.approx(3, rel=0.06), engine


# --- noise of the current ----------------------------------------------------------------


def noisy_tile(volt=0.2, **noise):
    return make_tile(subtraction="analog", read_voltage_V=volt, noise=ReadNoise(**noise, **SOURCE))


def test_thermal_and_shot_noise_have_their_textbook_size():
    """One cell at G_max, read for t: variances 4kTG/(2t) and 2qI/(2t) of its current."""
    device = make_device()
    tile, volt, on = noisy_tile(), 0.2, 1e-5
    pulse = tile.read_cycles / tile.clock_Hz
    noise = column_noise(device, tile, Scenario(temperature_K=350.0), 1)
    step = level_step(device, 2) * volt
    relative = (noise.per_pulse + 3 * noise.per_level) * step**2
    thermal = 4 * BOLTZMANN_J_PER_K * 350.0 * on / (2 * pulse)
    shot = 2 * ELEMENTARY_CHARGE_C * on * volt / (2 * pulse)
    assert relative == pytest.approx(thermal + shot, rel=1e-12)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_unit_pulse_has_the_same_noise_whatever_the_digit(bits):
    tile = noisy_tile(converter_A=1e-8)
    longer = tile_with(tile, Knobs(dac_bits=bits))
    assert longer.unit_pulse_s == pytest.approx(tile.unit_pulse_s)
    one, more = (column_noise(make_device(), t, Scenario(), 1) for t in (tile, longer))
    assert astuple(more) == pytest.approx(astuple(one))


def test_noise_beyond_what_samples_hold_is_refused():
    found = r"^tile.noise: expected at most 100000 level steps \(rms\) in a conversion, found "
    for tile in (noisy_tile(converter_A=0.5), noisy_tile(volt=1e-6, converter_A=1e-6)):
        with pytest.raises(MappingError, match=found):
            column_noise(make_device(), tile, Scenario(), 1)


def test_cell_read_of_the_reference_table_has_its_noise():
    """10 uS, 0.2 V, 10 ns at 300 K: thermal 0.14 %, shot 0.28 % of the current (rms)."""
    device = make_device(conductance_min_S=0.0)
    for kind, share in (("thermal", 0.0014), ("shot", 0.0028)):
        tile = noisy_tile(thermal=kind == "thermal", shot=kind == "shot").replace(
            clock_Hz=1e8, cell_bits=1
        )
        noise = column_noise(device, tile, Scenario(), 1)
        assert np.sqrt(noise.per_level) == pytest.approx(share, rel=0.03)


def test_doubling_the_voltage_quarters_thermal_and_converter_noise_and_halves_shot():
    device = make_device()
    for kind, ratio in (("thermal", 4), ("shot", 2)):
        low, high = (
            column_noise(
                device, noisy_tile(v, thermal=kind == "thermal", shot=kind == "shot"), Scenario(), 1
            )
            for v in (0.1, 0.2)
        )
        assert low.per_level / high.per_level == pytest.approx(ratio)
    low, high = (
        column_noise(
            device, noisy_tile(v, thermal=False, shot=False, converter_A=1e-8), Scenario(), 1
        )
        for v in (0.1, 0.2)
    )
    assert low.floor / high.floor == pytest.approx(4)


@pytest.mark.compiled
@pytest.mark.parametrize("engine", list(Engine))
def test_products_have_the_variance_of_the_column_noise(engine):
    """A current so small that a level step is near the noise; fixed streams."""
    vectors = 30_000
    stream = np.random.default_rng(5)
    device = make_device(conductance_min_S=1e-9, conductance_max_S=1e-8)
    tile = noisy_tile(converter_A=6e-10)
    geometry = Geometry(tile, Precision(weight_bits=5, input_bits=4))
    weights = stream.integers(-15, 16, (32, 3))
    codes = np.tile(stream.integers(0, 16, 32).astype(np.int16), (vectors, 1))
    matrix = matrix_of(weights, geometry, device, engine=engine)
    found = matrix.multiply(codes).values
    noise = column_noise(device, tile, Scenario(), 1)
    variance = np.zeros(3)
    levels = encode(weights, geometry).astype(float)
    for t, phase in enumerate(phase_weights(geometry)):
        driven = (codes[0] >> t & 1)[:, None]
        per_column = (driven * (noise.per_pulse + noise.per_level * levels)).sum(axis=2)
        per_slice = per_column.sum(axis=0) + noise.floor + 1 / 12
        scales = slice_weights(geometry)[0][:, None] ** 2
        variance += float(phase) ** 2 * (scales * per_slice).sum(axis=0)
    ratio = found.var(axis=0) / variance
    assert np.abs(ratio - 1).max() < 0.05, ratio
