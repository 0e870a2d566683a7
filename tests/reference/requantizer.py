"""Slow twin of hwsim.peripherals.requantizer: rational numbers, written from its formula."""

from fractions import Fraction


def requantize(acc: int, multiplier: float, zero_point: int, low: int, high: int) -> int:
    """clip(round_half_even(acc * multiplier) + zero_point, low, high), exactly.

    `round` of a Fraction rounds half to even.
    """
    code = round(Fraction(acc) * Fraction(multiplier)) + zero_point
    return min(max(code, low), high)
