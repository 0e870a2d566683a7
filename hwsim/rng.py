"""Addressed randomness: every random word is a pure function of its address.

The address is a chain of integers (seed, device sample, layer, array, read, ...), folded
into a 64-bit key by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014, doi:10.1145/2660193.2660195; constants of
variant 13 of Stafford, as in their paper).  The words under one key are SplitMix64's own
stream: mix(key + (index + 1) * GOLDEN).  So no draw depends on the order, the batch, the
number of threads or the machine.

Normal deviates: z = sqrt(2) * erfinv(x), which is x times a smooth function of y = 1 - x^2; one
polynomial of degree 4 in y for each octave of y, fitted by scripts/fit_normal_deviates.py:
relative error of z below 2e-5.  The octave is y's exponent, so a processor that looks up 32
numbers in two registers (AVX-512, VPERMI2PS) needs five of those and eight operations.  Only +
and * in IEEE single precision: the same bits on every machine, and no division, root or
logarithm.  Tried and measured on one core, in 1e9/s: one polynomial of degree 10 in ln(1 - x^2)
(Giles, GPU Computing Gems Jade Edition, 2012), with one of degree 6 for the logarithm, 1.0;
this one 2.8.
"""

import numpy as np

from hwsim._jit import inlined_kernel, kernel
from hwsim._vectors import bits_of, load, lookup, splat, store, to_float

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_ONE = np.uint64(1)

#: Coefficients, lowest power first, for y in 2^-23 .. 2^-22 and so on to 1/2 .. 1, then y = 1.
_OCTAVES = (
    (5.726816, -4.1326918e06, 1.7775712e13, -4.512173e19, 4.775053e25),
    (5.6081553, -2.1101025e06, 4.534822e12, -5.7542974e18, 3.044418e24),
    (5.487086, -1.0783505e06, 1.1578484e12, -7.344271e17, 1.9425665e23),
    (5.363459, -551614.6, 2.9589042e11, -9.381743e16, 1.2405694e22),
    (5.23711, -282467.7, 7.5688755e10, -1.1995792e16, 7.929966e20),
    (5.1078553, -144811.11, 1.9381656e10, -1.535399e15, 5.074136e19),
    (4.9754915, -74333.36, 4.968809e09, -1.9674403e14, 3.2503765e18),
    (4.8397884, -38209.355, 1.2754536e09, -2.524159e13, 2.0846433e17),
    (4.70049, -19670.809, 3.2785658e08, -3.2428002e12, 1.3387775e16),
    (4.557304, -10144.051, 8.440617e07, -4.1722774e11, 8.6104e14),
    (4.4098983, -5241.004, 2.1767522e07, -5.3770727e10, 5.54683e13),
    (4.257894, -2713.3987, 5.624347e06, -6.9425444e09, 3.5797368e12),
    (4.100854, -1407.961, 1.4563231e06, -8.982192e08, 2.3148921e11),
    (3.9382718, -732.3462, 377979.88, -1.164764e08, 1.5003156e10),
    (3.769559, -381.8833, 98357.99, -1.514232e07, 9.747934e08),
    (3.59403, -199.62148, 25666.793, -1.9740026e06, 6.350735e07),
    (3.4108891, -104.567696, 6717.3276, -258092.1, 4.149497e06),
    (3.2192254, -54.845993, 1762.8269, -33842.207, 271914.34),
    (3.0180314, -28.758518, 463.55127, -4448.304, 17863.658),
    (2.8062801, -15.035307, 121.93257, -585.338, 1175.1891),
    (2.5831203, -7.8061323, 31.97913, -76.894104, 77.22323),
    (2.3482718, -4.00268, 8.318811, -10.036037, 5.045647),
    (2.1026826, -2.0135837, 2.13094, -1.2922641, 0.32555926),
    (1.2533141, 0.0, 0.0, 0.0, 0.0),
)
#: By the last five bits of y's biased exponent, 104 to 127.
_C0, _C1, _C2, _C3, _C4 = np.array(((0.0,) * 5,) * 8 + _OCTAVES, np.float32).T.copy()


@kernel
def mix(word):
    """SplitMix64's finaliser: a bijection of 64-bit words."""
    word = (word ^ (word >> _S30)) * _MIX1
    word = (word ^ (word >> _S27)) * _MIX2
    return word ^ (word >> _S31)


@inlined_kernel
def mix_lanes(words):
    """`mix` of a vector of words."""
    words = (words ^ (words >> splat(_S30))) * splat(_MIX1)
    words = (words ^ (words >> splat(_S27))) * splat(_MIX2)
    return words ^ (words >> splat(_S31))


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
def normal_deviates(halves, out):
    """out[i] = standard normal deviate of the 32-bit word halves[i].

    halves (n,) int32 (a view of random words), out (n,) float32.  The top 24 bits give
    x = (bits + 1/2) / 2^23, so |z| <= 5.42 and z is symmetric about 0.
    """
    half, unit, one = splat(np.float32(0.5)), splat(np.float32(2.0**-23)), splat(np.float32(1.0))
    eight, mantissa = splat(np.int32(8)), splat(np.int32(23))
    size = out.shape[0]
    for i in range(0, size, 16):
        x = (to_float(load(halves, (i,), size - i) >> eight) + half) * unit
        y = (one - x) * (one + x)  # 1 - |x| is exact, so the tails keep full precision
        octave = bits_of(y) >> mantissa  # of the exponents, 104 to 127, the last five bits count
        p = lookup(_C3, octave) + lookup(_C4, octave) * y
        p = lookup(_C2, octave) + p * y
        p = lookup(_C1, octave) + p * y
        p = lookup(_C0, octave) + p * y
        store(x * p, out, (i,), size - i)
