"""The interval of an accuracy covers what it says, over images and devices."""

import numpy as np
import pytest
from scipy.stats import binomtest

from codesign.interval import accuracy_interval
from mapping.accuracy import wilson


def test_one_device_sample_is_wilsons_interval() -> None:
    right = np.zeros((1, 400), bool)
    right[0, :312] = True
    expected = binomtest(312, 400).proportion_ci(method="wilson")
    found = accuracy_interval(right)
    # Student's t with 399 degrees of freedom and the n - 1 of the variance: within 0.001.
    assert found.mean == 0.78
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_still_has_a_width(share: float) -> None:
    found = accuracy_interval(np.full((3, 200), bool(share)))
    assert found.high - found.low == pytest.approx(1.96**2 / (200 + 1.96**2), rel=1e-3)
    assert found.low <= share <= found.high


def test_device_samples_that_differ_widen_the_interval() -> None:
    images = np.arange(1000)
    same = np.stack([images % 10 != 0] * 4)
    differing = np.stack([images % k != 0 for k in (5, 8, 12, 50)])
    narrow, wide = accuracy_interval(same), accuracy_interval(differing)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_interval_covers_the_true_accuracy_of_random_devices() -> None:
    # 400 experiments of 3 devices whose accuracy varies, 300 images: at least 95 % must cover.
    stream = np.random.default_rng(11)
    covered = 0
    for _ in range(400):
        image_ease = stream.normal(0, 1, 300)
        device = stream.normal(0, 0.3, (3, 1))
        right = stream.normal(0, 1, (3, 300)) < 0.8 + image_ease + device
        found = accuracy_interval(right)
        # P(normal with variance 1 + 1 + 0.09 is below 0.8)
        covered += found.low <= 0.71004 <= found.high
    # The interval errs on the wide side: 380 is 95 %; below 366 would be 3 sigma too few.
    assert covered >= 366, covered


def test_wilson_narrows_with_the_square_root_of_the_size() -> None:
    few, many = (wilson(0.5 * size, size, 1.96) for size in (100, 10_000))
    assert (few[1] - few[0]) / (many[1] - many[0]) == pytest.approx(10, rel=0.02)
