"""Results side by side, figures, the published schema, LaTeX, the tile map."""

import csv
import io
import json
import re
import runpy
import shlex
import struct
from collections.abc import Callable
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from pylatexenc.latexwalker import LatexWalkerParseError

from codesign.cli.report import report as report_verb
from codesign.report import (
    Comparison,
    ReportFormat,
    Result,
    compare,
    load_result,
    render,
    result_schema,
    save_result,
    write_report,
)
from codesign.report.chart_compare import comparison_charts
from codesign.report.chart_map import MAX_TILES, Floor
from codesign.report.charts import charts
from codesign.report.comparison import MAX_RESULTS, remarks, signed
from codesign.report.figures import FigureFormat, write_figures
from codesign.report.json_schema import SCHEMA_FILE
from codesign.report.text import latex
from hwsim.errors import SpecError
from mapping.place import Mesh
from tests.reference.latex_tables import tables
from tests.reference.tolerance import near

PNG_START = b"\x89PNG\r\n\x1a\n"


def scaled(result: Result, factor: float) -> Result:
    """`result` with every energy times `factor`."""
    energy = result.energy_J
    parts = {name: factor * joules for name, joules in energy.by_component.items()}
    layers = {name: factor * joules for name, joules in energy.by_layer.items()}
    total = factor * energy.total
    changed = {"total": total, "by_component": parts, "by_layer": layers}
    return result.replace(energy_J=changed, arch=f"{result.arch}-x")


@pytest.fixture(scope="module")
def plain(plain_result: Callable[..., Result]) -> Result:
    return plain_result()


@pytest.fixture(scope="module")
def pair(plain: Result) -> Comparison:
    return compare([plain, scaled(plain, 1.5)])


def test_a_result_against_itself_differs_in_nothing(plain: Result) -> None:
    same = compare([plain, plain])
    assert len(set(same.labels)) == 2
    assert {change for quantity in same.quantities for change in quantity.changes} == {0.0}


def test_differences_are_to_the_first_and_shares_differ_in_points(plain: Result) -> None:
    assert plain.accuracy is not None
    worse = plain.accuracy.replace(mean=plain.accuracy.mean - 0.02)
    other = scaled(plain, 1.5).model_copy(update={"accuracy": worse})
    changes = {q.key: q.changes for q in compare([plain, other]).quantities}
    assert changes["energy_J"] == pytest.approx((0.0, 0.5))
    assert changes["accuracy"] == pytest.approx((0.0, -0.02))
    text = render(compare([plain, other]), ReportFormat.MARKDOWN)
    assert "+50.0 %" in text
    assert "−2.0 points" in text


def test_changes_read_with_a_sign_and_no_negative_zero() -> None:
    assert [signed(x) for x in (0.123, -0.5, -1e-6, None)] == ["+12.3 %", "−50.0 %", "0.0 %", ""]


def test_one_result_and_too_many_cannot_be_compared(plain: Result) -> None:
    for count in (1, MAX_RESULTS + 1):
        with pytest.raises(SpecError, match=f"report: expected 2 to 6 results, found {count}"):
            compare([plain] * count)


def test_what_makes_a_comparison_unfair_is_said(plain: Result) -> None:
    assert remarks(compare([plain, plain])) == ("The 95 % intervals of the accuracies overlap.",)
    other = plain.replace(network="other", samples=5, technology="other", accuracy=None)
    said = " ".join(remarks(compare([plain, other])))
    for what in ("networks differ", "numbers of images differ", "technologies differ"):
        assert what in said
    assert "intervals" not in said


def test_compared_charts_hold_the_numbers_of_every_result(pair: Comparison) -> None:
    shown = comparison_charts(pair)
    assert set(shown) == {
        "accuracy-against-energy",
        "energy-in-all",
        "energy-by-component",
        "energy-by-layer",
    }
    for name in ("energy-in-all", "energy-by-component", "energy-by-layer"):
        (rows,) = shown[name].spec["datasets"].values()
        for label, result in zip(pair.labels, pair.results, strict=True):
            found = sum(row["value"] for row in rows if row["result"] == label)
            # Layers keep their own energies in `scaled`; totals are of the result.
            expected = pair.results[0] if name == "energy-by-layer" else result
            assert found == near(expected.energy_J.total)


def test_changing_one_chart_changes_no_other(plain: Result) -> None:
    before = json.dumps({name: chart.spec for name, chart in charts(plain).items()})
    charts(plain)["energy-by-layer"].spec["config"]["axis"]["grid"] = False
    assert json.dumps({name: chart.spec for name, chart in charts(plain).items()}) == before


def test_layers_of_different_networks_are_not_compared(plain: Result) -> None:
    assert "energy-by-layer" not in comparison_charts(
        compare([plain, plain.replace(network="other", accuracy=None)])
    )


