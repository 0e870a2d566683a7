"""Energy, area and power: ISAAC's published table, conservation, and refusals."""

import copy
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.load import arch_presets, load_arch
from hwsim.chip.spec import Arch
from hwsim.cost import (
    Component,
    Level,
    PeakLine,
    Technology,
    area,
    array_energy_J,
    energy,
    full_activity,
    leakage_J,
    load_technology,
    peak_power,
    peak_table,
    static_power,
    technologies,
    total_J,
)
from hwsim.cost.technology import with_value
from hwsim.device.spec import Scenario
from hwsim.errors import SpecError
from hwsim.events import ZERO, EventCounts
from hwsim.spec import validate
from hwsim.tile.spec import Knobs
from tests.reference.tolerance import near

ISAAC = load_arch("isaac")
EMT = load_arch("emt")
ISAAC_32 = load_technology("isaac-32nm")
EMT_32 = load_technology("emt-32nm")
BOTH = [(ISAAC, ISAAC_32), (EMT, EMT_32)]

counts = st.builds(
    EventCounts,
    **{f.name: st.integers(0, 10**9).map(float) for f in fields(EventCounts)},
)

# Shafiee et al., ISCA 2016: level, line, units, mW, mm2.  The last digit printed is the
# tolerance: half of it, or one where the paper itself rounds a sum of rounded lines.
PUBLISHED = [
    (Level.GROUP, "adc", 8, (16, 0.5), (0.0096, 0.00005)),
    (Level.GROUP, "driver", 8 * 128, (4, 0.5), (0.00017, 0.000005)),
    (Level.GROUP, "sample_hold", 8 * 128, (0.01, 0.0005), (0.00004, 0.000005)),
    (Level.GROUP, "array", 8 * 128 * 128, (2.4, 0.05), (0.0002, 0.00005)),
    (Level.GROUP, "shift_add", 4, (0.2, 0.05), (0.00024, 0.000005)),
    (Level.GROUP, "input_register", 2048, (1.24, 0.005), (0.0021, 0.00005)),
    (Level.GROUP, "output_register", 256, (0.23, 0.005), (0.00077, 0.000005)),
    (Level.GROUP, "total", 7, (24.1, 0.05), (0.0131, 0.00005)),
    (Level.CLUSTER, "buffer", 65536, (20.7, 0.05), (0.083, 0.0005)),
    (Level.CLUSTER, "bus", 384, (7, 0.5), (0.090, 0.0005)),
    (Level.CLUSTER, "router", 0.25, (10.5, 0.05), (0.0378, 0.0001)),
    (Level.CLUSTER, "activation", 2, (0.52, 0.005), (0.0006, 0.00005)),
    (Level.CLUSTER, "elementwise", 1, (0.05, 0.005), (0.00006, 0.000005)),
    (Level.CLUSTER, "pooling", 1, (0.4, 0.05), (0.00024, 0.000005)),
    (Level.CLUSTER, "cluster_register", 3072, (1.68, 0.005), (0.0032, 0.00005)),
    (Level.CLUSTER, "groups", 12, (289, 0.5), (0.157, 0.0005)),
    (Level.CLUSTER, "total", 8, (330, 0.5), (0.372, 0.0005)),
    (Level.CHIP, "clusters", 168, (55400, 50), (62.5, 0.05)),
    (Level.CHIP, "link", 4, (10400, 50), (22.88, 0.005)),
    (Level.CHIP, "total", 2, (65800, 50), (85.4, 0.05)),
]


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row[0].value}-{row[1]}")
def test_isaacs_published_table_follows_from_events_and_counts(
    row: tuple[Level, str, float, tuple[float, float], tuple[float, float]],
) -> None:
    level, name, units, (milliwatt, power_off), (mm2, area_off) = row
    line = next(
        line for line in peak_table(ISAAC, ISAAC_32) if (line.level, line.name) == (level, name)
    )
    assert line.count == units
    assert line.power_W * 1e3 == pytest.approx(milliwatt, abs=power_off)
    assert line.area_m2 * 1e6 == pytest.approx(mm2, abs=area_off)


