"""The peak table: power and area of every component at full activity, level by level."""

from dataclasses import dataclass
from enum import Enum

from hwsim.chip.spec import Arch
from hwsim.cost.activity import peak_power
from hwsim.cost.area import area, units
from hwsim.cost.components import Component
from hwsim.cost.technology import Technology

#: HyperTransport, the only off-chip link modelled: 6.4 GB/s (ISAAC, ISCA 2016).
LINK_BITS_PER_S = 6.4e9 * 8

_GROUP = (
    Component.ADC,
    Component.DRIVER,
    Component.SAMPLE_HOLD,
    Component.ARRAY,
    Component.SHIFT_ADD,
    Component.INPUT_REGISTER,
    Component.OUTPUT_REGISTER,
)
_CLUSTER = (
    Component.BUFFER,
    Component.BUS,
    Component.ROUTER,
    Component.ACTIVATION,
    Component.ELEMENTWISE,
    Component.POOLING,
    Component.CLUSTER_REGISTER,
    Component.REQUANTIZER,
)
#: Not a line where the technology has no area for it: as in ISAAC's published table.
_UNPUBLISHED = Component.REQUANTIZER


class Level(Enum):
    """What a line of the table is one of."""

    GROUP = "group"  # ISAAC: IMA
    CLUSTER = "cluster"  # ISAAC: tile
    CHIP = "chip"


@dataclass(frozen=True)
class PeakLine:
    """One line: a component of one group, cluster or chip, or the level's total."""

    level: Level
    name: str
    count: float  # units: cells, rows, converters, lines, bytes, wires, routers, ...
    power_W: float
    area_m2: float


def peak_table(arch: Arch, technology: Technology) -> tuple[PeakLine, ...]:
    """Power at full activity and area, derived from events and counts; nothing is entered here.

    Lines of a group (its parts, then `total`), of a cluster (its own parts, `groups`, `total`)
    and, where the number of clusters is fixed, of the chip.
    """
    groups = arch.chip.groups_per_cluster
    group = _lines(Level.GROUP, arch, technology, 1 / groups)
    all_groups = _sum(Level.CLUSTER, "groups", (group[-1],) * groups)
    own = _lines(Level.CLUSTER, arch, technology, 1)[:-1]
    cluster = (*own, all_groups, _sum(Level.CLUSTER, "total", (*own, all_groups)))
    return (*group, *cluster, *_chip(arch, technology, cluster[-1]))


def _lines(level: Level, arch: Arch, technology: Technology, share: float) -> tuple[PeakLine, ...]:
    components = _GROUP if level is Level.GROUP else _CLUSTER
    power, place, count = (
        peak_power(arch, technology),
        area(arch, technology),
        units(arch, technology),
    )
    lines = tuple(
        PeakLine(level, c.value, count[c] * share, power.get(c, 0.0) * share, place[c] * share)
        for c in components
        if count[c] and (place[c] or c is not _UNPUBLISHED)
    )
    return (*lines, _sum(level, "total", lines))


def _chip(arch: Arch, technology: Technology, cluster: PeakLine) -> tuple[PeakLine, ...]:
    count, links = arch.chip.max_clusters, arch.chip.offchip_links
    if count is None:
        return ()
    lines = [
        PeakLine(Level.CHIP, "clusters", count, count * cluster.power_W, count * cluster.area_m2)
    ]
    if links and technology.link:
        link_W = technology.link.energy.value * LINK_BITS_PER_S
        lines.append(
            PeakLine(Level.CHIP, "link", links, links * link_W, links * technology.link.area.value)
        )
    return (*lines, _sum(Level.CHIP, "total", tuple(lines)))


def _sum(level: Level, name: str, lines: tuple[PeakLine, ...]) -> PeakLine:
    power_W = sum(line.power_W for line in lines)
    return PeakLine(level, name, len(lines), power_W, sum(line.area_m2 for line in lines))
