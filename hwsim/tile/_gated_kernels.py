"""Column sums of gated cells (1T1R) behind lines with resistance; shapes as in `_kernels`.

Only driven rows connect, so what a bit line gives depends on the bits.  The population counts
of `_kernels` are stopped after every segment of rows; the squares of the sums so far are the
first order of what the line takes (`gated`).  All in the lanes' integers, with 15 bits for a
column's conductance, so that as many lanes as in the counts fit a vector: in single precision
with a division per sum the same cost 3.5 times the ideal tile instead of less than 2.
"""

import numpy as np

from hwsim._jit import (
    kernel,
    popcount,
    typed_add,
    typed_mul,
    typed_mul_high,
    typed_shl,
    typed_shr,
    typed_sub,
)
from hwsim.rng import fold
from hwsim.tile._converter_kernels import at_rest, distort
from hwsim.tile._kernels import GROUP, SAMPLE_BITS, convert, driven, sample_strip
from hwsim.tile._telegraph_kernels import exact_strip


@kernel
def wired_block(words, pulses, bank, ladder, adc, phase_scales, acc):
    """As `_kernels.ideal_block`, of what the lines let through.

    pulses (V, T, N, W): the rows driven at each of the N unit pulses of a phase; ladder:
    `gated.Ladder`; adc converts sums with ladder.fraction_bits.
    """
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), bank.weights.dtype)
    sums, squares = np.empty_like(samples[0]), np.empty_like(samples[0])
    offsets, spared = level_zero(pulses, ladder, samples)
    signs = signs_of(adc.subtract, 1, samples)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if driven(words[v]):
                    pass_strip(
                        pulses[v], offsets[v], spared[v], strip, bank, ladder, signs, sums,
                        squares, samples,
                    )  # fmt: skip
                    for c in range(acc.shape[2]):
                        convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def wired_moments_block(words, pulses, bank, ladder, noise, adc, phase_scales, key, first, acc):
    """As `_kernels.moments_block`, less what the lines take from the undisturbed sums."""
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    taken = np.empty(samples.shape, bank.weights.dtype)
    sums, squares = np.empty_like(taken[0]), np.empty_like(taken[0])
    offsets, spared = level_zero(pulses, ladder, taken)
    signs = signs_of(adc.subtract, 0, taken)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if noise.floor == 0 and at_rest(adc.errors) and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                sample_strip(words[v], strip, bank, noise, adc.subtract, strip_key, samples)
                pass_strip(
                    pulses[v], offsets[v], spared[v], strip, bank, ladder, signs, sums,
                    squares, taken,
                )  # fmt: skip
                _take(taken, ladder, samples)
                distort(samples, strip, adc.errors)
                for c in range(acc.shape[2]):
                    convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def wired_exact_block(words, pulses, bank, ladder, cells, adc, phase_scales, key, first, acc):
    """As `_telegraph_kernels.exact_block`, less what the lines take from the undisturbed sums."""
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    taken = np.empty(samples.shape, bank.weights.dtype)
    sums, squares = np.empty_like(taken[0]), np.empty_like(taken[0])
    offsets, spared = level_zero(pulses, ladder, taken)
    signs = signs_of(adc.subtract, 0, taken)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if at_rest(adc.errors) and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                exact_strip(words[v], strip, bank, cells, adc.subtract, strip_key, samples)
                pass_strip(
                    pulses[v], offsets[v], spared[v], strip, bank, ladder, signs, sums,
                    squares, taken,
                )  # fmt: skip
                _take(taken, ladder, samples)
                distort(samples, strip, adc.errors)
                for c in range(acc.shape[2]):
                    convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def _take(taken, ladder, samples):
    """samples += taken (negative), in the samples' finer units; (C converted, T, width)."""
    finer = np.int32(SAMPLE_BITS - ladder.fraction_bits)
    flat, out = taken.ravel(), samples.ravel()
    for i in range(out.shape[0]):
        out[i] += typed_shl(np.int32(flat[i]), finer)


@kernel
def level_zero(pulses, ladder, like):
    """(V, N, segments, T) conductance, up to the end of each segment, of a column of level zero,
    and (V, N, T) what its lines take; in the type of `like`.
    """
    vectors, phases, numbers, size = pulses.shape
    offsets = np.empty((vectors, numbers, ladder.segments, phases), like.dtype)
    taken = np.zeros((vectors, numbers, phases), like.dtype)
    for v in range(vectors):
        for n in range(numbers):
            for t in range(phases):
                rows = 0
                for segment in range(ladder.segments):
                    start = segment * ladder.words
                    for w in range(start, min(start + ladder.words, size)):
                        rows += np.int64(popcount(pulses[v, t, n, w]))
                    offsets[v, n, segment, t] = rows * ladder.offset >> 16
                    flow = offsets[v, n, segment, t]
                    taken[v, n, t] = typed_add(taken[v, n, t], typed_mul_high(flow, flow))
                taken[v, n, t] = _taken(flow, taken[v, n, t], ladder)
    return offsets, taken


