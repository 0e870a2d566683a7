"""The tile's hot loops: pack inputs into bit planes, sum columns, convert, shift and add.

Lanes.  A row block of a layer is stored as bit planes of its cell levels: plane p of word w
holds, for every lane (weight slice s, output n; lane = s * outputs + n), `word_bits` rows of
one bit of the cells.  A column sum is then AND + population count over words, 32 (16-bit
words) or 16 (32-bit words) lanes per vector instruction; 16-bit words are used wherever no
sum can leave int16.  Tried and measured on one core (AVX-512, 128 rows, 2-bit cells):
64-bit words with a reduction per column 126 G cell-bits/s; 16-bit lanes with Numba's own
64-bit shifts 417; shifts replaced by products and typed operations 529.  Lanes are cut into
strips, so that planes stay in the first-level cache for a group of vectors.

Array shapes: V vectors, T phases, M input monomials (planes.digit_planes), W words of rows,
C = 2 for a differential pair else 1, P planes, L lanes in strips of `width`.
"""

import numpy as np

from hwsim._jit import (
    kernel,
    popcount,
    typed_add,
    typed_max,
    typed_min,
    typed_mul,
    typed_shr,
    typed_sub,
)
from hwsim.rng import fold, normal_deviates, random_words
from hwsim.tile._converter_kernels import at_rest, sense

GROUP = 16  # vectors that share one pass over a strip's planes
SAMPLE_BITS = 8  # a disturbed column sum is sampled in units of 2^-8 level step
SAMPLE_ONE = np.float32(1 << SAMPLE_BITS)

_U64 = np.uint64
_M1 = np.uint64(0x00AA00AA00AA00AA)
_M2 = np.uint64(0x0000CCCC0000CCCC)
_M3 = np.uint64(0x00000000F0F0F0F0)
_S7 = np.uint64(7)
_S14 = np.uint64(14)
_S28 = np.uint64(28)
_S8 = np.uint64(8)
_BYTE = np.uint64(255)


@kernel
def _transpose8(x):
    """Transpose the 8 x 8 bit matrix whose row r is byte r of x (Warren, Hacker's Delight, 7-3)."""
    t = (x ^ (x >> _S7)) & _M1
    x = x ^ t ^ (t << _S7)
    t = (x ^ (x >> _S14)) & _M2
    x = x ^ t ^ (t << _S14)
    t = (x ^ (x >> _S28)) & _M3
    return x ^ t ^ (t << _S28)


