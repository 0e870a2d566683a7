"""A plan and its counts become one record; nothing is lost and nothing counted twice."""

import pytest

from codesign.assemble import Run, assemble
from codesign.assumptions import activity_assumption, stated_assumptions
from codesign.report import AccuracyResult, Result
from hwsim.chip.load import load_arch
from hwsim.cost import Component, energy, leakage_J, load_technology, static_power, total_J
from hwsim.device.spec import Scenario
from hwsim.errors import MappingError
from hwsim.events import EventCounts
from hwsim.tile.spec import Knobs
from mapping.counts import Activity, plan_counts, total_counts
from mapping.design import Design
from mapping.plan import Plan, plan
from mapping.price import duty
from mapping.shapes import LayerShape
from mapping.timing import plan_time
from tests.reference.tolerance import near

EMT = load_arch("emt")
TECHNOLOGY = load_technology(EMT.technology)
LAYERS = (
    LayerShape(name="conv", op="conv", rows=147, cols=64, mvms_per_inference=256),
    LayerShape(name="hidden", rows=1024, cols=256),
    LayerShape(name="last", rows=256, cols=10),
)
POOL = EventCounts(pool_ops=1024, buffer_read_bits=8192, buffer_write_bits=2048)


def planned(design: Design | None = None) -> Plan:
    return plan(LAYERS, EMT, design)


def counted(of: Plan) -> dict[str, EventCounts]:
    return plan_counts(of, EMT, Activity()) | {"pool": POOL}


def assembled(design: Design | None = None, run: Run | None = None) -> Result:
    of = planned(design)
    return assemble("net", of, EMT, TECHNOLOGY, counted(of), ops={"pool": "max_pool"}, run=run)


def test_the_breakdowns_and_the_layers_all_sum_to_the_total_energy() -> None:
    result = assembled()
    total = result.energy_J.total
    assert total > 0
    assert sum(result.energy_J.by_component.values()) == near(total, 1e-12)
    assert sum(result.energy_J.by_layer.values()) == near(total, 1e-12)
    for layer in result.layers:
        assert sum(layer.energy_by_component_J.values()) == near(layer.energy_J)
        assert layer.energy_J == result.energy_J.by_layer[layer.name]


def test_the_energy_is_that_of_all_events_plus_leakage_over_one_interval() -> None:
    of, result = planned(), assembled()
    dynamic = total_J(energy(total_counts(counted(of)), EMT, TECHNOLOGY))
    interval = plan_time(of, EMT).interval_s
    static = leakage_J(EMT, TECHNOLOGY, of.clusters, interval)
    assert static == pytest.approx(
        total_J(static_power(EMT, TECHNOLOGY, of.clusters)) / result.throughput_per_s
    )
    assert result.energy_J.total == pytest.approx(dynamic + static)
    assert result.energy_J.by_component["leakage"] == pytest.approx(static)


def test_where_idle_tiles_are_switched_off_layers_leak_by_how_long_they_work() -> None:
    gated = EMT.replace(chip=EMT.chip.replace(power_gating=True))
    of, always_on = planned(), assembled()
    result = assemble("net", of, gated, TECHNOLOGY, counted(of))
    interval = plan_time(of, gated).interval_s
    static = leakage_J(
        gated, TECHNOLOGY, of.clusters, interval, tuple(duty(layer, gated) for layer in of.layers)
    )
    leakage = result.energy_J.by_component["leakage"]
    assert leakage == pytest.approx(static)
    assert leakage < always_on.energy_J.by_component["leakage"] / 2
    assert result.energy_J.total == near(sum(result.energy_J.by_layer.values()), 1e-12)
    conv, *dense = (row.energy_by_component_J["leakage"] / row.tiles for row in result.layers[:3])
    assert all(conv > 2 * idle for idle in dense)
    assert any("switched off between its products" in one.text for one in result.assumptions)


def test_time_and_size_are_those_of_the_plan() -> None:
    of, result = planned(), assembled()
    time = plan_time(of, EMT)
    assert result.cycles == time.cycles
    assert result.latency_s == pytest.approx(result.cycles / EMT.tile.clock_Hz)
    assert result.throughput_per_s == pytest.approx(EMT.tile.clock_Hz / time.interval_cycles)
    assert result.bottleneck == time.bottleneck
    assert (result.tiles, result.clusters, result.macs) == (of.tiles, of.clusters, of.macs)
    assert result.tops_per_W == pytest.approx(2 * of.macs / result.energy_J.total / 1e12)
    assert result.area_m2.total == near(sum(result.area_m2.by_component.values()))


def test_busy_and_stalls_of_every_layer_fill_the_time_from_its_start_to_its_end() -> None:
    result = assembled()
    for layer in result.layers:
        if not layer.tiles:
            continue
        assert layer.start_s is not None
        assert layer.end_s is not None
        assert layer.busy_s is not None
        span = layer.end_s - layer.start_s
        assert layer.busy_s + sum(layer.stalls_s.values()) == pytest.approx(span)
    assert max(layer.end_s or 0.0 for layer in result.layers) == near(result.latency_s)


