"""Telegraph noise cell by cell: the state of every driven cell at every read is one random bit.

The states of a word's cells are one random word, the disturbed column sum a few AND +
population counts more; names and shapes as in `_kernels`.  With s_i = +1 or -1,

    sum_i x_i a(g_i) s_i = 2 * (sum over high cells) - (sum over all cells)

and a(g) a polynomial of the level's bits, a conversion sees the sum over k of scales[k] *
counts[k], whole numbers (K, T, width):

    level sum | all cells in each of the first masks | high cells | high cells in each mask
"""

import numpy as np

from hwsim._jit import kernel, popcount
from hwsim.rng import GOLDEN, fold, mix
from hwsim.tile._chain_kernels import advance, reach
from hwsim.tile._converter_kernels import at_rest, distort, sense
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
                if cells.floor == 0 and at_rest(adc.errors) and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                exact_strip(words[v], strip, bank, cells, adc.subtract, strip_key, samples)
                sense(samples, v, strip, adc)
                for c in range(acc.shape[2]):
                    convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def exact_strip(words, strip, bank, cells, subtract, key, samples):
    """What the converters see of one vector in one strip of lanes, all phases.

    words (T, M, W); samples (C converted, T, width) int32, overwritten.
    """
    phases = words.shape[0]
    _, pairs, _, rows, width = bank.planes.shape
    fair = np.empty(rows * width * bank.planes.itemsize // 8, np.uint64)
    spare = np.empty_like(fair)
    states = fair.view(bank.planes.dtype).reshape(rows, width)
    counts = np.zeros((samples.shape[0], cells.scales.shape[0], phases, width), bank.weights.dtype)
    values = np.zeros(samples.shape, np.float32)
    read = words
    used = np.full(phases, rows)
    if cells.masks.shape[2] == 0 and words.shape[1] == 1:
        # All cells alike: the driven ones take the first bits, and no more words are drawn.
        read = np.zeros_like(words)
        for t in range(phases):
            used[t] = _first_bits(words, t, read)
    for pair in range(pairs):
        c = pair if samples.shape[0] > 1 else 0
        weights, digits, offset = _signed(subtract and pair == 1, bank, cells)
        _add_offset(words, offset, digits.shape[0], values[c])
        _count_all(words, strip, pair, bank, cells, weights, digits, counts[c])
        for copy in range(cells.copies):
            number = (pair * cells.copies + copy) * cells.duty.shape[0]
            for t in range(phases):
                _draw_bits(key, number, phases, t, cells.duty, used[t] * width, spare, fair, states)
                _count_high(read, t, used[t], strip, pair, cells, digits, states, counts[c])
            if (copy + 1) % cells.batch == 0:
                _add_counts(cells.scales, counts[c], values[c])
    for c in range(samples.shape[0]):
        _add_counts(cells.scales, counts[c], values[c])
    _finish(words, strip, bank, cells, key, values, samples)


@kernel
def markov_block(words, bank, cells, adc, phase_scales, key, first, acc):
    """As `exact_block`, the states of a cell at successive reads forming a two-state chain.

    Read number n = (first + v) * T + t.  The chains of a strip are addressed by (key, GAUSSIAN,
    strip, column of the pair and copy).
    """
    strips, pairs, _, rows, width = bank.planes.shape
    phases = words.shape[1]
    samples = np.empty((acc.shape[2], phases, width), np.int32)
    per_row = width * bank.planes.itemsize // 8
    chains = np.empty((pairs, cells.copies, cells.chain.top + 2, rows, per_row), np.uint64)
    counts = np.zeros((samples.shape[0], cells.scales.shape[0], phases, width), bank.weights.dtype)
    values = np.zeros(samples.shape, np.float32)
    for strip in range(strips):
        chain_key = fold(fold(key, GAUSSIAN), strip)
        for v in range(words.shape[0]):
            values[:] = 0
            for pair in range(pairs):
                c = pair if samples.shape[0] > 1 else 0
                weights, digits, offset = _signed(adc.subtract and pair == 1, bank, cells)
                _add_offset(words[v], offset, digits.shape[0], values[c])
                _count_all(words[v], strip, pair, bank, cells, weights, digits, counts[c])
                for copy in range(cells.copies):
                    trap_key = fold(chain_key, pair * cells.copies + copy)
                    chain = chains[pair, copy]
                    states = chain[0].reshape(-1).view(bank.planes.dtype).reshape(rows, width)
                    for t in range(phases):
                        read = (first + v) * phases + t
                        if v == 0 and t == 0:
                            reach(trap_key, read, cells.chain, chain)
                        else:
                            advance(trap_key, read, cells.chain, chain)
                        _count_high(
                            words[v], t, rows, strip, pair, cells, digits, states, counts[c]
                        )
                    if (copy + 1) % cells.batch == 0:
                        _add_counts(cells.scales, counts[c], values[c])
            for c in range(samples.shape[0]):
                _add_counts(cells.scales, counts[c], values[c])
            strip_key = fold(fold(key, first + v), strip)
            _finish(words[v], strip, bank, cells, strip_key, values, samples)
            distort(samples, strip, adc.errors)
            acc[v, strip] = 0
            for c in range(acc.shape[2]):
                convert(samples[c], adc, phase_scales, acc[v, strip, c])


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
def _draw_bits(key, number, phases, t, digits, lanes, spare, bits, states):
    """Bits that are one with the probability that `digits` spell, for the first lanes of states.

    bits are the same memory as states, as 64-bit words; spare is as long.  Digit d of phase t
    is drawn from the block of fair words with the number (number + d) * phases + t under `key`.
    """
    used = lanes * states.itemsize // 8
    _fair_words(key, (number * phases + t) * bits.shape[0], used, bits)
    for d in range(1, digits.shape[0]):  # the last digit that is set came first: OR with zeros
        _fair_words(key, ((number + d) * phases + t) * bits.shape[0], used, spare)
        if digits[d]:
            for i in range(used):
                bits[i] |= spare[i]
        else:
            for i in range(used):
                bits[i] &= spare[i]


@kernel
def _fair_words(key, first, count, out):
    """out[i] = word number first + i under `key`, for the first `count`."""
    counter = key + (np.uint64(first) + ONE) * GOLDEN
    for i in range(count):
        out[i] = mix(counter)
        counter += GOLDEN


@kernel
def _signed(negative, bank, cells):
    """Weights of planes and of digits, and the offset per pulse, of one column of the pair."""
    if negative:
        return -bank.weights, -cells.digits, -cells.offset
    return bank.weights, cells.digits, cells.offset


@kernel
def _add_offset(words, offset, digit_bits, values):
    """values[t, i] += offset per unit pulse that is driven in phase t."""
    for t in range(values.shape[0]):
        pulses = 0
        for m in range(digit_bits):
            for w in range(words.shape[2]):
                pulses += np.int64(popcount(words[t, m, w])) << m
        constant = offset * np.float32(pulses)
        for i in range(values.shape[1]):
            values[t, i] += constant


@kernel
def _count_all(words, strip, pair, bank, cells, weights, digits, counts):
    """Add sums that do not depend on the states: of levels, and of all cells in some masks."""
    for m in range(digits.shape[0]):
        column_sums(words, m, bank.planes[strip, pair], weights[m], bank.lanes[strip], counts[0])
        for e in range(cells.everywhere.shape[0]):
            q = cells.everywhere[e]
            mask = cells.masks[strip, pair, q : q + 1]
            column_sums(words, m, mask, digits[m : m + 1], cells.lanes, counts[1 + e])


@kernel
def _count_high(words, t, used, strip, pair, cells, digits, states, counts):
    """Add sums over driven cells in the high state in phase t: of all, and in each mask."""
    high = 1 + cells.everywhere.shape[0]
    for m in range(digits.shape[0]):
        _count(words, m, t, used, states, digits[m], counts[high])
        for q in range(cells.masks.shape[2]):
            mask = cells.masks[strip, pair, q]
            _count_masked(words, m, t, mask, states, digits[m], counts[high + 1 + q])


@kernel
def _count(words, m, t, used, states, digit, out):
    """out[t, i] += digit * number of driven cells in the high state in the first `used` words."""
    w = 0
    while used - w >= 4:
        a, b, c, d = words[t, m, w], words[t, m, w + 1], words[t, m, w + 2], words[t, m, w + 3]
        if used - w >= 8:
            e, f = words[t, m, w + 4], words[t, m, w + 5]
            g, h = words[t, m, w + 6], words[t, m, w + 7]
            for i in range(out.shape[1]):
                low = popcount(a & states[w, i]) + popcount(b & states[w + 1, i])
                low += popcount(c & states[w + 2, i]) + popcount(d & states[w + 3, i])
                high = popcount(e & states[w + 4, i]) + popcount(f & states[w + 5, i])
                high += popcount(g & states[w + 6, i]) + popcount(h & states[w + 7, i])
                out[t, i] += (low + high) * digit
            w += 8
        else:
            for i in range(out.shape[1]):
                low = popcount(a & states[w, i]) + popcount(b & states[w + 1, i])
                low += popcount(c & states[w + 2, i]) + popcount(d & states[w + 3, i])
                out[t, i] += low * digit
            w += 4
    while w < used:
        word = words[t, m, w]
        for i in range(out.shape[1]):
            out[t, i] += popcount(word & states[w, i]) * digit
        w += 1


@kernel
def _count_masked(words, m, t, mask, states, digit, out):
    """The same for all words, among the cells of `mask` (W, n)."""
    size = words.shape[2]
    w = 0
    while size - w >= 4:
        a, b, c, d = words[t, m, w], words[t, m, w + 1], words[t, m, w + 2], words[t, m, w + 3]
        if (a | b | c | d) != 0:
            for i in range(out.shape[1]):
                low = popcount(a & mask[w, i] & states[w, i])
                low += popcount(b & mask[w + 1, i] & states[w + 1, i])
                low += popcount(c & mask[w + 2, i] & states[w + 2, i])
                low += popcount(d & mask[w + 3, i] & states[w + 3, i])
                out[t, i] += low * digit
        w += 4
    while w < size:
        word = words[t, m, w]
        if word != 0:
            for i in range(out.shape[1]):
                out[t, i] += popcount(word & mask[w, i] & states[w, i]) * digit
        w += 1


@kernel
def _add_counts(scales, counts, values):
    """values[t, i] += sum over k of scales[k] * counts[k, t, i]; the counts start again."""
    for k in range(counts.shape[0]):
        for t in range(values.shape[0]):
            for i in range(values.shape[1]):
                values[t, i] += scales[k] * np.float32(counts[k, t, i])
                counts[k, t, i] = 0


@kernel
def _finish(words, strip, bank, cells, key, values, samples):
    """Samples of the values, with Gaussian noise where there is any."""
    if cells.floor > 0 or cells.current[0] > 0 or cells.current[1] > 0:
        variances = np.full(values.shape, cells.floor, np.float32)
        _add_current(words, strip, bank, cells, variances)
        sample_all(values, variances, fold(key, GAUSSIAN), samples)
    else:
        flat, out = values.ravel(), samples.ravel()
        for i in range(flat.shape[0]):
            out[i] = np.int32(np.floor(flat[i] * SAMPLE_ONE + np.float32(0.5)))


@kernel
def _add_current(words, strip, bank, cells, variances):
    """Variance of the noise of the current, which adds up over a pair that is subtracted."""
    if cells.current[0] == 0 and cells.current[1] == 0:
        return
    sums = np.zeros(variances.shape[1:], bank.weights.dtype)
    for pair in range(bank.planes.shape[1]):
        c = pair if variances.shape[0] > 1 else 0
        for m in range(bank.weights.shape[0]):
            pulses = np.float32(1 << m)
            sums[:] = 0
            planes, lanes = bank.planes[strip, pair], bank.lanes[strip]
            column_sums(words, m, planes, bank.weights[0], lanes, sums)
            base, rise = pulses * cells.current[0], pulses * cells.current[1] * cells.unit
            add_linear(words, m, sums, base, rise, variances[c])
