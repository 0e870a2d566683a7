"""The time of a flow in which few waves stand for many, against every wave followed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.chip.alone import alone
from hwsim.chip.flow_time import flow_time
from hwsim.chip.pipeline import trace
from hwsim.chip.timing import Cause, Flow, Need, Same, Station, Step, Use
from tests.reference.plain_time import plain_time, unfolded

CAUSES = (Cause.BUS, Cause.TILE, Cause.BUS, Cause.ACCUMULATION, Cause.ROUTER)
LONG = 16  # waves: shorter than most of these


@st.composite
def steps(draw: st.DrawFn, shared: int, first: int) -> tuple[Step, ...]:
    """Up to five steps on `shared` resources and on own ones, numbered from `first`."""
    made = []
    replicas = draw(st.integers(1, 4))
    for cause in CAUSES[: draw(st.integers(1, 5))]:
        ways = []
        for _ in range(draw(st.sampled_from([1, replicas]))):
            used = draw(st.sets(st.integers(0, shared - 1), max_size=2)) if shared else set()
            if cause is Cause.TILE or not used:
                first += 1
                used = {first}
            ways.append(tuple(Use(r, draw(st.integers(1, 12))) for r in sorted(used)))
        ahead = draw(st.integers(2, 3)) * replicas
        made.append(Step(cause, tuple(ways), draw(st.integers(0, 5)), ahead))
    return tuple(made)


@st.composite
def chains(draw: st.DrawFn, most: int = 3) -> Flow:
    """Stations one after the other, some of whose resources serve several steps and stations."""
    shared = draw(st.integers(0, 3))
    stations: list[Station] = []
    for index in range(draw(st.integers(1, most))):
        waves = draw(st.integers(1, 400))
        needs = [Need(index - 1, Same(0, waves), Same(s.waves, waves)) for s in stations[-1:]]
        own = draw(steps(shared, shared + 100 * index))
        stations.append(Station(f"s{index}", waves, own, tuple(needs)))
    return Flow(tuple(stations), tuple(f"r{i}" for i in range(shared + 100 * most)))


@st.composite
def mixed(draw: st.DrawFn) -> Flow:
    """Chains in which some stations need only a part of the one before, or have no steps."""
    flow = draw(chains())
    changed = list(flow.stations[:1])
    for station in flow.stations[1:]:
        (need,) = station.needs
        most = changed[-1].waves
        rows = draw(st.sampled_from([most, draw(st.integers(1, most))]))
        low = draw(st.integers(0, rows - 1))
        first, until = (
            tuple(min(start + wave, most) for wave in range(station.waves)) for start in (low, rows)
        )
        parts = draw(st.sampled_from([need, Need(need.station, first, until)]))
        own = draw(st.sampled_from([station.steps, ()]))
        changed.append(Station(station.name, station.waves, own, (parts,)))
    return Flow(tuple(changed), flow.resources)


@given(chains(most=1))
@settings(max_examples=300)
def test_waves_that_stand_for_many_take_every_step_when_those_do(flow: Flow) -> None:
    assert unfolded(alone(flow.stations[0], LONG)) == trace(flow)[0]


@given(chains())
@settings(max_examples=200)
def test_the_time_of_stations_in_turn_is_that_of_every_wave_followed(flow: Flow) -> None:
    assert flow_time(flow, LONG) == plain_time(flow)


@given(mixed())
@settings(max_examples=100)
def test_the_time_of_stations_that_overlap_is_that_of_every_wave_followed(flow: Flow) -> None:
    assert flow_time(flow, LONG) == plain_time(flow)


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("waves", [10**3, 10**6 + 1, 10**15])
def test_a_layer_of_any_length_is_followed_for_some_hundred_waves(
    replicas: int, waves: int
) -> None:
    """Bus 3 in all, tiles 20 (sums after 26), adders 11 and 2: the tiles work without a pause."""
    tiles = tuple((Use(3 + i, 20 * replicas),) for i in range(replicas))
    bus, adders = ((Use(0, 2),),), ((Use(1, 11), Use(2, 2)),)
    layer = (
        Step(Cause.BUS, ((Use(0, 1),),), ahead=2 * replicas),
        Step(Cause.TILE, tiles, 6, 3 * replicas),
        Step(Cause.BUS, bus, ahead=2 * replicas),
        Step(Cause.ACCUMULATION, adders, ahead=2 * replicas),
    )
    own = alone(Station("a", waves, layer), 256)
    assert own.station.waves < 600
    assert own.station.waves + own.repeat.left_out == waves
    rounds = -(-waves // replicas)
    assert 0 < own.cycles - rounds * 20 * replicas - 1 - 6 - 2 <= 11 * replicas


def test_a_layer_that_never_repeats_is_followed_to_its_end() -> None:
    """Without a second step nothing holds the first one back: all waves queue up at once."""
    own = alone(Station("a", 1000, (Step(Cause.TILE, ((Use(0, 7),),)),)), LONG)
    assert own.repeat.times == 1
    assert own.cycles == 7000
