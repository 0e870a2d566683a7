"""Converters with static errors: what a sample becomes in front of an ideal rounding.

With A a sample, in units of 2^-SAMPLE_BITS level step, and x its place in the range of codes,
0 at the lowest and 1 at the highest one, clipped to these,

    A' = A + offset + gain * A + 4 bow * x (1 - x) + 6 sqrt(3) cubic * x (1 - x) (1 - 2 x)

The bends are taken at A + offset + gain * A; they peak at `bow` and `cubic` and are zero at both
ends, as what is left of an error after offset and gain is.
"""

import numpy as np

from hwsim._jit import kernel, typed_add, typed_sub

_BOW = np.float32(4.0)
_CUBIC = np.float32(6 * 3**0.5)
_LIMIT = np.float32(2.0**29)  # samples stay below 2^28: their sum fits int32
_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


@kernel
def at_rest(errors):
    """Whether a column that carries no current gives code zero."""
    return errors.offset.shape[0] == 0


@kernel
def sense(samples, v, strip, adc):
    """Samples of vector v less what the dummy columns read, then `distort`ed."""
    if adc.dummy.reads.shape[0] > 0:
        for c in range(samples.shape[0]):
            for t in range(samples.shape[1]):
                for i in range(samples.shape[2]):
                    read = adc.dummy.reads[v, t, adc.dummy.array[strip, i]]
                    samples[c, t, i] = typed_sub(samples[c, t, i], read)
    distort(samples, strip, adc.errors)


@kernel
def distort(samples, strip, errors):
    """Samples (C converted, T, width) int32 of one strip, changed by their converters' errors.

    errors: `converter_errors.ConverterErrors`; without any, nothing is changed.
    """
    if errors.offset.shape[0] == 0:
        return
    bow, cubic = _BOW * errors.bow, _CUBIC * errors.cubic
    for c in range(samples.shape[0]):
        for t in range(samples.shape[1]):
            for i in range(samples.shape[2]):
                value = np.float32(samples[c, t, i])
                shift = errors.offset[strip, c, i] + errors.gain[strip, c, i] * value
                x = (value + shift - errors.low) * errors.per_range
                x = min(max(x, _ZERO), _ONE)
                shift += x * (_ONE - x) * (bow + cubic * (_ONE - _TWO * x))
                shift = min(max(shift, -_LIMIT), _LIMIT)
                samples[c, t, i] = typed_add(samples[c, t, i], np.int32(np.floor(shift + _HALF)))
