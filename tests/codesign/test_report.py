"""Reports: one record in four formats, self-contained, escaped, whole or not at all."""

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from codesign.cli.simulate import summary
from codesign.report import (
    Assumption,
    ReportFormat,
    Result,
    compare,
    load_result,
    render,
    save_result,
    write_report,
)
from codesign.report.chart_cost import MAX_LAYERS, shown_layers
from codesign.report.charts import charts
from codesign.report.comparison import remarks
from codesign.report.content import sections
from codesign.report.palette import Family, family
from codesign.report.provenance import provenance
from codesign.report.quantities import percent, si, square_mm
from hwsim.cost import Component
from hwsim.errors import SpecError
from tests.reference.tolerance import near

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def plain(plain_result: Callable[..., Result]) -> Result:
    return plain_result()


@pytest.fixture(scope="module")
def crowded(plain: Result) -> Result:
    """`plain` with the buffer of cluster 0 too small for its first two layers."""
    layers = [layer.model_dump() for layer in plain.layers]
    for layer in layers[:2]:
        layer.update(buffer_bytes=70000, overflowing_clusters=(0,))
    chip = plain.chip.replace(buffer_bytes=65536) if plain.chip else None
    overflow = {"buffer_overflow_bytes": {"0": 140000}, "layers": layers}
    return plain.replace(chip=chip.model_dump() if chip else None, **overflow)


def test_every_format_names_the_buffers_that_overflow(plain: Result, crowded: Result) -> None:
    assert "Buffers that overflow" not in Seen(render(plain, ReportFormat.HTML)).texts
    assert "Buffers" not in render(plain, ReportFormat.MARKDOWN)
    assert "buffer of cluster" not in summary(plain)
    names = ", ".join(layer.name for layer in crowded.layers[:2])
    assert f"| 0 | 140 000 | 65 536 | {names} |" in render(crowded, ReportFormat.MARKDOWN)
    assert "tab:hwsim-buffers" in render(crowded, ReportFormat.LATEX)
    assert {"Buffers that overflow", names} <= set(Seen(render(crowded, ReportFormat.HTML)).texts)
    rows = list(csv.DictReader(io.StringIO(render(crowded, ReportFormat.CSV))))
    assert [row["overflowing_clusters"] for row in rows[:3]] == ["0", "0", ""]
    assert rows[0]["buffer_bytes"] == "70000"
    assert "buffer of cluster 0: 140000 bytes wait there" in summary(crowded)
    said = remarks(compare([plain, crowded]))
    assert "B: emt: the buffers of 1 cluster overflow." in said


@pytest.fixture(scope="module")
def page(plain: Result) -> str:
    return render(plain, ReportFormat.HTML)


def values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows a chart is drawn from, those of its largest set."""
    rows = max(spec["datasets"].values(), key=len)
    assert isinstance(rows, list)
    return rows


class Seen(HTMLParser):
    """Tags, attributes and texts of a page, scripts apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            continue

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style" and data.strip():
            self.texts.append(" ".join(data.split()))


def test_a_saved_result_loads_back_equal(plain: Result, tmp_path: Path) -> None:
    path = save_result(plain, tmp_path / "new" / "run")
    assert path == tmp_path / "new" / "run" / "result.json"
    assert load_result(tmp_path / "new" / "run") == plain
    assert load_result(path) == plain


def test_the_json_has_the_documented_keys(plain: Result) -> None:
    document = json.loads(render(plain, ReportFormat.JSON))
    keys = "network arch seed samples device_samples accuracy energy_J area_m2 latency_s"
    for key in f"{keys} throughput_per_s cycles tiles tops_per_W layers assumptions".split():
        assert key in document
    assert set(document["accuracy"]) == {"float", "quantized", "mean", "ci95"}
    assert set(document["energy_J"]) == {"total", "by_component", "by_layer"}
    assert set(document["area_m2"]) == {"total", "by_component"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "result.json: line 1: not JSON"),
        ("[]", "result.json: expected a result, found list"),
        ("{}", "result.json: network: missing; it must be given"),
        ('{"seed": ' + 5000 * "9" + "}", "result.json: cannot be read as JSON: Exceeds the limit"),
        ("\xff\xfe", "result.json: cannot be read as JSON"),
    ],
)
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "result.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        load_result(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"result\.json: no such file; expected"):
        load_result(tmp_path)


