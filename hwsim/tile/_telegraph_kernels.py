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
from hwsim.tile._chain_kernels import advance, place_of, reach
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
    states = fair.view(bank.planes.dtype).reshape(1, rows, width)
    counts = np.zeros((samples.shape[0], cells.scales.shape[0], phases, width), bank.weights.dtype)
    values = np.zeros(samples.shape, np.float32)
    masks, duty, high = cells.masks, cells.duty, 1 + cells.everywhere.shape[0]
    read = words
    used = np.full(phases, rows)
    alike = masks.shape[2] == 0 and words.shape[1] == 1
    if alike:
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
            counted = counts[c]
            number = (pair * cells.copies + copy) * duty.shape[0]
            for t in range(phases):
                _draw_bits(key, number, phases, t, duty, used[t] * width, spare, fair, states)
                if alike:
                    _count(read, digits, t, used[t], states, 0, 1, counted)
                else:
                    _count_masked(words, digits, t, states, 0, masks, strip, pair, high, counted)
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
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    size = width * bank.planes.itemsize // 8
    chains = np.empty((pairs, cells.copies, cells.chain.top + 2, rows, size), np.uint64)
    for strip in range(strips):
        chain_key = fold(fold(key, GAUSSIAN), strip)
        for v in range(words.shape[0]):
            strip_key = fold(fold(key, first + v), strip)
            markov_strip(
                words[v], strip, bank, cells, adc.subtract, strip_key, chain_key, first + v,
                v == 0, chains, samples,
            )  # fmt: skip
            distort(samples, strip, adc.errors)
            acc[v, strip] = 0
            for c in range(acc.shape[2]):
                convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def markov_strip(
    words, strip, bank, cells, subtract, key, chain_key, vector, anew, chains, samples
):
    """As `exact_strip`; chains (C, copies, top + 2, W, n) at the read before, or anew."""
    phases = words.shape[0]
    _, pairs, _, rows, width = bank.planes.shape
    counts = np.zeros((samples.shape[0], cells.scales.shape[0], phases, width), bank.weights.dtype)
    values = np.zeros(samples.shape, np.float32)
    masks, high, top = cells.masks, 1 + cells.everywhere.shape[0], cells.chain.top
    for pair in range(pairs):
        c = pair if samples.shape[0] > 1 else 0
        weights, digits, offset = _signed(subtract and pair == 1, bank, cells)
        _add_offset(words, offset, digits.shape[0], values[c])
        _count_all(words, strip, pair, bank, cells, weights, digits, counts[c])
        for copy in range(cells.copies):
            chain, counted = chains[pair, copy], counts[c]
            states = chain.reshape(-1).view(bank.planes.dtype).reshape(-1, rows, width)
            trap = fold(chain_key, pair * cells.copies + copy)
            for t in range(phases):
                read = vector * phases + t
                if anew and t == 0:
                    reach(trap, read, cells.chain, chain)
                else:
                    advance(trap, read, cells.chain, chain)
                place = place_of(read, top)
                _count_masked(words, digits, t, states, place, masks, strip, pair, high, counted)
            if (copy + 1) % cells.batch == 0:
                _add_counts(cells.scales, counted, values[c])
    for c in range(samples.shape[0]):
        _add_counts(cells.scales, counts[c], values[c])
    _finish(words, strip, bank, cells, key, values, samples)


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
def _count(words, digits, t, used, states, place, k, out):
    """out[k, t, i] += number of driven cells in the high state in the first `used` words.

    states (W, n).  Arrays are indexed in full: a view of one costs an atomic count, and as much
    time as the loop over 256 lanes.
    """
    for m in range(digits.shape[0]):
        digit = digits[m]
        w = 0
        while used - w >= 8:
            a, b, c, d = words[t, m, w], words[t, m, w + 1], words[t, m, w + 2], words[t, m, w + 3]
            e, f = words[t, m, w + 4], words[t, m, w + 5]
            g, h = words[t, m, w + 6], words[t, m, w + 7]
            for i in range(out.shape[2]):
                low = popcount(a & states[place, w, i]) + popcount(b & states[place, w + 1, i])
                low += popcount(c & states[place, w + 2, i]) + popcount(d & states[place, w + 3, i])
                high = popcount(e & states[place, w + 4, i]) + popcount(f & states[place, w + 5, i])
                high += popcount(g & states[place, w + 6, i]) + popcount(
                    h & states[place, w + 7, i]
                )
                out[k, t, i] += (low + high) * digit
            w += 8
        while used - w >= 2:
            a, b = words[t, m, w], words[t, m, w + 1]
            for i in range(out.shape[2]):
                low = popcount(a & states[place, w, i]) + popcount(b & states[place, w + 1, i])
                out[k, t, i] += low * digit
            w += 2
        if w < used:
            word = words[t, m, w]
            for i in range(out.shape[2]):
                out[k, t, i] += popcount(word & states[place, w, i]) * digit


@kernel
def _count_masked(words, digits, t, states, place, masks, strip, pair, high, out):
    """The same for all words in out[high], and in out[high + 1 + q] among cells of mask q."""
    even = masks.shape[2] // 2 * 2
    _count(words, digits, t, words.shape[2], states, place, high, out)
    for q in range(0, even, 2):
        _count_two(words, digits, t, states, place, masks, strip, pair, q, high + 1 + q, out)
    if even < masks.shape[2]:
        for m in range(digits.shape[0]):
            for w in range(words.shape[2]):
                word = words[t, m, w]
                for i in range(out.shape[2]):
                    ones = popcount(word & masks[strip, pair, even, w, i] & states[place, w, i])
                    out[high + 1 + even, t, i] += ones * digits[m]


@kernel
def _count_two(words, digits, t, states, place, masks, strip, pair, q, k, out):
    """The same in out[k] and out[k + 1] among the cells of masks q and q + 1."""
    size = words.shape[2]
    for m in range(digits.shape[0]):
        digit = digits[m]
        w = 0
        while size - w >= 4:
            a, b, c, d = words[t, m, w], words[t, m, w + 1], words[t, m, w + 2], words[t, m, w + 3]
            for i in range(out.shape[2]):
                x, y = a & states[place, w, i], b & states[place, w + 1, i]
                z, u = c & states[place, w + 2, i], d & states[place, w + 3, i]
                low = popcount(x & masks[strip, pair, q, w, i])
                low += popcount(y & masks[strip, pair, q, w + 1, i])
                low += popcount(z & masks[strip, pair, q, w + 2, i])
                low += popcount(u & masks[strip, pair, q, w + 3, i])
                high = popcount(x & masks[strip, pair, q + 1, w, i])
                high += popcount(y & masks[strip, pair, q + 1, w + 1, i])
                high += popcount(z & masks[strip, pair, q + 1, w + 2, i])
                high += popcount(u & masks[strip, pair, q + 1, w + 3, i])
                out[k, t, i] += low * digit
                out[k + 1, t, i] += high * digit
            w += 4
        while w < size:
            word = words[t, m, w]
            for i in range(out.shape[2]):
                x = word & states[place, w, i]
                out[k, t, i] += popcount(x & masks[strip, pair, q, w, i]) * digit
                out[k + 1, t, i] += popcount(x & masks[strip, pair, q + 1, w, i]) * digit
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
