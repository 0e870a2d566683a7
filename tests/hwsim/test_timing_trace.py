"""The recurrence of a chip's pipeline against the same chip, cycle by cycle."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.chip.timing import Cause, Flow, Need, Station, Step, Use
from hwsim.chip.timing_trace import sequential_cycles, station_time, trace
from tests.reference.stepwise import finish_times

CAUSES = (Cause.BUS, Cause.TILE, Cause.BUS, Cause.ACCUMULATION, Cause.ROUTER)


@st.composite
def flows(draw: st.DrawFn, shared: bool = True) -> Flow:
    """Random directed acyclic graphs; `shared`: some resources serve several steps."""
    count = draw(st.integers(1, 5))
    common = draw(st.integers(1, 3)) if shared else 0
    resources = [f"shared {i}" for i in range(common)]
    stations = []
    for index in range(count):
        waves = draw(st.integers(1, 7))
        steps = []
        for cause in CAUSES[: draw(st.integers(0, 5))]:
            used = draw(st.sets(st.integers(0, common - 1), max_size=2)) if common else set()
            if cause is Cause.TILE or not used:
                resources.append(f"{cause.value} of {index}")
                used = {len(resources) - 1}
            uses = tuple(Use(r, draw(st.integers(1, 9))) for r in sorted(used))
            steps.append(Step(cause, uses, draw(st.integers(0, 4)), draw(st.integers(2, 3))))
        chosen = draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else set()
        needs = []
        for other in sorted(chosen):
            most = stations[other].waves
            shares = draw(st.lists(st.integers(0, most), min_size=waves, max_size=waves))
            needs.append(Need(other, (0,) * waves, tuple(sorted(shares))))
        stations.append(Station(f"s{index}", waves, tuple(steps), tuple(needs)))
    return Flow(tuple(stations), tuple(resources))


def latency(flow: Flow, images: int = 1) -> int:
    return max(own.finished[-1] for own in trace(flow, images))


@given(flows(), st.integers(1, 3))
@settings(max_examples=300)
def test_every_wave_finishes_in_the_cycle_in_which_the_stepwise_simulation_finishes_it(
    flow: Flow, images: int
) -> None:
    assert [own.finished for own in trace(flow, images)] == finish_times(flow, images)


@given(flows())
def test_busy_and_stalls_of_a_station_fill_its_time(flow: Flow) -> None:
    for station, own in zip(flow.stations, trace(flow), strict=True):
        time = station_time(station, own)
        assert min(time.stalls.values(), default=0) >= 0
        assert time.end - time.start == time.busy + sum(time.stalls.values())


@given(flows(), st.integers(1, 4))
def test_no_inference_rate_exceeds_that_of_the_bottleneck(flow: Flow, images: int) -> None:
    assert latency(flow, images) >= images * max(flow.loads(), default=0)


@given(flows())
def test_latency_lies_between_the_critical_path_and_one_station_after_the_other(
    flow: Flow,
) -> None:
    path: list[int] = []
    for station in flow.stations:
        before = max((path[n.station] for n in station.needs if n.until[0]), default=0)
        path.append(before + sum(step.cycles for step in station.steps))
    assert max(path) <= latency(flow) <= sequential_cycles(flow)
