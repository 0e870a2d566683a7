"""Two-state chains by bisection, 64 cells a word: any read's states from its address (ADR 0010).

The states at reads 2^top apart are independent draws.  The state half-way between two known
ones depends on these two alone, as a bridge of the chain; halving goes on down to single reads.
Its probability to be one is chances[level, ones among the two neighbours], drawn in one of
two ways for all cells of a strip.

Digits: a comparison with DIGITS fair words, least significant digit first.  The probability,
rounded up or down to DIGITS digits by an addressed draw per row of words, is right on average,
so each cell's own law is exact; cells of one word share the rounding (2^-DIGITS).
Sparse, where states seldom differ from equal neighbours: those that agree are kept, others
take a fair word, and a Poisson number of marks at random cells does the rest.

Arrays of states are (W + 1 rows of words, words of 64 cells); the last row is not used: without
it states would lie 4 KiB apart, where a store makes loads of other states wait.

Measured, one core (AVX-512), ns per word of 64 cells, of which AND + population count takes
0.05: a fair word 0.18 (0.21 with its counter multiplied, not added up); five digits 1.35, with
masks that LLVM turned into branches 1.8, row by row in views of the arrays 2.2; fair words for
states that agree 0.25; one mark 2.2, so that marks win below one in 128 cells.  A copy of all
states at every read took 0.07, calls with views of the arrays 0.3: now places take turns.
"""

import numpy as np

from hwsim._jit import inlined_kernel, kernel
from hwsim.rng import GOLDEN, fold, mix

DIGITS = 5  # as `_compare` is written out
_FRACTION = np.uint64(32 - DIGITS)  # chances are in units of 2^-32
_ROUND = np.uint64(DIGITS)
_U = np.uint64
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(6)
_BIT = np.uint64(63)
# For every number its lowest digit, then each digit XOR the next, spread over a word.  From
# memory: of masks that it sees computed, LLVM makes branches.
_STEPS = np.array(
    [[-((n << 1 ^ n) >> j & 1) for j in range(DIGITS + 1)] for n in range(2**DIGITS + 1)], np.int64
).view(np.uint64)


@kernel
def reach(key, read, chain, states):
    """The states at `read` and those that `advance` needs; states (top + 2, W + 1, n).

    A read's place in `states` is `place_of`: of the reads that matter at any time no two have
    the same number of zeros at their end.
    """
    below = read >> chain.top << chain.top
    _draw_end(fold(key, below), below, chain, states)
    _draw_end(fold(key, below + (1 << chain.top)), below + (1 << chain.top), chain, states)
    for down in range(chain.top):
        level = chain.top - 1 - down
        middle = below + (1 << level)
        _bridge(fold(key, middle), middle, level, chain, states)
        if read >= middle:
            below = middle


@inlined_kernel
def advance(key, read, chain, states):
    """From the states at read - 1 to those at `read`."""
    level = 0
    while level < chain.top and read >> level & 1 == 0:
        level += 1
    if level == chain.top:
        end = read + (1 << level)
        _draw_end(fold(key, end), end, chain, states)
    for down in range(level):
        lower = level - 1 - down
        middle = read + (1 << lower)
        _bridge(fold(key, middle), middle, lower, chain, states)


@inlined_kernel
def place_of(read, top):
    """Where the states of a read lie: its zeros at the end, or one of two ends in turn."""
    for level in range(top):
        if read >> level & 1:
            return level
    return top + (read >> top & 1)


@inlined_kernel
def _draw_end(node, read, chain, states):
    """States that do not depend on any others."""
    # Neighbours do not matter, but must lie elsewhere: the loop is not vectorised otherwise.
    place, duty = place_of(read, chain.top), chain.duty
    _compare(node, duty, duty, duty, 0, 0, place, states)


@inlined_kernel
def _bridge(node, read, level, chain, states):
    """The states at `read`, half-way between those 2^level reads before and after it."""
    low = place_of(read - (1 << level), chain.top)
    high = place_of(read + (1 << level), chain.top)
    if chain.sparse[level]:
        _agree(node, low, high, level, states)
        _mark(fold(node, 0), low, high, level, chain.marks, chain.kept, chain.rare, states)
    else:
        chances = chain.chances
        none, one, both = chances[level, 0], chances[level, 1], chances[level, 2]
        _compare(node, none, one, both, low, high, level, states)


