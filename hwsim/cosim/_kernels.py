"""An array's answer as compiled functions; what an array holds comes as a record of addresses.

Four functions serve every array: with and without fresh noise, words of 16 and of 32 bits.
"""

from functools import cache

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from hwsim._jit import JIT_DISABLED, kernel
from hwsim.rng import fold
from hwsim.tile._converter_kernels import distort
from hwsim.tile._kernels import sample_columns, sum_columns
from hwsim.tile.converter_errors import ConverterErrors
from hwsim.tile.disturbance import Noise
from hwsim.tile.planes import Bank

#: Arrays of `Noise`, in the record under their own names.
NOISE = (
    *("linear", "square", "cube", "mean", "variance", "third"),
    *("extra", "extra_weights", "extra_lanes", "current"),
)
#: Numbers of `ConverterErrors`, likewise.
BENDS = ("low", "per_range", "bow", "cubic")
_ADDRESSES = ("planes", "weights", "lanes", "strip", "number", "offset", "gain", *NOISE)
_COUNTS = (
    *("pairs", "cell_planes", "words", "columns", "digit_bits", "monomials", "stride"),
    *("converted", "subtract", "shift", "width", "strips", "extras", "distorted"),
)
RECORD = np.dtype(
    [(name, np.int64) for name in (*_ADDRESSES, *_COUNTS)]
    + [("key", np.uint64)]
    + [(name, np.float32) for name in ("unit", "floor", *BENDS)]
)

if not JIT_DISABLED:

    @intrinsic
    def _pointer(_context, _address):
        """An address as a pointer."""

        def codegen(_context, builder, _signature, args):
            return builder.inttoptr(args[0], cgutils.voidptr_t)

        return types.voidptr(types.int64), codegen


@kernel
def _digit_words(digits, held, word):
    """(1, monomials, words) of one phase, as `planes.with_products` has them."""
    planes = carray(digits, (held.digit_bits, held.stride), word)
    words = np.empty((1, held.monomials, held.words), word)
    m = held.digit_bits
    for u in range(held.digit_bits):
        for w in range(held.words):
            words[0, u, w] = planes[u, w]
        for v in range(u + 1, held.digit_bits):
            for w in range(held.words):
                words[0, m, w] = planes[u, w] & planes[v, w]
            m += 1
    for u in range(held.digit_bits):
        for v in range(u + 1, held.digit_bits):
            for x in range(v + 1, held.digit_bits):
                for w in range(held.words):
                    words[0, m, w] = planes[u, w] & planes[v, w] & planes[x, w]
                m += 1
    return words


@kernel
def _bank(held, word, lane):
    shape = (1, held.pairs, held.cell_planes, held.words, held.columns)
    return Bank(
        carray(_pointer(held.planes), shape, word),
        carray(_pointer(held.weights), (held.digit_bits, held.cell_planes), lane),
        carray(_pointer(held.lanes), (1, held.cell_planes), np.int64),
    )


@kernel
def _noise(held, word, lane):
    moments = 2 + held.extras
    extra = (1, held.pairs, held.extras, held.words, held.columns)
    return Noise(
        carray(_pointer(held.linear), (held.monomials,), np.float32),
        carray(_pointer(held.square), (held.monomials,), np.float32),
        carray(_pointer(held.cube), (held.monomials,), np.float32),
        carray(_pointer(held.mean), (moments,), np.float32),
        carray(_pointer(held.variance), (moments,), np.float32),
        carray(_pointer(held.third), (moments,), np.float32),
        carray(_pointer(held.extra), extra, word),
        carray(_pointer(held.extra_weights), (held.extras,), lane),
        carray(_pointer(held.extra_lanes), (1,), np.int64),
        held.unit,
        carray(_pointer(held.current), (2,), np.float32),
        held.floor,
    )


@kernel
def _errors(held):
    shape = (held.distorted, held.converted, held.columns)
    return ConverterErrors(
        carray(_pointer(held.offset), shape, np.float32),
        carray(_pointer(held.gain), shape, np.float32),
        held.low,
        held.per_range,
        held.bow,
        held.cubic,
    )


@kernel
def _addresses(held, vector, phase, keys, numbers):
    """As ArrayColumns.addresses; keys (C, n) uint64, numbers (C, n) int64, overwritten."""
    strip = carray(_pointer(held.strip), (held.columns,), np.int64)
    number = carray(_pointer(held.number), (held.converted, held.columns), np.int64)
    of_vector = fold(held.key, vector)
    by_strip = np.empty(held.strips, np.uint64)
    for s in range(held.strips):
        by_strip[s] = fold(of_vector, s)
    for c in range(held.converted):
        for i in range(held.columns):
            keys[c, i] = by_strip[strip[i]]
            numbers[c, i] = number[c, i] + phase * held.width


@kernel
def _sum(record, digits, samples, word, lane):
    held = carray(record, 1)[0]
    out = carray(samples, (held.converted, held.columns), np.int32)
    words = _digit_words(digits, held, word)
    sum_columns(words, _bank(held, word, lane), held.subtract != 0, held.shift, out)


@kernel
def _sample(record, digits, vector, phase, samples, word, lane):
    held = carray(record, 1)[0]
    out = carray(samples, (held.converted, held.columns), np.int32)
    keys = np.empty(out.shape, np.uint64)
    numbers = np.empty(out.shape, np.int64)
    _addresses(held, vector, phase, keys, numbers)
    words = _digit_words(digits, held, word)
    bank, noise = _bank(held, word, lane), _noise(held, word, lane)
    sample_columns(words, bank, noise, held.subtract != 0, keys, numbers, out)
    distort(out.reshape((held.converted, 1, held.columns)), 0, _errors(held))


def _sum16(record, digits, _vector, _phase, samples):
    _sum(record, digits, samples, np.uint16, np.int16)


def _sum32(record, digits, _vector, _phase, samples):
    _sum(record, digits, samples, np.uint32, np.int32)


def _sample32(record, digits, vector, phase, samples):
    _sample(record, digits, vector, phase, samples, np.uint32, np.int32)


def _sample16(record, digits, vector, phase, samples):
    _sample(record, digits, vector, phase, samples, np.uint16, np.int16)


@cache
def compiled(noisy, word_bytes):
    """The function for arrays with or without fresh noise and with words of `word_bytes`."""
    function = {
        (False, 2): _sum16,
        (False, 4): _sum32,
        (True, 2): _sample16,
        (True, 4): _sample32,
    }[noisy, word_bytes]
    held = types.CPointer(numba.from_dtype(RECORD))
    whole = types.void(held, types.voidptr, types.int64, types.int64, types.voidptr)
    return numba.cfunc(whole, cache=True)(function)
