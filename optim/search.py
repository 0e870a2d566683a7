"""From candidates to one that is certified.

1. Every layer's law proposes its efficient settings; these are measured (tables).
2. For a budget of damage the cheapest choice over layers is allocated, proven optimal.
3. The largest budget whose design keeps the asked accuracy on the tuning images is found by
   bisection; the design, all layers together, is simulated there, so additivity only steers.
   What single layers can still give up is then tried, one step of one layer at a time.
4. The design is certified on the testing images; one that fails tightens the budget.

Designs of attempt n do not depend on any testing image, given that those before failed: the
errors of the attempts add up to the target's.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from mapping.design import Design
from optim.allocate import Allocation, Option, Unreachable, allocate
from optim.certify import SequentialTest, Verdict
from optim.evaluate import Evaluator, Outcome
from optim.price import Price, Pricing
from optim.tables import Progress, Tables
from optim.target import Target

_BISECTIONS = 8
_ROUNDS = 4
_TIGHTER = 0.6  # of the damage after a failed certificate
#: A design this far below the asked share on its first device is not run on others.
_COARSE = 0.05


@final
@dataclass(frozen=True)
class Candidate:
    """A design as the tuning images see it."""

    design: Design
    outcome: Outcome  # all layers together
    price: Price
    accepted: bool  # worth a certificate
    added: float | None = None  # damage, summed over layers that were measured one by one


@final
@dataclass(frozen=True)
class Found:
    """A candidate with what the testing images say; None: tuning images refused it."""

    candidate: Candidate
    test: SequentialTest | None
    rounds: int

    @property
    def certified(self) -> bool:
        """Whether the target is reached, at the stated error."""
        return self.test is not None and self.test.verdict is Verdict.REACHED


class Proposer(Protocol):
    """A way to choose designs."""

    def cheapest(self, ceiling: float) -> Candidate | None:
        """The cheapest accepted design with at most that damage, if there is any."""

    def safest(self) -> Candidate:
        """The design with the least damage."""


@final
@dataclass(frozen=True)
class Judge:
    """Simulates whole designs: on tuning images to choose, on testing images to certify."""

    evaluator: Evaluator
    pricing: Pricing
    target: Target
    progress: Progress

    def candidate(self, design: Design, added: float | None = None) -> Candidate:
        """A design as the tuning images see it."""
        needed = self.target.tuning_share
        outcome = self.evaluator.design(design, 1)
        if outcome.share >= needed - _COARSE:
            outcome = self.evaluator.design(design)
        price = self.pricing.price(design)
        return Candidate(design, outcome, price, outcome.share >= needed, added)

    def find(self, proposer: Proposer) -> Found:
        """The cheapest certified design, else the closest one."""
        ceiling, last = math.inf, None
        for attempt in range(_ROUNDS):
            candidate = proposer.cheapest(ceiling)
            if candidate is None:
                break
            last = Found(candidate, self._certificate(candidate, attempt), attempt + 1)
            if last.certified:
                return last
            ceiling = candidate.outcome.damage * _TIGHTER
        return last or Found(proposer.safest(), None, 0)

    def _certificate(self, candidate: Candidate, attempt: int) -> SequentialTest:
        """Testing images on fresh devices, until the answer is certain or will not come."""
        # The errors of all attempts sum to the target's: error * (1/2 + 1/4 + ...).
        target = self.target
        test = target.test(target.error / 2 ** (attempt + 1))
        for number, images in enumerate(target.blocks):
            self.progress("certificate", number, len(target.blocks))
            right = self.evaluator.rights(candidate.design, number, images)
            test = test.after(target.observations(right, images).tolist())
            if test.verdict is not Verdict.OPEN or test.hopeless(target.planned):
                break
        self.progress("certificate", len(target.blocks), len(target.blocks))
        return test


@final
@dataclass(frozen=True)
class PerLayer:
    """Designs that set every layer by itself."""

    judge: Judge
    tables: Tables

    @property
    def budgets(self) -> tuple[float, float]:
        """Least and largest sum of damages."""
        low = sum(min(o.damage for o in options) for options in self.tables.values())
        high = sum(max(o.damage for o in options) for options in self.tables.values())
        return low * (1 + 1e-6), high

    def within(self, budget: float) -> Candidate:
        """The cheapest design within a budget, simulated as a whole.

        Raises:
            Unreachable: there is none.
        """
        return self._candidate(self._allocated(budget))

    def safest(self) -> Candidate:
        """The design with the least damage that fits the chip."""
        low, high = self.budgets
        for budget in np.geomspace(low, high, 20):
            try:
                return self.within(float(budget))
            except Unreachable:  # more tiles than the chip has
                continue
        return self.within(high)

    def cheapest(self, ceiling: float) -> Candidate | None:
        """By bisection over budgets, then layer by layer."""
        found = self._bisected(ceiling)
        return None if found is None else self._candidate(self._refined(found, ceiling))

    def front(self, points: int) -> Iterator[Candidate]:
        """Designs from the safest to the cheapest, at budgets in equal ratios."""
        low, high = self.budgets
        for done, budget in enumerate(np.geomspace(low, high, points)):
            self.judge.progress("front", done, points)
            try:
                yield self.within(float(budget))
            except Unreachable:
                continue
        self.judge.progress("front", points, points)

    def _allocated(self, budget: float) -> Allocation:
        return allocate(self.tables, budget, self.judge.evaluator.problem.max_tiles)

    def _candidate(self, chosen: Allocation) -> Candidate:
        knobs = {name: option.knobs for name, option in chosen.options.items()}
        return self.judge.candidate(Design(layers=knobs), chosen.damage)

    def _accepts(self, chosen: Allocation, ceiling: float) -> bool:
        found = self._candidate(chosen)
        return found.accepted and found.outcome.damage <= ceiling

    def _bisected(self, ceiling: float) -> Allocation | None:
        low, high = map(math.log, self.budgets)
        best = None
        for done in range(_BISECTIONS):
            self.judge.progress("budgets", done, _BISECTIONS)
            middle = low if done == 0 else (low + high) / 2
            try:
                chosen = self._allocated(math.exp(middle))
                accepted = self._accepts(chosen, ceiling)
            except Unreachable:
                low = middle  # more tiles than the chip has: a larger damage needs fewer
                continue
            if accepted:
                best, low = chosen, middle
            else:
                high = middle
            if done == 0 and not accepted:
                break
        self.judge.progress("budgets", _BISECTIONS, _BISECTIONS)
        return best

    def _refined(self, chosen: Allocation, ceiling: float) -> Allocation:
        """Each layer's next cheaper option, the largest saving first, kept where accepted.

        Sums of damages only steer: where layers' errors do not add up, something is left.
        """
        tried: set[tuple[str, Option]] = set()
        while steps := [step for step in self._steps(chosen) if step[1:] not in tried]:
            _, name, option = max(steps, key=lambda step: step[0])
            tried.add((name, option))
            changed = Allocation({**chosen.options, name: option})
            if self._accepts(changed, ceiling):
                chosen = changed
        return chosen

    def _steps(self, chosen: Allocation) -> Iterator[tuple[float, str, Option]]:
        """Saving, layer and option of each layer's next cheaper one that takes no more tiles."""
        for name, own in chosen.options.items():
            cheaper = [
                option
                for option in self.tables[name]
                if option.energy_J < own.energy_J and option.tiles <= own.tiles
            ]
            if cheaper:
                option = max(cheaper, key=lambda o: o.energy_J)
                yield own.energy_J - option.energy_J, name, option
