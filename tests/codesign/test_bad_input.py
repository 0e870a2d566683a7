"""Whatever is wrong with the input: one line on standard error, exit status 2, no traceback."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from codesign.cli.entry import run

DIGITS = str(files("codesign.demo").joinpath("digits.onnx"))


class Evil:
    """Writes a file named `ran` when unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.folder / "ran",)


def yaml(text: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / "input.yaml").write_text(text)
        return str(folder / "input.yaml")

    return write


def truncated_onnx(folder: Path) -> str:
    content = Path(DIGITS).read_bytes()
    (folder / "cut.onnx").write_bytes(content[: len(content) // 2])
    return str(folder / "cut.onnx")


def unsupported_onnx(folder: Path) -> str:
    nodes = [
        helper.make_node("Erf", ["x"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "fine"),
        helper.make_node("Det", ["b"], ["y"], "second"),
    ]
    value = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in {"x": ["N", 2, 2], "y": ["N"]}.items()
    }
    graph = helper.make_graph(nodes, "g", [value["x"]], [value["y"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "new.onnx")
    return str(folder / "new.onnx")


def infinite_onnx(folder: Path) -> str:
    model = onnx.load(DIGITS)
    output = model.graph.output[0]
    model.graph.initializer.append(helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]))
    model.graph.node.append(helper.make_node("Div", [output.name, "zero"], ["end"], "div"))
    output.name = "end"
    onnx.save(model, folder / "inf.onnx")
    return str(folder / "inf.onnx")


def half_cifar(folder: Path) -> str:
    batch = pickle.dumps({b"data": np.zeros((9, 3072), np.uint8), b"labels": [0] * 9}, 2)
    (folder / "test_batch").write_bytes(batch[: len(batch) // 2])
    return f"cifar10:{folder}"


def evil_cifar(folder: Path) -> str:
    batch = {b"data": Evil(folder), b"labels": [0]}
    (folder / "test_batch").write_bytes(pickle.dumps(batch, 2))
    return f"cifar10:{folder}"


def wide_images(folder: Path) -> str:
    np.savez(folder / "wide.npz", x=np.zeros((3, 1, 8, 9), np.float32), y=np.zeros(3, int))
    return f"npz:{folder / 'wide.npz'}"


def unswitched(folder: Path) -> str:
    yaml("extends: emt-32nm\nname: bare\npower_switch: null")(folder)
    gated = f"extends: emt\ntechnology: {folder / 'input.yaml'}\nchip: {{power_gating: true}}"
    (folder / "gated.yaml").write_text(gated)
    return str(folder / "gated.yaml")


def missing(name: str) -> Callable[[Path], str]:
    return lambda folder: str(folder / name)


def own_output(folder: Path) -> str:
    (folder / "net.onnx").symlink_to(DIGITS)
    return str(folder / "net.onnx")


MAP = ("map", DIGITS)
SIMULATE = ("simulate", DIGITS, "--samples", "4")
#: What is wrong -> (arguments, what the last of them is made by, what the line must say).
CASES: dict[str, tuple[tuple[str, ...], Callable[[Path], str], str]] = {
    "misspelt key": (
        (*MAP, "--arch"),
        yaml("extends: emt\ntile: {adc: {bit: 6}}"),
        "input.yaml: tile.adc.bit: unknown key; did you mean 'bits'?",
    ),
    "negative voltage": (
        (*MAP, "--arch"),
        yaml("extends: emt\ntile: {read_voltage_V: -0.2}"),
        "tile.read_voltage_V: expected greater than or equal to 1e-06, found -0.2",
    ),
    "truth for a number": (
        (*MAP, "--arch"),
        yaml("extends: emt\ntile: {rows: yes}"),
        "tile.rows: expected no truth value (yes, on, true), found True",
    ),
    "infinite number": (
        (*MAP, "--arch"),
        yaml("extends: emt\ntile: {clock_Hz: .inf}"),
        "tile.clock_Hz: expected a finite number, found inf",
    ),
    "truth in a list": (
        (*MAP, "--arch"),
        yaml("extends: emt\ntile: {read_voltages_V: [yes]}"),
        "tile.read_voltages_V: expected no truth value (yes, on, true), found [True]",
    ),
    "string for a number": (
        (*MAP, "--arch"),
        yaml("extends: emt\ntile: {clock_Hz: fast}"),
        "tile.clock_Hz: expected a valid number",
    ),
    "YAML that would run code": (
        (*MAP, "--arch"),
        yaml("extends: !!python/object/apply:os.system ['touch ran']"),
        "input.yaml: line 1: not valid YAML here",
    ),
    "YAML that is not YAML": ((*MAP, "--arch"), yaml("a: [1"), "not valid YAML here"),
    "YAML of another kind": ((*MAP, "--arch"), yaml("- 1"), "expected a mapping of named keys"),
    "validation of a bad file": (
        ("arch", "validate"),
        yaml("extends: emt\ntile: {rows: 0}"),
        "tile.rows: expected greater than or equal to 1, found 0",
    ),
    "unknown technology": (
        ("arch", "validate"),
        yaml("extends: emt\nname: mine\ntechnology: emt-23nm"),
        "mine: technology: expected one of emt-16nm",
    ),
    "power gating without a price": (
        ("arch", "validate"),
        unswitched,
        "chip.power_gating: expected a technology with power_switch, found 'bare' without one",
    ),
    "unknown preset": ((*MAP, "--arch"), lambda _: "emy", "did you mean 'emt'?"),
    "design of an unknown layer": (
        (*MAP, "--design"),
        yaml("layers: {conv9: {redundancy: 2}}"),
        "layers.conv9: expected a layer of the network",
    ),
    "design that asks too much": (
        (*MAP, "--design"),
        yaml("default: {redundancy: 99}"),
        "default.redundancy: expected less than or equal to 8, found 99",
    ),
    "scheme with a misspelt key": (
        (*SIMULATE, "--data", "digits", "--scheme"),
        yaml("weight_bit: 4"),
        "weight_bit: unknown key; did you mean 'weight_bits'?",
    ),
    "scheme of an unknown layer": (
        (*SIMULATE, "--data", "digits", "--scheme"),
        yaml("layers: {conv9: {weight_bits: 4}}"),
        "input.yaml: layers: expected one of conv1",
    ),
    "design with too few tiles": (
        (*MAP, "--design"),
        yaml("tiles: 1"),
        "input.yaml: tiles: expected at least ",
    ),
    "a cell that conducts too well": (
        (*MAP, "--arch"),
        yaml("extends: emt\ndevice: {conductance_max_S: 1.0e+300}"),
        "device.conductance_max_S: expected less than or equal to 1",
    ),
    "stuck cells in no file": (
        (*SIMULATE, "--data", "digits", "--faults"),
        missing("no.npz"),
        "no.npz: no such file",
    ),
    "stuck cells of no tiles": (
        (*SIMULATE, "--data", "digits", "--backend", "ideal", "--faults"),
        missing("no.npz"),
        "faults: expected a backend of tiles, found 'ideal'",
    ),
    "truncated ONNX": (("map",), truncated_onnx, "cut.onnx: expected an ONNX model"),
    "unsupported operators, all of them": (("map",), unsupported_onnx, "Erf"),
    "unsupported operators, also the last": (("map",), unsupported_onnx, "Det"),
    "missing network": (("map",), missing("no.onnx"), "no.onnx: no such file"),
    "missing shapes": (("map",), missing("no.yaml"), "no.yaml: no such file"),
    "missing architecture": ((*MAP, "--arch"), missing("no.yaml"), "no.yaml: no such file"),
    "missing design": ((*MAP, "--design"), missing("no.yaml"), "no.yaml: no such file"),
    "missing data description": ((*SIMULATE, "--data"), missing("no.yaml"), "no.yaml: no such"),
    "missing result": (("report",), missing("nothing"), "nothing: no such file"),
    "a result that is none": (("report",), yaml("1: 2"), "not JSON"),
    "missing data": (
        (*SIMULATE, "--data"),
        lambda folder: f"cifar10:{folder / 'no.tar'}",
        "no.tar: no such file or folder",
    ),
    "data file cut in half": (
        (*SIMULATE, "--data"),
        half_cifar,
        "test_batch: cannot be read as a pickled batch",
    ),
    "pickle that would run code": (
        (*SIMULATE, "--data"),
        evil_cifar,
        "test_batch: expected a pickle of numbers only",
    ),
    "answers that are infinite": (
        ("simulate", "--data", "digits", "--samples", "4"),
        infinite_onnx,
        "inf.onnx: output 'end': expected finite numbers, found inf for image 0",
    ),
    "images that do not fit": (
        (*SIMULATE, "--data"),
        wide_images,
        "expected images of shape 1x8x8 for the network's input 'image', found 1x8x9",
    ),
    "unknown data": ((*SIMULATE, "--data"), lambda _: "digit", "did you mean 'digits'?"),
    "no data": (("simulate",), lambda _: DIGITS, "Missing option '--data'"),
    "no images": (
        ("simulate", DIGITS, "--data", "digits", "--samples"),
        lambda _: "0",
        "'--samples': 0 is not in the range x>=1",
    ),
    "input shape that is none": (
        (*MAP, "--input-shape"),
        lambda _: "image=1,x",
        "--input-shape: expected NAME=1,3,32,32, found 'image=1,x'",
    ),
    "input shape that does not fit": (
        (*MAP, "--input-shape"),
        lambda _: "image=1,3,8,8",
        "conv1",
    ),
    "shape of an input that is not there": (
        (*MAP, "--input-shape"),
        lambda _: "picture=1,1,8,8",
        "picture",
    ),
    "an input with two shapes": (
        (*MAP, "--input-shape", "image=1,1,8,8", "--input-shape"),
        lambda _: "image=1,1,8,9",
        "--input-shape: expected one shape of 'image', found two",
    ),
    "an --out without a name": ((*MAP, "--out"), lambda _: "", "expected a name, found an empty"),
    "an --out that is the input": ((*MAP, "--out"), own_output, "expected another file to write"),
    "a folder in a file's place": (
        (*SIMULATE, "--data", "digits", "--out"),
        lambda _: f"{DIGITS}/out",
        "cannot be made",
    ),
    "a module with a layer": (
        ("cosim", "--module", "sar_adc", "--layer"),
        lambda _: "foo",
        "--module: expected alone, found --layer beside it",
    ),
    "unknown verb": ((), lambda _: "mop", "No such command 'mop'"),
    "unknown option": (MAP, lambda _: "--tile=3", "No such option '--tile'"),
    "negative seed": ((*MAP, "--seed"), lambda _: "-1", "-1 is not in the range"),
    "an --out that cannot be": (
        (*MAP, "--out"),
        lambda _: f"{DIGITS}/plan.json",
        "digits.onnx",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_one_line_and_status_2(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, make, message = CASES[case]
    monkeypatch.chdir(tmp_path)
    status = run([*arguments, make(tmp_path)])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("hwsim: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("case", ["misspelt key", "truncated ONNX"])
def test_wrong_input_ends_the_process_the_same_way(case: str, tmp_path: Path) -> None:
    arguments, make, message = CASES[case]
    program = "from codesign.cli import main; main()"
    command = [sys.executable, "-c", program, *arguments, make(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_debug_shows_where_an_error_was_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "nothing.onnx", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1] == "hwsim: error: nothing.onnx: no such file"
