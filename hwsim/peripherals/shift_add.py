"""Shift-add: codes of phases and lines folded into sums of outputs (the RTL's golden model).

sum[n] = sum over phases t and lines l of output n of
         phase_sign_t * line_sign_l * code[t, l] << (phase_shift_t + line_shift_l)
result[n] = (sum[n] << lsb_shift) + coefficient[n] * input_sum
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Line:
    """One line that reaches a converter."""

    output: int
    slice: int
    shift: int
    negative: bool


def line_order(
    outputs: int, shifts: Sequence[int], signs: Sequence[int], columns: int
) -> tuple[Line, ...]:
    """Lines in the order of the array: output by output, slice by slice, positive before negative.

    shifts, signs: of the weight's slices; columns: lines per slice (2: a pair converted apart).
    """
    return tuple(
        Line(output=n, slice=s, shift=shift, negative=(sign < 0) != (column == 1))
        for n in range(outputs)
        for s, (shift, sign) in enumerate(zip(shifts, signs, strict=True))
        for column in range(columns)
    )


def fold(
    codes: NDArray[np.integer[Any]],
    lines: Sequence[Line],
    phases: Sequence[tuple[int, int]],
    flips: Sequence[bool] | None = None,
) -> NDArray[np.int64]:
    """Sums of the outputs that `lines` name, in ascending order of output.

    Args:
        codes: (phases, lines).
        phases: (shift, sign) of each phase.
        flips: per line, whether its cells hold the complement.
    """
    flips = flips or [False] * len(lines)
    outputs = sorted({line.output for line in lines})
    sums = np.zeros(len(outputs), np.int64)
    for t, (phase_shift, phase_sign) in enumerate(phases):
        for line, flip, code in zip(lines, flips, codes[t].tolist(), strict=True):
            sign = phase_sign * (-1 if line.negative != flip else 1)
            sums[outputs.index(line.output)] += sign * (code << (phase_shift + line.shift))
    return sums


def scaled_sums(
    sums: NDArray[np.int64], lsb_shift: int, coefficients: Sequence[int], input_sum: int
) -> NDArray[np.int64]:
    """Results in units of the integer product."""
    return (sums << lsb_shift) + np.array(coefficients, np.int64) * input_sum


def coefficient(flips: Sequence[bool], cell_bits: int, weight_offset: int) -> int:
    """What one unit of the sum of the inputs adds to an output, offset encoding.

    flips: per slice, least significant first, whether its cells hold the complement.
    """
    full = (1 << cell_bits) - 1
    return sum(full << (s * cell_bits) for s, flip in enumerate(flips) if flip) - weight_offset
