"""What converters see, drawn from the first three moments of the column sums.

Tried: words, deviates and samples of 16 lanes in registers from the counter on, 0.61 instead of
0.48 ns per sample (one long chain of operations); deviates of some rows at a time, to need less
of the first-level cache: a tenth slower, for calls that take arrays cost more than that saves.
"""

from typing import Any, NamedTuple

import numpy as np

from hwsim._jit import inlined_kernel, kernel
from hwsim._vectors import clip, load, magnitude, root, round_down, splat, store
from hwsim.rng import normal_deviates, random_words

SAMPLE_BITS = 8  # a disturbed column sum is sampled in units of 2^-8 level step
SAMPLE_ONE = np.float32(1 << SAMPLE_BITS)

_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
_TINY = np.float32(1e-30)  # no fluctuation: no skew
#: `_bend`: least squares of the relative error, which stays below 1.1e-4.
_B0, _B1 = np.float32(0.16666292), np.float32(0.0031187963)
_B2, _B3 = np.float32(0.00013044546), np.float32(2.7624555e-05)


class Moments(NamedTuple):
    """Moments of all conversions of one strip."""

    values: Any  # means (C converted, T, n) float32
    variances: Any  # the same, at least two lanes; (C converted, T, 1): no level changes it
    thirds: Any  # third central moments: as variances, or (C, 0, 1) where all are zero


class Deviates(NamedTuple):
    """Working memory of `draw`."""

    random: Any  # uint64
    normal: Any  # float32, twice as many


@kernel
def deviates_for(size):
    """Working memory for `size` samples."""
    words = (size + 1) // 2
    return Deviates(np.empty(words, np.uint64), np.empty(2 * words, np.float32))


@kernel
def sample_all(values, variances, key, samples):
    """`draw` without skew; values and variances (C, T, n)."""
    none = np.empty((values.shape[0], 0, 1), np.float32)
    draw(Moments(values, variances, none), key, deviates_for(samples.size), samples)


@inlined_kernel
def draw(moments, key, deviates, samples):
    """Draw what the converters see; number i of `samples`, in order, takes deviate i under `key`.

    samples (C, T, n) int32.
    """
    random_words(key, 0, deviates.random)
    normal_deviates(deviates.random.view(np.int32), deviates.normal)
    draw_given(moments, deviates.normal, samples)


@kernel
def draw_given(moments, deviates, samples):
    """`draw` of given deviates, flat in the order of samples (C, T, n)."""
    if moments.thirds.shape[1] > 0:
        _draw_skewed(moments, deviates, samples)
        return
    values, variances = moments.values, moments.variances
    converted, phases, width = samples.shape
    unit, half = splat(SAMPLE_ONE), splat(_HALF)
    for c in range(converted):
        for t in range(phases):
            # abs: rounding may leave a variance below zero by its last bit.
            sigma = splat(SAMPLE_ONE * np.sqrt(np.abs(variances[c, t, 0])))
            start = (c * phases + t) * width
            for i in range(0, width, 16):
                rest = width - i
                if variances.shape[2] > 1:
                    sigma = unit * root(magnitude(load(variances, (c, t, i), rest)))
                noisy = unit * load(values, (c, t, i), rest)
                noisy = noisy + load(deviates, (start + i,), rest) * sigma
                store(round_down(noisy + half), samples, (c, t, i), rest)


@kernel
def _draw_skewed(moments, deviates, samples):
    """`draw_given` of deviates z bent by the skew: p z + q (z^2 - 1)."""
    values, variances, thirds = moments
    converted, phases, width = samples.shape
    unit, one, half = splat(SAMPLE_ONE), splat(_ONE), splat(_HALF)
    for c in range(converted):
        for t in range(phases):
            p, q = _bend(splat(variances[c, t, 0]), splat(thirds[c, t, 0]))
            start = (c * phases + t) * width
            for i in range(0, width, 16):
                rest = width - i
                if variances.shape[2] > 1:
                    p, q = _bend(load(variances, (c, t, i), rest), load(thirds, (c, t, i), rest))
                z = load(deviates, (start + i,), rest)
                noisy = load(values, (c, t, i), rest) + (p * z + q * (z * z - one))
                store(round_down(unit * noisy + half), samples, (c, t, i), rest)


@inlined_kernel
def _bend(variance, third):
    """p and q of this variance and this third central moment.

    With sigma^2 the variance, q = c sigma and p = sqrt(1 - 2 c^2) sigma: the variance is p^2 +
    2 q^2, and the third moment 6 p^2 q + 8 q^3 asks for 6 c - 4 c^3 = skew, that is
    c = sqrt(2) sin(asin(skew / sqrt(8)) / 3); a polynomial up to a skew of 2, kept there.
    """
    variance = magnitude(variance)  # rounding may leave it below zero by its last bit
    sigma = root(variance)
    skew = third / (sigma * variance + splat(_TINY))
    skew = clip(skew, splat(-_TWO), splat(_TWO))
    u = skew * skew
    c = splat(_B2) + splat(_B3) * u
    c = splat(_B1) + c * u
    c = skew * (splat(_B0) + c * u)
    return root(splat(_ONE) - splat(_TWO) * c * c) * sigma, c * sigma
