"""Every operator: an ONNX file with it, imported, gives what onnxruntime gives."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.network import Network
from mapping.onnx_import import import_network
from tests.reference.float_network import evaluate
from tests.reference.onnx_files import make_model, node, save
from tests.reference.operator_cases import CASES, IMAGE, Case
from tests.reference.operator_nodes import floats, ints, stats

PARAMETERS = [
    pytest.param(case, opset, id=f"{name}-{opset}")
    for name, case in CASES.items()
    for opset in case.opsets
]


def compare(path: Path, network: Network, images: Any, tolerance: float = 1e-5) -> None:
    """The imported network against onnxruntime, relative to the largest output."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": images})[0]
    found = evaluate(network, {"x": images})["y"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(("case", "opset"), PARAMETERS)
def test_operator_gives_what_onnxruntime_gives(case: Case, opset: int, tmp_path: Path) -> None:
    model = make_model(
        case.nodes(opset), {"x": ["N", *case.shape]}, ["y"], case.constants, opset=opset
    )
    path = save(model, tmp_path / "net.onnx")
    network = import_network(path).network
    assert tuple(n.op for n in network.nodes) == case.ops
    assert network.shapes["x"] == (-1, *case.shape)
    images = np.random.default_rng(1).normal(size=(3, *case.shape)).astype(np.float32)
    compare(path, network, images)


@pytest.mark.parametrize("name", list(CASES))
def test_shapes_are_the_same_without_weights(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    opset = case.opsets[-1]
    model = make_model(
        case.nodes(opset), {"x": ["N", *case.shape]}, ["y"], case.constants, opset=opset
    )
    path = save(model, tmp_path / "net.onnx")
    full = import_network(path).network
    bare = import_network(path, weights=False).network
    assert bare.nodes == full.nodes
    assert dict(bare.shapes) == dict(full.shapes)
    assert not bare.constants


@given(
    seed=st.integers(0, 1 << 16),
    channels=st.integers(1, 6),
    spread=st.floats(-2, 2),
    epsilon=st.sampled_from([1e-5, 1e-3, 0.1]),
)
def test_folding_batch_norm_changes_nothing_beyond_rounding(
    seed: int, channels: int, spread: float, epsilon: float, tmp_path_factory: Any
) -> None:
    rng = np.random.default_rng(seed)
    constants = {
        "w": rng.normal(size=(channels, 2, 3, 3)).astype(np.float32),
        "g": rng.normal(size=channels).astype(np.float32),
        "b": rng.normal(size=channels).astype(np.float32),
        "m": rng.normal(size=channels).astype(np.float32),
        "v": (10 ** (spread * rng.random(channels))).astype(np.float32),
    }
    nodes = [
        node("Conv", ["x", "w"], "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "g", "b", "m", "v"], epsilon=epsilon),
    ]
    folder = tmp_path_factory.mktemp("fold")
    path = save(make_model(nodes, {"x": ["N", 2, 5, 5]}, ["y"], constants), folder / "net.onnx")
    network = import_network(path).network
    assert [n.op for n in network.nodes] == ["conv"]
    compare(path, network, rng.normal(size=(2, 2, 5, 5)).astype(np.float32))


def test_tensors_and_nodes_keep_the_names_of_the_file(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w"], "c", name="first"),
        node("BatchNormalization", ["c", "g", "b", "m", "v"], "n", name="norm"),
        node("Relu", ["n"], "r", name=""),
        node("Relu", ["r"], "y", name="first"),
    ]
    model = make_model(nodes, {"x": ["N", *IMAGE]}, ["y"], {"w": floats(4, 3, 3, 3), **stats(4)})
    # onnx.checker wants unique names; files in the wild do not always have them.
    network = import_network(save(model, tmp_path / "net.onnx")).network
    assert [n.output for n in network.nodes] == ["n", "r", "y"]
    assert [n.name for n in network.nodes] == ["first", "Relu_2", "first_3"]


def test_fixed_batch_of_the_file_becomes_free(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], "r"), node("Reshape", ["r", "t"], "f"), node("Gemm", ["f", "w"])]
    constants = {"t": ints(1, 12), "w": floats(12, 5)}
    model = make_model(nodes, {"x": [1, 3, 4]}, ["y"], constants)
    network = import_network(save(model, tmp_path / "net.onnx")).network
    assert network.nodes[1].attributes["shape"] == (-1, 12)
    assert evaluate(network, {"x": floats(6, 3, 4)})["y"].shape == (6, 5)


def test_input_shapes_fix_what_the_file_leaves_open(tmp_path: Path) -> None:
    model = make_model(
        [node("Conv", ["x", "w"])], {"x": ["N", 3, "H", "W"]}, ["y"], {"w": floats(4, 3, 3, 3)}
    )
    path = save(model, tmp_path / "net.onnx")
    network = import_network(path, {"x": (1, 3, 10, 12)}).network
    assert network.shapes["y"] == (-1, 4, 8, 10)


def test_one_output_that_is_another_keeps_both_names(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], "a"), node("Identity", ["a"], "b"), node("Relu", ["b"], "y")]
    model = make_model(nodes, {"x": ["N", 3]}, ["y", "a", "b"])
    network = import_network(save(model, tmp_path / "net.onnx")).network
    assert network.outputs == ("y", "a", "b")
    found = evaluate(network, {"x": floats(2, 3)})
    np.testing.assert_array_equal(found["a"], found["b"])


def test_functions_of_the_file_are_written_out(tmp_path: Path) -> None:
    from onnx import helper

    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    swish = helper.make_function(
        "mine",
        "Swish",
        ["i"],
        ["o"],
        [helper.make_node("Sigmoid", ["i"], ["s"]), helper.make_node("Mul", ["i", "s"], ["o"])],
        opsets[:1],
    )
    model = make_model([node("Swish", ["x"], domain="mine")], {"x": ["N", 3]}, ["y"])
    model.functions.append(swish)
    model.opset_import.append(opsets[1])
    path = save(model, tmp_path / "net.onnx")
    network = import_network(path).network
    assert [n.op for n in network.nodes] == ["sigmoid", "mul"]
    compare(path, network, floats(4, 3))
