"""Column sums of gated cells (1T1R) behind lines with resistance; shapes as in `_kernels`.

Only driven rows connect, so what a bit line gives depends on the bits.  The population counts
of `_kernels` are stopped after every segment of rows; the squares of the sums so far are the
first order of what the line takes (`gated`).  All in the lanes' integers, with 15 bits for a
column's conductance, so that as many lanes as in the counts fit a vector: in single precision
with a division per sum the same cost 3.5 times the ideal tile instead of less than 2.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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


class Column(NamedTuple):
    """One column's lines at one unit pulse of all phases, in the lanes' type."""

    ladder: Any  # `gated.Ladder`
    offsets: NDArray[Any]  # (segments, T) as of `level_zero`
    spared: NDArray[Any]  # (T,)
    sign: Any
    whole: Any


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
def wired_noisy_block(
    words, pulses, bank, ladder, moments, cells, adc, phase_scales, key, first, acc
):  # fmt: skip
    """As `_kernels.moments_block` (moments: Noise) or `_telegraph_kernels.exact_block` (cells:
    Telegraph; the other is None), less what the lines take from the undisturbed sums.
    """
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    taken = np.empty(samples.shape, bank.weights.dtype)
    sums, squares = np.empty_like(taken[0]), np.empty_like(taken[0])
    offsets, spared = level_zero(pulses, ladder, taken)
    signs = signs_of(adc.subtract, 0, taken)
    silent = at_rest(adc.errors) and _noiseless_at_rest(moments)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if silent and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                if moments is not None:
                    sample_strip(words[v], strip, bank, moments, adc.subtract, strip_key, samples)
                if cells is not None:
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
def _noiseless_at_rest(moments):
    """Whether a column that carries no current has no noise."""
    if moments is not None:
        return moments.floor == 0
    return True


@kernel
def pass_block(pulses, bank, ladder, subtract, whole, samples):
    """samples (V, strips, C converted, T, width) = whole * column sum - what the lines take."""
    like = samples[0, 0]
    sums, squares = np.empty_like(like[0]), np.empty_like(like[0])
    offsets, spared = level_zero(pulses, ladder, like)
    signs = signs_of(subtract, whole, like)
    for v in range(pulses.shape[0]):
        for strip in range(bank.planes.shape[0]):
            pass_strip(
                pulses[v], offsets[v], spared[v], strip, bank, ladder, signs, sums, squares,
                samples[v, strip],
            )  # fmt: skip


@kernel
def passed_histogram(pulses, bank, ladder, subtract, lanes, counts):
    """counts[ceil |A|] += 1 for what the lines let through of every column sum A.

    As `_kernels.histogram_block`; beyond the last bin counts for the last.
    """
    strips, pairs, _, _, width = bank.planes.shape
    samples = np.empty((1 if subtract else pairs, pulses.shape[1], width), bank.weights.dtype)
    sums, squares = np.empty_like(samples[0]), np.empty_like(samples[0])
    offsets, spared = level_zero(pulses, ladder, samples)
    signs = signs_of(subtract, 1, samples)
    last, under = counts.shape[0] - 1, (1 << ladder.fraction_bits) - 1
    for v in range(pulses.shape[0]):
        for strip in range(strips):
            pass_strip(
                pulses[v], offsets[v], spared[v], strip, bank, ladder, signs, sums, squares,
                samples,
            )  # fmt: skip
            for c in range(samples.shape[0]):
                for t in range(samples.shape[1]):
                    for i in range(min(width, lanes - strip * width)):
                        size = abs(np.int64(samples[c, t, i])) + under
                        counts[min(size >> ladder.fraction_bits, last)] += 1


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
            line = Column(ladder, offsets[n], spared[n], signs[pair, 0], signs[pair, 1])
            _pass_column(pulses, n, planes, bank.weights[0], lanes, line, sums, squares, samples[c])


@kernel
def _pass_column(pulses, n, planes, weights, lanes, line, sums, squares, samples):
    """One column of the pair, at unit pulse n of all phases; arguments as of `pass_strip`."""
    ladder = line.ladder
    size = pulses.shape[2]
    unit = typed_mul(weights[0], ladder.unit)
    w = 0
    if ladder.words == 2 and ladder.fall == 0 and size >= 8:
        bits = planes.shape[0]
        if bits == 1:
            w = _fours(pulses, n, planes[0], None, None, unit, line, sums, squares, samples)
        elif bits == 2 and weights[1] == 2 * weights[0]:
            w = _fours(pulses, n, planes[0], planes[1], None, unit, line, sums, squares, samples)
        elif bits == 3 and weights[2] == 4 * weights[0]:
            low, mid, high = planes[0], planes[1], planes[2]
            w = _fours(pulses, n, low, mid, high, unit, line, sums, squares, samples)
        if w == size:
            return
    if w == 0:
        sums[:] = 0
        squares[:] = 0
    while w < size:
        stop = min(w + ladder.words, size)
        if stop - w == 2:
            _add_two(pulses, n, w, planes, weights, lanes, ladder.unit, sums)
        else:
            _add_one(pulses, n, w, planes, weights, lanes, ladder.unit, sums)
        _add_squares(sums, line.offsets, w // ladder.words, ladder.fall, squares)
        w = stop
    _let_through(sums, squares, line, samples)


@kernel
def _fours(pulses, n, low, mid, high, unit, line, sums, squares, samples):
    """As many times four segments as there are; returns how many words they had."""
    size = pulses.shape[2]
    if size == 8:
        _four(pulses, n, 0, low, mid, high, unit, line, None, sums, squares, samples)
        return size
    _four(pulses, n, 0, low, mid, high, unit, line, None, sums, squares, None)
    w = 8
    while size - w > 8:
        _four(pulses, n, w, low, mid, high, unit, line, w, sums, squares, None)
        w += 8
    if size - w < 8:
        return w
    _four(pulses, n, w, low, mid, high, unit, line, w, sums, squares, samples)
    return size


@kernel
def _four(pulses, n, w, low, mid, high, unit, line, before, sums, squares, samples):
    """Four segments of two words each, in registers.

    low, mid, high (W, n): planes of one, two and four levels; None for those that there are not.
    samples: what the last four segments let through is added to; None for others.
    """
    segment = w >> 1
    for t in range(sums.shape[0]):
        a, b, c, d = pulses[t, n, w], pulses[t, n, w + 1], pulses[t, n, w + 2], pulses[t, n, w + 3]
        e, f = pulses[t, n, w + 4], pulses[t, n, w + 5]
        g, h = pulses[t, n, w + 6], pulses[t, n, w + 7]
        o0, o1 = line.offsets[segment, t], line.offsets[segment + 1, t]
        o2, o3 = line.offsets[segment + 2, t], line.offsets[segment + 3, t]
        spared = line.spared[t]
        for i in range(sums.shape[1]):
            total = typed_mul(unit, _levels(a, b, low, mid, high, w, i))
            if before is not None:
                total = typed_add(sums[t, i], total)
            square = _square(total, o0)
            if before is not None:
                square = typed_add(squares[t, i], square)
            total = typed_add(total, typed_mul(unit, _levels(c, d, low, mid, high, w + 2, i)))
            square = typed_add(square, _square(total, o1))
            total = typed_add(total, typed_mul(unit, _levels(e, f, low, mid, high, w + 4, i)))
            square = typed_add(square, _square(total, o2))
            total = typed_add(total, typed_mul(unit, _levels(g, h, low, mid, high, w + 6, i)))
            square = typed_add(square, _square(total, o3))
            if samples is None:
                sums[t, i] = total
                squares[t, i] = square
            else:
                left = _left(total, square, typed_add(total, o3), spared, line)
                samples[t, i] = typed_add(samples[t, i], left)


@kernel
def _levels(a, b, low, mid, high, w, i):
    """Sum of the levels of the driven cells in words w and w + 1 of lane i."""
    ones = typed_add(popcount(a & low[w, i]), popcount(b & low[w + 1, i]))
    if mid is None:
        return ones
    twos = typed_add(popcount(a & mid[w, i]), popcount(b & mid[w + 1, i]))
    if high is not None:
        fours = typed_add(popcount(a & high[w, i]), popcount(b & high[w + 1, i]))
        twos = typed_add(twos, typed_add(fours, fours))
    return typed_add(ones, typed_add(twos, twos))


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
def _let_through(sums, squares, line, samples):
    """samples[t, i] += what is left of the column sum."""
    last = line.ladder.segments - 1
    for t in range(samples.shape[0]):
        offset, spared = line.offsets[last, t], line.spared[t]
        for i in range(samples.shape[1]):
            flow = typed_add(typed_shr(sums[t, i], line.ladder.fall), offset)
            left = _left(sums[t, i], squares[t, i], flow, spared, line)
            samples[t, i] = typed_add(samples[t, i], left)


@kernel
def _left(total, square, flow, spared, line):
    """sign * (whole * column sum - what the lines take)."""
    lost = typed_sub(_taken(flow, square, line.ladder), spared)
    return typed_mul(line.sign, typed_sub(typed_mul(total, line.whole), lost))


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
