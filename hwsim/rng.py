"""Addressed randomness: every random word is a pure function of its address.

The address is a chain of integers (seed, device sample, layer, array, read, ...), folded
into a 64-bit key by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014, doi:10.1145/2660193.2660195; constants of
variant 13 of Stafford, as in their paper).  The words under one key are SplitMix64's own
stream: mix(key + (index + 1) * GOLDEN).  So no draw depends on the order, the batch, the
number of threads or the machine.

Normal deviates: z = sqrt(2) * erfinv(2u - 1), which is x times a smooth function of
w = -ln(1 - x^2), x = 2u - 1 (Giles, "Approximating the erfinv function", GPU Computing Gems
Jade Edition, 2012).  One polynomial for that function, one for the logarithm, fitted by
scripts/fit_normal_deviates.py: relative error of z below 2e-5.  Only + and * in IEEE single
precision: the same bits on every machine, and no division or root in the loop.
"""

import numpy as np

from hwsim._jit import bits_float, float_bits, kernel, typed_add, typed_shl, typed_shr, typed_sub

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_ONE = np.uint64(1)

_F = np.float32
_LN2 = _F(0.6931471805599453)
_N = tuple(
    _F(c)
    for c in (
        3.8868019580841064,
        0.24254179000854492,
        -0.006649384740740061,
        0.00031208060681819916,
        -1.3222160305303987e-05,
        5.729581289415364e-07,
        1.0523245208560184e-07,
        -4.462256342208093e-08,
        3.422475414183168e-09,
        1.7579714073345798e-10,
        -2.0638631428870902e-11,
    )
)
_L = tuple(
    _F(c)
    for c in (
        -0.5000007748603821,
        0.33332157135009766,
        -0.24983163177967072,
        0.20053184032440186,
        -0.172649547457695,
        0.14436817169189453,
        -0.07231169193983078,
    )
)


@kernel
def mix(word):
    """SplitMix64's finaliser: a bijection of 64-bit words."""
    word = (word ^ (word >> _S30)) * _MIX1
    word = (word ^ (word >> _S27)) * _MIX2
    return word ^ (word >> _S31)


@kernel
def fold(key, part):
    """The key of an address that continues `key` by the integer `part`."""
    return mix((key + GOLDEN) ^ mix(np.uint64(part) + GOLDEN))


def address(*parts: int) -> np.uint64:
    """The key of the address `parts` (each 0 <= part < 2**64), outermost first."""
    return extend(np.uint64(0), *parts)


def extend(key: np.uint64, *parts: int) -> np.uint64:
    """The key of the address that continues that of `key` by `parts`."""
    for part in parts:  # np.uint64: Numba would mix a plain int with unsigned words as floats
        key = np.uint64(fold(key, np.uint64(part)))
    return key


@kernel
def random_words(key, first, out):
    """out[i] = word number first + i under `key`; out (n,) uint64."""
    base = key + (np.uint64(first) + _ONE) * GOLDEN
    for i in range(out.shape[0]):
        out[i] = mix(base + np.uint64(i) * GOLDEN)


@kernel
def _log(y):
    """Natural logarithm of 2^-25 < y <= 1 in single precision.

    y = m * 2^e with m in [3/4, 3/2); ln m = r + r^2 q(r), r = m - 1.
    """
    bits = float_bits(y)
    # Adding half a mantissa before truncating centres m on 1.
    e = typed_sub(typed_shr(typed_add(bits, np.int32(0x00400000)), np.int32(23)), np.int32(127))
    r = bits_float(typed_sub(bits, typed_shl(e, np.int32(23)))) - _F(1.0)
    q = _L[5] + _L[6] * r
    q = _L[4] + q * r
    q = _L[3] + q * r
    q = _L[2] + q * r
    q = _L[1] + q * r
    q = _L[0] + q * r
    return _F(e) * _LN2 + (r + r * r * q)


@kernel
def normal_deviates(halves, out):
    """out[i] = standard normal deviate of the 32-bit word halves[i].

    halves (n,) int32 (a view of random words), out (n,) float32.  The top 24 bits give
    x = (bits + 1/2) / 2^23, so |z| <= 5.42 and z is symmetric about 0.
    """
    for i in range(out.shape[0]):
        top = typed_shr(halves[i], np.int32(8))
        x = (_F(top) + _F(0.5)) * _F(2.0**-23)
        # 1 - |x| is exact, so the tails keep full precision.
        w = -_log((_F(1.0) - x) * (_F(1.0) + x)) - _F(8.5)
        p = _N[9] + _N[10] * w
        p = _N[8] + p * w
        p = _N[7] + p * w
        p = _N[6] + p * w
        p = _N[5] + p * w
        p = _N[4] + p * w
        p = _N[3] + p * w
        p = _N[2] + p * w
        p = _N[1] + p * w
        p = _N[0] + p * w
        out[i] = x * p
