"""What settings cost, by the cost model that reports use; nothing is priced here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

from hwsim.cost import area, total_J
from hwsim.events import EventCounts
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
#: Clusters are added for replicas by this part of the fewest; each time must save this share of
#: the energy, or the next one.
CLUSTER_STEP, WORTH = 0.25, 0.01


@final
@dataclass(frozen=True)
class Price:
    """A design's whole cost: energy of an inference by layer and digital node, tiles, area.

    budget: tiles that the plan was given, as a design says it.
    """

    plan: Plan
    by_layer_J: Mapping[str, float]
    area_m2: float
    budget: int | None

    @property
    def energy_J(self) -> float:
        """Energy of one inference."""
        return sum(self.by_layer_J.values())

    @property
    def digital_J(self) -> float:
        """Energy of what no knob turns."""
        layers = {layer.name for layer in self.plan.layers}
        return sum(j for name, j in self.by_layer_J.items() if name not in layers)

    @property
    def arrays(self) -> Mapping[str, int]:
        """Tiles that hold each layer once."""
        return {layer.name: layer.tiles // layer.replicas for layer in self.plan.layers}

    @property
    def tiles(self) -> int:
        """Tiles that hold the network once."""
        return sum(self.arrays.values())


@final
@dataclass(frozen=True)
class Pricing:
    """Prices of designs of a problem.

    A design that names no tiles is given about as many clusters as take the least energy, sought
    in steps: replicas of the layers that others wait for shorten the time over which the whole
    chip leaks.
    """

    problem: Problem

    def price(self, design: Design) -> Price:
        """The whole chip under `design`, however large."""
        design = design.windowed(self.problem.windows)
        key = (design.tiles, *(design.knobs(shape.name) for shape in self.problem.shapes))
        if key not in self._prices:
            self._prices[key] = self._price(design)
        return self._prices[key]

    def _price(self, design: Design) -> Price:
        best = self._placed(design)
        if design.tiles is not None:
            return best
        chip, fewest, failures = self.problem.arch.chip, best.plan.clusters, 0
        step = math.ceil(CLUSTER_STEP * fewest)
        clusters, limit = fewest, chip.max_clusters or math.inf
        while failures < 2 and clusters < limit:
            clusters = int(min(clusters + step, limit))
            larger = self._placed(design.replace(tiles=clusters * chip.tiles_per_cluster))
            if larger.energy_J < (1 - WORTH) * best.energy_J:
                best, failures = larger, 0
            else:
                failures += 1
        return best

    def _placed(self, design: Design) -> Price:
        arch, technology = self.problem.unbounded, self.problem.technology
        placed = plan(self.problem.shapes, arch, design)
        counts = self.counts(placed)
        interval_s = plan_interval_s(placed, arch, self.problem.network.network)
        joules = layer_energies(placed, arch, technology, counts, interval_s)
        by_layer = {name: total_J(parts) for name, parts in joules.items()}
        area_m2 = sum(area(arch, technology, placed.clusters).values())
        return Price(placed, by_layer, area_m2, design.tiles)

    def counts(self, placed: Plan) -> Mapping[str, EventCounts]:
        """Events of one inference, by layer and digital node."""
        arch = self.problem.unbounded
        counts = plan_counts(placed, arch)
        counts |= digital_counts(self.problem.network.network, arch.precision.input_bits)
        for layer in placed.layers:
            drive = self._drives(layer.knobs.dac_bits)[layer.name]
            counts[layer.name] += drive.pulses(layer, arch)
        return counts

    def _drives(self, dac_bits: int | None) -> Mapping[str, Drive]:
        """Pulses depend on how many bits a digit has, on no other knob."""
        if dac_bits not in self._seen:
            problem, arch = self.problem, self.problem.unbounded
            placed = plan(problem.shapes, arch, Design(default=Knobs(dac_bits=dac_bits)))
            images = problem.tuning.images[:DRIVE_IMAGES]
            self._seen[dac_bits] = drives(problem.network, placed, arch, images)
        return self._seen[dac_bits]

    @cached_property
    def _prices(self) -> dict[tuple[int | Knobs | None, ...], Price]:
        return {}

    @cached_property
    def _seen(self) -> dict[int | None, Mapping[str, Drive]]:
        return {}
