"""Attempts at a certificate: errors that add up, tighter ceilings, images of their own."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from mapping.design import Design
from optim.certify import Verdict
from optim.evaluate import Outcome
from optim.search import Candidate, Judge
from optim.target import BLOCK, Population, Target

RIGHT = np.ones(400, np.bool_)


class Rights:
    """An evaluator whose designs are right on testing images with given shares, in turn."""

    def __init__(self, *shares):
        self.shares = list(shares)
        self.asked = []

    def rights(self, design, before, images):
        self.asked.append((design.default.redundancy, before, len(images)))
        share = self.shares[design.default.redundancy - 1]
        return np.diff(np.floor(np.arange(len(images) + 1) * share))  # evenly spread


class Proposals:
    """Candidates with one copy more at every attempt; remembers the ceilings."""

    def __init__(self, count, damage=0.5):
        self.count, self.damage, self.ceilings = count, damage, []

    def cheapest(self, ceiling):
        self.ceilings.append(ceiling)
        number = len(self.ceilings)
        return self._candidate(number, ceiling) if number <= self.count else None

    def safest(self):
        return self._candidate(8, np.inf, accepted=False)

    def _candidate(self, copies, ceiling, accepted=True):
        design = Design.model_validate({"default": {"redundancy": copies}})
        price = SimpleNamespace(energy_J=1.0 / copies)  # every proposal saves something
        return Candidate(design, Outcome(min(self.damage, ceiling), RIGHT[None]), price, accepted)


def judge(evaluator, **changes):
    asked = {"drop": 0.1, "error": 0.08, "population": Population.TEST_SET, "lasting": False}
    target = Target(RIGHT, RIGHT, **asked | changes)
    return Judge(evaluator, SimpleNamespace(), target, lambda *_: None)


def test_a_design_that_keeps_the_accuracy_is_certified_in_the_first_attempt_at_half_the_error():
    evaluator = Rights(1.0)
    found = judge(evaluator).find(Proposals(4))
    assert found.certified
    assert found.rounds == 1
    assert found.test.error == 0.04


def test_a_failure_tightens_the_damage_and_the_error():
    evaluator, proposals = Rights(0.5, 0.5, 1.0), Proposals(3)
    found = judge(evaluator).find(proposals)
    assert found.certified
    assert found.rounds == 3
    assert found.test.error == pytest.approx(0.08 / 16)
    assert proposals.ceilings[:3] == [np.inf, pytest.approx(0.3), pytest.approx(0.18)]


def test_after_a_certificate_budgets_up_to_the_last_failure_are_tried():
    """Fails at a damage of 0.5, holds below 0.3: between them once right, then wrong."""
    evaluator, proposals = Rights(0.5, 1.0, 1.0, 0.5, 0.5), Proposals(5)
    found = judge(evaluator).find(proposals)
    assert found.candidate.design.default.redundancy == found.rounds == 3
    between = 0.5 * 0.6**0.5
    assert proposals.ceilings[:4] == [
        np.inf,
        pytest.approx(0.3),
        pytest.approx(between),
        pytest.approx((0.5 * between) ** 0.5),
    ]


def test_a_proposal_that_saves_nothing_ends_the_attempts():
    class Dearer(Proposals):
        def cheapest(self, ceiling):
            found = super().cheapest(ceiling)
            found.price.energy_J = 1.0 if len(self.ceilings) > 1 else 0.5
            return found

    evaluator, proposals = Rights(0.5, 1.0, 1.0), Dearer(3)
    found = judge(evaluator).find(proposals)
    assert (found.rounds, len(proposals.ceilings)) == (2, 3)
    assert {copies for copies, _, _ in evaluator.asked} == {1, 2}


def test_errors_of_all_designs_that_verdicts_lead_to_add_up_to_at_most_the_stated_one():
    """Every sequence of verdicts (one image more or less decides each) leads to its own design."""
    designs: dict[tuple, float] = {}
    for verdicts in itertools.product([0.5, 1.0], repeat=5):
        evaluator, proposals = Rights(*verdicts), Proposals(5)
        own, errors = judge(evaluator), []
        certificate = own._certificate

        def noted(candidate, attempt, certificate=certificate, errors=errors):
            errors.append(certificate(candidate, attempt).error)
            return certificate(candidate, attempt)

        object.__setattr__(own, "_certificate", noted)
        own.find(proposals)
        designs |= {verdicts[:at]: error for at, error in enumerate(errors)}
    assert len(designs) > 8
    assert sum(designs.values()) <= 0.08


def test_observations_of_a_failed_design_do_not_count_for_the_next():
    evaluator = Rights(0.5, 1.0)
    found = judge(evaluator).find(Proposals(2))
    own = sum(count for copies, _, count in evaluator.asked if copies == 2)
    assert len(found.test.observations) == own
    assert set(found.test.observations) == {0.5}  # no difference to the reference


def test_every_block_of_a_certificate_follows_those_before_it():
    """Devices are numbered by the observations before: none is used twice."""
    evaluator = Rights(0.93)
    judge(evaluator).find(Proposals(1))
    assert len(evaluator.asked) > 2
    assert [before for _, before, _ in evaluator.asked] == [
        BLOCK * number for number in range(len(evaluator.asked))
    ]


def test_a_search_that_finds_nothing_more_ends_with_the_last_failure():
    found = judge(Rights(0.5, 0.5)).find(Proposals(2))
    assert not found.certified
    assert found.rounds == 2
    assert found.test.verdict is Verdict.MISSED


def test_nothing_accepted_is_not_reachable_and_shows_the_safest():
    evaluator = Rights()
    found = judge(evaluator).find(Proposals(0))
    assert found.test is None
    assert not found.certified
    assert found.candidate.design.default.redundancy == 8
    assert not evaluator.asked


def test_attempts_end():
    proposals = Proposals(100)
    found = judge(Rights(*[0.5] * 100)).find(proposals)
    assert not found.certified
    assert found.rounds == len(proposals.ceilings) == 5
