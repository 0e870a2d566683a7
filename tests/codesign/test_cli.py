"""The command line: verbs end to end, documents, files, exit statuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from codesign.cli import entry
from codesign.cli.entry import hwsim, run
from codesign.demo.readme import BEGIN, END
from hwsim.chip.load import arch_presets, load_arch
from mapping.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(files("codesign.demo").joinpath("digits.onnx"))
HEAVY = ("altair", "jinja2", "numba", "numpy", "onnx", "pydantic", "scipy", "tqdm", "yaml")
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


def document(text: Text, *arguments: object) -> Any:
    return json.loads(text(*arguments, "--json"))


def verbs(group: click.Group = hwsim, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        inner = isinstance(command, click.Group)
        found += verbs(command, (*path, name)) if inner else [(*path, name)]
    return found


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom codesign.cli.entry import run\n"
        "status = run(['--help'])\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(heavy, file=sys.stderr)\nsys.exit(status)"
    )
    done = python(program)
    assert done.returncode == 0
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_every_verb_has_an_example_and_the_common_options(
    verb: tuple[str, ...], text: Text
) -> None:
    shown = text(*verb, "--help")
    assert f"Example: hwsim {' '.join(verb)}" in " ".join(shown.split())
    for option in ("--json", "--seed", "--debug", "--help"):
        assert option in shown


def test_all_verbs_are_there() -> None:
    assert {verb[0] for verb in verbs()} == {
        "arch",
        "cosim",
        "demo",
        "device",
        "map",
        "optimize",
        "report",
        "rtl",
        "simulate",
        "sweep",
        "train",
        "validation",
    }


def test_map_prints_a_table_and_writes_a_plan_that_loads(text: Text, tmp_path: Path) -> None:
    out = tmp_path / "new" / "plan.json"
    table = text("map", DIGITS, "--arch", "isaac", "--out", out)
    plan = Plan.from_json(out.read_text())
    assert [layer.name for layer in plan.layers] == ["conv1", "conv2", "conv3", "linear"]
    assert all(layer.name in table for layer in plan.layers)
    assert f"{plan.tiles} tiles" in table
    assert [file.name for file in out.parent.iterdir()] == ["plan.json"]  # no temporary left


def test_map_as_json_has_the_promised_keys(text: Text) -> None:
    found = document(text, "map", DIGITS)
    assert {"layers", "tiles", "weights", "macs"} <= found.keys()
    keys = {"name", "op", "rows", "cols", "tiles", "utilization", "mvms_per_inference", "cycles"}
    assert all(keys <= layer.keys() for layer in found["layers"])
    assert found["weights"] == 15_248


def test_map_keeps_to_the_tiles_it_may_use(text: Text) -> None:
    few, many = (document(text, "map", DIGITS, "--tiles", n) for n in (12, 200))
    assert few["tiles"] == 12
    assert few["tiles"] < many["tiles"] <= 200
    assert many["bottleneck_cycles"] < few["bottleneck_cycles"]


def test_map_reads_a_yaml_of_layer_shapes(text: Text, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("layers: [{name: a, rows: 300, cols: 40, mvms: 7}]")
    [layer] = document(text, "map", tmp_path / "net.yaml")["layers"]
    assert (layer["rows"], layer["cols"], layer["mvms_per_inference"]) == (300, 40, 7)


def absent_data(path: Path, weight: int) -> None:
    """A linear layer whose weights are said to lie in a file that is not there."""
    tensor = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[weight, weight])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="absent.bin")
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", axis])
        for name, axis in (("x", "width"), ("y", weight))
    )
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "project")
    graph = helper.make_graph([node], "g", [x], [y], [tensor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def test_map_needs_shapes_not_weights(text: Text, tmp_path: Path) -> None:
    absent_data(tmp_path / "large.onnx", 4096)
    shape = ("--input-shape", "x=1,4096")
    found = document(text, "map", tmp_path / "large.onnx", *shape)
    assert found["weights"] == 4096 * 4096


def test_simulate_as_json_has_the_promised_keys(text: Text, tmp_path: Path) -> None:
    asked = ("--data", "digits", "--samples", 40, "--device-samples", 2, "--out", tmp_path)
    found = document(text, "simulate", DIGITS, *asked)
    assert (found["network"], found["arch"], found["seed"]) == ("digits", "emt", 0)
    assert (found["samples"], found["device_samples"]) == (40, 2)
    assert set(found["accuracy"]) == {"float", "quantized", "mean", "ci95"}
    low, high = found["accuracy"]["ci95"]
    assert 0 <= low <= found["accuracy"]["mean"] <= high <= 1
    energy, area = found["energy_J"], found["area_m2"]
    assert sum(energy["by_component"].values()) == pytest.approx(energy["total"])
    assert sum(energy["by_layer"].values()) == pytest.approx(energy["total"])
    assert sum(area["by_component"].values()) == pytest.approx(area["total"])
    for key in ("latency_s", "throughput_per_s", "cycles", "tiles", "tops_per_W"):
        assert found[key] > 0
    assert json.loads((tmp_path / "result.json").read_text()) == found


def test_a_seed_gives_the_same_document_and_another_seed_another(text: Text) -> None:
    asked = ("simulate", DIGITS, "--data", "digits", "--samples", 60, "--arch", "emt-strong")
    first, again, other = (
        document(text, *asked, "--device-samples", 1, "--seed", seed) for seed in (5, 5, 6)
    )
    first.pop("provenance"), again.pop("provenance"), other.pop("provenance")
    assert first == again
    assert first["energy_J"] != other["energy_J"]  # other reads, other codes, other pulses


def test_engines_differ_in_draws_and_agree_in_accuracy(text: Text) -> None:
    asked = ("simulate", DIGITS, "--data", "digits", "--arch", "emt-strong")
    moments, exact = (document(text, *asked, "--engine", name) for name in ("moments", "exact"))
    assert (moments["engine"], exact["engine"]) == ("moments", "exact")
    assert moments["energy_J"] != exact["energy_J"]
    # Each lies in the other's interval: the same mean and variance of every column sum.
    for one, other in ((moments, exact), (exact, moments)):
        low, high = one["accuracy"]["ci95"]
        assert low <= other["accuracy"]["mean"] <= high


def test_ideal_backend_has_the_accuracy_of_the_integer_network(text: Text) -> None:
    asked = ("--data", "digits", "--backend", "ideal")
    found = document(text, "simulate", DIGITS, *asked)
    assert found["accuracy"]["mean"] == found["accuracy"]["quantized"]
    assert found["accuracy"]["float"] == 0.992
    assert (found["backend"], found["engine"], found["device_samples"]) == ("ideal", None, 1)


def test_undisturbed_tiles_with_full_range_are_the_integer_network(text: Text) -> None:
    asked = ("--data", "digits", "--arch", "isaac", "--samples", 100)
    found = document(text, "simulate", DIGITS, *asked)
    assert found["accuracy"]["mean"] == found["accuracy"]["quantized"]
    assert found["device_samples"] == 1  # nothing is drawn: a second one would be the first


def test_copies_averaged_digitally_are_averaged(text: Text, tmp_path: Path) -> None:
    (tmp_path / "design.yaml").write_text("default: {redundancy: 3}")
    asked = ("--data", "digits", "--arch", "isaac", "--samples", 100)
    found = document(text, "simulate", DIGITS, *asked, "--design", tmp_path / "design.yaml")
    assert found["accuracy"]["mean"] == found["accuracy"]["quantized"]
    once = document(text, "simulate", DIGITS, *asked)
    adc = found["energy_J"]["by_component"]["adc"]
    assert adc == pytest.approx(3 * once["energy_J"]["by_component"]["adc"])


def test_simulate_says_when_there_are_fewer_images(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--data", "digits", "--backend", "ideal", "--samples", "501"]
    assert run(["simulate", DIGITS, *asked]) == 0
    out, err = capsys.readouterr()
    assert err == "hwsim: --samples: only 500 images are there; all were used\n"
    assert "Accuracy on tiles" in out


def test_images_without_a_training_split_calibrate_with_themselves(
    text: Text, tmp_path: Path
) -> None:
    with files("codesign.demo").joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        x, y = stored["test_images"].astype(np.float32) / 16, stored["test_labels"]
    np.savez(tmp_path / "own.npz", x=x[:80], y=y[:80])
    asked = ("--data", f"npz:{tmp_path / 'own.npz'}", "--backend", "ideal")
    found = document(text, "simulate", DIGITS, *asked)
    assert found["samples"] == 80
    assert "the first 80 of the tested images of npz" in found["assumptions"][0]["text"]


def test_scheme_sets_the_bits_of_quantisation(text: Text, tmp_path: Path) -> None:
    (tmp_path / "coarse.yaml").write_text("weight_bits: 2\nactivation_bits: 2")
    asked = ("simulate", DIGITS, "--data", "digits", "--backend", "ideal")
    fine = document(text, *asked)
    coarse = document(text, *asked, "--scheme", tmp_path / "coarse.yaml")
    assert coarse["accuracy"]["quantized"] < fine["accuracy"]["quantized"]
    assert "2-bit weights and 2-bit activations" in coarse["assumptions"][0]["text"]


def test_report_writes_every_format(text: Text, tmp_path: Path) -> None:
    asked = ("--data", "digits", "--backend", "ideal", "--samples", 20)
    text("simulate", DIGITS, *asked, "--out", tmp_path)
    written = text("report", tmp_path).split()
    endings = ("html", "csv", "md", "tex")
    assert [Path(name).name for name in written] == [f"report.{ending}" for ending in endings]
    page = (tmp_path / "report.html").read_text()
    assert "<html" in page
    assert "conv2" in (tmp_path / "report.csv").read_text()
    text("report", tmp_path, "--out", tmp_path / "other.md")
    assert (tmp_path / "other.md").read_text() == (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_demo_tells_the_whole_story_and_the_readme_shows_it(text: Text, tmp_path: Path) -> None:
    shown = text("demo", "--out", tmp_path)
    table = (ROOT / "README.md").read_text().split(BEGIN)[1].split(END)[0]
    assert table.strip("`\n") in shown
    found = document(text, "demo", "--out", tmp_path)
    assert found["accuracy"]["float"] >= 0.98
    *plain, optimised = found["runs"]  # the last one runs on hardware of a name seen before
    runs = {(run["arch"], run["backend"]): run["accuracy"]["mean"] for run in plain}
    assert len(runs) == len(plain)
    assert runs["emt", "ideal"] == found["accuracy"]["quantized"]
    assert runs["emt", "numba"] == found["accuracy"]["mean"]
    assert runs["emt-strong", "numba"] < runs["emt-weak", "numba"]
    assert optimised["certified"]
    assert found["cosim"] is None or found["cosim"]["equal"]
    assert optimised["energy_J"] < 0.8 * found["energy_J"]["total"]
    names = {"result.json", *(f"report.{e}" for e in ("html", "csv", "md", "tex"))}
    assert {file.name for file in tmp_path.iterdir()} == names | {"plan.json", "optimized"}
    optimized = {file.name for file in (tmp_path / "optimized").iterdir()}
    assert optimized == names | {"design.yaml"}


def test_arch_list_has_every_preset_with_its_device(text: Text) -> None:
    listed = document(text, "arch", "list")
    assert {preset["name"] for preset in listed} == set(arch_presets())
    assert all(name in text("arch", "list") for name in arch_presets())


@pytest.mark.parametrize("name", ["isaac", "emt"])
def test_arch_show_prints_yaml_that_loads_to_the_same(
    name: str, text: Text, tmp_path: Path
) -> None:
    (tmp_path / "copy.yaml").write_text(text("arch", "show", name))
    assert load_arch(tmp_path / "copy.yaml") == load_arch(name)
    assert text("arch", "validate", tmp_path / "copy.yaml").endswith(f"{name}: valid\n")


def test_arch_schema_allows_files_that_extend(text: Text) -> None:
    schema = json.loads(text("arch", "schema"))
    assert {"extends", "device", "tile"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False
    assert "required" not in json.dumps(list(schema["$defs"]["TileSpec"]))


def test_an_interrupted_verb_ends_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("codesign.flow.map_network", interrupt)
    assert run(["map", DIGITS, "--out", str(tmp_path / "plan.json")]) == 130
    assert capsys.readouterr().err == "hwsim: interrupted\n"
    assert not list(tmp_path.iterdir())


def test_a_defect_is_called_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("codesign.flow.map_network", fail)
    assert run(["map", DIGITS]) == entry.DEFECT
    err = capsys.readouterr().err
    assert (
        err == "hwsim: error: defect in hwsim: ZeroDivisionError: by zero (--debug shows where)\n"
    )


def test_a_closed_pipe_is_no_error() -> None:
    program = f"{sys.executable} -c 'from codesign.cli import main; main()' arch schema | head -c 1"
    script = ["bash", "-c", f'{program}; echo " ${{PIPESTATUS[0]}}"']
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("{ 0\n", "")
