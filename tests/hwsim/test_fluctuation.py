"""Laws of the cell: amplitudes by level and their bit polynomials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.device.fluctuation import (
    bit_polynomial,
    fluctuation_amplitude,
    level_step,
    programming_sigma,
)
from hwsim.device.spec import Device
from hwsim.errors import SpecError


def device(**changes) -> Device:
    base = {
        "name": "test",
        "conductance_min_S": 2e-6,
        "conductance_max_S": 8e-6,
        "source": "made up for tests",
    }
    return Device.model_validate(base | changes)


def noise(**changes) -> dict:
    return {"fluctuation": {"source": "made up for tests", **changes}}


@given(st.integers(1, 4), st.integers(0, 2**32))
def test_polynomial_of_the_bits_equals_the_function_at_every_level(bits, seed):
    values = np.random.default_rng(seed).normal(size=1 << bits)
    polynomial = bit_polynomial(values)
    for level, value in enumerate(values):
        terms = [
            coefficient * all(level >> v & 1 for v in monomial)
            for monomial, coefficient in zip(
                polynomial.monomials, polynomial.coefficients, strict=True
            )
        ]
        assert polynomial.constant + polynomial.slope * level + sum(terms) == pytest.approx(value)


def test_linear_functions_of_the_level_need_no_monomials():
    assert bit_polynomial(3.0 + 0.5 * np.arange(16)).monomials == ()


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        ("absolute", [0.1, 0.1, 0.1, 0.1]),
        ("relative", [0.025, 0.05, 0.075, 0.1]),
        ("sqrt", [0.05, 0.1 / np.sqrt(2), 0.1 * np.sqrt(0.75), 0.1]),
    ],
)
def test_amplitudes_follow_their_law(law, expected):
    cell = device(**noise(law=law, amplitude=0.1))
    step_share = level_step(cell, 2) / cell.conductance_max_S
    np.testing.assert_allclose(fluctuation_amplitude(cell, 2) * step_share, expected)


def test_table_of_amplitudes_needs_one_figure_per_level():
    cell = device(**noise(law="table", table=[0.1, 0.2]))
    np.testing.assert_allclose(fluctuation_amplitude(cell, 1) * 0.75, [0.1, 0.2])
    with pytest.raises(SpecError, match=r"fluctuation\.table: expected 4 amplitudes.*found 2"):
        fluctuation_amplitude(cell, 2)


def test_programming_error_grows_with_the_level_where_it_is_relative():
    error = {"sigma_absolute": 0.03, "sigma_relative": 0.04, "source": "made up for tests"}
    sigma = programming_sigma(device(programming=error), 1)
    np.testing.assert_allclose(sigma * 0.75, np.hypot(0.03, [0.01, 0.04]))
    assert not programming_sigma(device(), 1).any()