@kernel
def signs_of(subtract, whole, like):
    """(2, 2) for each column of the pair: its sign, and `whole`, in the type of `like`."""
    signs = np.empty((2, 2), like.dtype)
    signs[0, 0] = 1
    signs[1, 0] = -1 if subtract else 1
    signs[:, 1] = whole
    return signs


@kernel
def pass_strip(
    pulses, offsets, spared, strip, bank, ladder, signs, sums, squares, samples
):  # fmt: skip
    """samples = whole * column sum - what its lines take, of one vector in one strip of lanes.

    pulses (T, N, W); offsets, spared: one vector's of `level_zero`, subtracted from each column
    as by a dummy column on lines of its own; sums, squares (T, width) scratch; samples
    (C converted, T, width); all in the lanes' type.
    """
    samples[:] = 0
    for pair in range(bank.planes.shape[1]):
        c = pair if samples.shape[0] > 1 else 0
        planes, lanes = bank.planes[strip, pair], bank.lanes[strip]
        for n in range(pulses.shape[1]):
            _count(pulses, n, planes, bank.weights[0], lanes, offsets[n], ladder, sums, squares)
            last = offsets[n, offsets.shape[1] - 1]
            _let_through(sums, squares, last, spared[n], signs[pair], ladder, samples[c])


@kernel
def _count(pulses, n, planes, weights, lanes, offsets, ladder, sums, squares):
    """Column sums, and the squares of the conductances up to every segment's end."""
    size = pulses.shape[2]
    single = planes.shape[0] == 1
    double = planes.shape[0] == 2 and weights[1] == 2 * weights[0]
    four = ladder.words == 2 and (single or double)
    sums[:] = 0
    squares[:] = 0
    segment = 0
    while segment < offsets.shape[0]:
        if four and single and 2 * segment + 8 <= size:
            _add_four_bits(pulses, n, segment, planes, weights, offsets, ladder, sums, squares)
            segment += 4
        elif four and 2 * segment + 8 <= size:
            _add_four(pulses, n, segment, planes, weights, offsets, ladder, sums, squares)
            segment += 4
        else:
            start = segment * ladder.words
            stop = min(start + ladder.words, size)
            if stop - start == 2:
                _add_two(pulses, n, start, planes, weights, lanes, ladder.unit, sums)
            else:
                _add_one(pulses, n, start, planes, weights, lanes, ladder.unit, sums)
            _add_squares(sums, offsets, segment, ladder.fall, squares)
            segment += 1


@kernel
def _add_four(pulses, n, segment, planes, weights, offsets, ladder, sums, squares):
    """Four segments of two words of two planes: sums and squares stay in registers.

    Measured with 128 rows of 2-bit cells: 1.4 times the plain counts; segment by segment 1.6.
    """
    unit = typed_mul(weights[0], ladder.unit)
    w = 2 * segment
    for t in range(sums.shape[0]):
        a, b, c, d = pulses[t, n, w], pulses[t, n, w + 1], pulses[t, n, w + 2], pulses[t, n, w + 3]
        e, f = pulses[t, n, w + 4], pulses[t, n, w + 5]
        g, h = pulses[t, n, w + 6], pulses[t, n, w + 7]
        o0, o1 = offsets[segment, t], offsets[segment + 1, t]
        o2, o3 = offsets[segment + 2, t], offsets[segment + 3, t]
        for i in range(sums.shape[1]):
            low = typed_add(popcount(a & planes[0, w, i]), popcount(b & planes[0, w + 1, i]))
            high = typed_add(popcount(a & planes[1, w, i]), popcount(b & planes[1, w + 1, i]))
            total = typed_add(sums[t, i], typed_mul(unit, typed_add(low, typed_add(high, high))))
            square = typed_add(squares[t, i], _square(total, o0))
            low = typed_add(popcount(c & planes[0, w + 2, i]), popcount(d & planes[0, w + 3, i]))
            high = typed_add(popcount(c & planes[1, w + 2, i]), popcount(d & planes[1, w + 3, i]))
            total = typed_add(total, typed_mul(unit, typed_add(low, typed_add(high, high))))
            square = typed_add(square, _square(total, o1))
            low = typed_add(popcount(e & planes[0, w + 4, i]), popcount(f & planes[0, w + 5, i]))
            high = typed_add(popcount(e & planes[1, w + 4, i]), popcount(f & planes[1, w + 5, i]))
            total = typed_add(total, typed_mul(unit, typed_add(low, typed_add(high, high))))
            square = typed_add(square, _square(total, o2))
            low = typed_add(popcount(g & planes[0, w + 6, i]), popcount(h & planes[0, w + 7, i]))
            high = typed_add(popcount(g & planes[1, w + 6, i]), popcount(h & planes[1, w + 7, i]))
            total = typed_add(total, typed_mul(unit, typed_add(low, typed_add(high, high))))
            sums[t, i] = total
            squares[t, i] = typed_add(square, _square(total, o3))


