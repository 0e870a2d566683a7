"""Column sums as AND + population count, and the bit planes of inputs that they need.

Lanes.  A row block of a layer is stored as bit planes of its cell levels: plane p of word w
holds, for every lane (weight slice s, output n; lane = s * outputs + n), `word_bits` rows of
one bit of the cells.  A column sum is then AND + population count over words, 32 (16-bit
words) or 16 (32-bit words) lanes per vector; 16-bit words are used wherever no sum can leave
int16.  Lanes are cut into strips, so that planes stay in the first-level cache for a group of
vectors.

Tried and measured, G cell bits/s of one core (AVX-512, 2-bit cells) at 256 lanes x 128 rows,
64 x 128 and 64 x 16: 64-bit words with a reduction per column 126, -, -; loops over 16-bit
lanes left to LLVM's vectoriser 920, 490, 160; vectors as values (hwsim._vectors), one plane at
a time 900, 680, 230; two planes per word of inputs 1040, 990, 320.  AND + population count
without anything else: 970.  Views of arrays cost an atomic count each, which rules narrow
layers: inner functions take whole arrays and indices.

Array shapes: V vectors, T phases, M input monomials (planes.digit_planes), W words of rows,
C = 2 for a differential pair else 1, P planes, L lanes in strips of `width`.
"""

import numpy as np

from hwsim import _vectors as vectors
from hwsim._jit import borrowed, inlined_kernel, kernel, popcount
from hwsim._vectors import bit_mask, load, signed, splat, store

_BYTE = np.uint32(255)


