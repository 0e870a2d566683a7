"""Telegraph noise cell by cell: the state of every driven cell at every read is one random bit.

The states of a word's cells are one random word, the disturbed column sum a few AND +
population counts more; names and shapes as in `_kernels`.  With s_i = +1 or -1,

    sum_i x_i a(g_i) s_i = 2 * (sum over high cells) - (sum over all cells)

and a(g) a polynomial of the level's bits, a conversion sees a weighted sum of whole numbers:

    level sum | all cells in some masks || high cells | high cells in each mask

Tried and measured on one core (AVX-512; 128 rows, 2-bit cells, amplitudes that follow the
level; 1e9 MAC/s): counts in loops over lanes, one mask at a time 0.65; what is linear in the
level taken from the level sum 0.73; two masks at a time, arrays indexed in full 0.75; vectors as
values, memory at multiples of 64 bytes, no calls between loops 1.05.  Lanes of two vectors at a
time 0.90.  Where all cells are alike the steps gave 1.3, 1.4 and 1.55.

On a Zen 5: 1.38, and 1.08 where pairs are subtracted digitally; arrays handed on without counts
of references 1.54 and 1.21; working memory made once for a block instead of for every vector
1.75 and 1.43.  Where all cells are alike 1.7 and 1.35, 2.1 and 1.65, 2.6 and 2.0.
"""

from typing import Any, NamedTuple

import numpy as np

from hwsim._jit import borrowed, inlined_kernel, kernel
from hwsim._jit import popcount as ones_of
from hwsim._vectors import (
    lane_count,
    load,
    load_as,
    popcount,
    round_down,
    signed,
    splat,
    store,
    to_float,
)
from hwsim.rng import GOLDEN, fold, mix
from hwsim.tile._chain_kernels import advance, place_of, reach
from hwsim.tile._converter_kernels import at_rest, sense
from hwsim.tile._kernels import (
    GROUP,
    SAMPLE_ONE,
    add_sums,
    convert,
    driven,
    sample_all,
)
from hwsim.tile._sum_kernels import sum_strip

GAUSSIAN = 0x47415553  # continues the address of a strip's cell states to its column noise
ONE = np.uint64(1)


class Memory(NamedTuple):
    """Working memory of one strip, made once for all vectors of a block."""

    fair: Any  # (n,) fair words of one phase's states
    spare: Any  # the same
    read: Any  # (T, M, W) words of inputs
    used: Any  # (T,) of them
    counts: Any  # (C converted, 1 + Q, T, width) lanes
    sums: Any  # (C, T, width) lanes
    lanes: Any  # (strips, 1) width
    ones: Any  # (1, 1) lanes
    values: Any  # (C converted, T, width) float32
    variances: Any  # the same, or (C converted, T, 1) where no level changes it


