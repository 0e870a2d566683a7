"""What takes time on a chip: stations that pass waves through steps on shared resources.

A layer on tiles or a digital node is a *station*.  It works in *waves*: one matrix-vector
product, or one output row of a digital node.  Every wave passes the station's *steps* in order
(input over the bus, tiles, partial sums over the bus, ...), and each step occupies resources (the
bus of a cluster, the tiles of a replica, a router's port) for a number of cycles.  Replicas take
waves in turn: wave j goes the way j mod replicas.

The rules, for wave j of a station and its step k:

- The wave asks for step k when it has done step k - 1 (for the first: when its inputs are in the
  buffer), when wave j - 1 has asked, and when wave j - ahead_k has left step k + 1: the registers
  between two steps hold that many waves.
- A resource serves whoever asks first; of those that ask in the same cycle the earlier station,
  then the earlier step.  It serves one wave at a time, to its end.
- The wave leaves the step when every resource has served it, and has done it `extra` cycles
  later.

See docs/model/timing.md.  `hwsim.chip.pipeline` computes when every
wave takes every step, `hwsim.chip.flow_time` what a report says of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hwsim.errors import MappingError


class Cause(Enum):
    """What a wave waits for, or what it occupies."""

    INPUT = "input"  # the layers before: the input is not in the buffer yet
    BUS = "bus"  # between a cluster's buffer and its groups
    TILE = "tile"  # drivers, conversion, shift-add
    ACCUMULATION = "accumulation"  # adders and requantisers of a cluster
    ROUTER = "router"  # ports of the mesh, and the write into the buffer
    UNITS = "units"  # digital nodes: activation, pooling, addition


@dataclass(frozen=True)
class Use:
    """A step occupies `resource` (a number, see Flow) for `cycles` per wave."""

    resource: int
    cycles: int


@dataclass(frozen=True)
class Step:
    """One step of a wave; it ends with the last of its uses, and `extra` cycles."""

    cause: Cause
    ways: tuple[tuple[Use, ...], ...]  # of waves in turn: wave j uses ways[j mod len(ways)]
    extra: int = 0
    ahead: int = 2  # waves between this step and the end of the next: double-buffered registers

    def cycles(self, wave: int = 0) -> int:
        """From the request of a wave to its result when nobody else asks."""
        uses = self.ways[wave % len(self.ways)]
        return max((use.cycles for use in uses), default=0) + self.extra


@dataclass(frozen=True)
class Same(Sequence[int]):
    """`value` for each of `waves` waves, which may be more than a memory holds."""

    value: int
    waves: int

    def __len__(self) -> int:
        return self.waves

    def __getitem__(self, wave: Any) -> Any:
        range(self.waves)[wave]  # an IndexError ends a loop
        return self.value


@dataclass(frozen=True)
class Need:
    """Wave j needs waves first[j] .. until[j] - 1 of another station, of the same inference.

    Both never fall with j.
    """

    station: int
    first: Sequence[int]
    until: Sequence[int]


@dataclass(frozen=True)
class Station:
    """A layer on tiles, or a digital node.  Without steps it only joins what it needs."""

    name: str
    waves: int  # per inference
    steps: tuple[Step, ...]
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True)
class Flow:
    """Stations in execution order, and the names of the resources they share.

    Raises:
        MappingError: a station has no wave, a step no cycle, a need does not fit; named.
    """

    stations: tuple[Station, ...]
    resources: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.stations:
            raise MappingError("network: expected at least one layer, found none")
        for index, station in enumerate(self.stations):
            _check(station, index, self.stations)

    def loads(self) -> list[int]:
        """Cycles per inference that each resource is occupied."""
        busy = [0] * len(self.resources)
        for station in self.stations:
            for step in station.steps:
                for way, uses in enumerate(step.ways):
                    waves = len(range(way, station.waves, len(step.ways)))
                    for use in uses:
                        busy[use.resource] += waves * use.cycles
        return busy

    def bottleneck(self) -> int:
        """The resource with the largest load, the first of them."""
        loads = self.loads()
        return loads.index(max(loads))


def _check(station: Station, index: int, stations: Sequence[Station]) -> None:
    if station.waves < 1:
        raise MappingError(
            f"layer {station.name!r}: expected at least 1 wave per inference, found {station.waves}"
        )
    for step in station.steps:
        cycles = min((use.cycles for uses in step.ways for use in uses), default=1)
        if min(cycles, *(step.cycles(way) for way in range(len(step.ways)))) < 1:
            raise MappingError(
                f"layer {station.name!r}: expected at least 1 cycle of {step.cause.value}, found 0"
            )
    for need in station.needs:
        fits = 0 <= need.station < index and len(need.until) == len(need.first) == station.waves
        if not fits or need.until[-1] > stations[need.station].waves:
            raise MappingError(
                f"layer {station.name!r}: expected needs of {station.waves} waves in an earlier "
                f"layer, found {len(need.until)} in layer {need.station}"
            )
