"""The tornado table: prices at the ends of each figure's range, by hand and by its laws."""

from dataclasses import replace

from hwsim.chip.load import load_arch
from hwsim.cost import (
    Component,
    Duty,
    Work,
    area,
    energy,
    figures,
    full_activity,
    leakage_J,
    load_technology,
    price,
    sensitivity,
    total_J,
)
from hwsim.cost.technology import with_value
from hwsim.device.spec import Scenario
from hwsim.events import ZERO, EventCounts
from hwsim.tile.spec import Knobs
from tests.reference.tolerance import near

EMT = load_arch("emt")
TECHNOLOGY = load_technology("emt-32nm")
BUSY = Work(((Knobs(), full_activity(EMT).scaled(1e-6)),), clusters=3, interval_s=1e-6)


def test_the_price_is_energy_of_the_events_plus_leakage_and_the_area_of_the_clusters() -> None:
    joules, m2 = price(BUSY, EMT, TECHNOLOGY)
    events = BUSY.events[0][1]
    dynamic, static = total_J(energy(events, EMT, TECHNOLOGY)), leakage_J(EMT, TECHNOLOGY, 3, 1e-6)
    assert joules == near(dynamic + static, rel=1e-12)
    assert m2 == near(sum(area(EMT, TECHNOLOGY, 3).values()), rel=1e-12)


def test_a_conversions_range_is_the_range_of_the_converters_energy_by_hand() -> None:
    work = Work(((Knobs(), EventCounts(conversions=1e6)),), clusters=0, interval_s=0)
    (found,) = [s for s in sensitivity(work, EMT, TECHNOLOGY) if s.key == "adc.points.4.energy"]
    joules = 1e6 * 1.666667e-12 * 0.9
    assert found.energy_low_J == near(0.67 * joules)
    assert found.energy_high_J == near(2.8 * joules)
    assert found.area_low_m2 == found.area_high_m2 == 0


def test_rows_are_sorted_by_swing_and_each_brackets_the_total_where_it_is_monotone() -> None:
    rows = sensitivity(BUSY, EMT, TECHNOLOGY)
    swings = [row.energy_swing_J for row in rows]
    assert swings == sorted(swings, reverse=True)
    joules, m2 = price(BUSY, EMT, TECHNOLOGY)
    assert rows
    for row in rows:
        ends = sorted((row.energy_low_J, row.energy_high_J))
        assert ends[0] <= joules * (1 + 1e-12), row.key
        assert ends[1] >= joules * (1 - 1e-12), row.key
        assert row.area_low_m2 <= m2 * (1 + 1e-12), row.key


def test_where_idle_tiles_are_switched_off_their_switches_have_rows_and_duties_count() -> None:
    gated = EMT.replace(chip=EMT.chip.replace(power_gating=True))
    work = replace(BUSY, duties=(Duty(4, 5e-7, 3),))
    rows = {row.key: row for row in sensitivity(work, gated, TECHNOLOGY)}
    assert rows["power_switch.off_share"].energy_swing_J > 0
    assert rows["power_switch.area_share"].area_swing_m2 > 0
    wake = rows["power_switch.wake_cycles"]
    assert wake.energy_low_J < price(work, gated, TECHNOLOGY)[0] < wake.energy_high_J


def test_every_figure_with_a_range_that_changes_a_price_has_its_row() -> None:
    rows = {row.key for row in sensitivity(BUSY, EMT, TECHNOLOGY)}
    ranged = {key for key, figure in figures(TECHNOLOGY).items() if figure.low < figure.high}
    # Converters of other resolutions, growth outside the table, links, switches are not in use.
    unused = {key for key in ranged if key.startswith(("adc.points", "link.", "power_switch."))}
    unused -= {"adc.points.4.energy", "adc.points.4.area"}
    unused |= {"adc.energy_growth", "adc.area_growth", "buffer.growth"}  # of the published 64 KB
    assert rows == ranged - unused - {"leakage_growth"}  # of no consequence at 300 K
    hot = EMT.replace(scenario=Scenario(temperature_K=358.0))
    assert {row.key for row in sensitivity(BUSY, hot, TECHNOLOGY)} == ranged - unused


def test_a_figure_without_a_range_has_no_row_and_no_work_no_energy() -> None:
    idle = Work(((Knobs(), ZERO),), clusters=1, interval_s=0)
    rows = sensitivity(idle, EMT, TECHNOLOGY)
    assert all(row.energy_low_J == row.energy_high_J == 0 for row in rows)
    assert "feature_size" not in {row.key for row in rows}
    assert {row.key for row in rows} >= {"cell.area", "router.area"}


def test_layers_with_equal_knobs_are_one_sum_and_cost_the_same() -> None:
    events = [EventCounts(conversions=3.0, row_swings=7.0), EventCounts(conversions=5.0)]
    low = Knobs(adc_bits=6)
    layers = [(Knobs(), events[0]), (low, events[1]), (Knobs(), events[1])]
    work = Work.of(layers, 0, 0)
    assert len(work.events) == 2
    expected = sum(total_J(energy(e, EMT, TECHNOLOGY, k)) for k, e in layers)
    assert price(work, EMT, TECHNOLOGY)[0] == near(expected, rel=1e-12)


def test_a_figure_is_replaced_wherever_it_lies_and_nothing_else() -> None:
    for key in ("adc.points.2.energy", "driver.select_capacitance", "router.static_share"):
        other = with_value(TECHNOLOGY, key, 0.25)
        before, after = figures(TECHNOLOGY), figures(other)
        assert after[key].value == 0.25
        assert {k for k in before if before[k] != after[k]} == {key}
    assert energy(EventCounts(shift_adds=1), EMT, TECHNOLOGY)[Component.SHIFT_ADD] > 0
