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
from collections import defaultdict
from dataclasses import dataclass

from hwsim.chip.timing import Flow, Station


@dataclass(frozen=True)
class Trace:
    """Cycles of one station, waves of all inferences in order."""

    ready: list[int]  # [wave] inputs in the buffer
    requested: list[list[int]]  # [step][wave]
    left: list[list[int]]  # [step][wave] the last resource is free
    done: list[list[int]]  # [step][wave]
    finished: list[int]  # [wave] its results and those of all before are in the reader's buffer


def trace(flow: Flow, images: int = 1, period: int = 0) -> list[Trace]:
    """The cycles of every wave of `images` inferences; one arrives every `period` cycles."""
    return Run(flow, images, period).finish()


def _empty(station: Station) -> Trace:
    steps = range(len(station.steps))
    ready: list[int] = []
    finished: list[int] = [] if steps else ready
    return Trace(ready, [[] for _ in steps], [[] for _ in steps], [[] for _ in steps], finished)


class Run:
    """The traces of a flow so far, and the requests that are known and not served."""

    def __init__(self, flow: Flow, images: int = 1, period: int = 0) -> None:
        self.stations = flow.stations
        self.images, self.period = images, period
        self.free: dict[int, int] = defaultdict(int)  # by resource that was used
        self.heap: list[tuple[int, int, int]] = []
        self.traces = [_empty(station) for station in flow.stations]
        self.pushed = [[0] * len(s.steps) for s in flow.stations]
        self.readers: list[list[int]] = [[] for _ in flow.stations]
        for index, station in enumerate(flow.stations):
            for need in station.needs:
                self.readers[need.station].append(index)
        for index in range(len(self.stations)):
            self.advance(index)

    def finish(self) -> list[Trace]:
        """The traces when every request has been served."""
        while self.heap:
            self.serve()
        return self.traces

    def serve(self) -> tuple[int, int, int]:
        """Serve the next request: its cycle, station and step.

        Wave after wave of a step is served in order, so its number need not be kept.
        """
        time, index, k = heapq.heappop(self.heap)
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
        return time, index, k

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