@kernel
def pack_bits(codes, plane_bytes):
    """plane_bytes[v, b, i // 8] bit i % 8 = bit b of codes[v, i].

    codes (V, K) int16, two's complement, at most 8 bits used; plane_bytes (V, 8, B) uint8
    with B >= ceil(K / 8), zero where there is no row.
    """
    rows = codes.shape[1]
    whole = rows // 8
    for v in range(codes.shape[0]):
        for b in range(8):
            for i in range(plane_bytes.shape[2]):
                plane_bytes[v, b, i] = 0
        for group in range((rows + 7) // 8):
            x = _U64(0)
            for r in range(8 if group < whole else rows - 8 * group):
                x |= (_U64(codes[v, 8 * group + r]) & _BYTE) << _U64(8 * r)
            if x != _U64(0):
                x = _transpose8(x)
                for b in range(8):
                    plane_bytes[v, b, group] = np.uint8((x >> _U64(8 * b)) & _BYTE)


@kernel
def count_pulses(codes, mask, digit_bits, pulses):
    """pulses[i] += sum over v of the digits of codes[v, i] (unit pulses on row i).

    codes (V, K) int16; mask keeps the code's own bits; pulses (K,) int64.
    """
    rows = codes.shape[1]
    partial = np.zeros(rows, np.uint16)
    digit_mask = np.uint16((1 << digit_bits) - 1)
    # 256 vectors of at most 8 * 15 pulses cannot overflow 16 bits.
    for start in range(0, codes.shape[0], 256):
        partial[:] = 0
        for v in range(start, min(start + 256, codes.shape[0])):
            if digit_bits == 1:
                for i in range(rows):
                    partial[i] += popcount(np.uint16(codes[v, i]) & mask)
            else:
                for i in range(rows):
                    code = np.uint16(codes[v, i]) & mask
                    for shift in range(0, 8, digit_bits):
                        partial[i] += (code >> np.uint16(shift)) & digit_mask
        for i in range(rows):
            pulses[i] += partial[i]


@kernel
def column_sums(words, m, planes, weights, lanes, out):
    """Weighted population counts of one strip of lanes for all phases, added to `out`.

    out[t, i] += sum over p, w of weights[p] * popcount(words[t, m, w] & planes[p, w, i])

    words (T, M, W) and planes (P, W, n) unsigned, weights (P,) and out (T, n) signed of the
    same width; plane p is zero from lane lanes[p] on and not read there.  All phases in one
    call: views of arrays cost an atomic count each, which ruled narrow layers.  Strips are
    arrays of their own: an index that starts elsewhere than at a loop's own zero makes Numba
    guard against negative ones, which cost a factor of ten.
    """
    size = words.shape[2]
    for p in range(planes.shape[0]):
        n = lanes[p]
        weight = weights[p]
        w = 0
        while size - w >= 8:
            for t in range(words.shape[0]):
                a, b, c, d = (
                    words[t, m, w],
                    words[t, m, w + 1],
                    words[t, m, w + 2],
                    words[t, m, w + 3],
                )
                e, f, g, h = (
                    words[t, m, w + 4],
                    words[t, m, w + 5],
                    words[t, m, w + 6],
                    words[t, m, w + 7],
                )
                if (a | b | c | d | e | f | g | h) == 0:
                    continue  # no word line of these is driven
                for i in range(n):
                    low = popcount(a & planes[p, w, i]) + popcount(b & planes[p, w + 1, i])
                    low += popcount(c & planes[p, w + 2, i]) + popcount(d & planes[p, w + 3, i])
                    high = popcount(e & planes[p, w + 4, i]) + popcount(f & planes[p, w + 5, i])
                    high += popcount(g & planes[p, w + 6, i]) + popcount(h & planes[p, w + 7, i])
                    out[t, i] += (low + high) * weight
            w += 8
        while size - w >= 2:
            for t in range(words.shape[0]):
                a, b = words[t, m, w], words[t, m, w + 1]
                if (a | b) == 0:
                    continue
                for i in range(n):
                    low = popcount(a & planes[p, w, i]) + popcount(b & planes[p, w + 1, i])
                    out[t, i] += low * weight
            w += 2
        if w < size:
            for t in range(words.shape[0]):
                a = words[t, m, w]
                for i in range(n):
                    out[t, i] += popcount(a & planes[p, w, i]) * weight


@kernel
def convert(sums, adc, scales, acc):
    """acc[i] += sum over t of scales[t] * clip((sums[t, i] + half) >> shift, low, high).

    sums (T, n) int16 or int32, scales (T,) and acc (n,) int32.
    """
    half, shift, low, high = adc.half, adc.shift, adc.low, adc.high
    for t in range(sums.shape[0]):
        scale = scales[t]
        for i in range(sums.shape[1]):
            code = typed_shr(typed_add(sums[t, i], half), shift)
            code = typed_max(typed_min(code, high), low)
            acc[i] = typed_add(acc[i], typed_mul(np.int32(code), scale))


@kernel
def _subtract(sums):
    """sums[0] -= sums[1]; sums (2, T, n)."""
    for t in range(sums.shape[1]):
        for i in range(sums.shape[2]):
            sums[0, t, i] = typed_sub(sums[0, t, i], sums[1, t, i])


@kernel
def driven(words):
    """Whether any word line is driven in any phase; words (T, M, W)."""
    return words.any()


@kernel
def ideal_block(words, bank, adc, phase_scales, acc):
    """Codes of one row block without fresh noise, folded over phases.

    words (V, T, M, W); bank: Bank; adc: AdcWords; phase_scales (T,) int32, the signed weight
    of each phase; acc (V, strips, converted columns of a pair, width) int32, overwritten:
    sum over phases of phase_scale * code, in units of the least significant bit.
    """
    strips, pairs, _, _, width = bank.planes.shape
    sums = np.empty((pairs, words.shape[1], width), bank.weights.dtype)
    acc[:] = 0
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            lanes = bank.lanes[strip]
            for v in range(group, min(group + GROUP, words.shape[0])):
                digits = words[v]
                if not driven(digits):
                    continue  # every sum, and so every code, is zero
                sums[:] = 0
                for c in range(pairs):
                    for u in range(bank.weights.shape[0]):
                        column_sums(
                            digits, u, bank.planes[strip, c], bank.weights[u], lanes, sums[c]
                        )
                if adc.subtract:
                    _subtract(sums)
                for c in range(acc.shape[2]):
                    convert(sums[c], adc, phase_scales, acc[v, strip, c])


@kernel
def moments_block(words, bank, noise, adc, phase_scales, key, first, acc):
    """Codes of one row block with fresh noise of the right mean and variance per conversion.

    As `ideal_block`, but adc converts samples (int32, SAMPLE_BITS fractional bits); noise:
    Noise; all deviates of vector v in a strip are drawn under the key (key, first + v, strip),
    column of the pair by column, phase by phase, lane by lane.
    """
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((acc.shape[2], words.shape[1], width), np.int32)
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                acc[v, strip] = 0
                if noise.floor == 0 and at_rest(adc.errors) and not driven(words[v]):
                    continue
                strip_key = fold(fold(key, first + v), strip)
                sample_strip(words[v], strip, bank, noise, adc.subtract, strip_key, samples)
                sense(samples, v, strip, adc)
                for c in range(acc.shape[2]):
                    convert(samples[c], adc, phase_scales, acc[v, strip, c])


@kernel
def sample_strip(words, strip, bank, noise, subtract, key, samples):
    """What the converters see of one vector in one strip of lanes, all phases.

    words (T, M, W); samples (C converted, T, width) int32, overwritten.
    For each conversion, with x the digits of the phase and g the cell levels,
        mean     = sum_i x_i g_i + sum_i x_i m(g_i)
        variance = sum_i x_i^2 v(g_i) + noise.floor
    where m and v are polynomials of the level's bits (device.fluctuation.Polynomial), and x_i
    and x_i^2 are sums of input monomials, so that everything is a population count.
    """
    values = np.zeros(samples.shape, np.float32)
    variances = np.full(samples.shape, noise.floor, np.float32)
    sums = np.empty(samples.shape[1:], bank.weights.dtype)
    for pair in range(bank.planes.shape[1]):
        c = pair if samples.shape[0] > 1 else 0
        sign = np.float32(-1) if subtract and pair == 1 else np.float32(1)
        for m in range(words.shape[1]):
            _add_moments(words, m, strip, pair, sign, bank, noise, sums, values[c], variances[c])
    sample_all(values, variances, key, samples)


@kernel
def sample_all(values, variances, key, samples):
    """Draw what the converters see; number i of `samples` takes deviate i under `key`."""
    random = np.empty((samples.size + 1) // 2, np.uint64)
    deviates = np.empty(2 * random.size, np.float32)
    random_words(key, 0, random)
    normal_deviates(random.view(np.int32), deviates)
    sample(values.ravel(), variances.ravel(), deviates, samples.ravel())


@kernel
def _add_moments(words, m, strip, pair, sign, bank, noise, sums, values, variances):
    """Add what input monomial m contributes to mean and variance of one column of the pair."""
    linear = noise.linear[m] * sign
    square = noise.square[m]
    sums[:] = 0
    column_sums(words, m, bank.planes[strip, pair], bank.weights[0], bank.lanes[strip], sums)
    slope = linear * (np.float32(1) + noise.mean[1]) * noise.unit
    add_linear(words, m, sums, linear * noise.mean[0], slope, values)
    # Telegraph noise lasts for the whole pulse (x^2), the noise of the current adds up (x).
    base = square * noise.variance[0] + noise.linear[m] * noise.current[0]
    rise = square * noise.variance[1] + noise.linear[m] * noise.current[1]
    add_linear(words, m, sums, base, rise * noise.unit, variances)
    for e in range(noise.extra_weights.shape[0]):
        sums[:] = 0
        one = noise.extra_weights[e : e + 1]
        column_sums(words, m, noise.extra[strip, pair, e : e + 1], one, noise.extra_lanes, sums)
        add_linear(words, m, sums, np.float32(0), linear * noise.mean[2 + e], values)
        add_linear(words, m, sums, np.float32(0), square * noise.variance[2 + e], variances)


@kernel
def add_linear(words, m, sums, per_row, slope, out):
    """out[t, i] += per_row * (driven word lines in phase t) + slope * sums[t, i]."""
    for t in range(out.shape[0]):
        ones = 0
        for w in range(words.shape[2]):
            ones += np.int64(popcount(words[t, m, w]))
        constant = per_row * np.float32(ones)
        for i in range(out.shape[1]):
            out[t, i] += constant + slope * np.float32(sums[t, i])


@kernel
def sample(values, variances, deviates, samples):
    """samples[i] = a Gaussian column sum, as the fixed-point number that the converter sees."""
    for i in range(values.shape[0]):
        # abs: rounding may leave a variance below zero by its last bit.
        noisy = values[i] + deviates[i] * np.sqrt(np.abs(variances[i]))
        samples[i] = np.int32(np.floor(noisy * SAMPLE_ONE + np.float32(0.5)))


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
                    codes = acc[v, strip, c, lane - strip * width : lane - strip * width + count]
                    scales = lane_scales[c, lane : lane + count]
                    sums = out[v, n : n + count]
                    for i in range(count):
                        sums[i] += scales[i] * np.int64(codes[i])
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
            sums[:] = 0
            for c in range(pairs):
                for u in range(bank.weights.shape[0]):
                    planes = bank.planes[strip, c]
                    column_sums(words[v], u, planes, bank.weights[u], bank.lanes[strip], sums[c])
            if subtract:
                _subtract(sums)
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
    values = np.zeros((converted, 1, lanes), np.float32)
    variances = np.full((converted, 1, lanes), noise.floor, np.float32)
    sums = np.empty((1, lanes), bank.weights.dtype)
    for pair in range(bank.planes.shape[1]):
        c = pair if converted > 1 else 0
        sign = np.float32(-1) if subtract and pair == 1 else np.float32(1)
        for m in range(words.shape[1]):
            _add_moments(words, m, 0, pair, sign, bank, noise, sums, values[c], variances[c])
    word = np.empty(1, np.uint64)
    normal = np.empty(2, np.float32)
    for c in range(converted):
        for i in range(lanes):
            random_words(keys[c, i], deviates[c, i] // 2, word)
            normal_deviates(word.view(np.int32), normal)
            half = deviates[c, i] % 2
            sample(
                values[c, 0, i : i + 1],
                variances[c, 0, i : i + 1],
                normal[half : half + 1],
                samples[c, i : i + 1],
            )


@kernel
def sum_columns(words, bank, subtract, shift, samples):
    """The same without fresh noise: exact sums, shifted to the samples' fixed point."""
    converted, lanes = samples.shape
    sums = np.zeros((bank.planes.shape[1], 1, lanes), bank.weights.dtype)
    for pair in range(bank.planes.shape[1]):
        for u in range(bank.weights.shape[0]):
            column_sums(words, u, bank.planes[0, pair], bank.weights[u], bank.lanes[0], sums[pair])
    if subtract:
        _subtract(sums)
    for c in range(converted):
        for i in range(lanes):
            samples[c, i] = np.int32(sums[c, 0, i]) << shift