@kernel
def pack_bits(codes, plane_bytes):
    """plane_bytes[v, b, i // 8] bit i % 8 = bit b of codes[v, i].

    codes (V, K) int16, two's complement, at most 8 bits used; plane_bytes (V, 8, B) uint8
    with B >= ceil(K / 8), zero where there is no row.
    """
    size = plane_bytes.shape[2]
    for v in range(codes.shape[0]):
        for word in range((size + 3) // 4):
            rows = load(codes, (v, 32 * word), codes.shape[1] - 32 * word)
            for b in range(8):
                mask = bit_mask(rows, b)
                for byte in range(min(4, size - 4 * word)):
                    plane_bytes[v, b, 4 * word + byte] = np.uint8((mask >> (8 * byte)) & _BYTE)


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
def count_swings(codes, mask, digit_bits, swings):
    """swings[i] += how many digits of codes[v, i] are not 0, over all v.

    codes (V, K) int16; mask keeps the code's own bits; swings (K,) int64.
    """
    digit_mask = np.uint16((1 << digit_bits) - 1)
    for v in range(codes.shape[0]):
        for i in range(codes.shape[1]):
            code = np.uint16(codes[v, i]) & mask
            for shift in range(0, 8, digit_bits):
                swings[i] += ((code >> np.uint16(shift)) & digit_mask) != 0


@kernel
def column_sums(words, m, planes, weights, lanes, out):
    """Weighted population counts of one strip of lanes for all phases, added to `out`.

    out[t, i] += sum over p, w of weights[p] * popcount(words[t, m, w] & planes[p, w, i])

    words (T, M, W) and planes (P, W, n) unsigned, weights (P,) and out (T, n) signed of the
    same width; plane p is zero from lane lanes[p] on and not read there.
    """
    sum_strip(
        words[None], 0, m, planes[None, None], 0, weights[None], 0, lanes[None], False, out[None]
    )


@kernel
def sum_strip(words, v, m, planes, strip, weights, u, lanes, subtract, out):
    """`column_sums` of words[v], weights[u] and all columns of the pair planes[strip].

    out (C, T, n); subtract: the difference of the two columns, added to out[0].
    """
    words, planes, weights = borrowed(words), borrowed(planes), borrowed(weights)
    lanes, out = borrowed(lanes), borrowed(out)
    width, each = out.shape[2], vectors.lane_count(out)
    rest = width % each
    phases = _driven_phases(words, v, m)
    place = (v, m, strip, u)
    for i in range(0, width - rest, each):
        _sum_lanes(words, phases, place, planes, weights, lanes, subtract, out, i, None)
    if rest > 0:
        _sum_lanes(words, phases, place, planes, weights, lanes, subtract, out, width - rest, rest)


@kernel
def _driven_phases(words, v, m):
    """Bit t: whether any word line is driven in phase t (at most 8 bits of input)."""
    phases = 0
    for t in range(words.shape[1]):
        driving = words[v, t, m, 0]
        for w in range(1, words.shape[3]):
            driving |= words[v, t, m, w]
        if driving != 0:
            phases |= 1 << t
    return phases


@inlined_kernel
def _sum_lanes(  # noqa: PLR0912  one loop for each number of planes
    words, phases, place, planes, weights, lanes, subtract, out, i, rest
):
    """`sum_strip` in the lanes of one vector: two planes at a time, of both columns of a pair."""
    v, m, strip, u = place
    pairs, count, size = planes.shape[1], planes.shape[2], words.shape[3]
    none = splat(planes.dtype.type(0))
    for p in range(0, count, 2):
        if lanes[strip, p] <= i and (p + 1 == count or lanes[strip, p + 1] <= i):
            continue
        q = p + 1 if p + 1 < count and lanes[strip, p + 1] > i else p
        first = splat(out.dtype.type(weights[u, p]))
        second = splat(out.dtype.type(weights[u, q]))
        for t in range(words.shape[1]):
            if (phases >> t) & 1 == 0:
                continue
            a, b, c, d = none, none, none, none
            if pairs == 2 and q > p:
                for w in range(size):
                    word = splat(words[v, t, m, w])
                    a = a + vectors.popcount(word & load(planes, (strip, 0, p, w, i), rest))
                    b = b + vectors.popcount(word & load(planes, (strip, 0, q, w, i), rest))
                    c = c + vectors.popcount(word & load(planes, (strip, 1, p, w, i), rest))
                    d = d + vectors.popcount(word & load(planes, (strip, 1, q, w, i), rest))
            elif pairs == 2:
                for w in range(size):
                    word = splat(words[v, t, m, w])
                    a = a + vectors.popcount(word & load(planes, (strip, 0, p, w, i), rest))
                    c = c + vectors.popcount(word & load(planes, (strip, 1, p, w, i), rest))
            elif q > p:
                for w in range(size):
                    word = splat(words[v, t, m, w])
                    a = a + vectors.popcount(word & load(planes, (strip, 0, p, w, i), rest))
                    b = b + vectors.popcount(word & load(planes, (strip, 0, q, w, i), rest))
            else:
                for w in range(size):
                    word = splat(words[v, t, m, w])
                    a = a + vectors.popcount(word & load(planes, (strip, 0, p, w, i), rest))
            plus = signed(a) * first + signed(b) * second
            minus = signed(c) * first + signed(d) * second
            if subtract:
                plus = plus - minus
            store(load(out, (0, t, i), rest) + plus, out, (0, t, i), rest)
            if pairs == 2 and not subtract:
                store(load(out, (1, t, i), rest) + minus, out, (1, t, i), rest)


@kernel
def driven(words):
    """Whether any word line is driven in any phase; words (T, M, W)."""
    return words.any()


@kernel
def driven_vector(words, v):
    """`driven` of words[v]."""
    for t in range(words.shape[1]):
        for m in range(words.shape[2]):
            for w in range(words.shape[3]):
                if words[v, t, m, w] != 0:
                    return True
    return False


@kernel
def rows_driven(words, v, t, m):
    """Ones in words[v, t, m], as float32."""
    ones = 0
    for w in range(words.shape[3]):
        ones += np.int64(popcount(words[v, t, m, w]))
    return np.float32(ones)
