"""Reads of the dummy columns of a row block: one lane per array, cells at level zero."""

import numpy as np

from hwsim._jit import kernel
from hwsim.rng import fold
from hwsim.tile._kernels import sample_strip
from hwsim.tile._telegraph_kernels import exact_strip


@kernel
def dummy_moments(words, bank, noise, key, first, reads):
    """reads (V, T, strips * width) int32, overwritten; else as `_kernels.moments_block`."""
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((1, words.shape[1], width), np.int32)
    for v in range(words.shape[0]):
        for strip in range(strips):
            strip_key = fold(fold(key, first + v), strip)
            sample_strip(words[v], strip, bank, noise, False, strip_key, samples)
            reads[v, :, strip * width : (strip + 1) * width] = samples[0]


@kernel
def dummy_exact(words, bank, cells, key, first, reads):
    """The same, cell by cell: as `_telegraph_kernels.exact_block`."""
    strips, _, _, _, width = bank.planes.shape
    samples = np.empty((1, words.shape[1], width), np.int32)
    for v in range(words.shape[0]):
        for strip in range(strips):
            strip_key = fold(fold(key, first + v), strip)
            exact_strip(words[v], strip, bank, cells, False, strip_key, samples)
            reads[v, :, strip * width : (strip + 1) * width] = samples[0]
