"""Two-state chains by bisection, 64 cells a word: any read's states from its address (ADR 0012).

The states at reads 2^top apart are independent draws.  The state half-way between two known
ones depends on these two alone, as a bridge of the chain; halving goes on down to single reads.
The chance of a one, by the ones among both neighbours, is drawn in two steps:

Digits: a whole number of 2^-k from k fair words, least significant digit first: a fair bit of one
keeps what the digits below gave, a zero takes the digit.
Marks: what is missing, or too much, as a Poisson number of marks at random cells, which set or
clear cells of the kinds that they count for.

Both are right for each cell by itself, whatever the others; `chain` chooses k by what they cost.

Arrays of states are (places, words of 64 cells); the last words of a place are not used: without
them states would lie 4 KiB apart, where a store makes loads of other states wait.

Measured, one core (Zen 5), ns per word of 64 cells and read, of which AND + population count
takes 0.03: a fair word 0.08; a digit 0.11, with constants read again for every vector 0.2; a
mark in every word 0.5, with both neighbours looked up for each 2.5; to apply marks 0.08; with
arrays counted at every call (`_jit.borrowed`) 0.25 more, with loops that begin by a division
0.04 per digit.  At decays per read of 0.05, 0.08, 0.17, 0.3, 0.6 and 2 and duty 1/2: 0.54, 0.71,
0.88, 1.1, 1.0 and 0.97; five rounded digits, or marks alone, took 0.87, 1.5, 2.2, 0.82, 0.81
and 0.79.
"""

import numpy as np

from hwsim._jit import inlined_kernel, kernel
from hwsim._vectors import lane_count, load, splat, store
from hwsim.rng import GOLDEN, fold, mix, mix_lanes

_U = np.uint64
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_BIT = np.uint64(63)
_WORD = np.uint64(6)
_FAR = _HALF + _WORD
#: From the counter of a word to those of the next ones, and of the next vector.
_AHEAD = np.array([(n + 1) * int(GOLDEN) % 2**64 for n in range(8)], np.uint64)
_STRIDE = np.uint64(8 * int(GOLDEN) % 2**64)


@kernel
def reach(key, read, chain, states, masks, places):
    """The states at `read` and those that `advance` needs; states (top + 2, n).

    A read's place in `states` is `place_of`: of the reads that matter at any time no two have
    the same number of zeros at their end.  masks (3, n), zeros, and places (2, N / 2) are
    working memory; masks are left as zeros.
    """
    below = read >> chain.top << chain.top
    for n in range(-2, chain.top):
        level = chain.top - 1 - max(n, -1)
        middle = below + (1 << level)
        if n == -2:
            middle = below
        _draw(key, middle, level, chain, states, masks, places)
        if n >= 0 and read >= middle:
            below = middle


@inlined_kernel
def advance(key, read, chain, states, masks, places):
    """From the states at read - 1 to those at `read`."""
    level = 0
    while level < chain.top and read >> level & 1 == 0:
        level += 1
    if level == chain.top:
        level += 1
    for down in range(level):
        lower = level - 1 - down
        _draw(key, read + (1 << lower), lower, chain, states, masks, places)


@inlined_kernel
def place_of(read, top):
    """Where the states of a read lie: its zeros at the end, or one of two ends in turn."""
    for level in range(top):
        if read >> level & 1:
            return level
    return top + (read >> top & 1)


@inlined_kernel
def _draw(key, read, level, chain, states, masks, places):
    """The states at `read`, half-way between those 2^level reads before and after it.

    At the level `top` all chances are alike: these do not matter.  Fair word i of digit j, from
    1 on, is number (j - 1) * words + i under the read's node, (key, read).
    """
    node, top, size = fold(key, read), chain.top, chain.words
    near = (
        place_of(read - (1 << level), top),
        place_of(read + (1 << level), top),
        place_of(read, top),
    )
    _first_digit(node, level, near, size, chain.steps, states)
    for j in range(2, chain.digits[level] + 1):
        counter = node + _U((j - 1) * size) * GOLDEN
        _next_digit(counter, level, j, near, size, chain.steps, states)
    count = _place_marks(fold(node, 0), level, size, chain.marks, places)
    if count > 0:
        none, one, both = chain.kept[level, 0], chain.kept[level, 1], chain.kept[level, 2]
        _set_marks(count, none, 0, places, masks)
        rows = (0, 0 if one == none else 1, 0 if both == none else 2)
        if one != none:
            _set_marks(count, one, 1, places, masks)
        if both != none:
            _set_marks(count, both, 2, places, masks)
        _apply_marks(level, near, rows, size, chain.steps, masks, states)


