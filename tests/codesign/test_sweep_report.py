"""The report of a sweep: front, axes, points without a result; in every format."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from codesign.cli.entry import run as hwsim
from codesign.report import ReportFormat
from codesign.sweep import Status, Sweep, SweepPoint
from codesign.sweep.charts import MAX_POINTS, page_points, sweep_charts
from codesign.sweep.record import Outcome, load_sweep_record, save_sweep
from codesign.sweep.report import render_sweep
from codesign.sweep.tables import front_table, point_table, short
from hwsim.errors import SpecError
from tests.reference.barriers import barriers

BITS, ROWS = "arch.tile.adc.bits", "arch.tile.rows"


def point(index: int, bits: int, rows: int, energy_J: float, accuracy: float) -> SweepPoint:
    outcome = Outcome(
        network="net",
        arch="emt",
        device="emt",
        accuracy={"mean": accuracy, "ci95": (accuracy - 0.01, min(1.0, accuracy + 0.01))},
        energy_J=energy_J,
        area_m2=2.5e-6,
        latency_s=3e-6,
        throughput_per_s=1e6,
        tops_per_W=2.0,
        tiles=1234,
        utilization=0.5,
    )
    values = {BITS: bits, ROWS: rows}
    return SweepPoint(
        index=index, values=values, status=Status.DONE, outcome=outcome.model_dump(by_alias=True)
    )


@pytest.fixture
def sweep() -> Sweep:
    """Six points on two axes; one of them invalid, one open."""
    points = [
        point(0, 4, 64, 1e-9, 0.5),
        point(1, 6, 64, 3e-9, 0.9),
        point(2, 4, 128, 2e-9, 0.7),
        point(3, 6, 128, 4e-9, 0.8),
        SweepPoint(index=4, values={BITS: 8, ROWS: 64}, status=Status.INVALID, reason="<b>no|fit"),
        SweepPoint(index=5, values={BITS: 8, ROWS: 128}),
    ]
    return Sweep(name="s", seed=3, axes=(BITS, ROWS), points=tuple(points))


def drawn(sweep: Sweep, name: str) -> list[dict[str, Any]]:
    spec = sweep_charts(sweep)[name].spec
    [rows] = [*spec.get("datasets", {}).values()] or [spec["data"]["values"]]
    return rows


def test_the_scatter_marks_the_front_and_says_its_ends(sweep):
    rows = drawn(sweep, "accuracy-against-energy")
    found = [(row["label"], row["kind"] == "on the front") for row in rows]
    assert found == [("point 0", True), ("point 1", True), ("point 2", True), ("point 3", False)]
    summary = sweep_charts(sweep)["accuracy-against-energy"].summary
    assert summary.startswith("3 points are on the front: 50.00 % for 1.00 nJ to 90.00 % for 3.00")


def test_every_axis_with_two_values_has_a_chart_of_accuracy_and_one_of_energy(sweep):
    names = {f"{what}-by-{i}" for what in ("accuracy", "energy") for i in (0, 1)}
    assert set(sweep_charts(sweep)) == {"accuracy-against-energy"} | names
    assert sweep_charts(sweep)["accuracy-by-0"].summary == (
        "On average 60.00 % at 4, 85.00 % at 6."
    )
    assert sweep_charts(sweep)["energy-by-1"].summary == (
        "On average 2.00 nJ at 64, 3.00 nJ at 128."
    )
    one = sweep.replace(points=[p.model_dump(by_alias=True) for p in sweep.points[:2]])
    assert {n for n in sweep_charts(one) if "-by-" in n} == {"accuracy-by-0", "energy-by-0"}


def test_colours_of_a_chart_along_an_axis_stand_for_the_other(sweep):
    for axis, other in ((0, "axis1:N"), (1, "axis0:N")):
        [*layers] = sweep_charts(sweep)[f"energy-by-{axis}"].spec["layer"]
        assert {layer["encoding"]["color"]["field"] for layer in layers} == {other[:-2]}


def test_of_very_many_points_the_page_shows_the_first_and_the_front():
    points = [point(i, i, 64, (i + 2) * 1e-9, 0.5) for i in range(MAX_POINTS + 50)]
    points.append(point(len(points), 0, 64, 1e-9, 0.6))
    sweep = Sweep(name="s", seed=0, axes=(BITS, ROWS), points=tuple(points))
    shown = page_points(sweep)
    assert [p.index for p in shown] == [*range(MAX_POINTS), len(points) - 1]
    assert point_table(sweep, shown).caption == (
        f"{MAX_POINTS + 1} points of {len(points)}; the CSV file has all."
    )


def test_tables_show_what_the_record_says(sweep):
    assert [row[0].value for row in front_table(sweep).rows] == [0, 2, 1]
    table = point_table(sweep)
    assert table.headings[:5] == ("point", "adc.bits", "rows", "accuracy", "95 % interval")
    assert [cell.shown for cell in table.rows[1]][:6] == [
        *("1", "6", "64", "90.00 %"),
        *("89.00 to 91.00 %", "3.00 nJ"),
    ]


@pytest.mark.parametrize(
    ("axis", "name"),
    [
        ("arch.tile.adc.bits", "adc.bits"),
        ("arch.device.fluctuation.amplitude", "device.fluctuation.amplitude"),
        ("design.default.redundancy", "redundancy"),
        ("design.layers.conv1.redundancy", "conv1.redundancy"),
        ("network", "network"),
        ("arch", "arch"),
    ],
)
def test_axes_are_named_without_what_all_share(axis, name):
    assert short(axis) == name


def test_csv_has_a_row_per_point_in_si_units(sweep):
    rows = list(csv.DictReader(io.StringIO(render_sweep(sweep, ReportFormat.CSV))))
    assert [row["status"] for row in rows] == ["done"] * 4 + ["invalid", "open"]
    assert float(rows[1]["energy_J"]) == 3e-9
    assert float(rows[1]["area_m2"]) == 2.5e-6
    assert rows[1][BITS] == "6"
    assert [row["front"] for row in rows] == ["True", "True", "True", "False", "False", "False"]
    assert rows[4]["reason"] == "<b>no|fit"
    assert rows[4]["energy_J"] == ""


def test_text_of_users_stays_text(sweep):
    page = render_sweep(sweep, ReportFormat.HTML)
    assert "&lt;b&gt;no|fit" in page
    assert "<b>no" not in page
    assert r"&lt;b&gt;no\|fit" in render_sweep(sweep, ReportFormat.MARKDOWN)
    assert r"\textless{}b\textgreater{}no" in render_sweep(sweep, ReportFormat.LATEX)


def test_a_sweep_without_a_result_still_has_a_report(sweep):
    none = sweep.replace(points=[p.model_dump() for p in sweep.points[4:]])
    assert sweep_charts(none) == {}
    for form in ReportFormat:
        assert render_sweep(none, form)


def test_the_record_is_read_back(sweep, tmp_path):
    save_sweep(sweep, tmp_path)
    assert load_sweep_record(tmp_path) == sweep
    (tmp_path / "sweep.json").write_text('{"name": 3}')
    with pytest.raises(SpecError, match=r"sweep.json: name: "):
        load_sweep_record(tmp_path)
    (tmp_path / "sweep.json").write_text("[1]")
    with pytest.raises(SpecError, match=r"sweep.json: expected a sweep, found list"):
        load_sweep_record(tmp_path)
    for text in ("9" * 5000, "[" * 200_000):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(SpecError, match=r"sweep.json: expected the record of a sweep, found "):
            load_sweep_record(tmp_path)


def test_the_verb_writes_every_format_and_figures(sweep, tmp_path, capsys):
    save_sweep(sweep, tmp_path)
    assert hwsim(["report", str(tmp_path), "--figures", "svg"]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert {file.name for file in written[:4]} == {
        f"report.{e}" for e in ("html", "csv", "md", "tex")
    }
    assert {f"{name}.svg" for name in sweep_charts(sweep)} == {file.name for file in written[4:]}
    assert all(file.stat().st_size > 100 for file in written)
    assert hwsim(["report", str(tmp_path), "--out", str(tmp_path / "one.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "s"
    assert hwsim(["report", str(tmp_path), str(tmp_path)]) == 2
    assert "expected the folder of a sweep alone, found 2" in capsys.readouterr().err


def test_the_page_draws_all_charts_and_asks_no_network(sweep, tmp_path, new_page):
    file = tmp_path / "report.html"
    file.write_text(render_sweep(sweep, ReportFormat.HTML), encoding="utf-8")
    wrong: list[str] = []
    page = new_page(viewport={"width": 1200, "height": 800})
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda r: r.url.startswith("file:") or wrong.append(r.url))
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-drawn]")
    marks = page.locator("#accuracy-against-energy svg .mark-symbol.role-mark path").count()
    charts = page.locator(".chart svg").count()
    text = page.inner_text("#accuracy-by-0")
    assert wrong == []
    assert marks == 4
    assert charts == 5
    assert re.search(r"adc\.bits", text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_the_page(sweep, tmp_path, new_page, scheme):
    file = tmp_path / "report.html"
    file.write_text(render_sweep(sweep, ReportFormat.HTML), encoding="utf-8")
    page = new_page(color_scheme=scheme)
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-drawn]")
    assert barriers(page) == []
