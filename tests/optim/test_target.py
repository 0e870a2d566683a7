"""What is asked, and certificates of losses that are as rarely wrong as stated."""

import numpy as np
import pytest

from hwsim.errors import DataError
from optim.certify import Verdict
from optim.target import DRAWN, MARGIN, Population, Target


def target(count=400, share=0.95, **changes):
    reference = np.arange(count) < share * count
    return Target(reference, reference, **({"drop": 0.05} | changes))


def test_one_of_accuracy_and_drop_is_asked_for():
    for both in ({"drop": 0.1, "accuracy": 0.9}, {"drop": None}):
        with pytest.raises(DataError, match=r"^target: expected one of an accuracy and a drop"):
            target(**both)


def test_images_of_the_population_are_shown_at_most_once():
    for lasting in (False, True):
        shown = np.concatenate([b.ravel() for b in target(5000, lasting=lasting).blocks])
        assert len(set(shown)) == len(shown) == 5000


def test_a_test_set_is_drawn_with_replacement_a_few_images_for_each_device():
    whole = target(lasting=True, population=Population.TEST_SET)
    assert all(block.shape[1] == DRAWN for block in whole.blocks)
    shown = np.concatenate([block.ravel() for block in whole.blocks])
    assert len(shown) > 400
    # Each of the 400 is drawn 12.5 times on average: none is missing by chance.
    assert set(shown) == set(range(400))


def test_tuning_images_must_show_less_loss_than_is_allowed():
    assert target(drop=0.04).tuning_share == pytest.approx(0.95 - MARGIN * 0.04)
    assert target(drop=None, accuracy=0.9).tuning_share == pytest.approx(0.95 - MARGIN * 0.05)
    assert target(drop=None, accuracy=0.97).tuning_share == pytest.approx(0.97)


def test_a_loss_just_allowed_is_the_threshold():
    """Right as often as the reference less the drop: the mean observation is the threshold."""
    asked = target(drop=0.05)
    images = asked.blocks[0]
    right = asked.reference[images].mean(axis=1) - 0.05
    assert asked.observations(right, images).mean() == pytest.approx(asked.threshold)
    assert target(drop=None, accuracy=0.9).threshold == 0.9


def test_what_no_design_could_be_certified_for_is_known_before():
    """Ruling out a loss of d takes about ln(1 / error) / d images, however good the design."""
    assert not target(500, drop=0.01).certifiable
    assert target(500, drop=0.01, population=Population.TEST_SET).certifiable
    assert target(500, drop=0.02).certifiable
    assert target(500, drop=None, accuracy=0.9).certifiable
    for accuracy in (0.94, 0.96):  # nearly what the reference has, and more
        assert not target(500, drop=None, accuracy=accuracy).certifiable


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("population", Population)
def test_a_loss_just_too_large_is_certified_at_most_as_often_as_stated(lasting, population):
    """300 experiments in which chips break right images at a rate that differs from chip to chip.

    The mean loss is the one allowed and a little more; an error of 0.1 is stated, so that of 300
    certificates the share of wrong ones is at most 0.1 + 5 sqrt(0.1 * 0.9 / 300) = 0.187.
    Testing images are fresh in every experiment where the population is all images like them.
    """
    random, share, drop, wrong = np.random.default_rng(11), 0.95, 0.04, 0
    breaks = (drop + 1e-6) / share
    for run in range(300):
        reference = random.random(800) < share
        if population is Population.TEST_SET:
            reference = np.arange(800) < share * 800
        asked = Target(
            reference, reference, drop=drop, population=population, lasting=lasting, seed=run
        )
        test = asked.test(0.1)
        for images in asked.blocks[:6]:
            rate = random.beta(breaks * 20, (1 - breaks) * 20, (len(images), 1))
            right = reference[images] & (random.random(images.shape) >= rate)
            test = test.after(asked.observations(right.mean(axis=1), images).tolist())
            if test.verdict is not Verdict.OPEN:
                break
        wrong += test.verdict is Verdict.REACHED
    assert wrong / 300 <= 0.1 + 5 * np.sqrt(0.1 * 0.9 / 300)


def test_stopping_a_hopeless_test_gives_no_certificate_and_a_good_one_is_not_stopped():
    asked = target(2000, drop=0.05, lasting=False)
    bad, good = asked.test(0.05).after([0.45] * 500), asked.test(0.05).after([0.498] * 500)
    assert bad.hopeless(asked.planned)
    assert bad.verdict is not Verdict.REACHED
    assert not good.hopeless(asked.planned)
    assert not asked.test(0.05).after([0.45] * 10).hopeless(asked.planned)
