"""Tiles switched off between products: limits, bounds and the break-even pause by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.load import load_arch
from hwsim.cost import (
    Component,
    Duty,
    area,
    energy,
    full_activity,
    leakage_J,
    load_technology,
    static_power,
    technology_of,
    total_J,
)
from hwsim.cost.switch import SWITCHED
from hwsim.cost.technology import Technology
from hwsim.cost.technology import with_value as changed
from hwsim.device.spec import Scenario
from hwsim.errors import SpecError
from tests.reference.tolerance import near

ON = load_arch("emt")
GATED = ON.replace(chip=ON.chip.replace(power_gating=True))
PRICES = load_technology("emt-32nm")
TILES = ON.chip.tiles_per_cluster
SECONDS = 1e-4


def with_switch(off_share: float, wake_cycles: float) -> Technology:
    prices = changed(PRICES, "power_switch.off_share", off_share)
    return changed(prices, "power_switch.wake_cycles", wake_cycles)


def switched_W(watts: dict[Component, float]) -> float:
    """Of one tile."""
    return sum(watts[c] for c in SWITCHED if c in watts) / TILES


STATIC_W = switched_W(static_power(ON, PRICES))
DYNAMIC_W = switched_W(energy(full_activity(ON), ON, PRICES))
duties = st.lists(
    st.builds(Duty, st.integers(1, 40), st.floats(0, SECONDS), st.integers(1, 100_000)), max_size=3
).map(tuple)


def test_a_chip_without_switches_leaks_all_the_time_whatever_its_tiles_do() -> None:
    busy = (Duty(7, SECONDS / 3, 5),)
    all_the_time = SECONDS * total_J(static_power(ON, PRICES, 2))
    assert leakage_J(ON, PRICES, 2, SECONDS, busy) == near(all_the_time)


def test_switches_that_cost_nothing_and_leave_nothing_make_tiles_leak_while_they_work() -> None:
    """The rest of the cluster stays on."""
    ideal = with_switch(0.0, 0.0)
    rest = SECONDS * (total_J(static_power(ON, PRICES)) - TILES * STATIC_W)
    found = leakage_J(GATED, ideal, 1, SECONDS, (Duty(5, SECONDS / 4, 10),))
    assert found == near(rest + 5 * STATIC_W * SECONDS / 4)


def test_idle_tiles_leak_through_their_switches() -> None:
    saved = TILES * STATIC_W * SECONDS * 0.95
    assert leakage_J(GATED, PRICES, 1, SECONDS) == near(leakage_J(ON, PRICES, 1, SECONDS) - saved)


def test_tiles_stay_on_in_pauses_below_break_even() -> None:
    """By hand: a pause is worth it when what it saves exceeds the charge of switching on."""
    pause = 3.3 / ON.tile.clock_Hz * DYNAMIC_W / (0.95 * STATIC_W)
    working, wakes = 1e-5, 10

    def added(pauses_s: float) -> float:
        duty = Duty(1, working, wakes)
        time_s = working + pauses_s
        idle = leakage_J(GATED, PRICES, 1, time_s)
        return leakage_J(GATED, PRICES, 1, time_s, (duty,)) - idle

    on = 0.95 * STATIC_W
    assert pause == near(33.2e-9, rel=1e-2)  # as docs/model/cost.md says
    assert added(wakes * pause / 2) == near(on * (working + wakes * pause / 2))
    assert added(wakes * pause * 2) == near(on * (working + wakes * pause))


@given(duties)
def test_switching_off_lies_between_always_on_and_always_off(found: tuple[Duty, ...]) -> None:
    clusters = 2  # never more than 120 tiles work
    on = leakage_J(ON, PRICES, clusters, SECONDS, found)
    gated = leakage_J(GATED, PRICES, clusters, SECONDS, found)
    asleep = leakage_J(GATED, PRICES, clusters, SECONDS)
    assert asleep * (1 - 1e-12) <= gated <= on * (1 + 1e-12)
    assert gated <= leakage_J(
        GATED,
        PRICES,
        clusters,
        SECONDS,
        tuple(replace(duty, wakes=2 * duty.wakes) for duty in found),
    ) * (1 + 1e-12)


def test_tiles_that_never_rest_leak_as_if_there_were_no_switch() -> None:
    busy = (Duty(TILES, SECONDS, 1000),)
    assert leakage_J(GATED, PRICES, 1, SECONDS, busy) == near(leakage_J(ON, PRICES, 1, SECONDS))


def test_a_warm_tile_is_worth_switching_off_sooner() -> None:
    """Leakage grows with temperature, the charge of switching on does not."""
    warm = Scenario(temperature_K=400.0)
    hot, gated = (arch.replace(scenario=warm) for arch in (ON, GATED))
    share = {}
    for name, on, off in (("cold", ON, GATED), ("hot", hot, gated)):
        duty = (Duty(TILES, 1e-5, 1000),)
        share[name] = leakage_J(off, PRICES, 1, SECONDS, duty) / leakage_J(on, PRICES, 1, SECONDS)
    assert share["hot"] < share["cold"]


def test_switches_are_a_part_of_what_they_switch_and_of_nothing_else() -> None:
    without, with_them = area(ON, PRICES, 3), area(GATED, PRICES, 3)
    for component, m2 in without.items():
        assert with_them[component] == near(m2 * (1.1 if component in SWITCHED else 1.0))


def test_a_technology_without_switches_is_refused_by_name() -> None:
    bare = PRICES.replace(power_switch=None)
    with pytest.raises(SpecError, match=r"emt: chip\.power_gating: .*'emt-32nm' without one"):
        leakage_J(GATED, bare, 1, SECONDS)
    assert technology_of(GATED) == PRICES
