"""The tile's hot loops: column sums with and without fresh noise, conversions, shift and add.

Array shapes as in `_sum_kernels`.  A disturbed column sum passes through three loops over
lanes: its mean (and further moments, where they vary), its deviate (`_draw_kernels`), its code.
"""

from typing import Any, NamedTuple

import numpy as np

from hwsim._jit import borrowed, inlined_kernel, kernel
from hwsim._vectors import clip, load, load_as, splat, store, to_float
from hwsim.rng import fold, normal_deviates, random_words
from hwsim.tile._converter_kernels import at_rest, sense
from hwsim.tile._draw_kernels import (
    SAMPLE_BITS,
    SAMPLE_ONE,
    Moments,
    deviates_for,
    draw,
    draw_given,
    sample_all,
)
from hwsim.tile._sum_kernels import (
    column_sums,
    count_pulses,
    count_swings,
    driven,
    driven_vector,
    pack_bits,
    rows_driven,
    sum_strip,
)

__all__ = [
    "GROUP",
    "SAMPLE_BITS",
    "SAMPLE_ONE",
    "add_sums",
    "column_sums",
    "convert",
    "count_pulses",
    "count_swings",
    "driven",
    "fold_block",
    "histogram_block",
    "ideal_block",
    "moments_block",
    "pack_bits",
    "sample_all",
    "sample_columns",
    "sample_strip",
    "sum_columns",
]

GROUP = 16  # vectors that share one pass over a strip's planes

_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)


@kernel
def convert(sums, adc, scales, acc):
    """acc[i] += sum over t of scales[t] * clip((sums[t, i] + half) >> shift, low, high).

    sums (T, n) int16 or int32, scales (T,) and acc (n,) int32.
    """
    _convert(sums[None], 0, adc, scales, acc[None, None, None], 0, 0)


@kernel
def _convert(sums, c, adc, scales, acc, v, strip):
    """`convert` of sums[c] to acc[v, strip, c]."""
    sums, adc, scales, acc = borrowed(sums), borrowed(adc), borrowed(scales), borrowed(acc)
    half, shift = splat(np.int32(adc.half)), splat(np.int32(adc.shift))
    low, high = splat(np.int32(adc.low)), splat(np.int32(adc.high))
    width = sums.shape[2]
    for i in range(0, width, 16):
        total = load(acc, (v, strip, c, i), width - i)
        for t in range(sums.shape[1]):
            code = (load_as(sums, (c, t, i), width - i, np.int32) + half) >> shift
            total = total + clip(code, low, high) * splat(scales[t])
        store(total, acc, (v, strip, c, i), width - i)


@kernel
def _ideal_sums(words, v, bank, strip, subtract, sums):
    """sums[c] = column sums of the columns of the pair, or sums[0] their difference."""
    sums[:] = 0
    for u in range(bank.weights.shape[0]):
        sum_strip(words, v, u, bank.planes, strip, bank.weights, u, bank.lanes, subtract, sums)


@kernel
def ideal_block(words, bank, adc, phase_scales, acc):
    """Codes of one row block without fresh noise, folded over phases.

    words (V, T, M, W); bank: Bank; adc: AdcWords; phase_scales (T,) int32, the signed weight
    of each phase; acc (V, strips, converted columns of a pair, width) int32, overwritten:
    sum over phases of phase_scale * code, in units of the least significant bit.
    """
    words, bank, adc = borrowed(words), borrowed(bank), borrowed(adc)
    phase_scales, acc = borrowed(phase_scales), borrowed(acc)
    strips, pairs, _, _, width = bank.planes.shape
    sums = np.empty((pairs, words.shape[1], width), bank.weights.dtype)
    acc[:] = 0
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                if not driven_vector(words, v):
                    continue  # every sum, and so every code, is zero
                _ideal_sums(words, v, bank, strip, adc.subtract, sums)
                for c in range(acc.shape[2]):
                    _convert(sums, c, adc, phase_scales, acc, v, strip)


class Space(NamedTuple):
    """Working memory of one strip."""

    sums: Any  # (columns of a pair, T, n) lanes
    moments: Any  # `_draw_kernels.Moments`
    deviates: Any  # `_draw_kernels.Deviates`
    extra_lanes: Any  # (strips, E) int64
    extra_weights: Any  # (1, E) lanes


@kernel
def _space(bank, noise, converted, phases):
    strips, pairs, _, _, width = bank.planes.shape
    extras = noise.extra_weights.shape[0]
    varies = noise.current[1] != 0
    skewed = noise.third[0] != 0 and converted == pairs  # equal ones cancel in a difference
    for e in range(1, noise.variance.shape[0]):
        skewed = skewed or noise.third[e] != 0
        varies = varies or noise.variance[e] != 0 or noise.third[e] != 0
    lanes = max(width, 2) if varies else 1  # one lane says that no level changes it
    moments = Moments(
        np.empty((converted, phases, width), np.float32),
        np.empty((converted, phases, lanes), np.float32),
        np.empty((converted, phases if skewed else 0, lanes), np.float32),
    )
    return Space(
        np.empty((pairs, phases, width), bank.weights.dtype),
        moments,
        deviates_for(moments.values.size),
        np.full((strips, extras), width),
        np.ones((1, extras), bank.weights.dtype),
    )


