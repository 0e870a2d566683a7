"""Chains by bisection: laws of the bridge, marks, and what any order of reads gives."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hwsim.tile._chain_kernels import advance, place_of, reach
from hwsim.tile.chain import chain_of, half_way

WORDS, ROWS = 16, 8
CELLS = 64 * WORDS * ROWS


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


@given(st.floats(1e-9, 20), st.floats(0.05, 0.95))
def test_marks_follow_poissons_law(decay, duty):
    chain = chain_of(decay, duty, CELLS)
    for level in np.flatnonzero(chain.sparse):
        none, one, both = half_way(decay * 2.0**level, duty)
        mean = -CELLS * np.log1p(-max(none, abs(2 * one - 1), 1 - both))
        counts = np.arange(chain.marks.shape[1])
        np.testing.assert_allclose(chain.marks[level], stats.poisson.cdf(counts, mean), atol=1e-9)


def states_of(chain, key, reads):
    """(reads, cells) states of 0 and 1, in order."""
    words = np.zeros((chain.top + 2, ROWS + 1, WORDS), np.uint64)
    found = np.empty((len(reads), CELLS), np.uint8)
    for n, read in enumerate(reads):
        step = reach if n == 0 else advance
        step(np.uint64(key), read, chain, words)
        found[n] = np.unpackbits(words[place_of(read, chain.top), :ROWS].view(np.uint8))
    return found


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
def test_cells_are_independent_of_each_other():
    """The sum over the cells of a column, one bit of each row, varies as independent ones do."""
    chain = chain_of(0.4, 0.7, CELLS)
    found = np.concatenate([states_of(chain, key, range(0, 160, 1))[::16] for key in range(30)])
    sums = found.reshape(len(found), ROWS, -1).sum(axis=1).astype(float)
    ratio = sums.var() / (ROWS * 0.7 * 0.3)
    assert abs(ratio - 1) < 5 * np.sqrt(2 / sums.size) + 0.005
