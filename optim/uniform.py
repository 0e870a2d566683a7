"""The baseline: one setting for all layers, chosen and certified with the same care.

Every setting that costs less than the chosen one was refused with all layers simulated together,
or is nowhere better than one that was, by more than chance: less voltage, copies, window and
bits.  The laws of the
layers only say what to try first: a bisection along the settings that they find efficient, then
of what is left the setting with the least predicted damage, which excludes most.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.allocate import Unreachable
from optim.search import Candidate, Judge
from optim.tables import TableMaker

#: A damage that many times above what is allowed is too large by more than chance.
_CLEAR_DAMAGE = 1.2


@final
@dataclass(frozen=True)
class Uniform:
    """Designs that set all layers alike."""

    judge: Judge
    maker: TableMaker

    def cheapest(self, ceiling: float) -> Candidate | None:
        """The accepted setting that costs least; no cheaper one is left untried or possible."""
        search = _Search(self, ceiling)
        search.bisect(self._front)
        while left := search.open(self._by_energy):
            self.judge.progress(
                "uniform settings", len(search.tried), len(search.tried) + len(left)
            )
            search.tries(min(left, key=self._damage))
        return None if search.best is None else self.seen(search.best)

    def safest(self) -> Candidate:
        """The setting with the most of every knob that fits the chip."""
        whole = len(self.judge.target.tuning)
        if not self._by_energy:
            raise Unreachable(
                "chip: expected tiles for some setting of all layers alike, found too few"
            )
        return self.judge.candidate(
            Design(default=max(self._by_energy, key=_strength)), least=whole
        )

    def seen(self, knobs: Knobs) -> Candidate:
        """All layers at one setting."""
        return self.judge.candidate(Design(default=knobs))

    def energy_J(self, knobs: Knobs) -> float:
        """Of one inference."""
        return self.maker.prices[knobs].energy_J

    def _damage(self, knobs: Knobs) -> float:
        if knobs not in self._predicted:
            self._predicted[knobs] = self.maker.predicted(knobs)
        return self._predicted[knobs]

    @cached_property
    def _predicted(self) -> dict[Knobs, float]:
        return {}

    @cached_property
    def _front(self) -> list[Knobs]:
        """Settings that no other one beats in energy and predicted damage, by rising energy."""
        front: list[Knobs] = []
        for knobs in self._by_energy:
            if not front or self._damage(knobs) < self._damage(front[-1]):
                front.append(knobs)
        return front

    @cached_property
    def _by_energy(self) -> list[Knobs]:
        prices, limit = self.maker.prices, self.judge.evaluator.problem.max_tiles
        fitting = [k for k, price in prices.items() if limit is None or price.tiles <= limit]
        return sorted(fitting, key=lambda knobs: prices[knobs].energy_J)


@final
@dataclass
class _Search:
    """What is known of the settings so far."""

    uniform: Uniform
    ceiling: float
    best: Knobs | None = None  # the cheapest accepted one
    failed: list[Knobs] = field(default_factory=list)  # by more than chance
    tried: set[Knobs] = field(default_factory=set)

    def tries(self, knobs: Knobs) -> bool:
        """Simulate a setting that costs less than the best one."""
        self.tried.add(knobs)
        found = self.uniform.seen(knobs)
        fits = found.accepted and found.outcome.damage <= self.ceiling
        if fits:
            self.best = knobs
        elif self._clear(found):
            self.failed.append(knobs)
        return fits

    def _clear(self, refused: Candidate) -> bool:
        """Whether a weaker setting would hardly be accepted by chance instead.

        Shares of two settings differ by chance by about the root of the images that they class
        differently; these are taken to be as many as one of them and the reference do.
        """
        target, right = self.uniform.judge.target, refused.outcome.right
        if refused.outcome.damage > _CLEAR_DAMAGE * self.ceiling:
            return True
        if right.shape[1] < len(target.tuning):  # dropped early
            return True
        differing = float((right != target.tuning).mean())
        return refused.outcome.share < target.tuning_share - math.sqrt(differing / right.size)

    def bisect(self, front: Sequence[Knobs]) -> None:
        """Come near along settings of rising energy and falling predicted damage."""
        low, high = 0, len(front)
        while low < high:
            middle = (low + high) // 2
            if self.tries(front[middle]):
                high = middle
            else:
                low = middle + 1

    def open(self, settings: Sequence[Knobs]) -> Sequence[Knobs]:
        """Cheaper ones than the best, neither tried nor nowhere better than one that failed."""
        own_J = math.inf if self.best is None else self.uniform.energy_J(self.best)
        return [
            knobs
            for knobs in settings
            if self.uniform.energy_J(knobs) < own_J
            and knobs not in self.tried
            and not any(_nowhere_better(knobs, worse) for worse in self.failed)
        ]


def _strength(knobs: Knobs) -> tuple[float, ...]:
    """What is good for accuracy, knob by knob; more bits per digit are not."""
    return (
        float(knobs.adc_bits or 0),
        float(knobs.redundancy),
        knobs.conductance_scale,
        knobs.read_voltage_V or 0.0,
        -float(knobs.dac_bits or 0),
    )


def _nowhere_better(knobs: Knobs, than: Knobs) -> bool:
    return all(a <= b for a, b in zip(_strength(knobs), _strength(than), strict=True))