@kernel
def moments_block(words, bank, noise, adc, phase_scales, key, first, acc):
    """Codes of one row block with fresh noise of the right moments per conversion.

    As `ideal_block`, but adc converts samples (int32, SAMPLE_BITS fractional bits); noise:
    Noise; vector v in a strip is drawn under the key (key, first + v, strip).
    """
    words, bank, noise = borrowed(words), borrowed(bank), borrowed(noise)
    adc, phase_scales, acc = borrowed(adc), borrowed(phase_scales), borrowed(acc)
    strips, _, _, _, width = bank.planes.shape
    space = _space(bank, noise, acc.shape[2], words.shape[1])
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    acc[:] = 0
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                if noise.floor == 0 and at_rest(adc.errors) and not driven_vector(words, v):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                _moments(words, v, strip, bank, noise, adc.subtract, space)
                draw(space.moments, strip_key, space.deviates, samples)
                sense(samples, v, strip, adc)
                for c in range(acc.shape[2]):
                    _convert(samples, c, adc, phase_scales, acc, v, strip)


@kernel
def sample_strip(words, strip, bank, noise, subtract, key, samples):
    """What the converters see of one vector in one strip of lanes, all phases.

    words (T, M, W); samples (C converted, T, width) int32, overwritten.
    """
    space = _space(bank, noise, samples.shape[0], samples.shape[1])
    _moments(words[None], 0, strip, bank, noise, subtract, space)
    draw(space.moments, key, space.deviates, samples)


@inlined_kernel
def _moments(words, v, strip, bank, noise, subtract, space):
    """Moments of every conversion of one vector in one strip.

    With x the digits of the phase and g the cell levels,
        mean     = sum_i x_i g_i + sum_i x_i m(g_i)
        variance = sum_i x_i^2 v(g_i) + noise.floor
        third central moment = sum_i x_i^3 w(g_i)
    where m, v and w are polynomials of the level's bits (device.fluctuation.Polynomial), and
    powers of x_i are sums of input monomials, so that everything is a population count.  Where
    the variance is the same for all levels it is one number per phase.
    """
    values, variances, thirds = space.moments
    values[:], variances[:], thirds[:] = 0, noise.floor, 0
    sums, extras = space.sums, space.extra_weights
    varies, skewed = variances.shape[2] > 1, thirds.shape[1] > 0
    for m in range(words.shape[2]):
        # Telegraph noise lasts for the whole pulse (x^2), the noise of the current adds up (x).
        linear, square, cube = noise.linear[m], noise.square[m], noise.cube[m]
        if linear == 0 and square == 0 and not skewed:
            continue
        mean = (linear * noise.mean[0], linear * (_ONE + noise.mean[1]) * noise.unit)
        base = square * noise.variance[0] + linear * noise.current[0]
        rise = square * noise.variance[1] + linear * noise.current[1]
        spread = (base, rise * noise.unit)
        sums[:] = 0
        early = subtract and not varies
        sum_strip(words, v, m, bank.planes, strip, bank.weights, 0, bank.lanes, early, sums)
        add_sums(words, v, m, subtract, mean, spread, sums, values, variances)
        if skewed:
            third = (cube * noise.third[0], cube * noise.third[1] * noise.unit)
            _add_thirds(words, v, m, subtract, third, sums, thirds)
        for e in range(extras.shape[1]):
            sums[:] = 0
            planes = noise.extra[:, :, e : e + 1]
            sum_strip(words, v, m, planes, strip, extras, 0, space.extra_lanes, early, sums)
            mean = (_ZERO, linear * noise.mean[2 + e])
            spread = (_ZERO, square * noise.variance[2 + e])
            add_sums(words, v, m, subtract, mean, spread, sums, values, variances)
            if skewed:
                third = (_ZERO, cube * noise.third[2 + e])
                _add_thirds(words, v, m, subtract, third, sums, thirds)


