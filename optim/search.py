"""From candidates to one that is certified.

1. Every layer's law proposes its efficient settings; these are measured (tables).
2. For a budget of damage the cheapest choice over layers is allocated, proven optimal.
3. Budgets are tried from the largest down: the design, all layers together, is simulated on the
   tuning images until one keeps the accuracy, so additivity only steers.  From there, and from
   the best setting for all layers alike, what single layers can still give up is tried.
4. The design is certified on the testing images; one that fails tightens the budget, and once
   one is certified, budgets between it and the last failure may find a cheaper one.

What is proposed depends on testing images by the verdicts before it alone.  Attempt 2 is made
after a failure; later ones after any of 2^(n - 2) sequences of verdicts, each with a design of its
own: with errors of 1/2, and 1/4^(n - 1) from attempt 2 on, those of all designs that might ever be
tried add up to at most the target's.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.allocate import Allocation, Option, Unreachable, allocate
from optim.certify import SequentialTest, Verdict
from optim.evaluate import Evaluator, Outcome
from optim.price import Price, Pricing
from optim.tables import Progress, Tables
from optim.target import Target

_SCAN = 12  # budgets in equal ratios
_BISECTIONS = 3  # between the last one refused and the first one accepted
_REFINEMENTS = 32  # changes of single layers that are tried
_ROUNDS = 5
_WORTH = 0.01  # what an attempt must save of the energy of a certified design
_TIGHTER = 0.6  # of the damage after a failed certificate
#: Refused changes one after another with which refinement ends.
_PATIENCE = 8
#: A start that costs so many times what was found is not refined.
_FAR = 1.25
#: Tuning images at least that a design which is shown to the user has seen.
_SHOWN = 200


@final
@dataclass(frozen=True)
class Candidate:
    """A design as the tuning images see it."""

    design: Design
    outcome: Outcome  # all layers together
    price: Price
    accepted: bool  # worth a certificate
    added: float | None = None  # damage, summed over layers that were measured one by one

    @property
    def placed(self) -> Design:
        """The design with the tiles that it is priced for."""
        return self.design.replace(tiles=self.price.budget)


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

    def candidate(self, design: Design, added: float | None = None, least: int = 0) -> Candidate:
        """A design, with the problem's windows, as the tuning images see it.

        They are shown until they all but refuse it.

        Args:
            least: images to see all the same.
        """

        def enough(right: NDArray[np.bool_]) -> bool:
            return right.shape[1] >= least and self.target.refuses(right)

        design = design.windowed(self.evaluator.problem.windows)
        outcome = self.evaluator.design(design, enough)
        whole = outcome.right.shape[1] == len(self.target.tuning)
        price, limit = self.pricing.price(design), self.evaluator.problem.max_tiles
        fits = limit is None or price.tiles <= limit
        accepted = whole and fits and outcome.share >= self.target.tuning_share
        return Candidate(design, outcome, price, accepted, added)

    def find(self, proposer: Proposer) -> Found:
        """The cheapest certified design, else the closest one."""
        passed, failed = 0.0, math.inf  # damages
        best, last, ceiling = None, None, math.inf
        for attempt in range(1, _ROUNDS + 1):
            candidate = proposer.cheapest(ceiling)
            if candidate is None or (best is not None and not _saves(candidate, best.candidate)):
                break
            last = Found(candidate, self._certificate(candidate, attempt), attempt)
            if last.certified:
                best, passed = last, ceiling
            else:
                failed = candidate.outcome.damage
            if failed <= passed or passed == math.inf:  # nothing lies between
                break
            ceiling = failed * _TIGHTER if best is None else math.sqrt(passed * failed)
        return best or last or Found(proposer.safest(), None, 0)

    def _certificate(self, candidate: Candidate, attempt: int) -> SequentialTest:
        """Testing images on fresh devices, until the answer is certain or will not come."""
        target = self.target
        test = target.test(target.error_of(attempt))
        for number, images in enumerate(target.blocks):
            self.progress("certificate", number, len(target.blocks))
            right = self.evaluator.rights(candidate.design, len(test.observations), images)
            test = test.after(target.observations(right, images).tolist())
            if test.verdict is not Verdict.OPEN or test.hopeless(target.planned):
                break
        self.progress("certificate", len(target.blocks), len(target.blocks))
        return test


def _saves(candidate: Candidate, certified: Candidate) -> bool:
    return candidate.price.energy_J < (1 - _WORTH) * certified.price.energy_J


@final
@dataclass(frozen=True)
class PerLayer:
    """Designs that set every layer by itself.

    start: knobs, the same for all layers and in every table, to refine as well.
    """

    judge: Judge
    tables: Tables
    start: Knobs | None = None

    @property
    def budgets(self) -> tuple[float, float]:
        """Least and largest sum of damages."""
        low = sum(min(o.damage for o in options) for options in self.tables.values())
        high = sum(max(o.damage for o in options) for options in self.tables.values())
        return low * (1 + 1e-6), high

    def safest(self) -> Candidate:
        """The design with the least damage that fits the chip."""
        for budget in np.geomspace(*self.budgets, 2 * _SCAN):
            try:
                chosen = self._allocated(float(budget))
            except Unreachable:  # more tiles than the chip has
                continue
            return self._candidate(chosen, len(self.judge.target.tuning))
        raise Unreachable("chip: expected tiles for every layer's least damage, found too few")

    def cheapest(self, ceiling: float) -> Candidate | None:
        """The cheapest of what is refined from the allocated design and from the start."""
        best: Candidate | None = None
        for chosen in (self._scanned(ceiling), self._alike()):
            if chosen is None or not self._accepts(chosen, ceiling):
                continue
            if best is None or self._priced_J(chosen) < _FAR * best.price.energy_J:
                found = self._candidate(self._refined(chosen, ceiling))
                best = min(best or found, found, key=lambda design: design.price.energy_J)
        return best

    def front(self, points: int) -> Iterator[Candidate]:
        """Designs from the safest to the cheapest, at budgets in equal ratios."""
        for done, budget in enumerate(np.geomspace(*self.budgets, points)):
            self.judge.progress("front", done, points)
            try:
                yield self._candidate(self._allocated(float(budget)), _SHOWN)
            except Unreachable:  # more tiles than the chip has
                continue
        self.judge.progress("front", points, points)

    def _allocated(self, budget: float) -> Allocation:
        return allocate(self.tables, budget, self.judge.evaluator.problem.max_tiles)

    def _candidate(self, chosen: Allocation, least: int = 0) -> Candidate:
        knobs = {name: option.knobs for name, option in chosen.options.items()}
        return self.judge.candidate(Design(layers=knobs), chosen.damage, least)

    def _accepts(self, chosen: Allocation, ceiling: float) -> bool:
        found = self._candidate(chosen)
        return found.accepted and found.outcome.damage <= ceiling

    def _alike(self) -> Allocation | None:
        """All layers at the start."""
        if self.start is None:
            return None
        return Allocation(
            {
                name: next(option for option in options if option.knobs == self.start)
                for name, options in self.tables.items()
            }
        )

    def _scanned(self, ceiling: float) -> Allocation | None:
        """The cheapest accepted choice, by budget."""
        refused = None
        for done, budget in enumerate(np.geomspace(*self.budgets[::-1], _SCAN)):
            self.judge.progress("budgets", done, _SCAN)
            chosen = self._tried(float(budget), ceiling)
            if chosen is not None:
                self.judge.progress("budgets", _SCAN, _SCAN)
                return self._bisected(chosen, budget, refused, ceiling)
            refused = budget
        return None

    def _bisected(
        self, chosen: Allocation, low: float, high: float | None, ceiling: float
    ) -> Allocation:
        for _ in range(0 if high is None else _BISECTIONS):
            middle = math.sqrt(low * high) if high is not None else low
            found = self._tried(middle, ceiling)
            if found is None:
                high = middle
            else:
                chosen, low = found, middle
        return chosen

    def _tried(self, budget: float, ceiling: float) -> Allocation | None:
        """What a budget allocates, if it is accepted."""
        try:
            chosen = self._allocated(budget)
        except Unreachable:
            return None
        return chosen if self._accepts(chosen, ceiling) else None

    def _refined(self, chosen: Allocation, ceiling: float) -> Allocation:
        """Cheaper options of single layers, most saving for the damage first, where accepted.

        Sums of damages only steer: where layers' errors do not add up, something is left.
        """
        refused: set[tuple[str, Knobs]] = set()
        in_a_row = 0
        for done in range(_REFINEMENTS):
            self.judge.progress("refinements", done, _REFINEMENTS)
            steps = [s for s in self._steps(chosen) if (s[1], s[2].knobs) not in refused]
            if not steps or in_a_row == _PATIENCE:
                break
            _, name, option = max(steps, key=lambda step: step[0])
            changed = Allocation({**chosen.options, name: option})
            if self._accepts(changed, ceiling):
                chosen, in_a_row = changed, 0
            else:
                refused.add((name, option.knobs))
                in_a_row += 1
        self.judge.progress("refinements", _REFINEMENTS, _REFINEMENTS)
        return chosen

    def _steps(self, chosen: Allocation) -> Iterator[tuple[float, str, Option]]:
        """Saving over added damage, layer and option, where the whole chip costs less.

        Priced as a whole: leakage depends on the pace of the slowest layer.
        """
        whole_J = self._priced_J(chosen)
        for name, own in chosen.options.items():
            for option in self.tables[name]:
                if option == own or option.tiles > own.tiles:
                    continue
                saving = whole_J - self._priced_J(Allocation({**chosen.options, name: option}))
                if saving > 0:
                    added = max(option.damage - own.damage, 1e-3 * own.damage)
                    yield saving / added, name, option

    def _priced_J(self, chosen: Allocation) -> float:
        knobs = {name: option.knobs for name, option in chosen.options.items()}
        return self.judge.pricing.price(Design(layers=knobs)).energy_J
