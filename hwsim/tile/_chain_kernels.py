"""Two-state chains by bisection, 64 cells a word: any read's states from its address (ADR 0009).

The states at reads 2^top apart are independent draws.  The state half-way between two known
ones depends on these two alone, as a bridge of the chain; halving goes on down to single reads.
Its probability to be one is chances[level, ones among the two neighbours], drawn in one of
two ways for all cells of a strip.

Digits: a comparison with DIGITS fair words, least significant digit first.  The probability,
rounded up or down to DIGITS digits by an addressed draw per row of words, is right on average,
so each cell's own law is exact; cells of one word share the rounding (2^-DIGITS).
Sparse, where states seldom differ from equal neighbours: those that agree are kept, others
take a fair word, and a Poisson number of marks at random cells does the rest.

Arrays of states are (W rows of words, words of 64 cells).

Measured, one core, ns per word of 64 cells (AND + population count of as many cells: 0.06):
a fair word 0.18 (0.21 with the counter multiplied instead of added up); six digits in one
pass 1.1, in six passes 1.9; one mark 2.2, so that marks win below one in 128 cells.  The
chain of nested refreshes that was here before took 2.5 to 4.
"""

import numpy as np

from hwsim._jit import kernel
from hwsim.rng import GOLDEN, fold, mix

DIGITS = 5
_FRACTION = np.uint64(32 - DIGITS)  # chances are in units of 2^-32
_ROUND = np.uint64(DIGITS)
_U = np.uint64
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(6)
_BIT = np.uint64(63)
# For every number, its lowest digit and its digits XOR the next ones, spread over a word.  From
# memory: of masks that it sees computed, LLVM makes branches.
_DIGIT0 = np.array([-(n & 1) for n in range(2**DIGITS + 1)], np.int64).view(np.uint64)
_STEPS = np.array(
    [[-((n ^ n >> 1) >> j & 1) for j in range(DIGITS)] for n in range(2**DIGITS + 1)], np.int64
).view(np.uint64)


@kernel
def reach(key, read, chain, states):
    """The states at `read` and, in states[1 + l], those at the next multiple of 2^l after it.

    states (top + 2, W, n).
    """
    below = read >> chain.top << chain.top
    _draw_end(fold(key, below), chain, states[0])
    _draw_end(fold(key, below + (1 << chain.top)), chain, states[chain.top + 1])
    for down in range(chain.top):
        level = chain.top - 1 - down
        middle = below + (1 << level)
        _bridge(fold(key, middle), level, chain, states)
        if read >= middle:
            below = middle
            states[0] = states[level + 1]
            states[level + 1] = states[level + 2]


@kernel
def advance(key, read, chain, states):
    """From the states at read - 1 to those at `read`."""
    level = 0
    while level < chain.top and read >> level & 1 == 0:
        level += 1
    states[0] = states[1]
    if level == chain.top:
        _draw_end(fold(key, read + (1 << level)), chain, states[level + 1])
    else:
        states[level + 1] = states[level + 2]
    for down in range(level):
        lower = level - 1 - down
        _bridge(fold(key, read + (1 << lower)), lower, chain, states)


@kernel
def _draw_end(node, chain, out):
    """Independent states, each one with the chance of a state whose neighbours are unknown."""
    _compare(node, chain.duty, chain.duty, chain.duty, out, out, out)


@kernel
def _bridge(node, level, chain, states):
    """states[level + 1] = those half-way between states[0] and states[level + 2]."""
    low, high, out = states[0], states[level + 2], states[level + 1]
    chances = chain.chances
    if chain.sparse[level]:
        _agree(node, low, high, out)
        _mark(fold(node, 0), chain, level, low, high, out)
    else:
        _compare(node, chances[level, 0], chances[level, 1], chances[level, 2], low, high, out)


@kernel
def _compare(node, none, one, both, low, high, out):
    """out = ones with the chance that belongs to the number of ones in low and high."""
    parts, size = out.shape
    step = _U((1 << 32) // parts)
    apart = _U(parts * size) * GOLDEN
    rounding = mix(node) & _LOW
    c = node + GOLDEN
    for w in range(parts):
        # Roundings are spread evenly over the parts: their mean hardly varies.
        up = (rounding + _U(w) * step & _LOW) >> _ROUND
        n, m, k = none + up >> _FRACTION, one + up >> _FRACTION, both + up >> _FRACTION
        first = _DIGIT0[n]
        first_x, first_y = first ^ _DIGIT0[m], first ^ _DIGIT0[k]
        first = _DIGIT0[n]
        first_x, first_y = first ^ _DIGIT0[m], first ^ _DIGIT0[k]
        a0, a1, a2 = _STEPS[n, 0], _STEPS[n, 1], _STEPS[n, 2]
        a3, a4 = _STEPS[n, 3], _STEPS[n, 4]
        x0, x1, x2 = a0 ^ _STEPS[m, 0], a1 ^ _STEPS[m, 1], a2 ^ _STEPS[m, 2]
        x3, x4 = a3 ^ _STEPS[m, 3], a4 ^ _STEPS[m, 4]
        y0, y1, y2 = a0 ^ _STEPS[k, 0], a1 ^ _STEPS[k, 1], a2 ^ _STEPS[k, 2]
        y3, y4 = a3 ^ _STEPS[k, 3], a4 ^ _STEPS[k, 4]
        for i in range(size):
            x, y = low[w, i] ^ high[w, i], low[w, i] & high[w, i]
            less = first ^ (x & first_x) ^ (y & first_y)
            less = (mix(c) & less) ^ a0 ^ (x & x0) ^ (y & y0)
            less = (mix(c + apart) & less) ^ a1 ^ (x & x1) ^ (y & y1)
            less = (mix(c + _U(2) * apart) & less) ^ a2 ^ (x & x2) ^ (y & y2)
            less = (mix(c + _U(3) * apart) & less) ^ a3 ^ (x & x3) ^ (y & y3)
            less = (mix(c + _U(4) * apart) & less) ^ a4 ^ (x & x4) ^ (y & y4)
            out[w, i] = less
            c += GOLDEN


@kernel
def _agree(node, low, high, out):
    """out = the neighbours' state where they agree, else a fair bit."""
    c = node + GOLDEN
    for w in range(out.shape[0]):
        for i in range(out.shape[1]):
            a, b = low[w, i], high[w, i]
            out[w, i] = (a & b) | ((a ^ b) & mix(c))
            c += GOLDEN


@kernel
def _mark(key, chain, level, low, high, out):
    """Set the cells under a Poisson number of marks to what is rare among cells of their kind.

    With marks at random cells, a mean of m per cell, each cell is marked by itself with the
    chance 1 - exp(-m); of the marks on cells of one kind a share chain.kept counts.
    """
    uniform = np.float64(mix(key) >> _U(11)) * 2.0**-53
    table = chain.marks[level]
    count, above = 0, table.shape[0] - 1
    while count < above:
        middle = (count + above) // 2
        if table[middle] <= uniform:
            count = middle + 1
        else:
            above = middle
    a, b, bits = low.ravel(), high.ravel(), out.ravel()
    cells = _U(bits.shape[0]) << _WORD
    c = key
    for _ in range(count):
        c += GOLDEN
        word = mix(c)
        cell = (word >> _HALF) * cells >> _HALF
        i, bit = cell >> _WORD, cell & _BIT
        kind = (a[i] >> bit & _ONE) + (b[i] >> bit & _ONE)
        if (word & _LOW) < chain.kept[level, kind]:
            if chain.rare[level, kind]:
                bits[i] |= _ONE << bit
            else:
                bits[i] &= ~(_ONE << bit)
