"""The time of a flow with every wave followed: the slow twin of hwsim.chip.flow_time."""

from dataclasses import replace
from itertools import accumulate

from hwsim.chip.alone import Alone
from hwsim.chip.flow_time import FlowTime, held_until, station_time
from hwsim.chip.pipeline import Trace, trace
from hwsim.chip.timing import Flow


def plain_time(flow: Flow) -> FlowTime:
    """No wave stands for another, and no station is taken to be alone."""
    traces = trace(flow)
    held = held_until(flow, traces)
    alone = [trace(Flow((replace(s, needs=()),), flow.resources))[0] for s in flow.stations]
    return FlowTime(
        tuple(station_time(s, own) for s, own in zip(flow.stations, traces, strict=True)),
        tuple(most_waiting(own.finished, until) for own, until in zip(traces, held, strict=True)),
        sum(own.finished[-1] for own in alone),
    )


def most_waiting(written: list[int], held: list[int]) -> int:
    """Results written up to a cycle less those read before it, at most."""
    change: dict[int, int] = {}
    for first, last in zip(written, held, strict=True):
        change[first] = change.get(first, 0) + 1
        change[last + 1] = change.get(last + 1, 0) - 1
    return max(accumulate(change[cycle] for cycle in sorted(change)))


def unfolded(own: Alone) -> Trace:
    """The trace of all waves: those of the span as often as they happen."""
    repeat, trace_ = own.repeat, own.trace

    def waves(cycles: list[int], shift: int = repeat.cycles) -> list[int]:
        start, stop = repeat.span.start, repeat.span.stop
        again = [
            cycle + shift * time for time in range(1, repeat.times) for cycle in cycles[start:stop]
        ]
        rest = [cycle + shift * (repeat.times - 1) for cycle in cycles[stop:]]
        return cycles[:stop] + again + rest

    return Trace(
        waves(trace_.ready, 0),  # all at once
        [waves(step) for step in trace_.requested],
        [waves(step) for step in trace_.left],
        [waves(step) for step in trace_.done],
        waves(trace_.finished) if trace_.done else trace_.ready,
    )
