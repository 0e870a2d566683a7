"""The converters: codes of sampled bit lines, in integers only (the RTL's golden model).

    code = clip((sample + half) >> (shift + SAMPLE_BITS), low, high)
    half = 2^(shift + SAMPLE_BITS - 1)

`sample` has SAMPLE_BITS fractional bits of a level step; the least significant bit is 2^shift
level steps.  Both converters only ever ask comparators: sample + half >= trial << (shift + 8).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_BITS = 8  # the same as hwsim.tile._kernels.SAMPLE_BITS (tests/hwsim/test_cosim_golden.py)


def code_range(bits: int, signed: bool) -> tuple[int, int]:
    """Lowest and highest code."""
    return (-(1 << bits >> 1), (1 << bits >> 1) - 1) if signed else (0, (1 << bits) - 1)


def above(sample: int, trial: int, shift: int) -> bool:
    """What a comparator answers: whether `sample` rounds to code `trial` or a higher one."""
    scale = shift + SAMPLE_BITS
    return sample + (1 << scale >> 1) >= trial << scale


def convert(
    samples: NDArray[np.integer[Any]], shift: int, bits: int, signed: bool
) -> NDArray[np.int64]:
    """Codes of samples of any shape."""
    scale = shift + SAMPLE_BITS
    codes: NDArray[np.int64] = (samples.astype(np.int64) + (1 << scale >> 1)) >> scale
    low, high = code_range(bits, signed)
    return np.clip(codes, low, high)


def sar_trials(sample: int, shift: int, bits: int, signed: bool) -> tuple[list[int], int]:
    """The trial codes of a successive approximation, in order, and its result."""
    code, _ = code_range(bits, signed)
    trials = []
    for b in reversed(range(bits)):
        trials.append(code + (1 << b))
        code = trials[-1] if above(sample, trials[-1], shift) else code
    return trials, code


def thermometer(sample: int, shift: int, bits: int, signed: bool) -> int:
    """Answers of a flash converter's 2^bits - 1 comparators, lowest threshold in bit 0."""
    low, high = code_range(bits, signed)
    thresholds = range(low + 1, high + 1)
    return sum(above(sample, trial, shift) << i for i, trial in enumerate(thresholds))


def encode_thermometer(answers: int, bits: int, signed: bool) -> int:
    """Code of any answers: the search by halves that the RTL does (bubbles included)."""
    code, _ = code_range(bits, signed)
    for b in reversed(range(bits)):
        if answers >> ((1 << b) - 1) & 1:
            code += 1 << b
            answers >>= 1 << b
    return code


def select_lines(column: int, enabled: bool, columns: int) -> int:
    """Select lines of the column multiplexer, line c in bit c."""
    return 1 << column if enabled and column < columns else 0
