"""Chains by bisection: laws of the bridge, digits and marks, and what any order of reads gives."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hwsim.tile._chain_kernels import advance, place_of, reach
from hwsim.tile.chain import chain_of, half_way, ways_of
from tests.reference.chain import SlowChain

WORDS = 128
CELLS = 64 * WORDS


def transition(decay, duty):
    """(2, 2) probabilities from state to state."""
    lost = 1 - np.exp(-decay)
    return np.array([[1 - duty * lost, duty * lost], [(1 - duty) * lost, 1 - (1 - duty) * lost]])


@given(st.floats(1e-3, 5), st.floats(0.01, 0.99))
def test_states_half_way_follow_bayes(decay, duty):
    half, whole = transition(decay, duty), transition(2 * decay, duty)
    none, one, both = half_way(decay, duty)
    assert none == pytest.approx(half[0, 1] * half[1, 0] / whole[0, 0], rel=1e-9)
    assert one == pytest.approx(half[0, 1] * half[1, 1] / whole[0, 1], rel=1e-9)
    assert one == pytest.approx(half[1, 1] * half[1, 0] / whole[1, 0], rel=1e-9)
    assert both == pytest.approx(half[1, 1] ** 2 / whole[1, 1], rel=1e-9)


@given(st.floats(1e-9, 20), st.floats(1e-4, 1 - 1e-4), st.sampled_from([64, 4096, 1 << 17]))
def test_digits_and_marks_make_every_chance(decay, duty, cells):
    ways = ways_of(decay, duty, cells)
    levels = [half_way(decay * 2.0**n, duty) for n in range(len(ways) - 1)]
    for way, chances in zip(ways, [*levels, (duty,) * 3], strict=True):
        kinds = zip(way.numbers, way.rests, way.rare, chances, strict=True)
        for number, rest, rare, chance in kinds:
            drawn = number / 2**way.digits
            assert 0 <= drawn <= 1
            assert 0 <= rest < 1
            made = drawn + (1 - drawn) * rest if rare else drawn * (1 - rest)
            assert made == pytest.approx(chance, abs=1e-15, rel=1e-12)


@given(st.floats(1e-9, 20), st.floats(0.05, 0.95))
def test_marks_follow_poissons_law(decay, duty):
    chain = chain_of(decay, duty, CELLS)
    for level, way in enumerate(ways_of(decay, duty, CELLS)):
        mean = -CELLS * np.log1p(-max(way.rests))
        counts = np.arange(chain.marks.shape[1])
        np.testing.assert_allclose(chain.marks[level], stats.poisson.cdf(counts, mean), atol=1e-9)
        shares = np.log1p(-np.array(way.rests)) / -max(mean, 1e-300) * CELLS
        np.testing.assert_allclose(chain.kept[level] / 2.0**32, shares, atol=2.0**-32)


def states_of(chain, key, reads):
    """(reads, cells) states of 0 and 1, in order."""
    words = np.zeros((chain.top + 2, chain.words + 5), np.uint64)
    masks = np.zeros((3, chain.words), np.uint64)
    places = np.empty((2, chain.marks.shape[1] // 2 + 1), np.uint64)
    found = np.empty((len(reads), 64 * chain.words), np.uint8)
    for n, read in enumerate(reads):
        step = reach if n == 0 else advance
        step(np.uint64(key), read, chain, words, masks, places)
        now = words[place_of(read, chain.top), : chain.words]
        found[n] = np.unpackbits(now.view(np.uint8), bitorder="little")
        assert not masks.any()
    return found


@pytest.mark.parametrize("words", [8, 21])
@pytest.mark.parametrize("duty", [0.5, 0.7, 0.003])
@pytest.mark.parametrize("decay", [1e-9, 0.01, 0.12, 0.6, 3.0])
def test_states_equal_a_slow_twin_that_draws_the_same_bits(decay, duty, words):
    reads = range(1020, 1031)
    found = states_of(chain_of(decay, duty, 64 * words), 77, reads)
    twin = SlowChain(77, ways_of(decay, duty, 64 * words), words)
    np.testing.assert_array_equal(found, [twin.at(read) for read in reads])


@pytest.mark.parametrize("decay", [1e-12, 0.003, 0.4])
def test_states_do_not_depend_on_where_reading_begins(decay):
    chain = chain_of(decay, 0.6, CELLS)
    together = states_of(chain, 5, range(250, 262))
    for begin in (251, 255, 256, 257):
        apart = states_of(chain, 5, range(begin, 262))
        np.testing.assert_array_equal(apart, together[begin - 250 :])


@pytest.mark.compiled
@pytest.mark.parametrize("duty", [0.5, 0.7])
@pytest.mark.parametrize("decay", [0.002, 0.04, 0.3, 1.5])
def test_neighbouring_reads_jump_as_often_at_every_place(decay, duty):
    """The chances of a jump between reads n and n + 1 do not depend on n: no block has an edge."""
    chain = chain_of(decay, duty, CELLS)
    found = np.concatenate([states_of(chain, key, range(248, 264)) for key in range(60)], axis=1)
    jumps = transition(decay, duty)
    for before, after in pairwise(found):
        for state, chance in ((0, jumps[0, 1]), (1, jumps[1, 0])):
            held = before == state
            share = (after[held] != state).mean()
            sigma = np.sqrt(chance * (1 - chance) / held.sum())
            assert abs(share - chance) < 5 * sigma, (decay, state, share, chance)


@pytest.mark.compiled
@pytest.mark.parametrize("duty", [0.5, 0.7])
@pytest.mark.parametrize("decay", [0.002, 0.04, 0.3, 1.5])
def test_chains_forget_exponentially_and_keep_their_duty(decay, duty):
    chain = chain_of(decay, duty, CELLS)
    found = np.concatenate([states_of(chain, key, range(40)) for key in range(60)], axis=1)
    cells = found.shape[1]
    spread = np.sqrt(duty * (1 - duty) / cells)
    assert np.abs(found.mean(axis=1) - duty).max() < 5 * spread
    centred = (found - duty) / np.sqrt(duty * (1 - duty))
    for lag in (1, 2, 3, 7, 16, 33):
        for first in (0, 1, 5):
            measured = (centred[first] * centred[first + lag]).mean()
            product = np.sqrt((centred[first] * centred[first + lag]).var() / cells)
            assert abs(measured - np.exp(-decay * lag)) < 5 * product, (lag, first)


@pytest.mark.compiled
@pytest.mark.parametrize("together", [8, 64, 1024])
@pytest.mark.parametrize("decay", [0.04, 0.4])
def test_cells_are_independent_of_each_other(decay, together):
    """Ones, and jumps, among cells near and far vary as those of independent cells do."""
    chain, duty = chain_of(decay, 0.7, CELLS), 0.7
    runs = [states_of(chain, key, range(160)) for key in range(30)]
    states = np.concatenate([run[::16] for run in runs])
    jumps = np.concatenate([(run[1:] != run[:-1])[::16] for run in runs])
    chance = 2 * duty * (1 - duty) * -np.expm1(-decay)
    for found, p in ((states, duty), (jumps, chance)):
        for groups in (
            found.reshape(len(found), -1, together).sum(axis=2),
            found.reshape(len(found), together, -1).sum(axis=1),
        ):
            ratio = groups.astype(float).var() / (together * p * (1 - p))
            # Successive states of a cell are correlated: fewer independent sums.
            assert abs(ratio - 1) < 5 * np.sqrt(2 / groups.size / min(1, 16 * decay)), ratio