def test_buffers_that_overflow_are_those_of_the_time() -> None:
    assert assembled().buffer_overflow_bytes == {}
    of = planned()
    tight = EMT.replace(chip=EMT.chip.replace(buffer_bytes=100))
    time, result = plan_time(of, tight), assemble("net", of, tight, TECHNOLOGY, counted(of))
    assert time.overflows
    assert result.buffer_overflow_bytes == {str(at): n for at, n in time.overflows.items()}
    assert result.chip is not None
    assert result.chip.buffer_bytes == 100
    waiting = [layer for layer in result.layers if layer.overflowing_clusters]
    assert {at for layer in waiting for at in layer.overflowing_clusters} == set(time.overflows)
    # Every cluster holds at most the whole of what waits there.
    for at, needed in time.overflows.items():
        held = [layer for layer in waiting if at in layer.overflowing_clusters]
        assert needed <= sum(layer.buffer_bytes or 0 for layer in held)


def test_knobs_of_one_layer_change_that_layers_energy_only() -> None:
    louder = Design(layers={"hidden": Knobs(read_voltage_V=0.4)})
    base, changed = assembled(), assembled(louder)
    differing = {
        layer.name
        for layer, before in zip(changed.layers, base.layers, strict=True)
        if layer.energy_J != before.energy_J
    }
    assert differing == {"hidden"}
    row = next(layer for layer in changed.layers if layer.name == "hidden")
    before = next(layer for layer in base.layers if layer.name == "hidden")
    assert row.read_voltage_V == 0.4
    array = Component.ARRAY.value
    ratio = row.energy_by_component_J[array] / before.energy_by_component_J[array]
    assert ratio == pytest.approx(4.0)


def test_a_digital_node_has_energy_but_neither_tiles_nor_time_nor_leakage() -> None:
    pool = next(layer for layer in assembled().layers if layer.name == "pool")
    assert (pool.op, pool.tiles, pool.cycles) == ("max_pool", 0, 0)
    assert set(pool.energy_by_component_J) == {"buffer", "pooling"}


def test_a_layer_without_counts_is_named() -> None:
    of = planned()
    counts = counted(of)
    del counts["last"]
    with pytest.raises(MappingError, match="counts: expected layer 'last', found none"):
        assemble("net", of, EMT, TECHNOLOGY, counts)


def test_what_was_run_is_recorded_and_what_was_not_is_none() -> None:
    accuracy = AccuracyResult(mean=0.9, ci95=(0.88, 0.92), quantized=0.95)
    result = assembled(run=Run(accuracy=accuracy, backend="numba", seed=7, samples=100))
    assert (result.accuracy, result.backend, result.seed) == (accuracy, "numba", 7)
    assert accuracy.float_ is None
    bare = assembled()
    assert (bare.accuracy, bare.backend, bare.seed, bare.samples) == (None, None, None, None)


def test_every_report_states_device_fluctuation_technology_and_figures_with_sources() -> None:
    result = assembled()
    texts = " ".join(a.text for a in result.assumptions)
    for said in ("emt-normal", "Read fluctuation: law absolute, amplitude 0.02", "emt-32nm"):
        assert said in texts
    assert any("Scenario assumption" in a.source for a in result.assumptions)
    assert len(result.figures) > 50
    assert all(figure.source for figure in result.figures)


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ("independent", "fresh at every"),
        ("markov", "correlated from read to"),
        ("frozen", "frozen"),
    ],
)
def test_reports_say_how_long_states_last(states: str, said: str) -> None:
    dwell = {"high_dwell_s": 1e-6, "low_dwell_s": 1e-6} if states == "markov" else {}
    assert EMT.device.fluctuation
    law = EMT.device.fluctuation.replace(states=states, **dwell)
    arch = EMT.replace(device=EMT.device.replace(fluctuation=law))
    texts = [a.text for a in stated_assumptions(planned(), arch, TECHNOLOGY)]
    assert any(f"states {said}" in text for text in texts)


def test_how_much_more_a_warm_chip_leaks_is_stated() -> None:
    of, hot = planned(), EMT.replace(scenario=Scenario(temperature_K=360.0))
    result, room = assemble("net", of, hot, TECHNOLOGY, counted(of)), assembled()
    times = result.energy_J.by_component["leakage"] / room.energy_J.by_component["leakage"]
    assert times == near(TECHNOLOGY.leakage_factor(360.0))
    said = [a.text for a in result.assumptions if "leaks" in a.text]
    assert said == [f"At 360 K the chip leaks {times:.3g} times as much as at 300 K."]
    assert not any("leaks" in a.text for a in room.assumptions)
    silent = TECHNOLOGY.replace(leakage_growth=None)
    same = assemble("net", of, hot, silent, counted(of))
    assert "At 360 K the chip leaks as at 300 K." in [a.text for a in same.assumptions]
    assert same.energy_J.total == near(room.energy_J.total)


def test_a_converter_outside_the_sourced_table_is_stated() -> None:
    inside = " ".join(a.text for a in assembled().assumptions)
    assert "outside the sourced table" not in inside
    outside = assembled(Design(layers={"last": Knobs(adc_bits=3)}))
    assert any("converter of 3 bits lies outside" in a.text for a in outside.assumptions)


def test_assumed_activity_is_said_in_words() -> None:
    text = activity_assumption(Activity(density=0.25, level=0.5)).text
    assert "Nothing was simulated" in text
    assert "25%" in text
