"""Components as data: shared parts, memories by size, wires by length, ranges, refusals."""

import math
import re
from pathlib import Path

import pytest

from hwsim.chip.load import load_arch
from hwsim.cost import (
    Component,
    area,
    energy,
    figures,
    hop_m,
    load_technology,
    static_power,
    technologies,
    technology_of,
    total_J,
)
from hwsim.cost.figure import Figure, ShareFigure, Uncertainty
from hwsim.cost.part import part, parts
from hwsim.cost.technology import Block, Memory
from hwsim.device.spec import Scenario
from hwsim.errors import SpecError
from hwsim.events import EventCounts
from hwsim.spec import validate
from tests.reference.tolerance import near

EMT = load_arch("emt")
SURVEY = load_technology("emt-32nm-survey")
SRAM = validate(Memory, part("sram-45nm", "sram"), "sram")

#: What a technology is for, not how well something is known.
CERTAIN = {"feature_size", "supply", "buffer.capacity", "adc.survey.feature_size"}


def file_with(folder: Path, text: str) -> Path:
    file = folder / "mine.yaml"
    file.write_text(f"extends: emt-32nm\nname: mine\n{text}\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("name", sorted(technologies()))
def test_every_figure_says_how_far_off_it_may_be(name: str) -> None:
    for key, figure in figures(load_technology(name)).items():
        if key in CERTAIN or figure.value == 0:
            continue
        assert figure.uncertainty is not None, key
        assert figure.low <= figure.value <= figure.high


def test_a_range_is_factors_around_one_with_a_reason() -> None:
    for change, message in (
        ({"low": 1.5}, "low: expected less than or equal to 1, found 1.5"),
        ({"high": 0.5}, "high: expected greater than or equal to 1, found 0.5"),
        ({"source": ""}, "source: string should have at least 1 character"),
    ):
        content = {"low": 0.5, "high": 2.0, "source": "assumption", **change}
        with pytest.raises(SpecError, match=re.escape(message)):
            validate(Uncertainty, content, "file")


def test_a_share_stays_below_one_at_the_end_of_its_range() -> None:
    ranged = {"low": 1.0, "high": 3.0, "source": "assumption"}
    content = {"value": 0.5, "unit": "1", "source": "test", "uncertainty": ranged}
    with pytest.raises(SpecError, match=r"uncertainty.high: a share stays below 1, found 1.5"):
        validate(ShareFigure, content, "file")


def test_a_figures_note_names_node_conditions_and_range() -> None:
    ranged = Uncertainty(low=0.5, high=2, source="assumption")
    figure = Figure(
        value=1, unit="J", source="s", node="40 nm", conditions="hot", uncertainty=ranged
    )
    assert figure.note == "40 nm; hot; 0.5 to 2 times (assumption)"
    assert Figure(value=1, unit="J", source="s").note == ""


@pytest.mark.parametrize(("kilobytes", "picojoule"), [(8, 10), (32, 20), (1024, 100)])
def test_static_memory_reproduces_the_published_caches(kilobytes: int, picojoule: float) -> None:
    per_64_bits = 64 * SRAM.sized(kilobytes * 1024).energy.value
    assert per_64_bits == near(picojoule * 1e-12, rel=0.04)


def test_a_bit_of_a_larger_memory_costs_more_and_at_the_published_size_what_is_published() -> None:
    buffer = load_technology("isaac-32nm").buffer
    assert buffer.sized(65536).energy.value == near(20.45e-12 / 256, rel=1e-3)
    costs = [buffer.sized(1 << k).energy.value for k in range(10, 24)]
    assert costs == sorted(costs)
    assert costs[1] / costs[0] == near(2**0.78)


def test_energy_and_leakage_follow_the_buffer_of_the_architecture() -> None:
    small = EMT.replace(chip=EMT.chip.replace(buffer_bytes=8192))
    technology = load_technology("emt-32nm")
    events = EventCounts(buffer_read_bits=1e6)
    ratio = total_J(energy(events, small, technology)) / total_J(energy(events, EMT, technology))
    assert ratio == near(8**-0.78)
    small_W, large_W = (static_power(a, technology)[Component.BUFFER] for a in (small, EMT))
    assert small_W / large_W == near(8**-0.78)


def test_a_memory_that_does_not_grow_costs_the_same_at_every_size() -> None:
    block = Block(energy=SRAM.energy, area=SRAM.area, static_share=SRAM.static_share)
    flat = Memory(**block.model_dump())
    assert flat.sized(1).energy == flat.sized(1 << 30).energy
    with pytest.raises(SpecError, match="growth: must be given exactly with capacity"):
        validate(Memory, {**block.model_dump(), "growth": SRAM.growth}, "file")


def test_a_bit_over_the_mesh_pays_for_the_router_and_the_length_of_the_wire() -> None:
    hop = hop_m(EMT, SURVEY)
    served = 4 * sum(area(EMT, SURVEY).values())
    assert hop == near(math.sqrt(served))
    per_bit = energy(EventCounts(hop_bits=1), EMT, SURVEY)[Component.ROUTER]
    assert per_bit == near(8.101852e-14 * 0.98 + 1.21e-10 * hop)
    without = energy(EventCounts(hop_bits=1), EMT, load_technology("emt-32nm"))
    assert without[Component.ROUTER] == near(8.101852e-14 * 0.98)


@pytest.mark.parametrize("name", sorted(parts()))
def test_every_component_file_is_read_by_a_technology_that_names_it(
    name: str, tmp_path: Path
) -> None:
    section = {"adc-survey": "adc", "wire-40nm": "mesh_wire"}.get(name, "buffer")
    extra = ", survey: {feature_size: {value: 3.2e-8, unit: m, source: t}}"
    text = f"{section}: {{extends: {name}{extra if section == 'adc' else ''}}}"
    loaded = load_technology(file_with(tmp_path, text))
    assert any(key.startswith(section) for key in figures(loaded))


def test_a_component_takes_the_place_of_the_whole_section(tmp_path: Path) -> None:
    loaded = load_technology(file_with(tmp_path, "buffer: {extends: sram-45nm}"))
    assert loaded.buffer == SRAM
    assert loaded.bus == load_technology("emt-32nm").bus


def test_keys_beside_a_component_are_put_over_it(tmp_path: Path) -> None:
    text = "buffer: {extends: sram-45nm, area: {value: 1.0e-12, source: mine}}"
    loaded = load_technology(file_with(tmp_path, text))
    assert (loaded.buffer.area.value, loaded.buffer.area.source) == (1e-12, "mine")
    assert loaded.buffer.energy == SRAM.energy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "buffer: {extends: sram-45mm}",
            "buffer.extends: expected one of adc-survey, edram-isaac, sram-45nm, wire-40nm, "
            "found 'sram-45mm'; did you mean 'sram-45nm'?",
        ),
        ("adc: {points: []}", "adc: points: one of points, survey must be given"),
        ("adc: {energy_growth: null}", "adc: energy_growth: energy_growth, area_growth belong"),
        ("adc: {extends: adc-survey}", "adc.survey.feature_size: missing; it must be given"),
        ("mesh_wire: {energy: {value: 1, unit: J/m}}", "mesh_wire.energy.source: missing"),
        (
            "requantizer: {energy: {value: 1.0e+31, source: t}}",
            "requantizer.energy.value: expected less than or equal to 1e+30, found 1e+31",
        ),
        (
            "buffer: {extends: sram-45nm, capacity: {value: 0, source: t}}",
            "buffer.capacity.value: expected greater than 0, found 0",
        ),
        (
            "feature_size: {value: 0, source: t}",
            "feature_size.value: expected greater than 0, found 0",
        ),
        ("scale_to: 16", "scale_to: expected a mapping, found 16"),
        (
            "scale_to: {feature_size_m: 3.0e-9, supply_V: 0.8}",
            "feature_size_m: expected 7e-09 to 1.8e-07, found 3e-09",
        ),
        ("scale_to: {feature_size_m: 16.0e-9}", "scale_to: supply_V: missing; it must be given"),
    ],
)
def test_mistakes_in_a_technology_are_one_line_that_names_the_key(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as found:
        load_technology(file_with(tmp_path, text))
    assert "\n" not in str(found.value)
    assert "mine.yaml" in str(found.value)


@pytest.mark.parametrize(
    "text",
    [
        "buffer: {extends: sram-45nm, growth: {value: 1.0e+30, source: t}}",
        "leakage_growth: {value: 1.0e+30, source: t}",
        "adc: {extends: adc-survey, survey: "
        "{feature_size: {value: 3.2e-8, unit: m, source: t}, fom_slope: {value: 1.0e+9, source: "
        "t}}}",
    ],
)
def test_prices_that_overflow_on_a_chip_are_one_line(tmp_path: Path, text: str) -> None:
    arch = EMT.replace(
        technology=str(file_with(tmp_path, text)),
        chip=EMT.chip.replace(buffer_bytes=2**30),
        scenario=Scenario(temperature_K=358.0),
    )
    message = "^emt: technology: expected finite prices of this chip, found figures of 'mine'"
    with pytest.raises(SpecError, match=message):
        technology_of(arch)


def test_a_file_that_extends_nothing_cannot_be_scaled(tmp_path: Path) -> None:
    file = tmp_path / "alone.yaml"
    file.write_text("scale_to: {feature_size_m: 16.0e-9, supply_V: 0.8}\n", encoding="utf-8")
    with pytest.raises(SpecError, match="scale_to: expected a technology to extend, found none"):
        load_technology(file)


def test_a_new_value_needs_its_own_source_and_inherits_only_the_unit(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"requantizer\.energy\.source: missing"):
        load_technology(file_with(tmp_path, "requantizer: {energy: {value: 1.0e-12}}"))
    text = "requantizer: {energy: {value: 1.0e-12, source: mine}}"
    mine = load_technology(file_with(tmp_path, text)).requantizer.energy
    assert load_technology("emt-32nm").requantizer.energy.node == "40 nm"
    assert (mine.node, mine.conditions, mine.uncertainty, mine.unit) == (None, None, None, "J")
