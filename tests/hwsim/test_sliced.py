"""Slices of a weight in different parts of the conductance window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.device.spec import Scenario, States
from hwsim.errors import MappingError
from hwsim.tile.geometry import Geometry
from hwsim.tile.knobs import devices_with
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.sliced import SlicedMatrix
from hwsim.tile.spec import Engine, Knobs, Precision
from tests.hwsim.test_tile import (
    Converter,
    fluctuation,
    full_converter,
    make_device,
    make_tile,
    products,
)

SCALES = (0.25, 0.5, 1.0)
PRECISION = Precision(weight_bits=4, input_bits=4)


def one_bit_cells(**changes) -> Geometry:
    return Geometry(make_tile(cell_bits=1, subtraction="analog", **changes), PRECISION)


def sliced(weights, geometry, device, *, scales=SCALES, place=(0,), engine=Engine.MOMENTS, **more):
    devices = devices_with(device, Knobs(slice_scales=scales))
    converter = Converter(16, 0, True)
    return SlicedMatrix(
        weights[None], geometry, converter, devices, place, engine, Scenario(), **more
    )


def scales_of(geometry: Geometry, seed: int) -> tuple[float, ...]:
    drawn = np.random.default_rng(seed).uniform(0.1, 1, geometry.slices.count)
    return tuple(drawn / drawn.max())


@settings(max_examples=60, deadline=None)
@given(products(), st.integers(0, 99))
def test_products_of_undisturbed_cells_are_the_integer_ones(case, seed):
    geometry, weights, codes = case
    if geometry.tile.encoding.value != "differential" or geometry.slices.count < 2:
        return
    devices = devices_with(make_device(), Knobs(slice_scales=scales_of(geometry, seed)))
    converter = full_converter(geometry, len(weights))
    matrix = SlicedMatrix(weights[None], geometry, converter, devices)
    plain = ProgrammedMatrix(weights[None], geometry, converter)
    found, expected = matrix.multiply(codes), plain.multiply(codes)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.row_pulses, expected.row_pulses)
    np.testing.assert_array_equal(found.row_swings, expected.row_swings)
    np.testing.assert_array_equal(matrix.row_levels, plain.row_levels)
    np.testing.assert_array_equal(
        matrix.column_sum_histogram(codes), plain.column_sum_histogram(codes)
    )


@pytest.mark.compiled
@pytest.mark.parametrize("engine", Engine)
def test_noise_of_a_slice_is_that_of_its_window(engine):
    """Both cells of a pair, the slice's weight, the inverse of its window, all squared.

    The mean within 5 standard errors, the variance within 5 sqrt(2 / n) = 4.5 %.
    """
    reads, stream = 25_000, np.random.default_rng(1)
    geometry = one_bit_cells()
    weights = stream.integers(-7, 8, (32, 3))
    codes = np.tile(stream.integers(0, 16, 32).astype(np.int16), (reads, 1))
    device = make_device(fluctuation=fluctuation(amplitude=0.3))
    found = sliced(weights, geometry, device, place=(4,), engine=engine).multiply(codes).values
    amplitude = 0.3 * 10e-6 / 9e-6  # of the whole window's step
    of_slices = sum(4**s * 2 * (amplitude / c) ** 2 for s, c in enumerate(SCALES))
    driven = sum(4**t * (codes[0] >> t & 1).sum() for t in range(4))
    rounding = sum(4**t for t in range(4)) * sum(4**s for s in range(3)) / 12
    variance = driven * of_slices + rounding
    error = np.abs(found.mean(axis=0) - codes[0] @ weights) / np.sqrt(variance / reads)
    assert error.max() < 5
    np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.045)


@pytest.mark.compiled
def test_frozen_states_stand_for_good_and_differ_between_devices():
    """3000 deviates of known variance: 5 sqrt(2 / n) = 13 %.

    Sums spread by 0.7 level step and more, so that rounding adds 1/12.
    """
    stream = np.random.default_rng(2)
    geometry, weights = one_bit_cells(), stream.integers(-7, 8, (32, 50))
    codes = np.tile(stream.integers(1, 16, 32).astype(np.int16), (2, 1))
    law = fluctuation(amplitude=0.06, states=States.FROZEN)
    device = make_device(fluctuation=law, conductance_min_S=5e-6)
    errors = []
    for sample in range(60):
        values = sliced(weights, geometry, device, place=(sample,)).multiply(codes).values
        np.testing.assert_array_equal(values[0], values[1])
        errors.append(values[0] - codes[0] @ weights)
    amplitude = 0.06 * 10e-6 / 5e-6
    of_slices = sum(4**s * 2 * (amplitude / c) ** 2 for s, c in enumerate(SCALES))
    rounding = sum(4**t for t in range(4)) * sum(4**s for s in range(3)) / 12
    variance = (codes[0].astype(float) ** 2).sum() * of_slices + rounding
    assert np.var(errors) == pytest.approx(variance, rel=0.13)


def test_correlated_states_and_stuck_cells_are_those_of_the_slice():
    stream = np.random.default_rng(3)
    geometry, weights = one_bit_cells(), stream.integers(-7, 8, (32, 3))
    codes = stream.integers(0, 16, (20, 32)).astype(np.int16)
    law = fluctuation(states=States.MARKOV, high_dwell_s=1e-6, low_dwell_s=1e-6)
    chained = sliced(weights, geometry, make_device(fluctuation=law), engine=Engine.EXACT)
    assert not np.array_equal(chained.multiply(codes).values, codes @ weights)
    stuck = np.full((1, 1, 2, 3, 32, 3), -1, np.int8)
    stuck[0, 0, 0, 1] = 0  # the middle slice of positive cells
    held = sliced(weights, geometry, make_device(), stuck=stuck).multiply(codes).values
    without = np.where(weights > 0, weights & ~2, weights)
    np.testing.assert_array_equal(held, codes @ without)


@pytest.mark.parametrize(
    ("changes", "scales", "message"),
    [
        ({}, (0.5, 1.0), r"expected 3 \(slices of weights of 4 bits\), found 2"),
        ({"encoding": "offset"}, (0.1, 0.2, 0.5, 1.0), "none with encoding 'offset'"),
        (
            {"compensation": "dummy_column", "subtraction": "digital"},
            SCALES,
            "none with dummy columns or errors of converters",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes, scales, message):
    geometry = Geometry(make_tile(cell_bits=1, **changes), PRECISION)
    devices = devices_with(make_device(), Knobs(slice_scales=scales))
    with pytest.raises(MappingError, match=f"^slice_scales: expected {message}|{message}"):
        SlicedMatrix(np.zeros((1, 4, 2), int), geometry, Converter(8, 0, True), devices)


def test_one_slice_uses_the_whole_of_its_layers_window():
    with pytest.raises(ValueError, match=r"slice_scales\n.*must hold a 1"):
        Knobs(slice_scales=(0.5, 0.9))
    with pytest.raises(ValueError, match="must hold a 1"):
        Knobs(slice_scales=())