def test_a_result_whose_parts_do_not_sum_to_its_total_is_refused(
    plain: Result, tmp_path: Path
) -> None:
    document = json.loads(render(plain, ReportFormat.JSON))
    document["energy_J"]["by_component"]["adc"] *= 2
    (tmp_path / "result.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SpecError, match="energy_J: by_component: must sum to total"):
        load_result(tmp_path)


def test_csv_has_one_row_per_layer_that_sums_to_the_total(plain: Result) -> None:
    rows = list(csv.DictReader(io.StringIO(render(plain, ReportFormat.CSV))))
    assert [row["name"] for row in rows] == [layer.name for layer in plain.layers]
    total = sum(float(row["energy_J"]) for row in rows)
    assert total == near(plain.energy_J.total, 1e-12)
    parts = [key for key in rows[0] if re.fullmatch(r"energy_\w+_J", key)]
    assert len(parts) == len(plain.energy_J.by_component)
    assert sum(float(row[key]) for row in rows for key in parts) == pytest.approx(total)


def test_csv_text_cannot_run_as_a_formula(plain: Result) -> None:
    first = plain.layers[0].replace(name="=HYPERLINK(1)")
    changed = plain.model_copy(update={"layers": (first,)})
    rows = list(csv.DictReader(io.StringIO(render(changed, ReportFormat.CSV))))
    assert rows[0]["name"] == "'=HYPERLINK(1)"


def test_markdown_tables_are_whole_and_user_text_stays_text(
    plain_result: Callable[..., Result],
) -> None:
    hostile = plain_result(f"a|b {EVIL}")
    text = render(hostile, ReportFormat.MARKDOWN)
    assert "<script" not in text
    assert "a\\|b" in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) == sum(len(group) for _, group in sections(hostile))
    for table in tables:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1, table
    assert "95.12 %" in text


