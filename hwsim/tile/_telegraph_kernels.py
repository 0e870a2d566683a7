"""Telegraph noise cell by cell: the state of every driven cell at every read is one random bit.

The states of a word's cells are one random word, the disturbed column sum a few AND +
population counts more; names and shapes as in `_kernels`.
"""

import numpy as np

from hwsim._jit import kernel, popcount
from hwsim.rng import GOLDEN, fold, mix
from hwsim.tile._converter_kernels import at_rest, distort
from hwsim.tile._kernels import (
    GROUP,
    SAMPLE_ONE,
    add_linear,
    column_sums,
    convert,
    driven,
    sample_all,
)

GAUSSIAN = 0x47415553  # continues the address of a strip's cell states to its column noise
ONE = np.uint64(1)
CHAIN = 256  # reads per step of the next level of a Markov chain


@kernel
def exact_block(words, bank, cells, adc, phase_scales, key, first, acc):
    """Codes of one row block in which every driven cell draws its own state at every read.

    As `moments_block`; cells: Telegraph.  Vector v draws the states of a strip under the key
    (key, first + v, strip), in the order: column of the pair, copy, digit of the duty, phase,
    word of rows, lane.
    """
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if at_rest(adc.errors) and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                exact_strip(words[v], strip, bank, cells, adc.subtract, strip_key, samples)
                distort(samples, strip, adc.errors)
                for c in range(acc.shape[2]):
                    convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def exact_strip(words, strip, bank, cells, subtract, key, samples):
    """What the converters see of one vector in one strip of lanes, all phases.

    words (T, M, W); samples (C converted, T, width) int32, overwritten.
    """
    phases = words.shape[0]
    _, pairs, _, rows, width = bank.planes.shape
    values = np.zeros(samples.shape, np.float32)
    variances = np.full(samples.shape, cells.floor, np.float32)
    sums = np.empty(samples.shape[1:], bank.weights.dtype)
    fair = np.empty((phases, rows * width * bank.planes.itemsize // 8), np.uint64)
    spare = np.empty_like(fair)
    states = fair.view(bank.planes.dtype).reshape(phases, rows, width)
    read = words
    rows_drawn = np.full(phases, fair.shape[1])
    if cells.coefficients.shape[0] == 0 and words.shape[1] == 1:
        # All cells alike: the driven ones take the first bits, and no more words are drawn.
        read = np.zeros_like(words)
        for t in range(phases):
            rows_drawn[t] = _first_bits(words, t, read) * fair.shape[1] // rows
    for pair in range(pairs):
        c = pair if samples.shape[0] > 1 else 0
        sign = np.float32(-1) if subtract and pair == 1 else np.float32(1)
        _all_low(words, strip, pair, sign, bank, cells, sums, values[c], variances[c])
        for copy in range(cells.copies):
            number = (pair * cells.copies + copy) * cells.duty.shape[0]
            _draw_bits(key, number, cells.duty, cells.duty.shape[0], rows_drawn, spare, fair)
            _add_high(read, strip, pair, sign, cells, states, sums, values[c])
    _finish(values, variances, cells, key, samples)


@kernel
def _first_bits(words, t, read):
    """read[t, 0] = as many ones as words[t, 0] has, from bit 0 on; returns the words they fill."""
    ones = 0
    for w in range(words.shape[2]):
        ones += np.int64(popcount(words[t, 0, w]))
    bits = 8 * words.itemsize
    for w in range(words.shape[2]):
        here = min(max(ones - w * bits, 0), bits)
        read[t, 0, w] = (1 << here) - 1
    return (ones + bits - 1) // bits


@kernel
def _all_low(words, strip, pair, sign, bank, cells, sums, values, variances):
    """Level sums of one column of the pair with every cell in its low state, and current noise.

    With s_i = +1 or -1,  sum_i x_i a(g_i) s_i = 2 * (sum over high cells) - (sum over all cells).
    """
    every = np.float32(cells.copies)
    for m in range(bank.weights.shape[0]):
        linear = cells.linear[m] * sign
        sums[:] = 0
        column_sums(words, m, bank.planes[strip, pair], bank.weights[0], bank.lanes[strip], sums)
        add_linear(words, m, sums, -linear * cells.constant * every, linear * cells.unit, values)
        base, rise = cells.linear[m] * cells.current[0], cells.linear[m] * cells.current[1]
        if base > 0 or rise > 0:
            add_linear(words, m, sums, base, rise * cells.unit, variances)
        for q in range(cells.coefficients.shape[0]):
            sums[:] = 0
            column_sums(
                words, m, cells.masks[strip, pair, q : q + 1], cells.ones, cells.lanes, sums
            )
            slope = -linear * cells.coefficients[q] * every
            add_linear(words, m, sums, np.float32(0), slope, values)


@kernel
def _finish(values, variances, cells, key, samples):
    """Samples of the values, with Gaussian noise where there is any."""
    if cells.floor > 0 or cells.current[0] > 0 or cells.current[1] > 0:
        sample_all(values, variances, fold(key, GAUSSIAN), samples)
    else:
        flat, out = values.ravel(), samples.ravel()
        for i in range(flat.shape[0]):
            out[i] = np.int32(np.floor(flat[i] * SAMPLE_ONE + np.float32(0.5)))


@kernel
def markov_block(words, bank, cells, adc, phase_scales, key, first, acc):
    """As `exact_block`, the states of a cell at successive reads forming a two-state chain.

    A two-state chain keeps its state or, at probability r per read, draws a fresh one with the
    duty's probability: both jump rates follow.  So that any read can be reached without all
    reads before it, chains are nested: the state at read n = 256 i is that of a slower chain at
    its step i (which refreshes with the probability of a refresh within 256 reads), and so on.
    Read number n = (first + v) * T + t.  Exact within 256 reads; across such a boundary two
    reads are as correlated as the first of their blocks.
    """
    strips, pairs, _, rows, width = bank.planes.shape
    phases = words.shape[1]
    levels = cells.refresh.shape[0]
    samples = np.empty((acc.shape[2], phases, width), np.int32)
    size = rows * width * bank.planes.itemsize // 8
    chains = np.empty((pairs, cells.copies, levels, size), np.uint64)
    fair = np.empty((phases, size), np.uint64)
    states = fair.view(bank.planes.dtype).reshape(phases, rows, width)
    values = np.zeros(samples.shape, np.float32)
    variances = np.zeros(samples.shape, np.float32)
    sums = np.empty(samples.shape[1:], bank.weights.dtype)
    for strip in range(strips):
        chain_key = fold(fold(key, GAUSSIAN), strip)
        for v in range(words.shape[0]):
            strip_key = fold(fold(key, first + v), strip)
            values[:] = 0
            variances[:] = cells.floor
            for pair in range(pairs):
                c = pair if samples.shape[0] > 1 else 0
                sign = np.float32(-1) if adc.subtract and pair == 1 else np.float32(1)
                _all_low(words[v], strip, pair, sign, bank, cells, sums, values[c], variances[c])
                for copy in range(cells.copies):
                    trap = pair * cells.copies + copy
                    chain = chains[pair, copy]
                    for t in range(phases):
                        read = (first + v) * phases + t
                        if v == 0 and t == 0:
                            _reach(fold(chain_key, trap), read, cells, chain)
                        else:
                            _advance(fold(chain_key, trap), read, cells, chain)
                        fair[t] = chain[0]
                    _add_high(words[v], strip, pair, sign, cells, states, sums, values[c])
            _finish(values, variances, cells, strip_key, samples)
            distort(samples, strip, adc.errors)
            acc[v, strip] = 0
            for c in range(acc.shape[2]):
                convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def _reach(key, read, cells, chain):
    """The states of all levels at `read`; chain (levels, words), level 0 that of the reads."""
    levels = chain.shape[0]
    steps = np.empty(levels, np.int64)
    for level in range(levels):
        steps[level] = read
        read //= CHAIN
    top = levels - 1
    spare = np.empty((1, chain.shape[1]), np.uint64)
    every = np.full(1, chain.shape[1])
    start = chain[top : top + 1]
    _draw_bits(fold(key, levels), 0, cells.duty, cells.duty.shape[0], every, spare, start)
    for step in range(1, steps[top] + 1):
        _refresh(key, top, step, cells, chain)
    for below in range(levels - 1):
        level = top - 1 - below
        chain[level] = chain[level + 1]
        for step in range(steps[level] - steps[level] % CHAIN + 1, steps[level] + 1):
            _refresh(key, level, step, cells, chain)


@kernel
def _advance(key, read, cells, chain):
    """From the states at read - 1 to those at `read`."""
    level, step = 0, read
    while level < chain.shape[0] - 1 and step % CHAIN == 0:
        level += 1
        step //= CHAIN
    _refresh(key, level, step, cells, chain)
    for below in range(level):
        chain[level - 1 - below] = chain[level - below]


@kernel
def _refresh(key, level, step, cells, chain):
    """One step of one level: some cells draw afresh."""
    used = cells.refresh_digits[level]
    if used == 0:
        return
    fresh = np.empty((1, chain.shape[1]), np.uint64)
    chosen = np.empty_like(fresh)
    spare = np.empty_like(fresh)
    every = np.full(1, chain.shape[1])
    level_key = fold(key, level)
    digits = cells.duty.shape[0]
    number = step * (digits + used)
    _draw_bits(level_key, number, cells.duty, digits, every, spare, fresh)
    _draw_bits(level_key, number + digits, cells.refresh[level], used, every, spare, chosen)
    for i in range(chain.shape[1]):
        chain[level, i] ^= chosen[0, i] & (chain[level, i] ^ fresh[0, i])


@kernel
def _draw_bits(key, number, digits, used, sizes, spare, bits):
    """Bits that are one with the probability that the first `used` digits spell.

    bits (T, words) uint64, the first sizes[t] words of row t overwritten; spare the same shape.
    Digit d of row t is drawn from the block of fair words with the number (number + d) * T + t
    under `key`.
    """
    rows, size = bits.shape
    for t in range(rows):
        _fair_words(key, (number * rows + t) * size, sizes[t], bits[t])
        for d in range(1, used):  # the last digit that is set came first: OR with zeros
            _fair_words(key, ((number + d) * rows + t) * size, sizes[t], spare[t])
            if digits[d]:
                for i in range(sizes[t]):
                    bits[t, i] |= spare[t, i]
            else:
                for i in range(sizes[t]):
                    bits[t, i] &= spare[t, i]


@kernel
def _fair_words(key, first, count, out):
    """out[i] = word number first + i under `key`, for the first `count`."""
    base = key + (np.uint64(first) + ONE) * GOLDEN
    for i in range(count):
        out[i] = mix(base + np.uint64(i) * GOLDEN)


@kernel
def _add_high(words, strip, pair, sign, cells, states, sums, values):
    """values[t, i] += 2 * sum of x a(g) over the cells in the high state; states (T, W, n)."""
    for m in range(cells.linear.shape[0]):
        scale = np.float32(2) * cells.linear[m] * sign
        sums[:] = 0
        _high_sums(words, m, states, sums)
        _add_scaled(sums, scale * cells.constant, values)
        for q in range(cells.coefficients.shape[0]):
            sums[:] = 0
            _masked_sums(words, m, cells.masks[strip, pair, q], states, sums)
            _add_scaled(sums, scale * cells.coefficients[q], values)


@kernel
def _high_sums(words, m, states, sums):
    """sums[t, i] += number of driven cells in the high state; as `column_sums`, planes per t."""
    size = words.shape[2]
    for t in range(sums.shape[0]):
        w = 0
        while size - w >= 8:
            a, b, c, d = words[t, m, w], words[t, m, w + 1], words[t, m, w + 2], words[t, m, w + 3]
            e, f = words[t, m, w + 4], words[t, m, w + 5]
            g, h = words[t, m, w + 6], words[t, m, w + 7]
            if (a | b | c | d | e | f | g | h) != 0:
                for i in range(sums.shape[1]):
                    low = popcount(a & states[t, w, i]) + popcount(b & states[t, w + 1, i])
                    low += popcount(c & states[t, w + 2, i]) + popcount(d & states[t, w + 3, i])
                    high = popcount(e & states[t, w + 4, i]) + popcount(f & states[t, w + 5, i])
                    high += popcount(g & states[t, w + 6, i]) + popcount(h & states[t, w + 7, i])
                    sums[t, i] += low + high
            w += 8
        while w < size:
            word = words[t, m, w]
            if word != 0:
                for i in range(sums.shape[1]):
                    sums[t, i] += popcount(word & states[t, w, i])
            w += 1


@kernel
def _masked_sums(words, m, mask, states, sums):
    """The same among the cells of `mask` (W, n)."""
    for t in range(sums.shape[0]):
        for w in range(words.shape[2]):
            word = words[t, m, w]
            if word != 0:
                for i in range(sums.shape[1]):
                    sums[t, i] += popcount(word & mask[w, i] & states[t, w, i])


@kernel
def _add_scaled(sums, scale, values):
    """values[t, i] += scale * sums[t, i]."""
    for t in range(values.shape[0]):
        for i in range(values.shape[1]):
            values[t, i] += scale * np.float32(sums[t, i])
