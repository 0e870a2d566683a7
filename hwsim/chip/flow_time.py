"""Time of one inference: start, end and stalls of each station, and what its results wait for.

Definitions: docs/model/timing.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hwsim.chip.alone import LONG, ONCE, Repeat, alone
from hwsim.chip.pipeline import Trace, trace
from hwsim.chip.timing import Cause, Flow, Station


@dataclass(frozen=True)
class StationTime:
    """Cycles of one station in one inference; end - start = busy + sum of stalls."""

    name: str
    start: int  # first input in the buffer
    end: int  # last result in the buffer of the reader
    busy: int  # tiles or units work
    stalls: dict[Cause, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FlowTime:
    """Cycles of one inference."""

    stations: tuple[StationTime, ...]
    waiting: tuple[int, ...]  # of each station: most results that wait at once to be read
    sequential: int  # were each station to wait for the whole one before

    @property
    def cycles(self) -> int:
        """From the first input to the last result."""
        return max(own.end for own in self.stations)


def flow_time(flow: Flow, long: int = LONG) -> FlowTime:
    """Time of one inference; stations alone are followed wave by wave up to `long` waves."""
    if _one_after_the_other(flow):
        return _chain_time(flow, long)
    traces = trace(flow)
    held = held_until(flow, traces)
    return FlowTime(
        tuple(station_time(s, own) for s, own in zip(flow.stations, traces, strict=True)),
        tuple(peak_held(own.finished, until) for own, until in zip(traces, held, strict=True)),
        sum(alone(station, long).cycles for station in flow.stations),
    )


def _one_after_the_other(flow: Flow) -> bool:
    """Whether each station needs all of the one before, and nothing else, from its start."""

    def follows(index: int, station: Station) -> bool:
        needed = [(need.station, need.first[-1], need.until[0]) for need in station.needs]
        before = [(index - 1, 0, flow.stations[index - 1].waves)] if index else []
        return bool(station.steps) and needed == before

    return all(follows(*numbered) for numbered in enumerate(flow.stations))


def _chain_time(flow: Flow, long: int) -> FlowTime:
    """The time of stations one after the other: each alone, all of its results read later."""
    times, now = [], 0
    for station in flow.stations:
        own = alone(station, long)
        time = station_time(own.station, own.trace, own.repeat)
        times.append(replace(time, start=now, end=now + time.end))
        now += time.end
    finished = own.trace.finished
    waiting = [station.waves for station in flow.stations[:-1]]
    return FlowTime(tuple(times), (*waiting, peak_held(finished, finished)), now)


def station_time(station: Station, own: Trace, repeat: Repeat = ONCE) -> StationTime:
    """Start, end, busy and stall cycles of a station in the first inference.

    The tiles of the replica that takes the last wave (or the units) are the clock: what passes
    between two of its waves goes to the input until it is in the buffer, then to the bus until it
    is in the registers, then to the step behind the tiles in which waves spend longest.  After
    the last wave each step takes what it takes.
    """
    start, end = own.ready[0], own.finished[station.waves - 1] + repeat.later
    stalls = dict.fromkeys(Cause, 0)
    busy = 0
    if station.steps:
        busy = _between_waves(station, own, repeat, stalls)
        _behind_the_last_wave(station, own, stalls)
    else:
        stalls[Cause.INPUT] = end - start
    kept = {cause: cycles for cause, cycles in stalls.items() if cycles}
    return StationTime(station.name, start, end, busy, kept)


def _between_waves(station: Station, own: Trace, repeat: Repeat, stalls: dict[Cause, int]) -> int:
    """Add what passes before each wave of the main step to `stalls`; its busy cycles."""
    main = _main(station)
    step, left = station.steps[main], own.left[main]
    behind = _slowest_behind(station, own, repeat, main)
    now, busy = own.ready[0], step.extra
    for wave in range((station.waves - 1) % len(step.ways), station.waves, len(step.ways)):
        began = max(left[wave] - (step.cycles(wave) - step.extra), now)
        in_buffer = min(max(own.ready[wave], now), began)
        in_registers = min(max(own.done[main - 1][wave], in_buffer), began) if main else in_buffer
        times = repeat.times if wave in repeat.span else 1
        stalls[Cause.INPUT] += times * (in_buffer - now)
        stalls[station.steps[max(main - 1, 0)].cause] += times * (in_registers - in_buffer)
        stalls[behind] += times * (began - in_registers)
        busy += times * (left[wave] - began)
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


def _slowest_behind(station: Station, own: Trace, repeat: Repeat, main: int) -> Cause:
    """The cause of the step behind the main one in which waves spend longest."""

    span = slice(repeat.span.start, repeat.span.stop)

    def spent(k: int) -> int:
        done, requested = own.done[k], own.requested[k]
        again = sum(done[span]) - sum(requested[span])
        return sum(done) - sum(requested) + (repeat.times - 1) * again

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
