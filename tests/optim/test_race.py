"""Dropping designs early: never where the count is certain, as rarely as stated elsewhere."""

import numpy as np
import pytest

from optim.certify import BETS
from optim.race import ERROR, clearly_above


def test_what_every_order_of_the_rest_refuses_is_dropped_and_nothing_else_is_certain():
    """10 values, at most 3 in all: four ones exclude it, three do not."""
    assert clearly_above(np.ones(4), 10, 0.3)
    assert not clearly_above(np.ones(3), 10, 0.3)
    assert clearly_above(np.array([1.0, 0, 1, 0, 1, 1]), 10, 0.3)


def test_a_set_at_the_limit_is_never_dropped_for_its_last_value():
    losses = np.array([1.0] * 3 + [0.0] * 7)
    for seen in range(11):
        assert not clearly_above(losses[::-1][:seen], 10, 0.3)


def test_nothing_is_known_without_data():
    assert not clearly_above(np.zeros(0), 100, 0.01)


@pytest.mark.parametrize(("rate", "images"), [(0.5, 50), (0.2, 100), (0.1, 200)])
def test_a_design_that_breaks_many_images_is_dropped_after_few(rate, images):
    """Of 1000 with a loss of 0.5 % allowed; coded as (loss + 1) / 2, all but the broken at 1/2."""
    losses = (np.arange(images) % round(1 / rate) == 0) / 2 + 0.5
    assert clearly_above(losses, 1000, 0.5025)


def test_a_set_that_is_just_accepted_is_dropped_at_most_as_often_as_stated():
    """1000 images in random order, 35 broken and 30 mended: just the 0.5 % that are allowed.

    Looks as the search has them; 4000 orders let the share of wrong drops look larger by
    5 sigma = 5 sqrt(0.001 / 4000) = 0.0025.
    """
    random = np.random.default_rng(5)
    values = np.array([1.0] * 35 + [0.0] * 30 + [0.5] * 935)
    limit = (1 + 0.005) / 2
    assert values.mean() == pytest.approx(limit)
    wrong = 0
    for _ in range(4000):
        order = random.permutation(values)
        wrong += any(clearly_above(order[:n], 1000, limit) for n in (50, 100, 200, 400, 600, 800))
    assert wrong / 4000 <= ERROR + 5 * np.sqrt(ERROR / 4000)


def test_a_set_that_is_refused_by_far_is_mostly_dropped():
    random = np.random.default_rng(6)
    values = np.array([1.0] * 100 + [0.5] * 900)
    dropped = [clearly_above(random.permutation(values)[:200], 1000, 0.5025) for _ in range(100)]
    assert np.mean(dropped) > 0.8


def test_a_set_is_dropped_at_the_first_capital_of_one_over_the_error():
    """Losses of 0.75 where 0.5 is allowed: the capital of every bet, by hand."""
    count, mean, loss = 1000, 0.5, 0.75
    bets, each = len(BETS), np.ones(len(BETS))
    for seen in range(1, 200):
        left = (count * mean - (seen - 1) * loss) / (count - seen + 1)
        each *= 1 - BETS + BETS * loss / left
        enough = each.sum() / bets >= 1 / ERROR
        assert clearly_above(np.full(seen, loss), count, mean) == enough, seen
        if enough:
            return
    pytest.fail("never dropped")