def test_isaacs_table_has_no_line_that_is_not_published() -> None:
    ours = [(line.level, line.name) for line in peak_table(ISAAC, ISAAC_32)]
    assert sorted(ours, key=str) == sorted(((row[0], row[1]) for row in PUBLISHED), key=str)


@pytest.mark.parametrize("technology", [None, "emt-32nm-rtl"], ids=["its own", "rtl"])
@pytest.mark.parametrize("name", sorted(arch_presets()))
def test_totals_of_the_table_are_sums_of_its_lines(name: str, technology: str | None) -> None:
    arch = load_arch(name)
    prices = load_technology(technology or arch.technology)
    table = peak_table(arch, prices)
    for level in {line.level for line in table}:
        lines = [line for line in table if line.level is level]
        assert lines[-1].name == "total"
        check_sum(lines[:-1], lines[-1])
    by_level = {line.level: line for line in table if line.name == "total"}
    assert by_level[Level.CLUSTER].area_m2 == near(total_J(area(arch, prices)))


def check_sum(lines: list[PeakLine], total: PeakLine) -> None:
    assert total.power_W == near(sum(line.power_W for line in lines))
    assert total.area_m2 == near(sum(line.area_m2 for line in lines))


@pytest.mark.parametrize(("arch", "technology"), BOTH, ids=["isaac", "emt"])
def test_energy_at_full_activity_over_a_time_is_peak_power_times_that_time(
    arch: Arch, technology: Technology
) -> None:
    seconds = 3.7e-3
    events = full_activity(arch).scaled(seconds)
    spent = total_J(energy(events, arch, technology)) + leakage_J(arch, technology, 1, seconds)
    assert spent == near(total_J(peak_power(arch, technology)) * seconds, rel=1e-12)


def test_full_activity_reads_no_faster_than_the_schedule_and_the_pulse_fits_its_phase() -> None:
    for arch in (ISAAC, EMT):
        reads = full_activity(arch).array_reads / arch.chip.tiles_per_cluster
        assert arch.tile.unit_pulse_s <= 1 / reads


@given(counts, counts)
def test_energies_add_up_over_events(first: EventCounts, second: EventCounts) -> None:
    for arch, technology in BOTH:
        one, two = (energy(e, arch, technology) for e in (first, second))
        both = energy(first + second, arch, technology)
        for component, joules in both.items():
            assert joules == near(one[component] + two[component], rel=1e-9)


def test_nothing_costs_nothing_and_every_count_costs_something() -> None:
    assert total_J(energy(ZERO, EMT, EMT_32)) == 0
    free = {"mvms", "array_reads", "row_pulses"}  # priced through cells, swings, conversions
    for f in fields(EventCounts):
        spent = total_J(energy(EventCounts(**{f.name: 1.0}), EMT, EMT_32))
        assert (spent > 0) == (f.name not in free), f.name


def test_a_cells_read_energy_is_v_squared_g_t_by_hand() -> None:
    # One cell at its highest level, 40 uS, 0.2 V, 10 ns: 16 fJ.
    events = EventCounts(cell_pulses=1, level_pulses=3)
    lowest = EventCounts(cell_pulses=1)
    assert array_energy_J(events, EMT.device, EMT.tile, Scenario()) == near(0.2**2 * 40e-6 * 10e-9)
    # At level zero its conductance is the window's lower end.
    assert array_energy_J(lowest, EMT.device, EMT.tile, Scenario()) == near(4e-16)


def test_a_pulse_of_a_multi_bit_driver_is_a_part_of_the_read() -> None:
    two_bits = EMT.replace(tile=EMT.tile.replace(dac_bits=2))
    assert two_bits.tile.unit_pulse_s == near(10e-9 / 3)


def test_leakage_grows_with_temperature_and_nothing_else_does() -> None:
    """By hand: 32 nm low operating power leaks 4.43 times as much at 400 K as at 300 K."""
    rooms = [EMT.replace(scenario=Scenario(temperature_K=kelvin)) for kelvin in (300.0, 400.0)]
    cold, hot = (static_power(room, EMT_32) for room in rooms)
    assert cold == static_power(EMT, EMT_32)
    for component, watts in cold.items():
        assert hot[component] == near(2.63e-7 / 5.94e-8 * watts, rel=1e-3)
    assert leakage_J(rooms[1], EMT_32, 3, 1e-6) == near(3e-6 * total_J(hot))
    assert energy(full_activity(EMT), EMT, EMT_32) == energy(full_activity(EMT), rooms[1], EMT_32)
    assert area(rooms[1], EMT_32) == area(EMT, EMT_32)


