"""`moments` beside `exact`: the same mean, variance and clipped codes where many rows drive."""

import numpy as np
import pytest

from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, make_device, make_tile

READS, OUTPUTS = 45_000, 6


def codes(engine, law, duty, converter, levels):
    """(READS, OUTPUTS) codes of one phase and slice, 128 rows driven."""
    geometry = Geometry(
        make_tile(rows=128, subtraction="analog"), Precision(weight_bits=3, input_bits=2)
    )
    device = make_device(fluctuation=fluctuation(law, 0.31, duty=duty), conductance_min_S=2e-6)
    place = (9, engine is Engine.EXACT)
    matrix = ProgrammedMatrix(levels[None], geometry, converter, device, place, engine)
    inputs = np.ones((READS, 128), np.int16)
    return matrix.multiply(inputs).values / (1 << converter.shift)


@pytest.mark.compiled
@pytest.mark.parametrize("law", ["absolute", "relative"])
@pytest.mark.parametrize("duty", [0.5, 0.8])
def test_engines_agree_in_mean_variance_and_the_share_of_clipped_codes(law, duty):
    """Fixed streams; a 1 % error of the standard deviation is more than 5 sigma of the codes'."""
    levels = np.random.default_rng(3).integers(-3, 4, (128, OUTPUTS))
    wide = Converter(12, 0, True)
    exact = codes(Engine.EXACT, law, duty, wide, levels)
    drawn = codes(Engine.MOMENTS, law, duty, wide, levels)
    sigma = exact.std(axis=0)
    means = (exact.mean(axis=0) - drawn.mean(axis=0)) / (sigma * np.sqrt(2 / READS))
    assert np.abs(means).max() < 5, means
    spread = (drawn.std(axis=0) / sigma - 1).mean() * np.sqrt(READS * OUTPUTS)
    assert abs(spread) < 5, spread
    if law == "absolute":
        return  # all cells alike: exact sums lie on a lattice, which moments do not know
    # One converter whose upper bound lies about one sigma above the mean of each column.
    for n in range(OUTPUTS):
        bound = exact[:, n].mean() + sigma[n]
        share = [(found[:, n] >= bound).mean() for found in (exact, drawn)]
        error = (share[0] - share[1]) / np.sqrt(2 * share[0] * (1 - share[0]) / READS)
        assert abs(error) < 5, (n, share)


@pytest.mark.compiled
def test_engines_clip_the_same_share_of_codes():
    levels = np.full((128, OUTPUTS), 2)  # mean 256: the middle of the last code of eight bits
    converter = Converter(8, 1, True)
    shares = []
    for engine in (Engine.EXACT, Engine.MOMENTS):
        found = codes(engine, "relative", 0.5, converter, levels)
        assert found.max() == converter.high
        shares.append((found == converter.high).mean())
    error = (shares[0] - shares[1]) / np.sqrt(2 * 0.25 / (READS * OUTPUTS))
    assert 0.2 < shares[0] < 0.8
    assert abs(error) < 5, shares
