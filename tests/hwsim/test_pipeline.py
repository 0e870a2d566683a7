"""The recurrence of a chip's pipeline against the same chip, cycle by cycle."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.chip.flow_time import flow_time, station_time
from hwsim.chip.pipeline import trace
from hwsim.chip.timing import Cause, Flow, Need, Station, Step, Use
from hwsim.errors import MappingError
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
            ways = []
            for _ in range(draw(st.integers(1, 3))):
                used = draw(st.sets(st.integers(0, common - 1), max_size=2)) if common else set()
                if cause is Cause.TILE or not used:
                    resources.append(f"{cause.value} of {index}")
                    used = {len(resources) - 1}
                ways.append(tuple(Use(r, draw(st.integers(1, 9))) for r in sorted(used)))
            ahead = len(ways) * draw(st.integers(2, 3))
            steps.append(Step(cause, tuple(ways), draw(st.integers(0, 4)), ahead))
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


@given(flows(), st.integers(1, 3), st.integers(0, 30))
@settings(max_examples=120)
def test_every_wave_finishes_in_the_cycle_in_which_the_stepwise_simulation_finishes_it(
    flow: Flow, images: int, period: int
) -> None:
    found = [own.finished for own in trace(flow, images, period)]
    assert found == finish_times(flow, images, period)


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
        path.append(before + sum(step.cycles() for step in station.steps))
    assert max(path) <= latency(flow) <= flow_time(flow).sequential


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=4),
    st.integers(1, 20),
    st.integers(1, 5),
)
def test_more_replicas_never_make_a_wave_later(
    layers: list[tuple[int, int]], waves: int, replicas: int
) -> None:
    fewer, more = (chain(layers, waves, count) for count in (replicas, replicas + 1))
    for later, earlier in zip(trace(fewer), trace(more), strict=True):
        assert all(a >= b for a, b in zip(later.finished, earlier.finished, strict=True))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=4),
    st.integers(1, 9),
    st.integers(2, 9),
)
def test_images_in_steps_of_the_interval_take_the_latency_of_one(
    layers: list[tuple[int, int]], waves: int, images: int
) -> None:
    flow = chain(layers, waves, 1)
    interval = max(flow.loads())
    ends = trace(flow, images, interval)[-1].finished[waves - 1 :: waves]
    assert ends == [latency(flow) + interval * image for image in range(images)]
    assert ends == finish_times(flow, images, interval)[-1][waves - 1 :: waves]


def chain(layers: list[tuple[int, int]], waves: int, replicas: int) -> Flow:
    """Layers that need each other wave by wave; each owns its tiles, and shares nothing."""
    stations = []
    for index, (interval, extra) in enumerate(layers):
        ways = tuple((Use(index * replicas + i, interval),) for i in range(replicas))
        before = (Need(index - 1, (0,) * waves, tuple(range(1, waves + 1))),) if index else ()
        step = Step(Cause.TILE, ways, extra, 2 * replicas)
        stations.append(Station(f"s{index}", waves, (step,), before))
    return Flow(tuple(stations), tuple(f"tiles {i}" for i in range(len(layers) * replicas)))


STEP = Step(Cause.TILE, ((Use(0, 1),),))


@pytest.mark.parametrize(
    ("stations", "message"),
    [
        ((), "network: expected at least one layer, found none"),
        ((Station("a", 0, (STEP,)),), "layer 'a': expected at least 1 wave per inference, found 0"),
        (
            (Station("a", 1, (Step(Cause.BUS, ((Use(0, 0),),)),)),),
            "layer 'a': expected at least 1 cycle of bus, found 0",
        ),
        (
            (Station("a", 2, (STEP,)), Station("b", 2, (STEP,), (Need(0, (0, 0), (1, 3)),))),
            "layer 'b': expected needs of 2 waves in an earlier layer, found 2 in layer 0",
        ),
    ],
)
def test_a_flow_that_cannot_be_is_refused(stations: tuple[Station, ...], message: str) -> None:
    with pytest.raises(MappingError, match=f"^{message}"):
        Flow(stations, ("tiles",))


def test_three_waves_by_hand() -> None:
    """Bus 2, tiles 5 (sums after 6), bus 1: the tiles work without a pause."""
    steps = (
        Step(Cause.BUS, ((Use(0, 2),),)),
        Step(Cause.TILE, ((Use(1, 5),),), 1, 3),
        Step(Cause.BUS, ((Use(0, 1),),)),
    )
    flow = Flow((Station("a", 3, steps),), ("bus", "tiles"))
    (own,) = trace(flow)
    assert own.left == [[2, 4, 9], [7, 12, 17], [10, 14, 19]]
    time = station_time(flow.stations[0], own)
    assert (time.start, time.end, time.busy) == (0, 19, 16)
    assert time.stalls == {Cause.BUS: 3}
