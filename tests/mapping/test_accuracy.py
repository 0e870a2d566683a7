"""Accuracy and its interval, against SciPy's own and known values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from hwsim.errors import DataError
from mapping.accuracy import accuracy


@given(st.integers(1, 3000), st.floats(0, 1))
def test_interval_is_scipys_wilson_interval(total, share):
    right = round(total * share)
    labels = np.zeros(total, int)
    logits = np.zeros((total, 2))
    logits[right:, 1] = 1.0
    found = accuracy(logits, labels)
    expected = binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert (found.right, found.total) == (right, total)
    assert found.low == pytest.approx(expected.low, abs=1e-9)
    assert found.high == pytest.approx(expected.high, abs=1e-9)
    assert found.low <= found.mean <= found.high


def test_of_equal_logits_the_first_counts():
    assert accuracy(np.zeros((3, 4)), np.array([0, 0, 1])).right == 2


@pytest.mark.parametrize("labels", [[0, 1], [], [[0], [1], [2]]])
def test_as_many_labels_as_logits_are_needed(labels):
    with pytest.raises(DataError, match=r"^labels: expected \(3,\) numbers, found \("):
        accuracy(np.zeros((3, 4)), np.array(labels))
