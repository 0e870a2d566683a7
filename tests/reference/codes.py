"""Slow twins of mapping.codes and mapping.coded_operators, written from their formulas."""

from fractions import Fraction
from typing import Any

import numpy as np

from mapping.network import QuantParams


def encode(reals: Any, params: QuantParams) -> Any:
    """clip(round_half_even(real / scale) + zero_point, low, high), the quotient in float32."""
    flat = [
        min(
            max(round(float(np.float32(x) / np.float32(params.scale))) + params.zero_point,
                params.low),
            params.high,
        )
        for x in np.asarray(reals, np.float32).ravel()
    ]  # fmt: skip
    return np.array(flat, np.int16).reshape(np.shape(reals))


def decode(codes: Any, params: QuantParams) -> Any:
    """float32(code - zero_point) * scale in float32."""
    flat = [
        np.float32(int(c) - params.zero_point) * np.float32(params.scale) for c in codes.ravel()
    ]
    return np.array(flat, np.float32).reshape(codes.shape)


def mean_code(codes: Any, count: int, source: QuantParams, output: QuantParams) -> int:
    """The code of sum(q - z) * m with m = fl32(sx / fl32(sy * count)), exactly rounded."""
    m = np.float32(source.scale) / (np.float32(output.scale) * np.float32(count))
    total = sum(int(c) - source.zero_point for c in codes)
    code = round(Fraction(total) * Fraction(float(m))) + output.zero_point
    return min(max(code, output.low), output.high)
