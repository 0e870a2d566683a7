"""Addressed randomness: a pure function of its address, and of good quality."""

import numpy as np
import pytest
from scipy import stats

from hwsim.rng import GOLDEN, address, mix, normal_deviates, random_words


def words(count: int, *place: int) -> np.ndarray:
    out = np.empty(count, np.uint64)
    random_words(address(*place), 0, out)
    return out


def test_mix_is_splitmix64():
    """First outputs of SplitMix64 seeded with 1234567, from the published reference program."""
    state = 1234567
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for value in expected:
        state = (state + int(GOLDEN)) % 2**64
        with np.errstate(over="ignore"):
            assert int(mix(np.uint64(state))) == value


def test_words_do_not_depend_on_where_one_starts():
    whole = words(100, 1, 2, 3)
    part = np.empty(40, np.uint64)
    random_words(address(1, 2, 3), 60, part)
    np.testing.assert_array_equal(part, whole[60:])


def test_addresses_differ_in_every_place_and_order():
    keys = {int(address(*place)) for place in [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0)]}
    assert len(keys) == 6


def test_words_of_neighbouring_addresses_are_uncorrelated():
    bits = np.unpackbits(np.stack([words(2000, 5, i) for i in range(8)]).view(np.uint8), axis=1)
    correlation = np.corrcoef(bits.astype(float))
    off_diagonal = correlation[~np.eye(8, dtype=bool)]
    assert np.abs(off_diagonal).max() * np.sqrt(bits.shape[1]) < 5


@pytest.mark.parametrize("place", [(1,), (2, 3), (2**63, 5)])
def test_deviates_are_standard_normal(place):
    halves = words(200_000, *place).view(np.int32)
    z = np.empty(halves.size, np.float32)
    normal_deviates(halves, z)
    assert stats.kstest(z, "norm").pvalue > 1e-4
    moments = [z.mean() * np.sqrt(z.size), (z.var() - 1) * np.sqrt(z.size / 2)]
    assert np.abs(moments).max() < 5, moments


def test_deviates_follow_the_inverse_normal_distribution_into_the_tails():
    halves = np.linspace(-(2**31), 2**31 - 1, 100_001).astype(np.int32)
    z = np.empty(halves.size, np.float32)
    normal_deviates(halves, z)
    exact = stats.norm.ppf(((halves >> 8) + 0.5) / 2**24 + 0.5)
    assert np.abs(z / exact - 1).max() < 2e-5
    mirrored = np.empty_like(z)
    normal_deviates(~halves, mirrored)
    np.testing.assert_array_equal(mirrored, -z)