@kernel
def add_sums(words, v, m, subtract, mean, spread, sums, values, variances):
    """Add to mean and variance of all conversions: each per driven row, and times the sums.

    Columns of a pair that is converted as one are subtracted for the mean, where what every
    driven row adds cancels, and added for the variance.
    """
    words, sums = borrowed(words), borrowed(sums)
    values, variances = borrowed(values), borrowed(variances)
    converted, phases, width = values.shape
    varies, both = variances.shape[2] > 1, subtract and sums.shape[0] == 2
    slope, rise = splat(mean[1]), splat(spread[1])
    for t in range(phases):
        ones = rows_driven(words, v, t, m)
        if ones == 0:
            continue
        constant = splat(_ZERO if both else mean[0] * ones)
        base = spread[0] * ones * (_TWO if both else _ONE)
        for c in range(converted):
            if not varies:
                variances[c, t, 0] += base
            for i in range(0, width, 16):
                rest = width - i
                plus = load_as(sums, (c, t, i), rest, np.int32)
                if varies:
                    total = plus
                    if both:
                        minus = load_as(sums, (1, t, i), rest, np.int32)
                        plus, total = plus - minus, plus + minus
                    variance = splat(base) + rise * to_float(total)
                    store(load(variances, (c, t, i), rest) + variance, variances, (c, t, i), rest)
                value = constant + slope * to_float(plus)
                store(load(values, (c, t, i), rest) + value, values, (c, t, i), rest)


@kernel
def _add_thirds(words, v, m, subtract, third, sums, thirds):
    """The same for the third moment, which is subtracted as the mean is."""
    converted, phases, lanes = thirds.shape
    width, both = sums.shape[2], subtract and sums.shape[0] == 2
    slope = splat(third[1])
    for t in range(phases):
        constant = _ZERO if both else third[0] * rows_driven(words, v, t, m)
        for c in range(converted):
            if lanes == 1:
                thirds[c, t, 0] += constant
                continue
            for i in range(0, width, 16):
                rest = width - i
                plus = load_as(sums, (c, t, i), rest, np.int32)
                if both:
                    plus = plus - load_as(sums, (1, t, i), rest, np.int32)
                more = splat(constant) + slope * to_float(plus)
                store(load(thirds, (c, t, i), rest) + more, thirds, (c, t, i), rest)


@kernel
def fold_block(acc, lane_scales, out):
    """Add codes, weighted by slice, column of the pair and least significant bit, to `out`.

    acc (V, strips, C, width) int32; lane_scales (C, L) int64, lane = slice * N + output;
    out (V, N) int64.
    """
    _, strips, converted, width = acc.shape
    outputs = out.shape[1]
    lanes = lane_scales.shape[1]
    for v in range(acc.shape[0]):
        for c in range(converted):
            for strip in range(strips):
                lane = strip * width
                stop = min(lane + width, lanes)
                while lane < stop:
                    n = lane % outputs
                    count = min(stop - lane, outputs - n)
                    for i in range(0, count, 8):
                        place = (v, strip, c, lane - strip * width + i)
                        code = load_as(acc, place, count - i, np.int64)
                        scaled = code * load(lane_scales, (c, lane + i), count - i)
                        total = load(out, (v, n + i), count - i) + scaled
                        store(total, out, (v, n + i), count - i)
                    lane += count


@kernel
def histogram_block(words, bank, subtract, lanes, counts):
    """counts[|A|] += 1 for every conversion of an ideal block; counts (bound + 1,) int64.

    lanes: lanes in use; those that fill up the last strip are left out.
    """
    strips, pairs, _, _, width = bank.planes.shape
    sums = np.empty((pairs, words.shape[1], width), bank.weights.dtype)
    for v in range(words.shape[0]):
        for strip in range(strips):
            _ideal_sums(words, v, bank, strip, subtract, sums)
            for c in range(1 if subtract else pairs):
                for t in range(words.shape[1]):
                    for i in range(min(width, lanes - strip * width)):
                        counts[abs(np.int64(sums[c, t, i]))] += 1


@kernel
def sample_columns(words, bank, noise, subtract, keys, deviates, samples):
    """What the converters of one array see in one phase: the same bits as `sample_strip` gives.

    words (1, M, W); bank and noise: one strip that holds the array's own lanes; keys (C, n)
    uint64 and deviates (C, n) int64: the key of each column's strip and the number of its
    deviate under that key; samples (C converted, n) int32, overwritten.
    """
    converted, lanes = samples.shape
    space = _space(bank, noise, converted, 1)
    _moments(words[None], 0, 0, bank, noise, subtract, space)
    drawn = space.deviates.normal
    word = np.empty(1, np.uint64)
    normal = np.empty(2, np.float32)
    for c in range(converted):
        for i in range(lanes):
            random_words(keys[c, i], deviates[c, i] // 2, word)
            normal_deviates(word.view(np.int32), normal)
            drawn[c * lanes + i] = normal[deviates[c, i] % 2]
    draw_given(space.moments, drawn, samples.reshape((converted, 1, lanes)))


@kernel
def sum_columns(words, bank, subtract, shift, samples):
    """The same without fresh noise: exact sums, shifted to the samples' fixed point."""
    converted, lanes = samples.shape
    sums = np.empty((bank.planes.shape[1], 1, lanes), bank.weights.dtype)
    _ideal_sums(words[None], 0, bank, 0, subtract, sums)
    for c in range(converted):
        for i in range(lanes):
            samples[c, i] = np.int32(sums[c, 0, i]) << shift
