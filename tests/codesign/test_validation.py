"""Published designs beside ours: the page is current, roles are honest, breaks show."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from codesign.cli.entry import run
from codesign.validation import (
    Kind,
    Role,
    Row,
    published,
    summary,
    validation_page,
    validation_table,
)
from codesign.validation.gates import tree_adders
from codesign.validation.hardware import arch, technology, technology_files
from codesign.validation.macros import (
    colonnade_energy,
    jia_block,
    neurram_neurons,
    neurram_phases,
    sinangil_energy,
)
from codesign.validation.published import Design, published_designs
from codesign.validation.table import EXPLAIN_ABOVE, MODELS
from hwsim.cost import energy, figures
from hwsim.cost.adc import AdcPrice
from hwsim.cost.technology import Driver
from hwsim.errors import SpecError
from hwsim.events import EventCounts
from hwsim.spec import validate
from tests.reference.tolerance import near

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
#: Which technology files stand for which design, by the beginning of their names.
FILES = {
    "neurram": ("neurram",),
    "jia": ("jia",),
    "sinangil": ("sinangil",),
    "colonnade": ("colonnade",),
    "puma": ("puma",),
    "zigzag": ("gates", "dac"),
    "converters": ("converters",),
}


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    return validation_table()


def test_the_page_in_the_documentation_is_what_the_command_writes(rows: tuple[Row, ...]) -> None:
    assert PAGE.read_text(encoding="utf-8") == validation_page(rows)


def test_every_error_above_ten_percent_has_its_reason(rows: tuple[Row, ...]) -> None:
    for row in rows:
        assert (abs(row.error) > EXPLAIN_ABOVE) == bool(row.reason), row
        assert row.reason is None or len(row.reason) > 60, row


def test_calibrated_rows_and_echoes_meet_their_figures(rows: tuple[Row, ...]) -> None:
    for row in rows:
        if row.role in (Role.INPUT, Role.CALIBRATED):
            assert abs(row.error) < 0.005, row


@pytest.mark.parametrize("design", sorted(FILES))
def test_no_predicted_figure_stands_in_the_files_of_its_design(design: str) -> None:
    names = [name for name in technology_files() if name.startswith(FILES[design])]
    entered = [f.value for name in names for f in figures(technology(name)).values() if f.value]
    assert entered
    for series in published_designs()[design].series:
        for point in series.points:
            if (point.role or series.role) in (Role.PREDICTED, Role.BORROWED):
                value = point.value * series.unit.si
                assert all(abs(value / figure - 1) > 1e-4 for figure in entered), (series, point)


def test_designs_of_the_issue_are_all_there_and_each_says_how_it_is_compared() -> None:
    designs = published_designs()
    asked = {"isaac", "puma", "neurram", "jia", "sinangil", "colonnade", "zigzag", "rram"}
    assert asked <= set(designs)
    assert all(design.series or design.not_compared for design in designs.values())


def test_every_model_is_used_by_a_row() -> None:
    used = {series.model for design in published_designs().values() for series in design.series}
    assert used == set(MODELS)


def test_only_predicted_rows_count_in_the_summary() -> None:
    def row(published: float, role: Role) -> Row:
        return Row("d", Kind.DESIGN, "q", "", "pJ", 1.0, published, role, None, "s")

    echoes = [row(9.0, Role.INPUT), row(8.0, Role.CALIBRATED), row(7.0, Role.BORROWED)]
    found = summary([*echoes, row(1.25, Role.PREDICTED), row(1.0, Role.PREDICTED)])
    assert (found.inputs, found.calibrated, found.borrowed) == (1, 1, 1)
    assert (found.predicted, found.within) == (2, 1)
    assert found.max_error == near(0.2)
    assert found.median_error == near(0.1)
    assert summary(echoes).max_error is None


def test_a_law_that_is_not_v_squared_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    high = {"block": "column", "V": 1.2}
    published = 20.4e-12
    assert jia_block(high) == near(published, rel=0.06)

    def linear(self: Driver, cols: int, volt: float) -> float:
        assert self.line_capacitance
        return cols * self.line_capacitance.value * 0.85 * volt

    monkeypatch.setattr(Driver, "swing_J", linear)
    assert jia_block({"block": "column", "V": 0.85}) == near(9.7e-12, rel=1e-4)
    assert abs(jia_block(high) / published - 1) > 0.3


def test_a_converter_that_costs_the_same_at_every_resolution_would_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    three_bits = {"out": 3, "in": 1}
    published = 10.62e-15
    assert neurram_neurons(three_bits) == near(published, rel=0.05)
    monkeypatch.setattr(AdcPrice, "conversion_J", lambda self, bits, rate: 3.0e-12)
    assert neurram_neurons(three_bits) > 1.5 * published


def test_neurram_reads_long_inputs_in_two_phases() -> None:
    assert neurram_phases(1, 3) == ((1, 3),)  # ternary input: no bit for the sign
    assert neurram_phases(4, 6) == ((3, 6),)
    assert neurram_phases(5, 7) == ((2, 7), (2, 5))
    assert neurram_phases(8, 10) == ((4, 10), (3, 6))


def test_neurrams_neuron_by_hand() -> None:
    # One magnitude bit, three converter steps: sample, integrate, three comparisons and shifts.
    picojoule = 1.2 + 0.25 + 3 * (0.3 + 0.1)
    assert neurram_neurons({"out": 3, "in": 1}) == near(256 * picojoule * 1e-12 / 65536)


def test_colonnade_wastes_the_columns_that_hold_no_weight() -> None:
    # 17 columns per 10-bit weight: seven of 119 columns in 128; 21 per 14-bit weight: six.
    ten, fourteen = (
        colonnade_energy({"V": 0.8, "input bits": 1, "weight bits": bits}) for bits in (10, 14)
    )
    assert fourteen / ten == near(7 / 6)


def test_full_adders_of_a_tree_by_hand() -> None:
    # Four 2-bit numbers: two adders of two bits, then one of three.
    assert tree_adders(4, 2) == 7
    assert tree_adders(2, 8) == 8


def test_both_laws_over_voltage_start_at_the_calibrated_supply() -> None:
    lines, blocks = (
        sinangil_energy({"V": 0.8, "law": law})
        for law in ("C V^2 of lines", "rule of digital blocks")
    )
    assert lines == near(blocks, rel=1e-4)


def test_a_macro_is_charged_for_nothing_around_it() -> None:
    around = EventCounts(
        output_register_bits=1, buffer_read_bits=1, bus_bits=1, hop_bits=1, requantizations=1
    )
    assert not any(energy(around, arch("macro"), technology("macro")).values())


def test_a_design_without_a_source_is_refused() -> None:
    point = {"value": 1.0}
    series = {"model": "line_area", "quantity": "q", "unit": "mm2", "points": [point]}
    design = {"title": "t", "source": "s", "method": "m", "series": [series]}
    with pytest.raises(SpecError, match=r"^x: series.0.source: missing; it must be given$"):
        validate(Design, design, "x")


@pytest.fixture
def designs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of the published designs."""
    monkeypatch.setattr(published, "_FOLDER", tmp_path)
    published_designs.cache_clear()
    yield tmp_path
    published_designs.cache_clear()