@kernel
def _add_four_bits(pulses, n, segment, planes, weights, offsets, ladder, sums, squares):
    """Four segments of two words of one plane."""
    unit = typed_mul(weights[0], ladder.unit)
    w = 2 * segment
    for t in range(sums.shape[0]):
        a, b, c, d = pulses[t, n, w], pulses[t, n, w + 1], pulses[t, n, w + 2], pulses[t, n, w + 3]
        e, f = pulses[t, n, w + 4], pulses[t, n, w + 5]
        g, h = pulses[t, n, w + 6], pulses[t, n, w + 7]
        o0, o1 = offsets[segment, t], offsets[segment + 1, t]
        o2, o3 = offsets[segment + 2, t], offsets[segment + 3, t]
        for i in range(sums.shape[1]):
            low = typed_add(popcount(a & planes[0, w, i]), popcount(b & planes[0, w + 1, i]))
            total = typed_add(sums[t, i], typed_mul(unit, low))
            square = typed_add(squares[t, i], _square(total, o0))
            low = typed_add(popcount(c & planes[0, w + 2, i]), popcount(d & planes[0, w + 3, i]))
            total = typed_add(total, typed_mul(unit, low))
            square = typed_add(square, _square(total, o1))
            low = typed_add(popcount(e & planes[0, w + 4, i]), popcount(f & planes[0, w + 5, i]))
            total = typed_add(total, typed_mul(unit, low))
            square = typed_add(square, _square(total, o2))
            low = typed_add(popcount(g & planes[0, w + 6, i]), popcount(h & planes[0, w + 7, i]))
            total = typed_add(total, typed_mul(unit, low))
            sums[t, i] = total
            squares[t, i] = typed_add(square, _square(total, o3))


@kernel
def _square(total, offset):
    """The square of a column's conductance; of 30 bits the upper half."""
    flow = typed_add(total, offset)
    return typed_mul_high(flow, flow)


@kernel
def _add_two(pulses, n, w, planes, weights, lanes, unit, sums):
    """sums[t, i] += levels of the driven cells in words w and w + 1."""
    for p in range(planes.shape[0]):
        weight = typed_mul(weights[p], unit)
        for t in range(pulses.shape[0]):
            a, b = pulses[t, n, w], pulses[t, n, w + 1]
            if (a | b) != 0:
                for i in range(lanes[p]):
                    low = typed_add(
                        popcount(a & planes[p, w, i]), popcount(b & planes[p, w + 1, i])
                    )
                    sums[t, i] = typed_add(sums[t, i], typed_mul(low, weight))


@kernel
def _add_one(pulses, n, w, planes, weights, lanes, unit, sums):
    """sums[t, i] += levels of the driven cells in word w."""
    for p in range(planes.shape[0]):
        weight = typed_mul(weights[p], unit)
        for t in range(pulses.shape[0]):
            a = pulses[t, n, w]
            if a != 0:
                for i in range(lanes[p]):
                    sums[t, i] += popcount(a & planes[p, w, i]) * weight


@kernel
def _add_squares(sums, offsets, segment, fall, squares):
    """squares[t, i] += (conductance so far)^2."""
    for t in range(sums.shape[0]):
        offset = offsets[segment, t]
        for i in range(sums.shape[1]):
            square = _square(typed_shr(sums[t, i], fall), offset)
            squares[t, i] = typed_add(squares[t, i], square)


@kernel
def _let_through(sums, squares, offsets, spared, signs, ladder, samples):
    """samples[t, i] += sign * (whole * column sum - what the lines take)."""
    sign, whole = signs[0], signs[1]
    for t in range(samples.shape[0]):
        offset, spare = offsets[t], spared[t]
        for i in range(samples.shape[1]):
            flow = typed_add(typed_shr(sums[t, i], ladder.fall), offset)
            lost = typed_sub(_taken(flow, squares[t, i], ladder), spare)
            left = typed_sub(typed_mul(sums[t, i], whole), lost)
            samples[t, i] = typed_add(samples[t, i], typed_mul(sign, left))


@kernel
def _taken(flow, squares, ladder):
    """What the lines take from a column: the first order times a cubic of its conductance."""
    own = typed_mul_high(typed_mul_high(flow, flow), ladder.last)
    first = typed_shl(typed_add(typed_mul_high(squares, ladder.every), own), ladder.lift)
    curve = ladder.curve
    gain = typed_add(curve[2], typed_mul_high(flow, curve[3]))
    gain = typed_add(curve[1], typed_mul_high(flow, gain))
    gain = typed_add(curve[0], typed_mul_high(flow, gain))
    return typed_shl(typed_mul_high(first, gain), ladder.coarse)