@inlined_kernel
def _first_digit(counter, level, near, size, steps, states):
    """The least significant digit of `_draw`, whose fair words begin at `counter`.

    With digits d_j of the number and fair words u_j, s_j = d_j ^ (u_j & (s_{j-1} ^ d_j)); what
    is kept is s_j ^ d_{j+1}, one three-operand instruction per digit, and two for the choice
    among three numbers.
    """
    before, after = _step(steps, level, 1), _step(steps, level, 2)
    words = splat(counter) + load(_AHEAD, (0,), None)
    rest = size % lane_count(states)
    for i in range(0, size - rest, lane_count(states)):
        _compare_first(words, before, after, near, states, i, None)
        words = words + splat(_STRIDE)
    if rest > 0:
        _compare_first(words, before, after, near, states, size - rest, rest)


@inlined_kernel
def _compare_first(words, before, after, near, states, i, rest):
    """`_first_digit` in the words of one vector."""
    a, b = load(states, (near[0], i), rest), load(states, (near[1], i), rest)
    x, y = a ^ b, a & b
    drawn = (mix_lanes(words) & _choice(before, x, y)) ^ _choice(after, x, y)
    store(drawn, states, (near[2], i), rest)


@inlined_kernel
def _next_digit(counter, level, j, near, size, steps, states):
    """Digit number j of `_draw`, the states as the one before left them."""
    after = _step(steps, level, j + 1)
    words = splat(counter) + load(_AHEAD, (0,), None)
    rest = size % lane_count(states)
    for i in range(0, size - rest, lane_count(states)):
        _compare_next(words, after, near, states, i, None)
        words = words + splat(_STRIDE)
    if rest > 0:
        _compare_next(words, after, near, states, size - rest, rest)


@inlined_kernel
def _compare_next(words, after, near, states, i, rest):
    """`_next_digit` in the words of one vector."""
    a, b = load(states, (near[0], i), rest), load(states, (near[1], i), rest)
    drawn = mix_lanes(words) & load(states, (near[2], i), rest)
    store(drawn ^ _choice(after, a ^ b, a & b), states, (near[2], i), rest)


@inlined_kernel
def _step(steps, level, j):
    """Vectors of steps[level, j], read before a loop: within, stores make the compiler reload."""
    return splat(steps[level, j, 0]), splat(steps[level, j, 1]), splat(steps[level, j, 2])


@inlined_kernel
def _choice(step, x, y):
    """A step's word for the kind of each cell: x of one neighbour, y of both."""
    return step[0] ^ (x & step[1]) ^ (y & step[2])


@inlined_kernel
def _place_marks(key, level, size, marks, places):
    """A Poisson number of marks at random cells, in turn from both halves of words under `key`.

    places[half, n] = cells * a half word: the cell in the upper 32 bits, a uniform number below.
    """
    count = _quantile(np.float64(mix(key) >> _U(11)) * 2.0**-53, level, marks)
    cells = _U(size) << _WORD
    counter = key + GOLDEN
    for n in range((count + 1) // 2):
        word = mix(counter)
        places[0, n] = (word >> _HALF) * cells
        places[1, n] = (word & _LOW) * cells
        counter += GOLDEN
    return count


@inlined_kernel
def _set_marks(count, kept, row, places, masks):
    """Bits in masks[row] of the cells under marks of which the share `kept` counts.

    With a mean of m marks per cell, each cell is marked by itself with the chance
    1 - exp(-kept m).
    """
    if kept == _ZERO:
        return
    for half in range(2):
        for n in range((count + 1 - half) // 2):
            place = places[half, n]
            i, bit = place >> _FAR, place >> _HALF & _BIT
            masks[row, i] |= _U((place & _LOW) < kept) << bit


@inlined_kernel
def _apply_marks(level, near, rows, size, steps, masks, states):
    """Marked cells become what is rare among cells of their kind; masks are cleared."""
    rare = _step(steps, level, 0)
    rest = size % lane_count(states)
    for i in range(0, size - rest, lane_count(states)):
        _apply_lanes(rare, near, rows, masks, states, i, None)
    if rest > 0:
        _apply_lanes(rare, near, rows, masks, states, size - rest, rest)
    for row in range(3):
        if rows[row] == row:
            for i in range(size):
                masks[row, i] = _ZERO


@inlined_kernel
def _apply_lanes(rare, near, rows, masks, states, i, rest):
    """`_apply_marks` in the words of one vector."""
    a, b = load(states, (near[0], i), rest), load(states, (near[1], i), rest)
    x, y = a ^ b, a & b
    none, one = load(masks, (rows[0], i), rest), load(masks, (rows[1], i), rest)
    both = load(masks, (rows[2], i), rest)
    marked = none ^ (x & (none ^ one)) ^ (y & (none ^ both))
    drawn = load(states, (near[2], i), rest)
    store(drawn ^ (marked & (drawn ^ _choice(rare, x, y))), states, (near[2], i), rest)


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
