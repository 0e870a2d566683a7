"""The baseline: one setting for all layers, chosen and certified with the same care.

Settings are tried by rising energy, all layers simulated together; nothing is estimated.  A
setting that fails excludes those that are nowhere better: less voltage, copies, window and bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.search import Candidate, Judge
from optim.tables import TableMaker


@final
@dataclass(frozen=True)
class Uniform:
    """Designs that set all layers alike."""

    judge: Judge
    maker: TableMaker

    def cheapest(self, ceiling: float) -> Candidate | None:
        """The first accepted setting by energy."""
        failed = [knobs for knobs in self._best_by_bits() if not self._fits(knobs, ceiling)]
        for done, knobs in enumerate(self._by_energy):
            self.judge.progress("uniform settings", done, len(self._by_energy))
            if any(_nowhere_better(knobs, worse) for worse in failed):
                continue
            if self._fits(knobs, ceiling):
                return self._candidate(knobs)
            failed.append(knobs)
        return None

    def safest(self) -> Candidate:
        """The setting with the most of every knob that fits the chip."""
        return self._candidate(max(self._by_energy, key=_strength))

    def _candidate(self, knobs: Knobs) -> Candidate:
        return self.judge.candidate(Design(default=knobs))

    def _fits(self, knobs: Knobs, ceiling: float) -> bool:
        found = self._candidate(knobs)
        return found.accepted and found.outcome.damage <= ceiling

    def _best_by_bits(self) -> Iterator[Knobs]:
        """The best setting of every number of bits: one that fails spares all of these bits."""
        for bits in self.maker.grid.adc_bits:
            yield max((k for k in self._by_energy if k.adc_bits == bits), key=_strength)

    @cached_property
    def _by_energy(self) -> list[Knobs]:
        prices, limit = self.maker.prices, self.judge.evaluator.problem.max_tiles
        fitting = [k for k, price in prices.items() if limit is None or price.tiles <= limit]
        return sorted(fitting, key=lambda knobs: prices[knobs].energy_J)


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
