"""The tile's hot loops: pack inputs into bit planes, sum columns, convert, shift and add.

Lanes.  A row block of a layer is stored as bit planes of its cell levels: plane p of word w
holds, for every lane (weight slice s, output n; lane = s * outputs + n), `word_bits` rows of
one bit of the cells.  A column sum is then AND + population count over words, 32 (16-bit
words) or 16 (32-bit words) lanes per vector instruction; 16-bit words are used wherever no
sum can leave int16.  Tried and measured on one core (AVX-512, 128 rows, 2-bit cells):
64-bit words with a reduction per column 126 G cell-bits/s; 16-bit lanes with Numba's own
64-bit shifts 417; shifts replaced by products and typed operations 529.  Lanes are cut into
strips, so that planes stay in the first-level cache for a group of vectors.

Array shapes: V vectors, T phases, M input monomials (matrix.digit_planes), W words of rows,
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

GROUP = 16  # vectors that share one pass over a strip's planes

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
def column_sums(words, planes, weights, lanes, out):
    """Weighted population counts of one strip of lanes, added to `out`.

    out[i] += sum over planes p and words w of weights[p] * popcount(words[w] & planes[p, w, i])

    words (W,) and planes (P, W, n) unsigned, weights (P,) and out (n,) signed of the same
    width; plane p is zero from lane lanes[p] on and not read there.  (Indices that start
    elsewhere than at a loop's own zero make Numba guard against negative ones, which costs
    a factor of ten here: strips are arrays of their own.)
    """
    size = words.shape[0]
    for p in range(planes.shape[0]):
        n = lanes[p]
        weight = weights[p]
        w = 0
        while size - w >= 8:
            a, b, c, d = words[w], words[w + 1], words[w + 2], words[w + 3]
            e, f, g, h = words[w + 4], words[w + 5], words[w + 6], words[w + 7]
            for i in range(n):
                low = popcount(a & planes[p, w, i]) + popcount(b & planes[p, w + 1, i])
                low += popcount(c & planes[p, w + 2, i]) + popcount(d & planes[p, w + 3, i])
                high = popcount(e & planes[p, w + 4, i]) + popcount(f & planes[p, w + 5, i])
                high += popcount(g & planes[p, w + 6, i]) + popcount(h & planes[p, w + 7, i])
                out[i] += (low + high) * weight
            w += 8
        while size - w >= 2:
            a, b = words[w], words[w + 1]
            for i in range(n):
                out[i] += (
                    popcount(a & planes[p, w, i]) + popcount(b & planes[p, w + 1, i])
                ) * weight
            w += 2
        if w < size:
            a = words[w]
            for i in range(n):
                out[i] += popcount(a & planes[p, w, i]) * weight


@kernel
def _convert(sums, adc, scale, acc):
    """acc[i] += scale * clip((sums[i] + half) >> shift, low, high), in integers."""
    for i in range(sums.shape[0]):
        code = typed_shr(typed_add(sums[i], adc.half), adc.shift)
        code = typed_max(typed_min(code, adc.high), adc.low)
        acc[i] = typed_add(acc[i], typed_mul(np.int32(code), scale))


@kernel
def _convert_noisy(values, variances, deviates, adc, scale, acc):
    """The same for a value with Gaussian noise: real numbers up to the rounding."""
    for i in range(values.shape[0]):
        noisy = values[i] + deviates[i] * np.sqrt(variances[i])
        code = np.floor(noisy * adc.inverse_lsb + np.float32(0.5))
        code = min(max(code, np.float32(adc.low)), np.float32(adc.high))
        acc[i] = typed_add(acc[i], typed_mul(np.int32(code), scale))


@kernel
def _ones(words):
    total = 0
    for w in range(words.shape[0]):
        total += np.int64(popcount(words[w]))
    return total


@kernel
def _driven(words):
    """Whether any word line is driven; words (M, W)."""
    for m in range(words.shape[0]):
        for w in range(words.shape[1]):
            if words[m, w] != 0:
                return True
    return False


@kernel
def ideal_block(words, bank, adc, phase_scales, acc):
    """Codes of one row block without fresh noise, folded over phases.

    words (V, T, M, W); bank: Bank; adc: Converter; phase_scales (T,) int32, the signed weight
    of each phase; acc (V, strips, converted columns of a pair, width) int32, overwritten:
    sum over phases of phase_scale * code, in units of the least significant bit.
    """
    strips, pairs, _, _, width = bank.planes.shape
    digits = bank.weights.shape[0]
    sums = np.empty((pairs, width), bank.weights.dtype)
    acc[:] = 0
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                for t in range(words.shape[1]):
                    if not _driven(words[v, t]):
                        continue  # no word line driven: every sum, and so every code, is zero
                    sums[:] = 0
                    for c in range(pairs):
                        for u in range(digits):
                            planes = bank.planes[strip, c]
                            column_sums(
                                words[v, t, u], planes, bank.weights[u], bank.lanes[strip], sums[c]
                            )
                    if adc.subtract:
                        for i in range(width):
                            sums[0, i] = typed_sub(sums[0, i], sums[1, i])
                    for c in range(acc.shape[2]):
                        _convert(sums[c], adc, phase_scales[t], acc[v, strip, c])


@kernel
def moments_block(words, bank, noise, adc, phase_scales, key, first, acc):
    """Codes of one row block with fresh noise of the right mean and variance per conversion.

    As `ideal_block`; noise: Noise; the deviates of phase t of vector v are drawn under the key
    (key, first + v, t), lane by lane.

    For each conversion, with x the digits of the phase and g the cell levels,
        mean     = sum_i x_i g_i + sum_i x_i m(g_i)
        variance = sum_i x_i^2 v(g_i) + noise.floor
    where m and v are polynomials of the level's bits (device.fluctuation.Polynomial), and x_i
    and x_i^2 are sums of input monomials, so that everything is a population count.
    """
    strips, pairs, _, _, width = bank.planes.shape
    sums = np.empty(width, bank.weights.dtype)
    values = np.empty((pairs, width), np.float32)
    variances = np.empty((pairs, width), np.float32)
    random = np.empty((width + 1) // 2, np.uint64)
    halves = random.view(np.uint32)
    deviates = np.empty(width, np.float32)
    acc[:] = 0
    for group in range(0, words.shape[0], GROUP):
        for strip in range(strips):
            for v in range(group, min(group + GROUP, words.shape[0])):
                vector_key = fold(key, first + v)
                for t in range(words.shape[1]):
                    if noise.floor == 0 and not _driven(words[v, t]):
                        continue
                    for c in range(pairs):
                        _moments(words[v, t], strip, c, bank, noise, sums, values[c], variances[c])
                    if adc.subtract:
                        for i in range(width):
                            values[0, i] -= values[1, i]
                            variances[0, i] += variances[1, i]
                    read_key = fold(vector_key, t)
                    for c in range(acc.shape[2]):
                        random_words(read_key, (c * strips + strip) * random.shape[0], random)
                        normal_deviates(halves, deviates)
                        _convert_noisy(
                            values[c],
                            variances[c],
                            deviates,
                            adc,
                            phase_scales[t],
                            acc[v, strip, c],
                        )


@kernel
def _moments(words, strip, pair, bank, noise, sums, values, variances):
    """Mean and variance of one strip of column sums; words (M, W) are the input monomials."""
    n = sums.shape[0]
    for i in range(n):
        values[i] = np.float32(0)
        variances[i] = noise.floor
    for m in range(words.shape[0]):
        ones = np.float32(_ones(words[m]))
        linear = noise.linear[m]
        square = noise.square[m]
        sums[:] = 0
        column_sums(words[m], bank.planes[strip, pair], bank.weights[0], bank.lanes[strip], sums)
        shift = linear * noise.mean[0] * ones
        slope = linear * (np.float32(1) + noise.mean[1])
        base = square * noise.variance[0] * ones
        rise = square * noise.variance[1]
        for i in range(n):
            level_sum = np.float32(sums[i]) * noise.unit
            values[i] += shift + slope * level_sum
            variances[i] += base + rise * level_sum
        for e in range(noise.extra_weights.shape[0]):
            sums[:] = 0
            one = noise.extra_weights[e : e + 1]
            column_sums(words[m], noise.extra[strip, pair, e : e + 1], one, noise.extra_lanes, sums)
            shift = linear * noise.mean[2 + e]
            rise = square * noise.variance[2 + e]
            for i in range(n):
                values[i] += shift * np.float32(sums[i])
                variances[i] += rise * np.float32(sums[i])
    for i in range(n):
        variances[i] = max(variances[i], np.float32(0))


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
    sums = np.empty((pairs, width), bank.weights.dtype)
    for v in range(words.shape[0]):
        for t in range(words.shape[1]):
            for strip in range(strips):
                sums[:] = 0
                for c in range(pairs):
                    for u in range(bank.weights.shape[0]):
                        planes = bank.planes[strip, c]
                        column_sums(
                            words[v, t, u], planes, bank.weights[u], bank.lanes[strip], sums[c]
                        )
                for i in range(min(width, lanes - strip * width)):
                    if subtract:
                        counts[abs(np.int64(sums[0, i]) - np.int64(sums[1, i]))] += 1
                    else:
                        for c in range(pairs):
                            counts[np.int64(sums[c, i])] += 1