def test_the_page_needs_no_network_and_is_small(page: str) -> None:
    assert len(page.encode()) < 5_000_000
    seen = Seen(page)
    for tag, attributes in seen.tags:
        assert tag not in ("link", "img", "iframe", "object", "base"), tag
        assert not {"src", "srcset", "action"} & set(attributes), (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#"), (tag, attributes)
    policies = [a["content"] for tag, a in seen.tags if tag == "meta" and "http-equiv" in a]
    assert len(policies) == 1
    assert policies[0] is not None
    assert policies[0].startswith("default-src 'none'")
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_shows_every_headline_layer_assumption_and_source(
    page: str, plain: Result
) -> None:
    texts = " ".join(Seen(page).texts)
    assert "95.12 %" in texts
    assert "95 % interval 94.00 to 96.00 %" in texts
    for shown in (
        si(plain.energy_J.total, "J"),
        square_mm(plain.area_m2.total),
        si(plain.latency_s, "s"),
        f"{plain.tops_per_W:.3g} TOPS/W",
    ):
        assert shown in texts
    for layer in plain.layers:
        assert layer.name in texts
    for assumption in plain.assumptions:
        assert " ".join(assumption.text.split()) in texts
    for figure in plain.figures:
        assert figure.key in texts


def test_a_hostile_name_stays_text_everywhere_on_the_page(plain: Result) -> None:
    hostile = f'{EVIL}"><img src=x onerror=alert(1)>'
    layer = plain.layers[0].replace(name=hostile, op=hostile)
    changed = plain.model_copy(
        update={
            "network": hostile,
            "arch_description": hostile,
            "layers": (layer, *plain.layers[1:]),
            "assumptions": (Assumption(text=hostile, source=hostile),),
            "provenance": provenance(hostile).replace(inputs={hostile: hostile}),
        }
    )
    text = render(changed, ReportFormat.HTML)
    seen = Seen(text)
    assert len([tag for tag, _ in seen.tags if tag == "script"]) == 3
    assert not [tag for tag, attributes in seen.tags if tag == "img" or "onerror" in attributes]
    assert hostile in seen.texts
    specs = json.loads(seen.scripts[0])
    rows = values(specs["energy-by-layer"])
    assert hostile in {row["layer"] for row in rows}


def test_a_map_only_report_says_not_simulated(
    plain_result: Callable[..., Result],
) -> None:
    bare = plain_result(accuracy=False)
    assert json.loads(render(bare, ReportFormat.JSON))["accuracy"] is None
    assert "not simulated" in render(bare, ReportFormat.MARKDOWN)
    assert "not simulated" in Seen(render(bare, ReportFormat.HTML)).texts


def test_tables_of_the_page_have_captions_and_scoped_headings(page: str) -> None:
    seen = Seen(page)
    tables = [attributes for tag, attributes in seen.tags if tag == "table"]
    captions = [tag for tag, _ in seen.tags if tag == "caption"]
    headings = [attributes for tag, attributes in seen.tags if tag == "th"]
    assert len(tables) == len(captions) >= 4
    assert headings
    assert all(attributes.get("scope") in ("col", "row") for attributes in headings)


def test_every_row_of_a_table_on_the_page_is_as_wide_as_its_headings(plain: Result) -> None:
    pool = plain.layers[0].replace(name="pool", tiles=0, utilization=None, read_voltage_V=None)
    text = render(plain.model_copy(update={"layers": (*plain.layers, pool)}), ReportFormat.HTML)
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        rows = re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
        assert len({len(re.findall(r"<t[hd][ >]", row)) for row in rows}) == 1


def test_charts_hold_the_same_numbers_as_the_record(plain: Result) -> None:
    shown = charts(plain)
    total = plain.energy_J.total
    for name in ("energy-by-layer", "energy-by-component"):
        rows = values(shown[name].spec)
        assert sum(row["value"] for row in rows) == pytest.approx(total)
    areas = values(shown["area-by-component"].spec)
    assert sum(row["value"] for row in areas) == pytest.approx(plain.area_m2.total * 1e6)
    by_tile = values(shown["tile-map"].spec)
    assert sum(row["energy"] or 0.0 for row in by_tile) == pytest.approx(total)


def test_a_deep_network_keeps_its_costliest_layers_in_the_charts(
    plain_result: Callable[..., Result],
) -> None:
    deep = plain_result(layers=MAX_LAYERS + 5)
    shown = shown_layers(deep)
    assert len(shown) == MAX_LAYERS
    hidden = {layer.name for layer in deep.layers} - {layer.name for layer in shown}
    assert max(deep.energy_J.by_layer[name] for name in hidden) <= min(
        layer.energy_J for layer in shown
    )
    assert "5 cheapest layers are left out" in " ".join(Seen(render(deep, ReportFormat.HTML)).texts)


def test_every_component_has_a_colour_of_its_own_family() -> None:
    assert {family(component.value) for component in Component} == set(Family)


def test_an_unknown_ending_and_a_missing_folder_are_named(plain: Result, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"report\.pdf: format: expected one of .*found '\.pdf'"):
        write_report(plain, tmp_path / "report.pdf")
    with pytest.raises(SpecError, match=r"report\.csv: cannot be written: No such file"):
        write_report(plain, tmp_path / "none" / "report.csv")
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match="file: cannot be made"):
        save_result(plain, tmp_path / "file")


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    plain: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.csv"
    target.write_text("old", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SpecError, match="No space left on device"):
        write_report(plain, target)
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_renderings_of_one_result_are_equal(plain: Result, page: str) -> None:
    assert render(plain, ReportFormat.HTML) == page


def test_provenance_hashes_its_inputs(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"abc")
    record = provenance("hwsim map a.onnx", {"a.bin": file})
    # The SHA-256 of "abc" is a test vector of FIPS 180-2.
    assert record.inputs["a.bin"].startswith("ba7816bf8f01cfea414140de5dae2223")
    assert {"python", "numpy"} <= set(record.versions)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 J"),
        (1.25e-8, "12.5 nJ"),
        (9.999e-7, "1.00 µJ"),
        (999.6, "1.00 kJ"),
        (1.0, "1.00 J"),
        (123456.0, "123 kJ"),
        (2e-20, "0.0200 aJ"),
    ],
)
def test_quantities_have_three_digits_and_a_prefix(value: float, text: str) -> None:
    assert si(value, "J") == text


def test_shares_and_areas_read_as_people_write_them() -> None:
    assert percent(0.12345) == "12.35 %"
    assert percent(None) == "not simulated"
    assert square_mm(2.53e-6) == "2.53 mm²"