def test_a_comparison_has_every_format(pair: Comparison, tmp_path: Path) -> None:
    for ending in ("html", "json", "csv", "md", "tex"):
        write_report(pair, tmp_path / f"c.{ending}")
    assert Comparison.model_validate_json((tmp_path / "c.json").read_text()) == pair
    rows = list(csv.DictReader(io.StringIO((tmp_path / "c.csv").read_text())))
    energy = next(row for row in rows if row["quantity"] == "energy_J")
    assert float(energy[pair.labels[1]]) == pytest.approx(1.5 * float(energy[pair.labels[0]]))
    assert float(energy[f"change of {pair.labels[1]}"]) == pytest.approx(0.5)
    page = (tmp_path / "c.html").read_text()
    assert "+50.0 %" in page
    assert len(page.encode()) < 5_000_000


def test_the_verb_compares_two_folders_and_draws_figures(plain: Result, tmp_path: Path) -> None:
    for name, result in (("a", plain), ("b", scaled(plain, 2.0))):
        save_result(result, tmp_path / name)
    asked = [str(tmp_path / "a"), str(tmp_path / "b"), "--figures", "svg"]
    done = CliRunner().invoke(report_verb, asked, catch_exceptions=False)
    assert done.exit_code == 0
    written = [Path(line) for line in done.output.splitlines()]
    assert all(path.is_file() for path in written)
    names = {path.name for path in written}
    assert {"comparison.html", "comparison.tex", "energy-by-layer.svg"} <= names


def test_every_command_of_the_document_runs(
    plain: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```sh\n(.*?)```", document, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "emt", "isaac"):
        save_result(plain, Path("out") / name)
    lines = block.splitlines()
    assert len(lines) >= 5
    for line in lines:
        verb, *asked = shlex.split(line.partition(" > ")[0], comments=True)[1:]
        assert verb == "report"
        done = CliRunner().invoke(report_verb, asked, catch_exceptions=False)
        assert done.exit_code == 0, line
    assert Path("demo.html").is_file()
    assert Path("out/demo/figures/tile-map.svg").is_file()
    assert Path("out/emt/comparison.tex").is_file()


def test_the_verb_needs_a_folder() -> None:
    done = CliRunner().invoke(report_verb, [])
    assert done.exit_code == 2
    assert "DIR: expected the folder of a result, found none" in done.output


def test_figures_are_whole_images_of_every_chart(plain: Result, tmp_path: Path) -> None:
    for form in FigureFormat:
        files = write_figures(plain, tmp_path / form.value, form)
        assert {file.stem for file in files} == set(charts(plain))
        for file in files:
            content = file.read_bytes()
            if form is FigureFormat.PNG:
                assert content.startswith(PNG_START)
                width, height = struct.unpack(">II", content[16:24])
                assert width > 1000
                assert height > 100
            else:
                assert content.startswith(b"<svg")
                assert b"</svg>" in content


@pytest.mark.slow
def test_the_example_in_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Path(__file__).parents[2] / "examples" / "report_from_python.py"
    asked = [str(example), "--out", str(tmp_path), "--samples", "10"]
    monkeypatch.setattr("sys.argv", asked)
    runpy.run_path(str(example), run_name="__main__")
    emt, isaac, both = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"emt: \S+ J, \d+% of it in \w+", emt)
    assert re.fullmatch(r"isaac: \S+ J, \d+% of it in \w+", isaac)
    first, second = (load_result(tmp_path / arch).energy_J.total for arch in ("emt", "isaac"))
    assert both == f"B: isaac against A: emt: {second / first - 1:+.1%} energy"
    assert (tmp_path / "comparison.html").is_file()
    assert json.loads((tmp_path / "energy.vl.json").read_text())["config"]["axis"]["grid"] is False
    assert {file.stem for file in (tmp_path / "emt" / "figures").iterdir()} >= {"tile-map"}


