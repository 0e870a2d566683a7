"""`hwsim device`: the presets, a fit from a file to a device file and a picture, the example."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codesign.cli.entry import WRONG_INPUT, run
from codesign.device_figure import figure
from hwsim.chip.load import device_presets, load_arch, load_device
from hwsim.device.fit import fit_device
from hwsim.device.reads import CellReads, load_reads, write_reads
from hwsim.device.spec import States

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "devices"
READS = EXAMPLE / "reads.csv"
Text = Callable[..., str]


@pytest.fixture
def text(capsys: pytest.CaptureFixture[str]) -> Text:
    """`text(argument, ...)`: standard output of a call that must succeed in silence."""

    def call(*arguments: object) -> str:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert (status, err) == (0, "")
        return out

    return call


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on standard error of a call that must be refused."""
    status = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert (status, out) == (WRONG_INPUT, "")
    assert err.count("\n") == 1
    return err


def test_list_has_a_line_and_a_source_for_every_preset(text: Text) -> None:
    lines = text("device", "list").splitlines()
    assert lines[0].split()[:2] == ["device", "window"]
    for name in device_presets():
        first, second = (line for line in lines if line.split()[:1] == [name])
        assert "S .. " in first
        assert len(second) > 60
    pcm = next(line for line in lines if line.startswith("pcm "))
    for part in ("250 nS .. 25.0 µS", "points, 3.68 % of G_max", "frozen", "nu 0.049"):
        assert part in pcm


def test_list_as_json_has_every_preset_with_its_law_and_states(text: Text) -> None:
    found = {row["name"]: row for row in json.loads(text("device", "list", "--json"))}
    assert set(found) == set(device_presets())
    assert found["emt-strong"]["law"] == "absolute"
    assert found["emt-strong"]["amplitude"] == 0.05
    assert found["emt-strong"]["states"] == "independent"
    assert found["rram-milo"]["law"] is None
    assert found["rram-milo"]["source"].startswith("Milo et al.")


@pytest.mark.parametrize("name", sorted(device_presets()))
def test_show_prints_yaml_that_loads_again(text: Text, tmp_path: Path, name: str) -> None:
    file = tmp_path / "shown.yaml"
    file.write_text(text("device", "show", name), encoding="utf-8")
    assert load_device(file) == load_device(name)
    shown = json.loads(text("device", "show", name, "--json"))
    assert shown["conductance_max_S"] == load_device(name).conductance_max_S


def test_a_device_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = refusal(capsys, "device", "show", "rram-wann")
    assert "device: expected one of" in line
    assert "did you mean 'rram-wan'?" in line


def test_fit_writes_a_device_that_loads_and_a_picture(text: Text, tmp_path: Path) -> None:
    out, picture = tmp_path / "new" / "mine.yaml", tmp_path / "new" / "mine.svg"
    shown = text("device", "fit", READS, "--out", out, "--figure", picture)
    device = load_device(out)
    assert device.name == "mine"
    assert device.source.startswith("Fitted from reads.csv (sha256 ")
    assert device.source.endswith(": 48 cells, 2880 reads.")
    for part in ("48 cells, 2880 reads", "dwell", "drift", "chi2", "±"):
        assert part in shown
    drawn = picture.read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    for title in ("Programming error", "Telegraph amplitude", "two states", "Drift: nu = 0.0"):
        assert title in drawn


def test_fit_as_json_has_the_figures_with_their_errors(text: Text, tmp_path: Path) -> None:
    arguments = ("--out", tmp_path / "a.yaml", "--name", "cell", "--json")
    found = json.loads(text("device", "fit", READS, *arguments))
    assert found["device"]["name"] == "cell"
    assert found["device"] == load_device(tmp_path / "a.yaml").model_dump(mode="json")
    assert [level["cells"] for level in found["levels"]] == [12] * 4
    assert abs(found["drift"]["nu_mean"] - 0.03) < 4 * found["drift"]["nu_mean_error"]
    states = found["states"]
    assert abs(states["high_dwell_s"] - 8) < 4 * states["high_dwell_error_s"]
    assert abs(states["low_dwell_s"] - 4) < 4 * states["low_dwell_error_s"]


def test_the_same_file_gives_the_same_device_twice(text: Text, tmp_path: Path) -> None:
    for name in ("a", "b"):
        text("device", "fit", READS, "--out", tmp_path / f"{name}.yaml", "--name", "same")
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()


