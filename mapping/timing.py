"""Time of a plan: latency, interval, what each layer waits for, and what its results need to wait.

Equations and assumptions: docs/model/timing.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise

from hwsim.chip.flow_time import StationTime, flow_time
from hwsim.chip.spec import Arch
from hwsim.chip.timing import Flow
from hwsim.errors import MappingError
from hwsim.tile.geometry import ceil_div
from mapping.network import Network
from mapping.plan import Plan
from mapping.stations import Stored, plan_flow

BYTE = 8
MAX_OVERFLOWS = 10**6  # clusters, all of which are listed


@dataclass(frozen=True)
class PlanTime:
    """Time of one inference and between inferences, in clock cycles."""

    flow: Flow
    clock_Hz: float
    cycles: int  # of one inference
    sequential_cycles: int  # were each layer to wait for the one before
    layers: tuple[StationTime, ...]  # of what takes time: layers and digital nodes
    buffer_bytes: dict[str, int]  # most of a layer's results that wait at once to be read
    overflows: dict[int, int]  # cluster -> bytes that wait there, more than its buffer has
    crowded: dict[str, tuple[int, ...]]  # layer -> those of them in which its results wait

    @property
    def interval_cycles(self) -> int:
        """Between two inferences of a full pipeline: the load of the bottleneck."""
        return max(self.flow.loads())

    @property
    def bottleneck(self) -> str:
        """The resource that sets the interval."""
        return self.flow.resources[self.flow.bottleneck()]

    @property
    def latency_s(self) -> float:
        """From the first input to the last output of one inference."""
        return self.cycles / self.clock_Hz

    @property
    def sequential_latency_s(self) -> float:
        """The same were each layer to wait for the one before."""
        return self.sequential_cycles / self.clock_Hz

    @property
    def interval_s(self) -> float:
        """Between two inferences of a full pipeline."""
        return self.interval_cycles / self.clock_Hz

    @property
    def throughput_per_s(self) -> float:
        """Inferences per second of a full pipeline."""
        return self.clock_Hz / self.interval_cycles


def plan_time(plan: Plan, arch: Arch, network: Network | None = None) -> PlanTime:
    """Time of a plan; `network` as for `plan_flow`.

    Raises:
        MappingError: as `plan_flow`; or more buffers overflow than can be listed.
    """
    flow, stored = plan_flow(plan, arch, network)
    time = flow_time(flow)
    busy = [i for i, station in enumerate(flow.stations) if station.steps]
    names = [flow.stations[i].name for i in busy]
    waiting = {
        name: _waiting_bits(time.waiting[i], stored[name])
        for name, i in zip(names, busy, strict=True)
    }
    overflows = _overflows(waiting, stored, arch.chip.buffer_bytes)
    return PlanTime(
        flow,
        arch.tile.clock_Hz,
        time.cycles,
        time.sequential,
        tuple(time.stations[i] for i in busy),
        {name: ceil_div(bits, BYTE) for name, bits in waiting.items()},
        overflows,
        {
            name: tuple(c for c in overflows if any(c in run for run, _ in stored[name].places))
            for name in waiting
        },
    )


def plan_interval_s(plan: Plan, arch: Arch, network: Network | None = None) -> float:
    """`plan_time(...).interval_s` without the time of a single wave: quick.

    Raises:
        MappingError: as `plan_flow`.
    """
    flow, _ = plan_flow(plan, arch, network)
    return max(flow.loads()) / arch.tile.clock_Hz


def _waiting_bits(waves: int, stored: Stored) -> int:
    return min(waves * stored.bits_per_wave, stored.bits)


def _overflows(
    waiting: Mapping[str, int], stored: Mapping[str, Stored], buffer_bytes: int
) -> dict[int, int]:
    """Bytes by cluster where the layers' peaks together exceed the buffer."""
    change: dict[int, Fraction] = {}  # of bits, from the cluster before
    for name, amount in waiting.items():
        for clusters, share in stored[name].places:
            for edge, bits in ((clusters.start, amount), (clusters.stop, -amount)):
                change[edge] = change.get(edge, Fraction(0)) + bits * share
    edges = sorted(change)
    needed = [math.ceil(bits / BYTE) for bits in accumulate(change[edge] for edge in edges)]
    runs = [
        (range(*edge), amount)
        for edge, amount in zip(pairwise(edges), needed, strict=False)
        if amount > buffer_bytes
    ]
    if (found := sum(len(clusters) for clusters, _ in runs)) > MAX_OVERFLOWS:
        raise MappingError(
            f"chip.buffer_bytes: expected at most {MAX_OVERFLOWS} clusters whose buffers overflow, "
            f"found {found}"
        )
    return {cluster: amount for clusters, amount in runs for cluster in clusters}
