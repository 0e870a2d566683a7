"""Bad files and nodes that are not supported: one clear line each."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from hwsim.errors import NetworkError
from mapping.onnx_import import import_network
from tests.reference.onnx_files import make_model, message, node, save

ONES = np.ones((4, 3, 3, 3), dtype=np.float32)


def conv_file(folder: Path) -> Path:
    """A small good file."""
    model = make_model([node("Conv", ["x", "w"])], {"x": ["N", 3, 8, 8]}, ["y"], {"w": ONES})
    return save(model, folder / "good.onnx")


def test_missing_file(tmp_path: Path) -> None:
    assert message(tmp_path / "none.onnx") == "no such file"


def test_folder_instead_of_file(tmp_path: Path) -> None:
    assert message(tmp_path).startswith("cannot be read")


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.onnx"
    path.write_bytes(b"")
    assert message(path) == "expected an ONNX model, found an empty file"


def test_file_cut_anywhere_is_one_line(tmp_path: Path) -> None:
    content = conv_file(tmp_path).read_bytes()
    path = tmp_path / "cut.onnx"
    for end in range(1, len(content), 7):
        path.write_bytes(content[:end])
        assert message(path)


def test_flipped_bytes_never_end_in_another_exception(tmp_path: Path) -> None:
    content = bytearray(conv_file(tmp_path).read_bytes())
    path = tmp_path / "flipped.onnx"
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), size=3):
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with contextlib.suppress(NetworkError):
            import_network(path)


@pytest.mark.parametrize("content", [b"hello, world\n" * 20, b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(content)
    assert message(path).startswith("expected an ONNX model, found")


def test_newer_opset_than_known(tmp_path: Path) -> None:
    model = make_model([node("Relu", ["x"])], {"x": ["N", 3]}, ["y"], opset=99)
    assert message(save(model, tmp_path / "net.onnx")).startswith("opset: expected 7 to ")


def test_checker_problem_is_one_line(tmp_path: Path) -> None:
    model = make_model([node("Relu", ["nowhere"])], {"x": ["N", 3]}, ["y"])
    assert message(save(model, tmp_path / "net.onnx")).startswith("not a valid ONNX model: Nodes")


def test_weight_with_less_data_than_its_shape(tmp_path: Path) -> None:
    model = make_model([node("Conv", ["x", "w"])], {"x": ["N", 3, 8, 8]}, ["y"], {"w": ONES})
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    text = message(save(model, tmp_path / "net.onnx"))
    assert text.startswith("not a valid ONNX model: ")
    assert "name: w" in text


@pytest.mark.parametrize("number", [np.nan, 1e200])
def test_weight_that_is_not_finite_is_named(number: float, tmp_path: Path) -> None:
    weight = ONES.astype(np.float64)
    weight[1, 2] = number
    model = make_model([node("Conv", ["x", "w"])], {"x": ["N", 3, 8, 8]}, ["y"], {"w": weight})
    text = message(save(model, tmp_path / "net.onnx"))
    assert text == "constant 'w': expected finite numbers in float32, found NaN or inf"


def test_open_axis_without_input_shape(tmp_path: Path) -> None:
    model = make_model([node("Relu", ["x"])], {"x": ["N", "length", 3]}, ["y"])
    text = message(save(model, tmp_path / "net.onnx"))
    assert text == "input 'x': axis 1 (length) has no fixed size; give it as input shape"


def test_input_shape_for_an_input_that_is_not_there(tmp_path: Path) -> None:
    text = message(conv_file(tmp_path), input_shapes={"image": (1, 3, 8, 8)})
    assert text == "input shapes: expected inputs of the network (x), found image"


def test_input_shape_that_does_not_fit(tmp_path: Path) -> None:
    text = message(conv_file(tmp_path), input_shapes={"x": (1, 4, 8, 8)})
    assert text.startswith("not supported: Conv 'node_y' (input (batch, 4, 8, 8) does not fit")


def test_all_unsupported_nodes_are_listed_at_once(tmp_path: Path) -> None:
    nodes = [
        node("Erf", ["x"], "a", name="gelu"),
        node("Relu", ["x"], "r"),
        node("Pad", ["r", "pads"], "b", name="mirror", mode="reflect"),
        node("ReduceMean", ["r"], "m", name="over_batch", axes=[0]),
        node("Gather", ["r", "where"], "g", name="pick", axis=1),
        node("FusedConv", ["r"], "f", name="fused", domain="com.microsoft"),
        node("Concat", ["a", "b"], "c", axis=1),
        node("Concat", ["c", "g", "f"], "d", axis=1),
        node("Cos", ["d"], "e", name="behind"),
        node("Add", ["e", "m"]),
    ]
    constants = {
        "pads": np.asarray([0, 0, 1, 1, 0, 0, 1, 1], dtype=np.int64),
        "where": np.asarray([0], dtype=np.int64),
    }
    model = make_model(nodes, {"x": ["N", 3, 8, 8]}, ["y"], constants)
    assert message(save(model, tmp_path / "net.onnx")) == (
        "not supported: Erf 'gelu'; Pad 'mirror' (mode 'reflect'); "
        "ReduceMean 'over_batch' (a mean over the batch); Gather 'pick' (of activations); "
        "com.microsoft.FusedConv 'fused'; Cos 'behind' (of activations)"
    )


def test_variance_that_is_negative_is_named(tmp_path: Path) -> None:
    ones = np.ones(3, np.float32)
    nodes = [node("BatchNormalization", ["x", *"abmv"], name="norm")]
    parts = {"a": ones, "b": ones, "m": ones, "v": -ones}
    model = make_model(nodes, {"x": ["N", 3, 8, 8]}, ["y"], parts)
    text = message(save(model, tmp_path / "net.onnx"))
    assert text == "not supported: BatchNormalization 'norm' (a variance of -1.0)"


def one(op: str, shape: Sequence[int], *names: str, **attributes: Any) -> Any:
    """A model of one node on x and constants c0, c1 of int64."""
    constants = attributes.pop("constants", {})
    return make_model(
        [node(op, ["x", *names], **attributes)], {"x": ["N", *shape]}, ["y"], constants
    )


def int64(*values: int) -> Any:
    """An int64 constant."""
    return np.asarray(values, dtype=np.int64)


REASONS = {
    "the batch axis is moved": one("Transpose", [3, 4], perm=[1, 0, 2]),
    "slices the batch": one("Slice", [4], "s", "e", constants={"s": int64(1), "e": int64(2)}),
    "step -1": one(
        "Slice",
        [4],
        "s",
        "e",
        "a",
        "t",
        constants={"s": int64(3), "e": int64(0), "a": int64(1), "t": int64(-1)},
    ),
    "pads the batch": one("Pad", [4], "p", constants={"p": int64(1, 0, 0, 0)}),
    "negative pads": one("Pad", [4], "p", constants={"p": int64(0, -1, 0, 0)}),
    "softmax over the batch": one("Softmax", [4], axis=0),
    "does not reshape": one("Reshape", [4], "t", constants={"t": int64(0, 5)}),
    "kernel (5, 5) on an image (3, 3)": one("MaxPool", [2, 3, 3], kernel_shape=[5, 5]),
    "pads (0, 2, 0, 0) of a kernel that reaches (2, 2)": one(
        "MaxPool", [2, 3, 3], kernel_shape=[2, 2], pads=[0, 2, 0, 0]
    ),
    "1-D or 2-D convolution": one(
        "Conv", [1, 4, 4, 4], "w", constants={"w": np.ones((1, 1, 2, 2, 2), np.float32)}
    ),
    "does not fit weight (4,)": one(
        "Conv", [3, 4, 4], "w", constants={"w": np.ones(4, np.float32)}
    ),
    "nothing is left: (batch, 0, 2, 2)": one(
        "Conv", [3, 4, 4], "w", constants={"w": np.ones((0, 3, 3, 3), np.float32)}
    ),
    "nothing is left: (batch, 0)": one(
        "MatMul", [4], "w", constants={"w": np.ones((4, 0), np.float32)}
    ),
    "axes [1, -4] name one twice": one("Unsqueeze", [4, 4], "a", constants={"a": int64(1, -4)}),
    "shape [-1, -2, -2]": one("Reshape", [4], "t", constants={"t": int64(-1, -2, -2)}),
    "input 1 is text": one("Reshape", [4], "t", constants={"t": np.asarray(["q"])}),
    "expected integers, found float32": one(
        "Reshape", [4], "t", constants={"t": np.float32([0, np.nan])}
    ),
    "Add 'node_y' (input 1 is text)": one("Add", [4], "t", constants={"t": np.asarray(["q"])}),
    "constant, expected an activation": make_model(
        [node("Pad", ["c", "p"], "d"), node("Add", ["x", "d"])],
        {"x": ["N", 3]},
        ["y"],
        {"c": np.float32(1), "p": int64()},
    ),
    "transA": one("Gemm", [4], "w", constants={"w": np.ones((4, 4), np.float32)}, transA=1),
    "training mode": one(
        "BatchNormalization",
        [3],
        *"gbmv",
        constants={k: np.ones(3, np.float32) for k in "gbmv"},
        training_mode=1,
    ),
    "Dropout 'node_y' (training mode)": one(
        "Dropout", [4], "r", "t", constants={"r": np.float32(0.5), "t": np.asarray(True)}
    ),
    "do not broadcast": one("Add", [4], "k", constants={"k": np.ones(3, np.float32)}),
    "a cast of an activation": one("Cast", [4], to=TensorProto.INT32),
}


@pytest.mark.parametrize("reason", list(REASONS))
def test_reason_of_an_unsupported_node_is_given(reason: str, tmp_path: Path) -> None:
    text = message(save(REASONS[reason], tmp_path / "net.onnx"))
    assert text.startswith("not supported: ")
    assert reason in text


@pytest.mark.parametrize(
    ("op", "attributes"),
    [("Div", {}), ("Sub", {}), ("Relu", {}), ("Cast", {"to": TensorProto.UINT8})],
)
def test_arithmetic_of_integers_is_refused(
    op: str, attributes: dict[str, Any], tmp_path: Path
) -> None:
    names = ["q"] if attributes or op == "Relu" else ["q", "k"]
    nodes = [
        node("Transpose", ["x"], "q", perm=[0, 2, 1]),
        node(op, names, "r", **attributes),
        node("Cast", ["r"], to=TensorProto.FLOAT),
    ]
    model = make_model(nodes, {"x": ["N", 3, 4]}, ["y"], {"k": np.int32(7)})
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32
    assert "integer" in message(save(model, tmp_path / "net.onnx"))
    model.graph.node[1].CopyFrom(node("Identity", ["q"], "r"))
    nodes = import_network(save(model, tmp_path / "net.onnx")).network.nodes
    assert [n.op for n in nodes] == ["transpose"]


@pytest.mark.parametrize("kind", ["BOOL", "STRING"])
def test_input_that_is_no_number_is_refused(kind: str, tmp_path: Path) -> None:
    model = make_model([node("Identity", ["x"])], {"x": ["N", 3]}, ["y"])
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DataType.Value(kind)
    text = message(save(model, tmp_path / "net.onnx"))
    assert text == f"input 'x': expected numbers, found type {kind}"


@pytest.mark.parametrize("read", [False, True])
def test_mask_of_a_dropout_is_refused_where_it_is_needed(read: bool, tmp_path: Path) -> None:
    drop = node("Dropout", ["x"], "d", name="drop")
    drop.output.append("mask")
    use = node("Cast", ["mask"], "m", to=TensorProto.FLOAT)
    model = make_model([drop, use, node("Mul", ["d", "m"])], {"x": ["N", 3]}, ["y"])
    if not read:
        del model.graph.node[1:]
        model.graph.output[0].name = "mask"
    text = message(save(model, tmp_path / "net.onnx"))
    assert text == "not supported: Dropout 'drop' (the mask output)"
    model.graph.output[0].name = "d"
    assert import_network(save(model, tmp_path / "net.onnx")).network.outputs == ("d",)


def external_file(folder: Path, width: int, layers: int, *, data: bool) -> Path:
    """Linear layers whose weights lie in another file."""
    model = make_model(
        [
            entry
            for k in range(layers)
            for entry in (
                node("MatMul", [f"h{k}", f"w{k}"], f"p{k}"),
                node("Add", [f"p{k}", f"b{k}"], f"a{k}"),
                node("Relu", [f"a{k}"], f"h{k + 1}"),
            )
        ],
        {"h0": ["N", 16, width]},
        [f"h{layers}"],
    )
    for k in range(layers):
        for name, dims in ((f"w{k}", (width, width)), (f"b{k}", (width,))):
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", "weights.bin"
            model.graph.initializer.append(tensor)
    path = save(model, folder / "external.onnx")
    if data:
        stored = onnx.load(path, load_external_data=False)
        content = b""
        for tensor in stored.graph.initializer:
            size = 4 * int(np.prod(tensor.dims))
            for key, value in (("offset", len(content)), ("length", size)):
                entry = tensor.external_data.add()
                entry.key, entry.value = key, str(value)
            content += np.arange(size // 4, dtype=np.float32).tobytes()
        (folder / "weights.bin").write_bytes(content)
        save(stored, path)
    return path


def test_external_weights_are_read(tmp_path: Path) -> None:
    network = import_network(external_file(tmp_path, 8, 2, data=True)).network
    assert [n.op for n in network.nodes] == ["linear", "relu", "linear", "relu"]
    np.testing.assert_array_equal(network.constants["w1"].reshape(-1), np.arange(64))


def test_absent_external_weights_are_named(tmp_path: Path) -> None:
    text = message(external_file(tmp_path, 8, 1, data=False))
    assert text.startswith("constant 'w0': expected its data in ")
    assert text.endswith("weights.bin, found no such file")


def test_external_weights_cut_short(tmp_path: Path) -> None:
    path = external_file(tmp_path, 8, 1, data=True)
    weights = tmp_path / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:100])
    assert message(path).startswith("constant 'w0': ")


def test_external_data_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    folder = tmp_path / "model"
    folder.mkdir()
    path = external_file(folder, 8, 1, data=False)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = "../secret.bin"
    assert "'w0'" in message(save(model, path))


def test_seven_billion_parameters_without_data_take_less_than_a_second(tmp_path: Path) -> None:
    layers, width = 106, 8192  # 106 * 8192**2 = 7.1e9
    path = external_file(tmp_path, width, layers, data=False)
    start = time.process_time()
    network = import_network(path, weights=False).network
    assert time.process_time() - start < 1.0
    weights = [network.shapes[n.inputs[1]] for n in network.linear_nodes()]
    assert sum(k * n for k, n in weights) > 7e9
    assert not network.constants


def test_shapes_of_weights_without_data_pass_through_constant_nodes(tmp_path: Path) -> None:
    held = TensorProto(data_type=TensorProto.FLOAT, dims=(64, 64))
    held.data_location = TensorProto.EXTERNAL
    entry = held.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    nodes = [
        node("Constant", [], "stored", value=held),
        node("Transpose", ["stored"], "turned", perm=[1, 0]),
        node("Slice", ["turned", "first", "last"], "top"),
        node("Slice", ["stored", "first", "last"], "other"),
        node("Mul", ["top", "other"], "scaled"),
        node("MatMul", ["x", "scaled"]),
    ]
    edges = {"first": int64(0), "last": int64(32)}
    path = save(make_model(nodes, {"x": ["N", 32]}, ["y"], edges), tmp_path / "net.onnx")
    network = import_network(path, weights=False).network
    (linear,) = network.linear_nodes()
    assert network.shapes[linear.inputs[1]] == (32, 64)
    assert network.shapes["y"] == (-1, 64)
    assert message(path).endswith("weights.bin, found no such file")
