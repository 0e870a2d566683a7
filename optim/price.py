"""What settings cost, by the cost model that reports use; nothing is priced here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

from hwsim.cost import area, total_J
from hwsim.tile.spec import Knobs
from mapping.counts import plan_counts
from mapping.design import Design
from mapping.digital import digital_counts
from mapping.drive import Drive, drives
from mapping.plan import Plan, plan
from mapping.price import layer_energies
from mapping.timing import plan_interval_s
from optim.problem import Problem

#: Tuning images that show how often word lines are driven.
DRIVE_IMAGES = 32


@final
@dataclass(frozen=True)
class Price:
    """A design's whole cost: energy of an inference by layer and digital node, tiles, area."""

    plan: Plan
    by_layer_J: Mapping[str, float]
    area_m2: float

    @property
    def energy_J(self) -> float:
        """Energy of one inference."""
        return sum(self.by_layer_J.values())


@final
@dataclass(frozen=True)
class Pricing:
    """Prices of designs of a problem."""

    problem: Problem

    def price(self, design: Design) -> Price:
        """The whole chip under `design`."""
        arch, technology = self.problem.arch, self.problem.technology
        placed = plan(self.problem.shapes, arch, design)
        counts = plan_counts(placed, arch)
        counts |= digital_counts(self.problem.network.network, arch.precision.input_bits)
        for layer in placed.layers:
            drive = self._drives(layer.knobs.dac_bits)[layer.name]
            counts[layer.name] += drive.pulses(layer, arch)
        interval_s = plan_interval_s(placed, arch, self.problem.network.network)
        joules = layer_energies(placed, arch, technology, counts, interval_s)
        by_layer = {name: total_J(parts) for name, parts in joules.items()}
        return Price(placed, by_layer, sum(area(arch, technology, placed.clusters).values()))

    def _drives(self, dac_bits: int | None) -> Mapping[str, Drive]:
        """Pulses depend on how many bits a digit has, on no other knob."""
        if dac_bits not in self._seen:
            problem = self.problem
            placed = plan(problem.shapes, problem.arch, Design(default=Knobs(dac_bits=dac_bits)))
            images = problem.tuning.images[:DRIVE_IMAGES]
            self._seen[dac_bits] = drives(problem.network, placed, problem.arch, images)
        return self._seen[dac_bits]

    @cached_property
    def _seen(self) -> dict[int | None, Mapping[str, Drive]]:
        return {}
