"""The requantizer against rational arithmetic, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.peripherals.requantizer import (
    ACCUMULATOR_LIMIT,
    STRIP,
    Requantizer,
    fixed_point,
    real_multiplier,
    tie_distance_bound,
)
from tests.reference.requantizer import requantize

MULTIPLIERS = st.floats(
    min_value=2.0**-120, max_value=2.0**60, width=32, allow_nan=False, allow_infinity=False
)
ACCUMULATORS = st.integers(-ACCUMULATOR_LIMIT + 1, ACCUMULATOR_LIMIT - 1)


def codes(acc: list[int], multiplier: float, zero_point: int, low: int, high: int) -> list[int]:
    """Codes of one channel's accumulators."""
    built = Requantizer.build(np.array([multiplier], np.float32), zero_point, low, high)
    return built.codes(np.array(acc, np.int64).reshape(1, -1, 1)).ravel().tolist()


@given(st.lists(ACCUMULATORS, min_size=1, max_size=8), MULTIPLIERS, st.integers(-128, 255))
def test_requantizer_equals_rational_arithmetic(acc, multiplier, zero_point):
    expected = [requantize(a, multiplier, zero_point, -128, 255) for a in acc]
    assert codes(acc, multiplier, zero_point, -128, 255) == expected


@given(st.lists(st.integers(-(1 << 20), 1 << 20), min_size=1, max_size=8), st.integers(1, 12))
def test_ties_go_to_the_even_code(acc, shift):
    multiplier = 2.0**-shift  # every odd multiple of half a code is a tie
    expected = [requantize(a, multiplier, 0, -32768, 32767) for a in acc]
    assert codes(acc, multiplier, 0, -32768, 32767) == expected


def test_five_known_ties_round_half_to_even():
    assert codes([-3, -1, 1, 3, 5], 0.5, 0, -128, 127) == [-2, 0, 0, 2, 2]


@given(MULTIPLIERS)
def test_fixed_point_is_exact_inside_its_shifts(multiplier):
    mantissa, shift = fixed_point(np.array([multiplier], np.float32))
    assert 1 << 23 <= mantissa[0] < 1 << 24
    if 1 < shift[0] < 63:
        assert float(mantissa[0]) * 2.0 ** -float(shift[0]) == multiplier


def test_every_channel_uses_its_own_constants_and_moves_to_the_front():
    rng = np.random.default_rng(1)
    acc = rng.integers(-(1 << 20), 1 << 20, (2, 2 * STRIP + 5, 3))  # a whole strip and a part
    offset = np.array([7, -9, 1000])
    multiplier = np.array([1e-3, 2e-4, 7e-6], np.float32)
    out = Requantizer.build(multiplier, 3, 0, 255, offset).codes(acc)
    assert out.shape == (2, 3, 2 * STRIP + 5)
    assert out.dtype == np.int16
    for i, n, p in np.ndindex(*out.shape):
        exact = requantize(int(acc[i, p, n] + offset[n]), float(multiplier[n]), 3, 0, 255)
        assert out[i, n, p] == exact


@given(st.lists(ACCUMULATORS, min_size=2, max_size=8), MULTIPLIERS)
def test_a_larger_accumulator_never_gives_a_smaller_code(acc, multiplier):
    found = codes(sorted(acc), multiplier, 0, -128, 127)
    assert found == sorted(found)


def test_multiplier_is_rounded_to_float32_at_each_step():
    expected = np.float32(np.float32(np.float32(0.1) * np.float32(0.3)) / np.float32(0.7))
    assert real_multiplier(0.1, [0.3], 0.7)[0] == expected


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), float("nan")])
def test_a_multiplier_that_is_not_positive_is_refused(bad):
    with pytest.raises(ValueError, match="multiplier: expected positive numbers, found"):
        fixed_point(np.array([bad], np.float32))


@given(st.integers(-(1 << 31) + 1, (1 << 31) - 1), st.floats(2.0**-31, 1.0, width=32))
def test_float32_products_stay_within_the_stated_distance(acc, multiplier):
    rounded = np.float32(np.float32(acc) * np.float32(multiplier))
    exact = float(acc) * multiplier  # 31 + 24 bits: the bound has room for float64's rounding
    slack = abs(exact) * 2.0**-52
    assert abs(float(rounded) - exact) <= tie_distance_bound(np.float64(exact)) + slack