@kernel
def _compare(node, none, one, both, low, high, out, states):
    """states[out] = ones with the chance that belongs to the ones in states[low], states[high].

    With digits d_j of the number and fair words u_j, from the least significant on,
    less_j = d_j ^ (u_j & (less_{j-1} ^ d_j)); what is kept is less_j ^ d_{j+1}, which is one
    three-operand instruction per digit, and two for the choice among three numbers.
    """
    parts, size = states.shape[1] - 1, states.shape[2]
    step = _U((1 << 32) // parts)
    apart = _U(parts * size) * GOLDEN
    rounding = mix(node) & _LOW
    c = node + GOLDEN
    for w in range(parts):
        # Roundings are spread evenly over the parts: their mean hardly varies.
        up = (rounding + _U(w) * step & _LOW) >> _ROUND
        n, m, k = none + up >> _FRACTION, one + up >> _FRACTION, both + up >> _FRACTION
        d, a0, a1 = _STEPS[n, 0], _STEPS[n, 1], _STEPS[n, 2]
        a2, a3, a4 = _STEPS[n, 3], _STEPS[n, 4], _STEPS[n, 5]
        dx, x0, x1 = d ^ _STEPS[m, 0], a0 ^ _STEPS[m, 1], a1 ^ _STEPS[m, 2]
        x2, x3, x4 = a2 ^ _STEPS[m, 3], a3 ^ _STEPS[m, 4], a4 ^ _STEPS[m, 5]
        dy, y0, y1 = d ^ _STEPS[k, 0], a0 ^ _STEPS[k, 1], a1 ^ _STEPS[k, 2]
        y2, y3, y4 = a2 ^ _STEPS[k, 3], a3 ^ _STEPS[k, 4], a4 ^ _STEPS[k, 5]
        for i in range(size):
            x = states[low, w, i] ^ states[high, w, i]
            y = states[low, w, i] & states[high, w, i]
            less = d ^ (x & dx) ^ (y & dy)
            less = (mix(c) & less) ^ a0 ^ (x & x0) ^ (y & y0)
            less = (mix(c + apart) & less) ^ a1 ^ (x & x1) ^ (y & y1)
            less = (mix(c + _U(2) * apart) & less) ^ a2 ^ (x & x2) ^ (y & y2)
            less = (mix(c + _U(3) * apart) & less) ^ a3 ^ (x & x3) ^ (y & y3)
            less = (mix(c + _U(4) * apart) & less) ^ a4 ^ (x & x4) ^ (y & y4)
            states[out, w, i] = less
            c += GOLDEN


@kernel
def _agree(node, low, high, out, states):
    """states[out] = the neighbours' state where they agree, else a fair bit."""
    c = node + GOLDEN
    for w in range(states.shape[1] - 1):
        for i in range(states.shape[2]):
            a, b = states[low, w, i], states[high, w, i]
            states[out, w, i] = (a & b) | ((a ^ b) & mix(c))
            c += GOLDEN


@kernel
def _mark(key, low, high, level, marks, kept, rare, states):
    """Set the cells under a Poisson number of marks to what is rare among cells of their kind.

    With marks at random cells, a mean of m per cell, each cell is marked by itself with the
    chance 1 - exp(-m); of the marks on cells of one kind the share `kept` counts.
    """
    parts, size = states.shape[1] - 1, states.shape[2]
    cells = _U(parts * size) << _WORD
    c = key
    for _ in range(_quantile(np.float64(mix(key) >> _U(11)) * 2.0**-53, level, marks)):
        c += GOLDEN
        word = mix(c)
        cell = (word >> _HALF) * cells >> _HALF
        place, bit = np.int64(cell >> _WORD), cell & _BIT
        w, i = place // size, place % size
        kind = (states[low, w, i] >> bit & _ONE) + (states[high, w, i] >> bit & _ONE)
        if (word & _LOW) < kept[level, kind]:
            if rare[level, kind]:
                states[level, w, i] |= _ONE << bit
            else:
                states[level, w, i] &= ~(_ONE << bit)


@kernel
def _quantile(uniform, level, marks):
    """The number of marks at a place in (0, 1) of their distribution."""
    count, above = 0, marks.shape[1] - 1
    while count < above:
        middle = (count + above) // 2
        if marks[level, middle] <= uniform:
            count = middle + 1
        else:
            above = middle
    return count