def test_a_png_is_drawn_where_nothing_fluctuates_or_drifts_either(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    cells = [
        CellReads(
            f"{level}.{index}",
            level,
            100 + np.arange(30.0),
            (1 + 9 * level) * 1e-6 + 1e-7 * random.normal(size=30),
        )
        for level in (0, 1)
        for index in range(5)
    ]
    write_reads(tmp_path / "still.csv", cells)
    picture = tmp_path / "still.png"
    arguments = ["--out", tmp_path / "still.yaml", "--figure", picture]
    status = run(["device", "fit", str(tmp_path / "still.csv"), *map(str, arguments)])
    out, err = capsys.readouterr()
    assert status == 0
    assert "fluctuation none seen" in out
    assert err.splitlines() == [
        "hwsim: no cell was seen to fluctuate: the device has no fluctuation",
        "hwsim: times span less than a factor of two: drift was not looked for",
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")


def rows(chart: dict[str, Any], panel: tuple[int, int], layer: int) -> list[dict[str, float]]:
    layers = chart["vconcat"][panel[0]]["hconcat"][panel[1]]["layer"]
    values: list[dict[str, float]] = chart["datasets"][layers[layer]["data"]["name"]]
    return values


def test_the_picture_shows_every_cell_and_the_laws_of_the_device() -> None:
    fit = fit_device(load_reads(READS), "x")
    chart = figure(fit)
    assert len(rows(chart, (0, 0), 0)) == 48
    assert len(rows(chart, (0, 1), 0)) == 48
    fluctuation, device = fit.report.device.fluctuation, fit.report.device
    assert fluctuation is not None
    last = rows(chart, (0, 1), 1)[-1]
    top = device.conductance_max_S * 1e6
    assert last["uS"] == pytest.approx(top)
    assert last["amplitude"] == pytest.approx(fluctuation.amplitude * top)


@pytest.mark.parametrize(
    ("out", "more", "message"),
    [
        ("mine.txt", [], "--out: expected a name that ends in .yaml, found"),
        ("mine.yaml", ["--figure", "mine.gif"], "mine.gif: expected a name that ends in .svg"),
    ],
)
def test_a_wrong_name_of_an_output_is_said_before_any_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, out: str, more: list[str], message: str
) -> None:
    line = refusal(capsys, "device", "fit", tmp_path / "none.csv", "--out", tmp_path / out, *more)
    assert message in line
    assert not list(tmp_path.iterdir())


def test_a_bad_file_leaves_no_device(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "reads.csv"
    file.write_text("cell,level,time_s\n1,0,1\n", encoding="utf-8")
    line = refusal(capsys, "device", "fit", file, "--out", tmp_path / "mine.yaml")
    assert "reads.csv: line 1: expected a column 'conductance_S'" in line
    assert not (tmp_path / "mine.yaml").exists()


def test_the_examples_reads_are_what_its_script_writes(tmp_path: Path) -> None:
    script = runpy.run_path(str(EXAMPLE / "write_reads.py"))
    target = tmp_path / "reads.csv"
    script["main"].__globals__["TARGET"] = target
    script["main"]()
    assert load_reads(target).sha256 == load_reads(READS).sha256


def test_the_example_recovers_the_truth_its_reads_were_drawn_from() -> None:
    truth = runpy.run_path(str(EXAMPLE / "write_reads.py"))["TRUTH"]
    measured = load_reads(READS)
    found = fit_device(measured, "x").report.device
    assert found.fluctuation is not None
    assert found.fluctuation.states is States.MARKOV
    assert found.fluctuation.law is truth.fluctuation.law
    assert found.fluctuation.amplitude == pytest.approx(truth.fluctuation.amplitude, rel=0.03)
    assert found.conductance_max_S == pytest.approx(truth.conductance_max_S, rel=0.02)


@pytest.mark.compiled
def test_the_example_simulates_a_network_with_the_fitted_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(EXAMPLE / "fit_and_simulate.py"))
    accuracy = script["main"](tmp_path, samples=15, chips=2)
    assert capsys.readouterr().err == ""
    assert load_arch(tmp_path / "fresh.yaml").device == load_device(tmp_path / "device.yaml")
    assert (tmp_path / "device.svg").read_text(encoding="utf-8").startswith("<svg")
    assert accuracy["fresh"] > 0.9
    # Nothing compensates a month of drift here: the converters still expect fresh currents.
    assert accuracy["month"] < accuracy["fresh"] - 0.1
