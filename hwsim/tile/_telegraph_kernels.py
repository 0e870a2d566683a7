"""Telegraph noise cell by cell: the state of every driven cell at every read is one random bit.

The states of a word's cells are one random word, the disturbed column sum a few AND +
population counts more; names and shapes as in `_kernels`.
"""

import numpy as np

from hwsim._jit import kernel, popcount
from hwsim.rng import fold, random_words
from hwsim.tile._kernels import GROUP, add_linear, column_sums, convert, driven, sample, sample_all

GAUSSIAN = 0x47415553  # continues the address of a strip's cell states to its column noise
CHAIN = 256  # reads per step of the next level of a Markov chain


@kernel
def exact_block(words, bank, cells, adc, phase_scales, key, first, acc):
    """Codes of one row block in which every driven cell draws its own state at every read.

    As `moments_block`; cells: Telegraph.  Vector v draws the states of a strip under the key
    (key, first + v, strip), in the order: column of the pair, phase, copy, digit of the duty,
    word of rows, lane.
    """
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                exact_strip(words[v], strip, bank, cells, adc.subtract, strip_key, samples)
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
    states = np.empty((1, rows, width), bank.planes.dtype)
    digits = cells.duty.shape[0]
    for pair in range(pairs):
        c = pair if samples.shape[0] > 1 else 0
        sign = np.float32(-1) if subtract and pair == 1 else np.float32(1)
        _all_low(words, strip, pair, sign, bank, cells, sums, values[c], variances[c])
        for t in range(phases):
            if driven(words[t : t + 1]):
                for copy in range(cells.copies):
                    number = ((pair * phases + t) * cells.copies + copy) * digits
                    _draw_bits(key, number, cells.duty, digits, states)
                    row = values[c, t : t + 1]
                    _add_high(words, t, strip, pair, sign, cells, states, sums[:1], row)
    _finish(values, variances, cells, key, samples)


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
        sample(values.ravel(), variances.ravel(), variances.ravel(), samples.ravel())


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
    states = np.empty((pairs, cells.copies, levels, rows, width), bank.planes.dtype)
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
                    for t in range(phases):
                        read = (first + v) * phases + t
                        chain = states[pair, copy]
                        if v == 0 and t == 0:
                            _reach(fold(chain_key, trap), read, cells, chain)
                        else:
                            _advance(fold(chain_key, trap), read, cells, chain)
                        row = values[c, t : t + 1]
                        _add_high(words[v], t, strip, pair, sign, cells, chain[:1], sums[:1], row)
            _finish(values, variances, cells, strip_key, samples)
            acc[v, strip] = 0
            for c in range(acc.shape[2]):
                convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def _reach(key, read, cells, chain):
    """The states of all levels at `read`; chain (levels, W, n), level 0 that of the reads."""
    levels = chain.shape[0]
    steps = np.empty(levels, np.int64)
    for level in range(levels):
        steps[level] = read
        read //= CHAIN
    top = levels - 1
    _draw_bits(fold(key, levels), 0, cells.duty, cells.duty.shape[0], chain[top : top + 1])
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
    shape = (1, chain.shape[1], chain.shape[2])
    fresh = np.empty(shape, chain.dtype)
    chosen = np.empty(shape, chain.dtype)
    level_key = fold(key, level)
    digits = cells.duty.shape[0]
    number = step * (digits + used)
    _draw_bits(level_key, number, cells.duty, digits, fresh)
    _draw_bits(level_key, number + digits, cells.refresh[level], used, chosen)
    for w in range(shape[1]):
        for i in range(shape[2]):
            chain[level, w, i] ^= chosen[0, w, i] & (chain[level, w, i] ^ fresh[0, w, i])


@kernel
def _draw_bits(key, number, digits, used, bits):
    """One bit per cell, one with the probability that the first `used` digits spell.

    bits (1, W, n) unsigned words, overwritten.
    """
    flat = bits.reshape(-1)
    fair = np.empty((flat.size * flat.itemsize + 7) // 8, np.uint64)
    lanes = fair.view(bits.dtype)
    for d in range(used):
        random_words(key, (number + d) * fair.shape[0], fair)
        if d == 0:  # the last digit that is set: OR with zeros
            for i in range(flat.shape[0]):
                flat[i] = lanes[i]
        elif digits[d]:
            for i in range(flat.shape[0]):
                flat[i] |= lanes[i]
        else:
            for i in range(flat.shape[0]):
                flat[i] &= lanes[i]


@kernel
def _add_high(words, t, strip, pair, sign, cells, states, sums, values):
    """values[0, i] += 2 * sum of x a(g) over the cells of one phase in the high state."""
    one_phase = words[t : t + 1]
    for m in range(cells.linear.shape[0]):
        scale = np.float32(2) * cells.linear[m] * sign
        sums[:] = 0
        column_sums(one_phase, m, states, cells.ones, cells.lanes, sums)
        _add_scaled(sums, scale * cells.constant, values)
        for q in range(cells.coefficients.shape[0]):
            sums[:] = 0
            _masked_sums(one_phase, m, cells.masks[strip, pair, q], states[0], sums[0])
            _add_scaled(sums, scale * cells.coefficients[q], values)


@kernel
def _masked_sums(words, m, mask, states, sums):
    """sums[i] = number of driven cells of `mask` in the high state; mask, states (W, n)."""
    for w in range(words.shape[2]):
        word = words[0, m, w]
        if word != 0:
            for i in range(sums.shape[0]):
                sums[i] += popcount(word & mask[w, i] & states[w, i])


@kernel
def _add_scaled(sums, scale, values):
    """values[0, i] += scale * sums[0, i]."""
    for i in range(values.shape[1]):
        values[0, i] += scale * np.float32(sums[0, i])