def test_a_figure_that_cannot_be_drawn_leaves_none(
    plain: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ValueError("no room")

    monkeypatch.setattr("vl_convert.vegalite_to_svg", broken)
    with pytest.raises(ValueError, match="no room"):
        write_figures(plain, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_the_published_schema_is_current() -> None:
    published = Path(__file__).parents[2] / SCHEMA_FILE
    assert published.read_text(encoding="utf-8") == result_schema(), (
        f"write it again: hwsim report --schema > {SCHEMA_FILE}"
    )


def test_a_real_result_fits_the_schema_and_a_wrong_one_does_not(plain: Result) -> None:
    schema = json.loads(result_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(render(plain, ReportFormat.JSON))
    validator.validate(document)
    document["energy_J"]["total"] = "much"
    with pytest.raises(jsonschema.ValidationError, match="'much' is not of type 'number'"):
        validator.validate(document)


HOSTILE = r"50% of_A & B \input{x} $^~#{}[*]\\"


def test_a_latex_parser_finds_every_table_with_all_its_cells(plain: Result) -> None:
    hostile = plain.model_copy(update={"network": HOSTILE})
    layers = [plain.layers[0].model_copy(update={"name": HOSTILE}), *plain.layers[1:]]
    named = hostile.model_copy(update={"layers": tuple(layers)})
    for subject in (named, compare([hostile, plain])):
        text = render(subject, ReportFormat.LATEX)
        found = tables(text)
        assert len(found) == text.count(r"\begin{longtable}") >= 2
        for columns, rows in found:
            assert len(rows) >= 3  # the heading twice, and what it heads
            assert {len(row) for row in rows} == {columns}
            assert rows[0] == rows[1]
    cells = {cell for _, rows in tables(render(named, ReportFormat.LATEX)) for cell in chain(*rows)}
    assert latex(HOSTILE) in cells


def test_the_parser_refuses_what_is_no_latex() -> None:
    table = r"\begin{longtable}{lr} a & b \\ \end{longtable}"
    assert tables(table) == [(2, [["a", "b"]])]
    for wrong in (table.replace("a &", "{a &"), table.replace("longtable}{", "tabular}{")):
        with pytest.raises(LatexWalkerParseError):
            tables(wrong)
    with pytest.raises(AssertionError):
        tables(table.replace(r"\\ ", r"\\ [c] & d \\ "))


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b", r"a\_b"),
        ("50 %", r"50 \%"),
        (r"\x", r"\textbackslash{}x"),
        ("1.2 µJ", r"1.2 \textmu{}J"),
        ("−3", "$-$3"),
        ("1\u202f000", r"1\,000"),
        ("{~^}", r"\{\textasciitilde{}\textasciicircum{}\}"),
    ],
)
def test_text_stays_text_in_latex(text: str, escaped: str) -> None:
    assert latex(text) == escaped


@pytest.mark.parametrize(("clusters", "shared", "tiles"), [(1, 1, 96), (7, 1, 12), (9, 4, 7)])
def test_no_two_tiles_of_a_map_lie_on_each_other(clusters: int, shared: int, tiles: int) -> None:
    floor = Floor(Mesh(clusters, shared), tiles)
    assert floor.rows * floor.cols >= tiles
    places = sorted(floor.place(tile) for tile in range(clusters * tiles))
    # A square is 0.9 wide: corners differ by one in x or y, unless they are in other clusters.
    for (x, y), (other_x, other_y) in pairwise(places):
        assert other_x - x >= 0.9 or abs(other_y - y) >= 0.9


def squares(result: Result) -> list[dict[str, Any]]:
    """The rows that the squares of the map are drawn from."""
    sets = charts(result)["tile-map"].spec["datasets"].values()
    (rows,) = (rows for rows in sets if "tile" in rows[0])
    assert isinstance(rows, list)
    return rows


def test_a_map_shows_every_tile_once_and_spare_ones_without_colour(plain: Result) -> None:
    rows = squares(plain)
    assert plain.chip is not None
    assert sorted(row["tile"] for row in rows) == list(
        range(plain.clusters * plain.chip.tiles_per_cluster)
    )
    used = [row for row in rows if row["cells in use"] is not None]
    assert len(used) == plain.tiles
    assert {row["layer"] for row in rows} - {row["layer"] for row in used} == {"spare"}


def test_a_map_of_many_tiles_shows_clusters_and_loses_no_energy(plain: Result) -> None:
    assert plain.chip is not None
    one = plain.layers[0]
    many = MAX_TILES // plain.chip.tiles_per_cluster + 2
    tiles = many * plain.chip.tiles_per_cluster - 3
    layer = one.replace(first_tile=0, tiles=tiles, utilization=0.5)
    big = plain.model_copy(update={"layers": (layer,), "clusters": many, "tiles": tiles})
    rows = squares(big)
    assert len(rows) == many
    assert sum(row["energy"] for row in rows) == near(layer.energy_J)
    assert rows[0]["cells in use"] == pytest.approx(0.5)
    assert rows[-1]["cells in use"] < 0.5


def test_a_result_of_before_has_a_page_without_a_map(plain: Result, tmp_path: Path) -> None:
    document = json.loads(render(plain, ReportFormat.JSON))
    for key in ("chip", "front", "sensitivity", "design"):
        del document[key]
    for layer in document["layers"]:
        for key in ("first_tile", "start_s", "end_s", "busy_s", "stalls_s", "events"):
            layer.pop(key, None)
    (tmp_path / "result.json").write_text(json.dumps(document), encoding="utf-8")
    old = load_result(tmp_path)
    assert "time-by-layer" in charts(old)
    assert "tile-map" not in charts(old)
    assert "does not say where its layers lie" in render(old, ReportFormat.HTML)