#: The component that each section of a technology prices, where its name is another.
RENAMED = {"pooling": Component.POOLING, "adder": Component.ELEMENTWISE}
SHARED = [key for key, part in EMT_32 if hasattr(part, "static_share")]


@pytest.mark.parametrize("section", [key for key in SHARED if key != "link"])  # no such events
def test_a_static_share_moves_energy_from_events_to_leakage(section: str) -> None:
    """The power at full activity stays, whatever part of it flows anyway."""
    component = RENAMED.get(section) or Component(section)
    prices = [with_value(EMT_32, f"{section}.static_share", share) for share in (0.0, 0.5)]
    none, half = (static_power(EMT, price)[component] for price in prices)
    assert none == 0 < half
    assert peak_power(EMT, prices[1])[component] == near(peak_power(EMT, prices[0])[component])


@given(st.floats(200, 600), st.floats(200, 600))
def test_a_warmer_chip_leaks_more(one: float, other: float) -> None:
    assert EMT_32.leakage_factor(300.0) == 1.0
    low, high = sorted((one, other))
    assert EMT_32.leakage_factor(low) <= EMT_32.leakage_factor(high)
    assert EMT_32.replace(leakage_growth=None).leakage_factor(other) == 1.0


def test_a_driver_charges_its_line_once_however_long_the_digit() -> None:
    """The price of a swing is that of the one-bit pulse which published figures are of."""
    short, long = EventCounts(row_pulses=1, row_swings=1), EventCounts(row_pulses=15, row_swings=1)
    joules = [energy(events, EMT, EMT_32)[Component.DRIVER] for events in (short, long)]
    share = 1 - EMT_32.driver.static_share.value
    assert joules == [EMT_32.driver.swing_J(EMT.tile.cols, EMT.tile.read_voltage_V) * share] * 2
    four_bits = EMT.replace(tile=EMT.tile.replace(dac_bits=4))
    assert static_power(four_bits, EMT_32)[Component.DRIVER] == near(
        static_power(EMT, EMT_32)[Component.DRIVER]
    )


@given(st.sampled_from([0.1, 0.15, 0.25, 0.4]))
def test_array_and_line_energy_rise_with_the_square_of_the_voltage(voltage: float) -> None:
    events = full_activity(EMT)
    base = energy(events, EMT, EMT_32)
    scaled = energy(events, EMT, EMT_32, Knobs(read_voltage_V=voltage))
    ratio = (voltage / 0.2) ** 2
    assert scaled[Component.ARRAY] == near(base[Component.ARRAY] * ratio)
    changed = {c for c in base if scaled[c] != base[c]}
    assert changed == {Component.ARRAY, Component.DRIVER}


def test_a_drivers_energy_is_capacitance_times_voltage_squared_by_hand() -> None:
    expected = 128 * (7.68e-17 * 0.2**2 + 2.05e-16 * 0.9**2)
    assert EMT_32.driver.swing_J(128, 0.2) == near(expected)
    assert expected == near(21e-15, rel=0.05)


@given(st.integers(1, 15))
def test_a_converter_with_more_bits_costs_more(bits: int) -> None:
    adc = ISAAC_32.adc
    assert adc.conversion_J(bits, 1e9) < adc.conversion_J(bits + 1, 1e9)
    assert adc.area_m2(bits, 1e9) < adc.area_m2(bits + 1, 1e9)


def test_converter_prices_are_the_sourced_ones_inside_the_table_and_marked_outside() -> None:
    adc = ISAAC_32.adc
    published = {4: 0.79, 5: 0.99, 6: 1.20, 7: 1.42, 8: 1.667, 9: 1.97, 10: 2.38}
    for bits, picojoule in published.items():
        assert adc.conversion_J(bits, 1.2e9) * 1e12 == pytest.approx(picojoule, abs=0.006)
        assert adc.covers(bits)
    assert not adc.covers(3)
    assert not adc.covers(11)


