"""Addressed randomness: every random word is a pure function of its address.

The address is a chain of integers (seed, device sample, layer, array, read, ...), folded
into a 64-bit key by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014, doi:10.1145/2660193.2660195; constants of
variant 13 of Stafford, as in their paper).  The words under one key are SplitMix64's own
stream: mix(key + (index + 1) * GOLDEN).  So no draw depends on the order, the batch, the
number of threads or the machine.

Normal deviates: z = sqrt(2) * erfinv(2u - 1) with Giles' single-precision approximation
of erfinv ("Approximating the erfinv function", GPU Computing Gems Jade Edition, 2012,
table 1: relative error below 1e-6) and a natural logarithm by atanh series.  Only +, -, *, /
and square roots in IEEE single precision: the same bits on every machine.
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
_SQRT2 = _F(1.4142135623730951)
_LN2 = _F(0.6931471805599453)
_UNIT24 = _F(2.0**-24)


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
    key = np.uint64(0)
    with np.errstate(over="ignore"):
        for part in parts:
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
    """Natural logarithm of 2^-25 < y <= 1 in single precision, relative error below 1e-6.

    y = m * 2^e with m in [3/4, 3/2); ln m = 2 atanh((m - 1) / (m + 1)).
    """
    bits = float_bits(y)
    # Adding half a mantissa before truncating centres m on 1.
    e = typed_sub(typed_shr(typed_add(bits, np.int32(0x00400000)), np.int32(23)), np.int32(127))
    m = bits_float(typed_sub(bits, typed_shl(e, np.int32(23))))
    t = (m - _F(1.0)) / (m + _F(1.0))
    t2 = t * t
    series = _F(1 / 9)
    series = _F(1 / 7) + series * t2
    series = _F(1 / 5) + series * t2
    series = _F(1 / 3) + series * t2
    return _F(e) * _LN2 + _F(2.0) * t * (_F(1.0) + series * t2)


@kernel
def normal_deviates(halves, out):
    """out[i] = standard normal deviate of the 32-bit word halves[i].

    halves (n,) uint32 (a view of random words), out (n,) float32.  The top 24 bits give
    u = (bits + 1/2) / 2^24, so |z| <= 5.42 and z is symmetric about 0.
    """
    for i in range(out.shape[0]):
        x = (_F(np.int32(halves[i] >> np.uint32(8)) - np.int32(1 << 23)) + _F(0.5)) * _F(2.0**-23)
        # w = -ln(1 - x^2); 1 - |x| is exact, so the tails keep full precision.
        y = (_F(1.0) - x) * (_F(1.0) + x)
        w = -_log(y)
        c = w - _F(2.5)
        p = _F(2.81022636e-08)
        p = _F(3.43273939e-07) + p * c
        p = _F(-3.5233877e-06) + p * c
        p = _F(-4.39150654e-06) + p * c
        p = _F(0.00021858087) + p * c
        p = _F(-0.00125372503) + p * c
        p = _F(-0.00417768164) + p * c
        p = _F(0.246640727) + p * c
        p = _F(1.50140941) + p * c
        s = np.sqrt(w) - _F(3.0)
        q = _F(-0.000200214257)
        q = _F(0.000100950558) + q * s
        q = _F(0.00134934322) + q * s
        q = _F(-0.00367342844) + q * s
        q = _F(0.00573950773) + q * s
        q = _F(-0.0076224613) + q * s
        q = _F(0.00943887047) + q * s
        q = _F(1.00167406) + q * s
        q = _F(2.83297682) + q * s
        out[i] = _SQRT2 * x * (p if w < _F(5.0) else q)
