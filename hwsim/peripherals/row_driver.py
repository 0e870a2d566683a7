"""The row driver: input codes as the digits that word lines are driven with (RTL's golden model).

    x[i] = sum_t sign_t * digit_t[i] << shift_t

The digits of a number are `hwsim.tile.geometry.Digits`; here only what the hardware does with
them, vector by vector.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class DigitPlan(Protocol):
    """How a number is cut into digits (hwsim.tile.geometry.Digits)."""

    @property
    def bits(self) -> int:
        """Bits of a digit."""

    @property
    def magnitude_bits(self) -> int:
        """Bits without the sign bit."""

    @property
    def shifts(self) -> tuple[int, ...]:
        """log2 of each digit's absolute weight."""

    @property
    def signs(self) -> tuple[int, ...]:
        """-1 for the digit of the sign bit, else +1."""


@dataclass(frozen=True)
class DigitBeat:
    """One phase of a vector."""

    digits: tuple[int, ...]  # of every input, unsigned
    shift: int
    negative: bool
    first: bool
    last: bool


def digit_beats(codes: NDArray[np.integer[Any]], plan: DigitPlan) -> tuple[DigitBeat, ...]:
    """The phases of one vector of (inputs,) codes, in the order in which they are driven."""
    count = len(plan.shifts)
    beats = []
    for t, (shift, sign) in enumerate(zip(plan.shifts, plan.signs, strict=True)):
        width = 1 if sign < 0 else min(plan.bits, plan.magnitude_bits - shift)
        digits = (codes.astype(np.int64) >> shift) & ((1 << width) - 1)
        beats.append(
            DigitBeat(
                digits=tuple(digits.tolist()),
                shift=shift,
                negative=sign < 0,
                first=t == 0,
                last=t == count - 1,
            )
        )
    return tuple(beats)


def input_sum(beats: tuple[DigitBeat, ...]) -> int:
    """Sum of a vector's inputs, from its digits: what offset encoding is corrected by."""
    return sum((-1 if b.negative else 1) * sum(b.digits) << b.shift for b in beats)


def plane_word(digits: tuple[int, ...], bits: int) -> int:
    """Digits as the RTL holds them: bit b of input i's digit in bit b * inputs + i."""
    word = 0
    for b in range(bits):
        for i, digit in enumerate(digits):
            word |= (digit >> b & 1) << (b * len(digits) + i)
    return word