@kernel
def _memory(bank, cells, converted, words):
    """For inputs words (V, T, M, W)."""
    strips, pairs, _, rows, width = bank.planes.shape
    phases = words.shape[1]
    lanes = width if cells.current[1] != 0 else 1
    return Memory(
        _aligned(rows * width * bank.planes.itemsize // 8),
        _aligned(rows * width * bank.planes.itemsize // 8),
        np.empty(words.shape[1:], words.dtype),
        np.full(phases, rows),
        np.zeros((converted, 1 + cells.masks.shape[2], phases, width), bank.weights.dtype),
        np.empty((pairs, phases, width), bank.weights.dtype),
        np.full((strips, 1), width),
        np.ones((1, 1), bank.weights.dtype),
        np.empty((converted, phases, width), np.float32),
        np.empty((converted, phases, lanes), np.float32),
    )


@kernel
def exact_block(words, bank, cells, adc, phase_scales, key, first, acc):
    """Codes of one row block in which every driven cell draws its own state at every read.

    As `moments_block`; cells: Telegraph.  Vector v draws the states of a strip under the key
    (key, first + v, strip), in the order: column of the pair, copy, digit of the duty, phase,
    word of rows, lane.
    """
    words, bank, cells = borrowed(words), borrowed(bank), borrowed(cells)
    adc, phase_scales, acc = borrowed(adc), borrowed(phase_scales), borrowed(acc)
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    memory = _memory(bank, cells, acc.shape[2], words)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if cells.floor == 0 and at_rest(adc.errors) and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                _exact_strip(words[v], strip, bank, cells, adc.subtract, strip_key, memory, samples)
                sense(samples, v, strip, adc)
                for c in range(acc.shape[2]):
                    convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def exact_strip(words, strip, bank, cells, subtract, key, samples):
    """What the converters see of one vector in one strip of lanes, all phases.

    words (T, M, W); samples (C converted, T, width) int32, overwritten.
    """
    memory = _memory(bank, cells, samples.shape[0], words[None])
    _exact_strip(words, strip, bank, cells, subtract, key, memory, samples)


@kernel
def _exact_strip(words, strip, bank, cells, subtract, key, memory, samples):
    """`exact_strip` in memory that is there."""
    words, bank, cells = borrowed(words), borrowed(bank), borrowed(cells)
    memory, samples = borrowed(memory), borrowed(samples)
    phases = words.shape[0]
    _, pairs, _, rows, width = bank.planes.shape
    fair, spare, counts, duty = memory.fair, memory.spare, memory.counts, cells.duty
    states = fair.view(bank.planes.dtype).reshape(1, rows, width)
    read, used = words, memory.used
    alike = cells.masks.shape[2] == 0 and words.shape[1] == 1
    if alike:
        # All cells alike: the driven ones take the first bits, and no more words are drawn.
        read = memory.read
        for t in range(phases):
            used[t] = _first_bits(words, t, read)
    _add_all(words, strip, bank, cells, subtract, memory)
    for pair in range(pairs):
        c = pair if samples.shape[0] > 1 else 0
        digits = -cells.digits if subtract and pair == 1 else cells.digits
        masks, out = cells.masks[strip, pair], counts[c]
        for copy in range(cells.copies):
            number = (pair * cells.copies + copy) * duty.shape[0]
            for t in range(phases):
                _draw_bits(key, number, phases, t, duty, used[t] * width, spare, fair, states)
                if alike:
                    _count(read, digits, t, used[t], states, 0, out)
                else:
                    _count_masked(words, digits, t, states, 0, masks, out)
            if (copy + 1) % cells.batch == 0:
                _add_counts(cells.high_scales, out, c, memory.values)
    for c in range(samples.shape[0]):
        _add_counts(cells.high_scales, counts[c], c, memory.values)
    _finish(cells, key, memory.values, memory.variances, samples)


@kernel
def markov_block(words, bank, cells, adc, phase_scales, key, first, acc):
    """As `exact_block`, the states of a cell at successive reads forming a two-state chain.

    Read number n = (first + v) * T + t.  The chains of a strip are addressed by (key, GAUSSIAN,
    strip, column of the pair and copy).
    """
    words, bank, cells = borrowed(words), borrowed(bank), borrowed(cells)
    adc, phase_scales, acc = borrowed(adc), borrowed(phase_scales), borrowed(acc)
    strips, pairs, _, rows, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    size = width * bank.planes.itemsize // 8
    traps, places = pairs * cells.copies, cells.chain.top + 2
    memory = _memory(bank, cells, acc.shape[2], words)
    chains = _aligned(traps * places * (rows + 1) * size).reshape(
        pairs, cells.copies, places, (rows + 1) * size
    )
    masks = _aligned(3 * (rows + 1) * size).reshape(3, (rows + 1) * size)
    masks[:] = 0
    marks = np.empty((2, cells.chain.marks.shape[1] // 2 + 1), np.uint64)
    for strip in range(strips):
        chain_key = fold(fold(key, GAUSSIAN), strip)
        for v in range(words.shape[0]):
            strip_key = fold(fold(key, first + v), strip)
            markov_strip(
                words[v], strip, bank, cells, adc.subtract, strip_key, chain_key, first + v,
                v == 0, chains, masks, marks, memory, samples,
            )  # fmt: skip
            sense(samples, v, strip, adc)
            acc[v, strip] = 0
            for c in range(acc.shape[2]):
                convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def markov_strip(
    words, strip, bank, cells, subtract, key, chain_key, vector, anew, chains, masks, marks, memory,
    samples,
):  # fmt: skip
    """As `exact_strip`; chains (C, copies, top + 2, n) at the read before, or anew."""
    words, bank, cells, chains = borrowed(words), borrowed(bank), borrowed(cells), borrowed(chains)
    masks, marks = borrowed(masks), borrowed(marks)
    memory, samples = borrowed(memory), borrowed(samples)
    phases, counts = words.shape[0], memory.counts
    _, pairs, _, rows, width = bank.planes.shape
    _add_all(words, strip, bank, cells, subtract, memory)
    for pair in range(pairs):
        c = pair if samples.shape[0] > 1 else 0
        digits = -cells.digits if subtract and pair == 1 else cells.digits
        within, out = cells.masks[strip, pair], counts[c]
        for copy in range(cells.copies):
            chain = chains[pair, copy]
            states = chain.reshape(-1).view(bank.planes.dtype).reshape(-1, rows + 1, width)
            trap = fold(chain_key, pair * cells.copies + copy)
            for t in range(phases):
                read = vector * phases + t
                if anew and t == 0:
                    reach(trap, read, cells.chain, chain, masks, marks)
                else:
                    advance(trap, read, cells.chain, chain, masks, marks)
                place = place_of(read, cells.chain.top)
                _count_masked(words, digits, t, states, place, within, out)
            if (copy + 1) % cells.batch == 0:
                _add_counts(cells.high_scales, out, c, memory.values)
    for c in range(samples.shape[0]):
        _add_counts(cells.high_scales, counts[c], c, memory.values)
    _finish(cells, key, memory.values, memory.variances, samples)


@kernel
def _aligned(count):
    """Memory for `count` 64-bit words at a multiple of 64 bytes: vectors do not cross lines."""
    memory = np.empty(count + 7, np.uint64)
    start = -np.int64(memory.ctypes.data) % 64 // 8
    return memory[start : start + count]


@kernel
def _first_bits(words, t, read):
    """read[t, 0] = as many ones as words[t, 0] has, from bit 0 on; returns the words they fill."""
    ones = 0
    for w in range(words.shape[2]):
        ones += np.int64(ones_of(words[t, 0, w]))
    bits = 8 * words.itemsize
    for w in range(words.shape[2]):
        here = min(max(ones - w * bits, 0), bits)
        read[t, 0, w] = (1 << here) - 1
    return (ones + bits - 1) // bits


@inlined_kernel
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
def _add_all(words, strip, bank, cells, subtract, memory):
    """Values and variances of what does not depend on the states: noise, and all cells low."""
    words, bank, cells, memory = borrowed(words), borrowed(bank), borrowed(cells), borrowed(memory)
    values, variances, sums = memory.values, memory.variances, memory.sums
    values[:], variances[:] = 0, cells.floor
    every, none = words[None], np.float32(0)
    early = subtract and variances.shape[2] == 1
    for m in range(cells.digits.shape[0]):
        digit = np.float32(1 << m)
        mean = (digit * cells.offset, digit * cells.all_scales[0])
        spread = (digit * cells.current[0], digit * cells.current[1] * cells.unit)
        sums[:] = 0
        sum_strip(every, 0, m, bank.planes, strip, bank.weights, 0, bank.lanes, early, sums)
        add_sums(every, 0, m, subtract, mean, spread, sums, values, variances)
        for e in range(cells.everywhere.shape[0]):
            q, mean = cells.everywhere[e], (none, digit * cells.all_scales[1 + e])
            mask = cells.masks[:, :, q : q + 1]
            sums[:] = 0
            sum_strip(every, 0, m, mask, strip, memory.ones, 0, memory.lanes, early, sums)
            add_sums(every, 0, m, subtract, mean, (none, none), sums, values, variances)


@inlined_kernel
def _count(words, digits, t, used, states, place, out):
    """out[0, t, i] += number of driven cells in the high state in the first `used` words.

    states (places, W, n), in place `place`; out (1 + Q, T, n).
    """
    width, each = out.shape[2], lane_count(out)
    rest = width % each
    for i in range(0, width - rest, each):
        _count_lanes(words, digits, t, used, states, place, out, i, None)
    if rest > 0:
        _count_lanes(words, digits, t, used, states, place, out, width - rest, rest)


@inlined_kernel
def _count_lanes(words, digits, t, used, states, place, out, i, rest):
    """`_count` in the lanes of one vector."""
    for m in range(digits.shape[0]):
        ones = splat(states.dtype.type(0))
        for w in range(used):
            ones = ones + popcount(splat(words[t, m, w]) & load(states, (place, w, i), rest))
        total = load(out, (0, t, i), rest) + signed(ones) * splat(digits[m])
        store(total, out, (0, t, i), rest)


@inlined_kernel
def _count_masked(words, digits, t, states, place, masks, out):
    """The same for all words, and in out[1 + q] among the cells of mask q; masks (Q, W, n)."""
    if masks.shape[0] == 0:
        _count(words, digits, t, words.shape[2], states, place, out)
    width, each = out.shape[2], lane_count(out)
    rest = width % each
    for q in range(0, masks.shape[0], 2):
        for i in range(0, width - rest, each):
            _masked_lanes(words, digits, t, states, place, q, masks, out, i, None)
        if rest > 0:
            _masked_lanes(words, digits, t, states, place, q, masks, out, width - rest, rest)


@inlined_kernel
def _masked_lanes(words, digits, t, states, place, q, masks, out, i, rest):
    """`_count_masked` in the lanes of one vector: two masks, with the first ones all cells."""
    p = min(q + 1, masks.shape[0] - 1)
    none = splat(states.dtype.type(0))
    for m in range(digits.shape[0]):
        a, b, c = none, none, none
        for w in range(words.shape[2]):
            cells = splat(words[t, m, w]) & load(states, (place, w, i), rest)
            a = a + popcount(cells)
            b = b + popcount(cells & load(masks, (q, w, i), rest))
            c = c + popcount(cells & load(masks, (p, w, i), rest))
        digit = splat(digits[m])
        if q == 0:
            store(load(out, (0, t, i), rest) + signed(a) * digit, out, (0, t, i), rest)
        total = load(out, (1 + q, t, i), rest) + signed(b) * digit
        store(total, out, (1 + q, t, i), rest)
        if p > q:
            total = load(out, (1 + p, t, i), rest) + signed(c) * digit
            store(total, out, (1 + p, t, i), rest)


@kernel
def _add_counts(scales, counts, c, values):
    """values[c, t, i] += sum over k of scales[k] * counts[k, t, i]; counts start again."""
    scales, counts, values = borrowed(scales), borrowed(counts), borrowed(values)
    width = values.shape[2]
    for t in range(values.shape[1]):
        for i in range(0, width, 16):
            rest = width - i
            value = load(values, (c, t, i), rest)
            for k in range(scales.shape[0]):
                more = to_float(load_as(counts, (k, t, i), rest, np.int32))
                value = value + splat(scales[k]) * more
            store(value, values, (c, t, i), rest)
    counts[:] = 0


@kernel
def _finish(cells, key, values, variances, samples):
    """Samples of the values, with Gaussian noise where there is any."""
    if cells.floor > 0 or cells.current[0] > 0 or cells.current[1] > 0:
        sample_all(values, variances, fold(key, GAUSSIAN), samples)
        return
    width, unit, half = values.shape[2], splat(SAMPLE_ONE), splat(np.float32(0.5))
    for c in range(values.shape[0]):
        for t in range(values.shape[1]):
            for i in range(0, width, 16):
                value = unit * load(values, (c, t, i), width - i)
                store(round_down(value + half), samples, (c, t, i), width - i)
