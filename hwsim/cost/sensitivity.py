"""Which figures matter: energy and area with one figure at a time at the ends of its range.

Counts do not depend on prices, so nothing is simulated again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hwsim.chip.spec import Arch
from hwsim.cost.area import area
from hwsim.cost.energy import energy, total_J
from hwsim.cost.leakage import Duty, leakage_J
from hwsim.cost.technology import Technology, figures, with_value
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs


@dataclass(frozen=True)
class Work:
    """What one inference needs: events under each setting of the knobs, clusters over a time, and
    how long their tiles work.

    events: of all layers that share their knobs, summed; energy is linear in events.
    """

    events: tuple[tuple[Knobs, EventCounts], ...]
    clusters: float
    interval_s: float
    duties: tuple[Duty, ...] = ()

    @classmethod
    def of(
        cls,
        layers: Iterable[tuple[Knobs, EventCounts]],
        clusters: float,
        interval_s: float,
        duties: tuple[Duty, ...] = (),
    ) -> "Work":
        """Layers with the same knobs put together."""
        sums: dict[str, tuple[Knobs, EventCounts]] = {}
        for knobs, events in layers:
            key = knobs.model_dump_json()
            before = sums[key][1] if key in sums else EventCounts()
            sums[key] = (knobs, before + events)
        return cls(tuple(sums.values()), clusters, interval_s, duties)


@dataclass(frozen=True)
class Swing:
    """Energy and area of the work with one figure at either end of its range."""

    key: str
    unit: str
    low: float
    high: float
    energy_low_J: float
    energy_high_J: float
    area_low_m2: float
    area_high_m2: float

    @property
    def energy_swing_J(self) -> float:
        """How much the energy changes over the range."""
        return abs(self.energy_high_J - self.energy_low_J)

    @property
    def area_swing_m2(self) -> float:
        """How much the area changes over the range."""
        return abs(self.area_high_m2 - self.area_low_m2)


def price(work: Work, arch: Arch, technology: Technology) -> tuple[float, float]:
    """Energy of the work in joules, static part included, and area in square metres."""
    dynamic = sum(total_J(energy(events, arch, technology, k)) for k, events in work.events)
    static = leakage_J(arch, technology, work.clusters, work.interval_s, work.duties)
    return dynamic + static, sum(area(arch, technology, work.clusters).values())


def sensitivity(work: Work, arch: Arch, technology: Technology) -> tuple[Swing, ...]:
    """Every figure whose range changes energy or area: the widest energy first, then area."""
    swings = []
    for key, figure in figures(technology).items():
        if figure.low == figure.high:
            continue
        low, high = (
            price(work, arch, with_value(technology, key, value))
            for value in (figure.low, figure.high)
        )
        ends = (figure.low, figure.high, low[0], high[0], low[1], high[1])
        swing = Swing(key, figure.unit, *ends)
        if swing.energy_swing_J > 0 or swing.area_swing_m2 > 0:
            swings.append(swing)
    return tuple(sorted(swings, key=lambda s: (-s.energy_swing_J, -s.area_swing_m2, s.key)))
