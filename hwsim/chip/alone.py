"""A station that works alone soon repeats itself: few waves then stand for all.

All of its waves may begin at once, and nobody else uses its resources.  What a run does from some
cycle on follows from its state: the requests not yet served, when each resource is free and the
cycles that later requests are taken from, all relative to that cycle.  Two equal states, p waves
and D cycles apart, are so followed by the same until the first step has taken its last wave:

    x[k, j + p] = x[k, j] + D        x = r, l, d of hwsim.chip.pipeline

The run with m * p waves more is the same run, those p waves m times more in its middle.
"""

import math
from dataclasses import dataclass, replace
from itertools import count

from hwsim.chip.pipeline import Run, Trace, trace
from hwsim.chip.timing import Flow, Station

LONG = 4096  # waves; shorter runs are quicker than the search for a period
APART = 32  # waves between two states that are compared, at least: each costs some ten waves


@dataclass(frozen=True)
class Repeat:
    """The waves of `span` happen `times` times in a row, each time `cycles` later."""

    span: range = range(0)
    cycles: int = 0
    times: int = 1

    @property
    def left_out(self) -> int:
        """Waves that are not in the trace."""
        return (self.times - 1) * len(self.span)

    @property
    def later(self) -> int:
        """How much later what follows is than in the trace."""
        return (self.times - 1) * self.cycles


ONCE = Repeat()


@dataclass(frozen=True)
class Alone:
    """One inference of a station that waits for nobody, some of its waves for many."""

    station: Station  # with the waves of the trace
    trace: Trace
    repeat: Repeat

    @property
    def cycles(self) -> int:
        """From the first input to the last result."""
        return self.trace.finished[-1] + self.repeat.later


def alone(station: Station, long: int = LONG) -> Alone:
    """The trace of a station without its needs; a period is searched from `long` waves on."""
    repeat = _find_repeat(station, long)
    short = _shortened(station, station.waves - repeat.left_out)
    return Alone(short, trace(_flow(short))[0], repeat)


def _shortened(station: Station, waves: int) -> Station:
    return replace(station, waves=waves, needs=())


def _flow(station: Station) -> Flow:
    return Flow((station,), ())  # names of resources are of no use here


def _find_repeat(station: Station, long: int) -> Repeat:
    tried = long
    while tried < station.waves:
        if repeat := _repeat_within(tried, station):
            return repeat
        tried *= 4
    return ONCE


@dataclass(frozen=True)
class _Mark:
    """A state, and the cycle and waves at which it was met."""

    state: tuple[object, ...]
    time: int
    through: int  # waves that the last step has served
    asked: int  # waves that have asked for the first step


def _repeat_within(waves: int, station: Station) -> Repeat | None:
    """The period of a station met before `waves` waves have asked; None: there is none.

    As in Brent's search one state is kept, until twice its waves have gone by.
    """
    run = Run(_flow(_shortened(station, waves)))
    turn = math.lcm(*(len(step.ways) for step in station.steps))
    apart = next(turn * i for i in count(1) if turn * i >= APART)
    kept: _Mark | None = None
    while run.heap:
        time, _, k = run.serve()
        through, asked = len(run.traces[0].left[-1]), run.pushed[0][0]
        if k + 1 < len(station.steps) or through % apart:
            continue
        if asked == waves:
            break
        mark = _Mark(_state(run, time), time, through, asked)
        if kept and mark.state == kept.state:
            return _repeat(kept, mark, turn, station.waves)
        if kept is None or through == 2 * kept.through:
            kept = mark
    return None


def _repeat(first: _Mark, second: _Mark, turn: int, waves: int) -> Repeat | None:
    """What lies between two marks of equal state, in a run of `waves` waves.

    From wave first.asked on every step repeats.  The span begins a turn later, so that the wave
    before on the same way does too; and the run must last until two spans have gone through every
    step, so that their ends look like any other's.
    """
    period = second.through - first.through
    start = first.asked + turn
    needed = first.asked + start + 3 * period - first.through
    times = 1 + max(0, (waves - needed) // period)
    return Repeat(range(start, start + period), second.time - first.time, times)


def _state(run: Run, now: int) -> tuple[object, ...]:
    """All that decides what the one station of a run does next, but for its number of waves.

    Cycles before `now` are as good as `now`: whatever is asked for later is not before it.
    """
    own, steps = run.traces[0], run.stations[0].steps
    through = len(own.left[-1])

    def cycles(values: list[int], first: int = 0) -> tuple[int, ...]:
        return tuple(max(value - now, 0) for value in values[max(first, 0) :])

    parts: list[object] = [
        sorted((time - now, k) for time, _, k in run.heap),
        list(run.free),
        cycles(list(run.free.values())),
        cycles(own.finished[-1:]),
    ]
    for k, pushed in enumerate(run.pushed[0]):
        parts += (pushed - through, len(own.left[k]) - through, cycles(own.requested[k][-1:]))
        if k:
            parts.append(cycles(own.done[k - 1], pushed))
        if k + 1 < len(steps):
            parts.append(cycles(own.left[k + 1], pushed - steps[k].ahead))
    return tuple(parts)
