"""When every wave of a flow takes every step: a recurrence in the order of requests.

With r, l, d the cycles at which wave j of a station requests, leaves and has done step k (rules
in hwsim.chip.timing), and F the cycle at which a resource is free:

    r[k, j] = max(d[k-1, j], r[k, j-1], l[k+1, j - ahead_k])     d[-1, j] = max d of all it needs
    F <- max(F, r[k, j]) + cycles,   l[k, j] = max over uses of F,   d[k, j] = l[k, j] + extra

Requests are served in the order (r, station, step), which a heap keeps: O(n log n) for n waves
times steps.  Every step takes at least one cycle, so no request can come before one that was
served.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hwsim.chip.timing import Cause, Flow, Station


@dataclass(frozen=True)
class Trace:
    """Cycles of one station, waves of all inferences in order."""

    ready: list[int]  # [wave] inputs in the buffer
    requested: list[list[int]]  # [step][wave]
    left: list[list[int]]  # [step][wave] the last resource is free
    done: list[list[int]]  # [step][wave]
    finished: list[int]  # [wave] its results and those of all before are in the reader's buffer


@dataclass(frozen=True)
class StationTime:
    """Cycles of one station in one inference; end - start = busy + sum of stalls."""

    name: str
    start: int  # first input in the buffer
    end: int  # last result in the buffer of the reader
    busy: int  # tiles or units work
    stalls: dict[Cause, int] = field(default_factory=dict)


def trace(flow: Flow, images: int = 1, period: int = 0) -> list[Trace]:
    """The cycles of every wave of `images` inferences; one arrives every `period` cycles."""
    return _Run(flow, images, period).finish()


def _empty(station: Station) -> Trace:
    steps = range(len(station.steps))
    ready: list[int] = []
    finished: list[int] = [] if steps else ready
    return Trace(ready, [[] for _ in steps], [[] for _ in steps], [[] for _ in steps], finished)


class _Run:
    def __init__(self, flow: Flow, images: int, period: int) -> None:
        self.stations = flow.stations
        self.images, self.period = images, period
        self.free = [0] * len(flow.resources)
        self.heap: list[tuple[int, int, int]] = []
        self.traces = [_empty(station) for station in flow.stations]
        self.pushed = [[0] * len(s.steps) for s in flow.stations]
        self.readers: list[list[int]] = [[] for _ in flow.stations]
        for index, station in enumerate(flow.stations):
            for need in station.needs:
                self.readers[need.station].append(index)

    def finish(self) -> list[Trace]:
        for index in range(len(self.stations)):
            self.advance(index)
        while self.heap:
            time, index, k = heapq.heappop(self.heap)
            self.serve(time, index, k)
        return self.traces

    def serve(self, time: int, index: int, k: int) -> None:
        """Wave after wave of a step is served in order, so its number need not be kept."""
        station, own, free, left = self.stations[index], self.traces[index], self.free, time
        step = station.steps[k]
        for use in step.ways[len(own.left[k]) % station.waves % len(step.ways)]:
            start = free[use.resource]
            end = (start if start > time else time) + use.cycles
            free[use.resource] = end
            left = max(left, end)
        own.left[k].append(left)
        own.done[k].append(left + step.extra)
        if k:
            self.push(index, k - 1)
        if k + 1 < len(own.done):
            self.push(index, k + 1)
        else:
            done = own.done[k][-1]
            own.finished.append(max(done, own.finished[-1]) if own.finished else done)
            for reader in self.readers[index]:
                self.advance(reader)

    def advance(self, index: int) -> None:
        """Note the waves whose inputs have become known, and ask for their first step."""
        station, own = self.stations[index], self.traces[index]
        known, ready = len(own.ready), own.ready
        while len(ready) < station.waves * self.images:
            time = self.inputs(station, len(ready))
            if time is None:
                break
            ready.append(max(time, ready[-1]) if ready else time)
        if len(ready) == known:
            return
        if station.steps:
            self.push(index, 0)
            return
        for reader in self.readers[index]:
            self.advance(reader)

    def inputs(self, station: Station, wave: int) -> int | None:
        """When the inputs of a wave are in the buffer; None: not known yet."""
        image, own = divmod(wave, station.waves)
        latest = image * self.period
        for need in station.needs:
            if count := need.until[own]:
                last = image * self.stations[need.station].waves + count - 1
                finished = self.traces[need.station].finished
                if last >= len(finished):
                    return None
                latest = max(latest, finished[last])
        return latest

    def push(self, index: int, k: int) -> None:
        """Put the requests of a step that are known into the queue."""
        own, step = self.traces[index], self.stations[index].steps[k]
        before = own.done[k - 1] if k else own.ready
        after = own.left[k + 1] if k + 1 < len(own.left) else None
        wave, requested = self.pushed[index][k], own.requested[k]
        while wave < len(before):
            time = before[wave]
            if wave and requested[-1] > time:
                time = requested[-1]
            if after is not None and wave >= step.ahead:
                if wave - step.ahead >= len(after):
                    break
                time = max(time, after[wave - step.ahead])
            requested.append(time)
            heapq.heappush(self.heap, (time, index, k))
            wave += 1
        self.pushed[index][k] = wave


def sequential_cycles(flow: Flow) -> int:
    """Cycles of one inference were each station to wait for the whole one before."""
    alone = (Flow((replace(s, needs=()),), flow.resources) for s in flow.stations)
    return sum(trace(one)[0].finished[-1] for one in alone)


def station_time(station: Station, own: Trace) -> StationTime:
    """Start, end, busy and stall cycles of a station in the first inference.

    The tiles of the replica that takes the last wave (or the units) are the clock: what passes
    between two of its waves goes to the input until it is in the buffer, then to the bus until it
    is in the registers, then to the step behind the tiles in which waves spend longest.  After
    the last wave each step takes what it takes.
    """
    start, end = own.ready[0], own.finished[station.waves - 1]
    stalls = dict.fromkeys(Cause, 0)
    busy = 0
    if station.steps:
        busy = _between_waves(station, own, stalls)
        _behind_the_last_wave(station, own, stalls)
    else:
        stalls[Cause.INPUT] = end - start
    kept = {cause: cycles for cause, cycles in stalls.items() if cycles}
    return StationTime(station.name, start, end, busy, kept)


def _between_waves(station: Station, own: Trace, stalls: dict[Cause, int]) -> int:
    """Add what passes before each wave of the main step to `stalls`; its busy cycles."""
    main = _main(station)
    step, left = station.steps[main], own.left[main]
    behind = _slowest_behind(station, own, main)
    now, busy = own.ready[0], step.extra
    for wave in range((station.waves - 1) % len(step.ways), station.waves, len(step.ways)):
        began = max(left[wave] - (step.cycles(wave) - step.extra), now)
        in_buffer = min(max(own.ready[wave], now), began)
        in_registers = min(max(own.done[main - 1][wave], in_buffer), began) if main else in_buffer
        stalls[Cause.INPUT] += in_buffer - now
        stalls[station.steps[max(main - 1, 0)].cause] += in_registers - in_buffer
        stalls[behind] += began - in_registers
        busy += left[wave] - began
        now = left[wave]
    return busy


def _behind_the_last_wave(station: Station, own: Trace, stalls: dict[Cause, int]) -> None:
    last = station.waves - 1
    for k in range(_main(station) + 1, len(station.steps)):
        stalls[station.steps[k].cause] += own.done[k][last] - own.done[k - 1][last]
    # A wave before may have gone another way and be later.
    stalls[station.steps[-1].cause] += own.finished[last] - own.done[-1][last]


def _main(station: Station) -> int:
    """The step that does the work: the tiles, or the units of a digital node."""
    causes = [step.cause for step in station.steps]
    return causes.index(Cause.TILE) if Cause.TILE in causes else len(causes) - 1


def _slowest_behind(station: Station, own: Trace, main: int) -> Cause:
    """The cause of the step behind the main one in which waves spend longest."""

    def spent(k: int) -> int:
        return sum(own.done[k]) - sum(own.requested[k])

    later = range(main + 1, len(station.steps))
    return station.steps[max(later, key=spent, default=main)].cause


def held_until(flow: Flow, traces: Sequence[Trace]) -> list[list[int]]:
    """For each station and wave of the first inference: when its result has been read last.

    A station has read what a wave needs when the wave has left its first step; one without
    steps when its own readers have.  What nobody reads is held no longer than it takes to write.
    """
    held = [own.finished[: s.waves] for s, own in zip(flow.stations, traces, strict=True)]
    for index in reversed(range(len(flow.stations))):
        station, own = flow.stations[index], traces[index]
        released = own.left[0] if own.left else held[index]
        for need in station.needs:
            source = held[need.station]
            read: dict[tuple[int, int], int] = {}  # by span: when the last wave has read it
            for wave, span in enumerate(zip(need.first, need.until, strict=True)):
                read[span] = max(read.get(span, 0), released[wave])
            for (first, until), cycle in read.items():
                for wave in range(first, until):
                    source[wave] = max(source[wave], cycle)
    return held


def peak_held(written: Sequence[int], held: Sequence[int]) -> int:
    """Most results that are written and still to be read at once; read and written at the same
    cycle count as both.
    """
    peak = read = 0
    until = sorted(held)
    for count, cycle in enumerate(sorted(written), 1):
        while until[read] < cycle:
            read += 1
        peak = max(peak, count - read)
    return peak
