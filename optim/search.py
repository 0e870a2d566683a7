"""From measured layers to a design that is certified, and to the front of energy and accuracy.

1. Every layer's law (sensitivity) proposes its efficient settings; these are measured.
2. For a budget of damage the cheapest choice over layers is allocated, proven optimal.
3. The largest budget whose design keeps the asked accuracy on the tuning images is found by
   bisection; the design, all layers together, is simulated there, so additivity only steers.
4. The design is certified on the testing images; one that fails tightens the budget.

A uniform setting for all layers goes the same way, as the baseline.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.allocate import Allocation, Option, Unreachable, allocate, efficient
from optim.certify import SequentialTest, Verdict
from optim.evaluate import Evaluator, Outcome
from optim.grid import Grid
from optim.price import Price, Pricing
from optim.sensitivity import sensitivity
from optim.target import Target

#: Efficient settings of a layer that are measured, spread evenly over the law's front.
MEASURED = 12
_BISECTIONS = 8
_ROUNDS = 4
_TIGHTER = 0.6  # of the budget after a failed certificate

Tables = Mapping[str, Sequence[Option]]
#: Called with what is under way, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


@final
@dataclass(frozen=True)
class Candidate:
    """A design for a budget, as the tuning images see it."""

    design: Design
    budget: float
    damage: float  # sum over layers, measured one by one
    outcome: Outcome  # all layers together
    price: Price


@final
@dataclass(frozen=True)
class Certified:
    """A candidate with what the testing images say; verdict REACHED: certified."""

    candidate: Candidate
    test: SequentialTest
    rounds: int

    @property
    def verdict(self) -> Verdict:
        """Whether the target is reached."""
        return self.test.verdict


@final
@dataclass(frozen=True)
class Search:
    """One problem, one target."""

    evaluator: Evaluator
    pricing: Pricing
    target: Target
    grid: Grid
    progress: Progress

    def tables(self) -> Tables:
        """Measured options of every layer."""
        prices = self._prices()
        names = [shape.name for shape in self.evaluator.problem.shapes]
        tables = {}
        for done, name in enumerate(names):
            self.progress("layers", done, len(names))
            proposed = self._proposed(name, prices)
            tables[name] = efficient([self._measured(name, option) for option in proposed])
        self.progress("layers", len(names), len(names))
        return tables

    def uniform_table(self) -> Tables:
        """Options that set all layers alike; damage as the laws propose."""
        prices = self._prices()
        names = [shape.name for shape in self.evaluator.problem.shapes]
        laws = [self._law(name) for name in names]
        options = [
            Option(
                knobs,
                price.energy_J,
                sum(law(knobs) for law in laws),
                price.plan.tiles,
            )
            for knobs, price in prices.items()
        ]
        return {"all": efficient(options)}

    def candidate(self, tables: Tables, budget: float) -> Candidate:
        """The cheapest design within a budget, simulated as a whole."""
        found = allocate(tables, budget)
        design = _design(found)
        outcome = self.evaluator.design(design)
        return Candidate(design, budget, found.damage, outcome, self.pricing.price(design))

    def largest(self, tables: Tables, ceiling: float) -> Candidate | None:
        """The candidate of the largest budget up to `ceiling` that the tuning images accept."""
        low = math.log(sum(min(o.damage for o in options) for options in tables.values()) * 1.001)
        high = math.log(min(ceiling, sum(max(o.damage for o in t) for t in tables.values())))
        best = self._accepted(tables, low)
        if best is None:
            return None
        for done in range(_BISECTIONS):
            self.progress("budgets", done, _BISECTIONS)
            middle = (low + high) / 2
            found = self._accepted(tables, middle)
            if found is None:
                high = middle
            else:
                best, low = found, middle
        self.progress("budgets", _BISECTIONS, _BISECTIONS)
        return best

    def certified(self, tables: Tables) -> Certified | None:
        """The cheapest certified design, or the last one tried; None: none keeps the accuracy."""
        ceiling, last = math.inf, None
        for attempt in range(_ROUNDS):
            candidate = self.largest(tables, ceiling)
            if candidate is None:
                return last
            last = Certified(candidate, self._test(candidate, attempt), attempt + 1)
            if last.verdict is Verdict.REACHED:
                return last
            ceiling = candidate.damage * _TIGHTER
        return last

    def _accepted(self, tables: Tables, log_budget: float) -> Candidate | None:
        try:
            found = self.candidate(tables, math.exp(log_budget))
        except Unreachable:
            return None
        return found if found.outcome.right >= self.target.tuning_share else None

    def _test(self, candidate: Candidate, attempt: int) -> SequentialTest:
        """Testing images, a few on each fresh device, until the answer is certain."""
        # The errors of all attempts sum to the target's: error * (1/2 + 1/4 + ...).
        test = self.target.test(self.target.error / 2 ** (attempt + 1))
        batches = self.target.batches
        for sample, images in enumerate(batches):
            self.progress("certificate", sample, len(batches))
            right = self.evaluator.right(candidate.design, sample, images)
            test = test.after([self.target.observation(right, images)])
            if test.verdict is not Verdict.OPEN:
                break
        self.progress("certificate", len(batches), len(batches))
        return test

    def _prices(self) -> Mapping[Knobs, Price]:
        """The whole chip under every uniform setting: what each layer costs there."""
        settings = self.grid.settings()
        prices = {}
        for done, knobs in enumerate(settings):
            self.progress("prices", done, len(settings))
            prices[knobs] = self.pricing.price(Design(default=knobs))
        self.progress("prices", len(settings), len(settings))
        return prices

    def _proposed(self, layer: str, prices: Mapping[Knobs, Price]) -> Sequence[Option]:
        law = self._law(layer)
        options = efficient(
            [
                Option(
                    knobs,
                    price.by_layer_J[layer],
                    law(knobs),
                )
                for knobs, price in prices.items()
            ]
        )
        if len(options) <= MEASURED:
            return options
        damages = np.log([option.damage for option in options])
        wanted = np.linspace(damages[0], damages[-1], MEASURED)
        near = {int(np.abs(damages - level).argmin()) for level in wanted}
        return [options[i] for i in sorted(near)]

    def _law(self, layer: str) -> Callable[[Knobs], float]:
        laws = {
            dac: sensitivity(self.evaluator, layer, self.grid, dac) for dac in self.grid.dac_bits
        }
        return lambda knobs: laws[knobs.dac_bits or self.grid.dac_bits[0]].damage(knobs)

    def _measured(self, layer: str, option: Option) -> Option:
        damage = self.evaluator.layer(layer, option.knobs).damage
        return Option(option.knobs, option.energy_J, damage, option.tiles)


def _design(found: Allocation) -> Design:
    knobs = {name: option.knobs for name, option in found.options.items()}
    if set(knobs) == {"all"}:
        return Design(default=knobs["all"])
    return Design(layers=knobs)