def test_a_design_that_the_order_does_not_name_is_refused(designs: Path) -> None:
    (designs / "order.yaml").write_text("designs: []")
    (designs / "new.yaml").write_text("{}")
    with pytest.raises(SpecError, match=r"order.yaml: expected \['new'\], found \[\]$"):
        published_designs()


def test_an_unknown_model_is_named(designs: Path) -> None:
    (designs / "order.yaml").write_text("designs: [new]")
    series = "{model: line_aera, quantity: q, unit: mm2, source: s, points: [{value: 1.0}]}"
    (designs / "new.yaml").write_text(f"{{title: t, source: s, method: m, series: [{series}]}}")
    with pytest.raises(SpecError, match=r"^new: model: .* did you mean 'line_area'\?$"):
        validation_table()


def test_the_command_writes_the_page_and_prints_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validation", "--json", "--out", str(tmp_path / "page.md")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
    counts = document["summary"]["design"]
    roles = [row["role"] for row in document["rows"] if row["kind"] == "design"]
    assert roles.count("predicted") == counts["predicted"]
    assert {"ours", "published", "error_percent", "reason", "source"} <= set(document["rows"][0])


def test_a_page_that_cannot_be_written_is_a_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validation", "--out", str(tmp_path / "none" / "page.md")]) == 2
    assert "page.md: cannot be written: No such file or directory" in capsys.readouterr().err
