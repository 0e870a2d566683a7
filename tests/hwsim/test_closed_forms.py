"""Closed forms of reading bit by bit against one pulse as long as the input (docs/model/tile.md).

With independent states,  Var(one pulse) = sum a^2 x^2,  Var(bit by bit) = sum a^2 sum_p 4^p b_p.
A DAC of B bits is the pulse-width read: one phase, a pulse of x units.
"""

import numpy as np
import pytest

from hwsim.device.spec import States
from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, make_device, make_tile

VECTORS = 4000

pytestmark = pytest.mark.compiled


def product_variance(codes, bits, dac_bits, states=States.INDEPENDENT, engine=Engine.MOMENTS):
    """Variance of the products of `codes` with weights of level 0, one cell each."""
    tile = make_tile(
        rows=256, cell_bits=1, encoding="twos_complement", dac_bits=dac_bits, subtraction="analog"
    )
    geometry = Geometry(tile, Precision(weight_bits=2, input_bits=bits))
    device = make_device(fluctuation=fluctuation(amplitude=1.0, states=states))
    samples = []
    for place in range(1 if states is States.INDEPENDENT else 40):
        matrix = ProgrammedMatrix(
            np.zeros((1, codes.shape[1], 16), int),
            geometry,
            Converter(16, 0, True),
            device,
            (21, place),
            engine,
        )
        samples.append(matrix.multiply(codes).values)
    return np.concatenate(samples).var()


def uniform_codes(bits):
    stream = np.random.default_rng(31)
    return stream.integers(0, 1 << bits, (VECTORS, 256)).astype(np.int16)


def relu_codes(bits):
    stream = np.random.default_rng(32)
    values = np.maximum(stream.normal(size=(VECTORS, 256)), 0) / 3
    return np.clip(np.rint(values * ((1 << bits) - 1)), 0, (1 << bits) - 1).astype(np.int16)


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("engine", list(Engine))
def test_reading_bit_by_bit_divides_the_variance_of_uniform_codes(bits, engine):
    codes = uniform_codes(bits)
    ratio = product_variance(codes, bits, 1, engine=engine)
    ratio /= product_variance(codes, bits, bits, engine=engine)
    expected = ((1 << bits) + 1) / ((1 << (bits + 1)) - 1)
    assert ratio == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("codes_of", [uniform_codes, relu_codes])
@pytest.mark.parametrize("bits", range(2, 9))
def test_the_variance_ratio_is_that_of_the_codes_own_bits(codes_of, bits):
    """The formula itself over all bit widths; for uniform codes it is (2^B+1)/(2^(B+1)-1)."""
    x = codes_of(bits).astype(np.int64)
    planes = sum(4**p * (x >> p & 1) for p in range(bits)).sum()
    ratio = planes / (x**2).sum()
    assert ratio <= 1
    if codes_of is uniform_codes:
        assert ratio == pytest.approx(((1 << bits) + 1) / ((1 << (bits + 1)) - 1), rel=0.01)
    if bits <= 4:  # what one DAC can drive in one pulse
        measured = product_variance(codes_of(bits), bits, 1)
        measured /= product_variance(codes_of(bits), bits, bits)
        assert measured == pytest.approx(ratio, rel=0.04)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_reading_bit_by_bit_drives_fewer_unit_pulses(bits):
    """Cell energy of uniform codes: B / (2^B - 1) of a pulse as long as the input."""
    codes = uniform_codes(bits)
    pulses = []
    for dac_bits in (1, bits):
        tile = make_tile(rows=256, dac_bits=dac_bits)
        geometry = Geometry(tile, Precision(weight_bits=2, input_bits=bits))
        matrix = ProgrammedMatrix(np.zeros((1, 256, 2), int), geometry, Converter(8, 4, False))
        pulses.append(matrix.multiply(codes).row_pulses.sum())
    assert pulses[0] / pulses[1] == pytest.approx(bits / ((1 << bits) - 1), rel=0.01)


def test_frozen_states_gain_nothing_from_reading_bit_by_bit():
    codes = np.tile(uniform_codes(3)[:1], (2, 1))
    ratio = product_variance(codes, 3, 1, States.FROZEN)
    ratio /= product_variance(codes, 3, 3, States.FROZEN)
    assert ratio == pytest.approx(1.0, rel=0.01)  # the same cells, read by the same formula