def test_the_adc_knob_changes_conversion_energy_and_nothing_else() -> None:
    events = full_activity(ISAAC)
    base, less = (energy(events, ISAAC, ISAAC_32, Knobs(adc_bits=b)) for b in (8, 6))
    assert less[Component.ADC] / base[Component.ADC] == near(1.20 / 1.666667)
    assert {c for c in base if less[c] != base[c]} == {Component.ADC}


def test_area_and_static_power_are_proportional_to_clusters() -> None:
    for price in (area, static_power):
        one, five = price(EMT, EMT_32), price(EMT, EMT_32, 5)
        assert five == near({component: 5 * value for component, value in one.items()})


def test_more_columns_per_converter_mean_fewer_converters_and_less_area() -> None:
    shared = EMT.replace(tile=EMT.tile.replace(adc=EMT.tile.adc.replace(columns_per_adc=64)))
    ratio = area(shared, EMT_32)[Component.ADC] / area(EMT, EMT_32)[Component.ADC]
    assert ratio == near(1 / 8)


@pytest.mark.parametrize("name", sorted(technologies()))
def test_every_technology_loads_under_its_own_name_and_prints_back_equal(
    name: str, tmp_path: Path
) -> None:
    technology = load_technology(name)
    assert technology.name == name
    (tmp_path / "copy.yaml").write_text(technology.to_yaml(), encoding="utf-8")
    assert load_technology(tmp_path / "copy.yaml") == technology


def figures(content: object, path: str = "") -> list[str]:
    """Key paths of all figures of a technology file."""
    if isinstance(content, list):
        return [p for i, below in enumerate(content) for p in figures(below, f"{path}.{i}")]
    if not isinstance(content, dict):
        return []
    if "value" in content:
        return [path.removeprefix(".")]
    return [p for key, below in content.items() for p in figures(below, f"{path}.{key}")]


CONTENT = yaml.safe_load(ISAAC_32.to_yaml())


def broken(path: str, change: dict[str, object]) -> dict[str, object]:
    """isaac-32nm with keys of one figure replaced (None: taken out)."""
    content = copy.deepcopy(CONTENT)
    at = content
    for key in path.split("."):
        at = at[int(key)] if key.isdigit() else at[key]
    at.update(change)
    for key in [key for key, value in change.items() if value is None]:
        del at[key]
    return content


@pytest.mark.parametrize("path", figures(CONTENT))
def test_a_figure_without_source_or_with_a_wrong_unit_does_not_load(path: str) -> None:
    for change, message in (
        ({"source": None}, f"file: {path}.source: missing; it must be given"),
        ({"source": ""}, f"file: {path}.source: string should have at least 1 character"),
        ({"unit": "pJ"}, f"file: {path}.unit: expected '"),
        ({"value": -1.0}, f"file: {path}.value: expected greater than "),
    ):
        with pytest.raises(SpecError, match=re.escape(message)):
            validate(Technology, broken(path, change), "file")


def test_a_technology_file_with_a_bare_number_names_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "bare.yaml"
    file.write_text("extends: isaac-32nm\nbus: {energy: 1.0e-12}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=re.escape(f"{file}: bus.energy: expected")):
        load_technology(file)


def test_a_table_of_converters_with_a_gap_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(ISAAC_32.to_yaml())
    del content["adc"]["points"][2]
    file = tmp_path / "gap.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(SpecError, match=r"points: bits must rise by one, found \[4, 5, 7"):
        load_technology(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("energy: null", "energy: one of energy, line_capacitance must be given"),
        (
            "select_voltage: {value: 1.0, unit: V, source: test}",
            "select_voltage: must be given exactly with select_capacitance",
        ),
    ],
)
def test_a_driver_without_a_price_is_refused(tmp_path: Path, change: str, message: str) -> None:
    file = tmp_path / "driver.yaml"
    file.write_text(f"extends: isaac-32nm\ndriver: {{{change}}}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        load_technology(file)


def test_an_unknown_technology_is_named_with_a_suggestion() -> None:
    with pytest.raises(SpecError, match=r"technology: expected one of .*did you mean 'emt-32nm'"):
        load_technology("emt-23nm")
