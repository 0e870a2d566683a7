"""Every operator: an ONNX file with it, imported, gives what onnxruntime gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from tests.reference.onnx_files import make_model, newest_opset, node, save

RNG = np.random.default_rng(3)
Nodes = Callable[[int], Sequence[Any]]


def floats(*shape: int) -> Any:
    """Random constants."""
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> Any:
    """An int64 constant."""
    return np.asarray(values, dtype=np.int64)


@dataclass(frozen=True)
class Case:
    """Nodes from x to y, made for an opset, and the operators they must become."""

    nodes: Nodes
    shape: tuple[int, ...]
    ops: tuple[str, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)
    opsets: tuple[int, ...] = (11, 13, 17, newest_opset())


def single(op: str, *names: str, **attributes: Any) -> Nodes:
    """One node of `op` on x and constants."""
    return lambda opset: [node(op, ["x", *names], **attributes)]


def axes_of(op: str, axes: Sequence[int], since: int, **attributes: Any) -> Nodes:
    """A node whose axes are an attribute before opset `since` and an input from then on."""

    def build(opset: int) -> Sequence[Any]:
        if opset < since:
            return [node(op, ["x"], axes=list(axes), **attributes)]
        given_axes = node("Constant", [], "axes", value_ints=list(axes))
        return [given_axes, node(op, ["x", "axes"], **attributes)]

    return build


def dynamic_flatten(opset: int) -> Sequence[Any]:
    """x.view(x.size(0), -1) as torch exports it."""
    unsqueeze = (
        [node("Unsqueeze", ["n"], "n1", axes=[0])]
        if opset < 13
        else [node("Unsqueeze", ["n", "zero"], "n1")]
    )
    return [
        node("Shape", ["x"], "s"),
        node("Constant", [], "i", value_int=0)
        if opset > 11
        else node("Identity", ["zero_scalar"], "i"),
        node("Gather", ["s", "i"], "n", axis=0),
        *unsqueeze,
        node("Concat", ["n1", "minus_one"], "target", axis=0),
        node("Reshape", ["x", "target"]),
    ]


def attention(opset: int) -> Sequence[Any]:
    """One head: softmax(q k') v, with a scale."""
    return [
        node("MatMul", ["x", "wq"], "q"),
        node("MatMul", ["x", "wk"], "k"),
        node("MatMul", ["x", "wv"], "v"),
        node("Transpose", ["k"], "kt", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], "s"),
        node("Div", ["s", "root"], "scaled"),
        node("Softmax", ["scaled"], "p", axis=2),
        node("MatMul", ["p", "v"]),
    ]


def batch_norm(*before: Any) -> Nodes:
    """A batch normalisation of what the nodes before it leave in c."""
    return lambda opset: [*before, node("BatchNormalization", ["c", "g", "b", "m", "v"])]


def stats(channels: int) -> dict[str, Any]:
    """Batch normalisation's constants."""
    return {
        "g": floats(channels),
        "b": floats(channels),
        "m": floats(channels),
        "v": np.abs(floats(channels)) + np.float32(0.1),
    }


IMAGE = (3, 9, 8)
CASES: dict[str, Case] = {
    "conv": Case(
        single("Conv", "w", "c", pads=[1, 0, 2, 1], strides=[2, 1]),
        IMAGE,
        ("conv",),
        {"w": floats(4, 3, 3, 2), "c": floats(4)},
    ),
    "conv with dilation": Case(
        single("Conv", "w", dilations=[2, 3]), IMAGE, ("conv",), {"w": floats(4, 3, 3, 2)}
    ),
    "conv with groups": Case(
        single("Conv", "w", group=3), IMAGE, ("conv",), {"w": floats(6, 1, 3, 3)}
    ),
    "conv same upper": Case(
        single("Conv", "w", auto_pad="SAME_UPPER", strides=[2, 3]),
        IMAGE,
        ("conv",),
        {"w": floats(4, 3, 4, 2)},
    ),
    "conv same lower": Case(
        single("Conv", "w", auto_pad="SAME_LOWER", strides=[2, 1]),
        IMAGE,
        ("conv",),
        {"w": floats(4, 3, 4, 2)},
    ),
    "conv valid": Case(
        single("Conv", "w", auto_pad="VALID"), IMAGE, ("conv",), {"w": floats(4, 3, 3, 3)}
    ),
    "conv 1-D": Case(
        single("Conv", "w", pads=[1, 2], strides=[2], group=2),
        (4, 11),
        ("conv",),
        {"w": floats(6, 2, 3)},
    ),
    "gemm": Case(
        single("Gemm", "w", "c", alpha=0.5, beta=2.0, transB=1),
        (7,),
        ("linear",),
        {"w": floats(5, 7), "c": floats(5)},
    ),
    "gemm, scalar bias": Case(
        single("Gemm", "w", "c"), (7,), ("linear",), {"w": floats(7, 5), "c": floats()}
    ),
    "gemm, bias of one row": Case(
        single("Gemm", "w", "c"), (7,), ("linear",), {"w": floats(7, 5), "c": floats(1, 5)}
    ),
    "gemm without bias": Case(single("Gemm", "w"), (7,), ("linear",), {"w": floats(7, 5)}),
    "matmul over the last axis": Case(
        single("MatMul", "w"), (4, 7), ("linear",), {"w": floats(7, 5)}
    ),
    "matmul and bias": Case(
        lambda opset: [node("MatMul", ["x", "w"], "p"), node("Add", ["c", "p"])],
        (4, 7),
        ("linear",),
        {"w": floats(7, 5), "c": floats(5)},
    ),
    "conv and bias added": Case(
        lambda opset: [node("Conv", ["x", "w"], "p"), node("Add", ["p", "c"])],
        IMAGE,
        ("conv",),
        {"w": floats(4, 3, 3, 3), "c": floats(4, 1, 1)},
    ),
    "conv and a picture added": Case(
        lambda opset: [node("Conv", ["x", "w"], "p"), node("Add", ["p", "c"])],
        IMAGE,
        ("conv", "add"),
        {"w": floats(4, 3, 3, 3), "c": floats(1, 4, 7, 6)},
    ),
    "one scalar added to two layers": Case(
        lambda opset: [
            node("MatMul", ["x", "w"], "p"),
            node("Add", ["p", "c"], "h"),
            node("MatMul", ["h", "v"], "q"),
            node("Add", ["q", "c"]),
        ],
        (7,),
        ("linear", "linear"),
        {"w": floats(7, 5), "v": floats(5, 3), "c": floats()},
    ),
    "matmul, bias and batch norm": Case(
        batch_norm(node("MatMul", ["x", "w"], "p"), node("Add", ["p", "c0"], "c")),
        (7,),
        ("linear",),
        {"w": floats(7, 5), "c0": floats(5), **stats(5)},
    ),
    "attention": Case(
        attention,
        (4, 6),
        (*("linear",) * 3, "transpose", "matmul", "div", "softmax", "matmul"),
        {**{f"w{k}": floats(6, 6) for k in "qkv"}, "root": np.float32(2.4)},
    ),
    "conv and batch norm": Case(
        batch_norm(node("Conv", ["x", "w", "c0"], "c")),
        IMAGE,
        ("conv",),
        {"w": floats(4, 3, 3, 3), "c0": floats(4), **stats(4)},
    ),
    "depthwise conv and batch norm": Case(
        batch_norm(node("Conv", ["x", "w"], "c", group=3)),
        IMAGE,
        ("conv",),
        {"w": floats(3, 1, 3, 3), **stats(3)},
    ),
    "gemm and batch norm": Case(
        batch_norm(node("Gemm", ["x", "w", "c0"], "c")),
        (7,),
        ("linear",),
        {"w": floats(7, 5), "c0": floats(5), **stats(5)},
    ),
    "batch norm alone": Case(
        lambda opset: [node("BatchNormalization", ["x", "g", "b", "m", "v"], epsilon=0.01)],
        IMAGE,
        ("mul", "add"),
        stats(3),
    ),
    "batch norm behind a conv that is read twice": Case(
        lambda opset: [
            node("Conv", ["x", "w"], "c"),
            node("BatchNormalization", ["c", "g", "b", "m", "v"], "n"),
            node("Add", ["n", "c"]),
        ],
        IMAGE,
        ("conv", "mul", "add", "add"),
        {"w": floats(4, 3, 3, 3), **stats(4)},
    ),
    "relu": Case(single("Relu"), IMAGE, ("relu",)),
    "relu6": Case(
        single("Clip", "low", "high"),
        IMAGE,
        ("clip",),
        {"low": np.float32(0), "high": np.float32(6)},
    ),
    "clip from above": Case(
        single("Clip", "", "high"), IMAGE, ("clip",), {"high": np.float32(0.5)}
    ),
    "clip by attributes": Case(single("Clip", min=-0.5, max=0.5), IMAGE, ("clip",), {}, (7, 10)),
    "clip at zero is a relu": Case(single("Clip", "low"), IMAGE, ("relu",), {"low": np.float32(0)}),
    "leaky relu": Case(single("LeakyRelu", alpha=0.2), IMAGE, ("leaky_relu",)),
    "prelu": Case(single("PRelu", "s"), IMAGE, ("prelu",), {"s": floats(3, 1, 1)}),
    "hard swish": Case(single("HardSwish"), IMAGE, ("hard_swish",), {}, (14, 17, newest_opset())),
    "hard sigmoid": Case(single("HardSigmoid", alpha=0.3), IMAGE, ("mul", "add", "clip")),
    "sigmoid": Case(single("Sigmoid"), IMAGE, ("sigmoid",)),
    "tanh": Case(single("Tanh"), IMAGE, ("tanh",)),
    "softmax of the last axis": Case(single("Softmax", axis=-1), IMAGE, ("softmax",)),
    "softmax over channels": Case(
        single("Softmax", axis=1), IMAGE, ("softmax",), {}, (13, newest_opset())
    ),
    "softmax, old and flattened": Case(
        single("Softmax"), IMAGE, ("reshape", "softmax", "reshape"), {}, (11, 12)
    ),
    "add": Case(single("Add", "k"), IMAGE, ("add",), {"k": floats(1, 3, 1, 8)}),
    "sub from a constant": Case(
        lambda opset: [node("Sub", ["k", "x"])], IMAGE, ("sub",), {"k": floats(8)}
    ),
    "mul": Case(lambda opset: [node("Mul", ["x", "x"])], IMAGE, ("mul",)),
    "div": Case(single("Div", "k"), IMAGE, ("div",), {"k": np.float32(3)}),
    "concat": Case(
        lambda opset: [node("Relu", ["x"], "r"), node("Concat", ["x", "r", "x"], axis=-2)],
        IMAGE,
        ("relu", "concat"),
    ),
    "max pool": Case(
        single("MaxPool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
        IMAGE,
        ("max_pool",),
    ),
    "max pool, ceil": Case(
        single("MaxPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1), IMAGE, ("max_pool",)
    ),
    "max pool, ceil and padding": Case(
        single("MaxPool", kernel_shape=[2, 2], strides=[3, 3], pads=[0, 0, 1, 1], ceil_mode=1),
        IMAGE,
        ("max_pool",),
        {},
        (newest_opset(),),
    ),
    "max pool, dilated": Case(
        single("MaxPool", kernel_shape=[3, 2], dilations=[2, 3]), IMAGE, ("max_pool",)
    ),
    "max pool, same": Case(
        single("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        IMAGE,
        ("max_pool",),
    ),
    "max pool 1-D": Case(single("MaxPool", kernel_shape=[3]), (4, 11), ("max_pool",)),
    "average pool": Case(
        single("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        IMAGE,
        ("average_pool",),
    ),
    "average pool that counts padding": Case(
        single(
            "AveragePool",
            kernel_shape=[3, 3],
            strides=[2, 2],
            pads=[1, 1, 1, 1],
            count_include_pad=1,
        ),
        IMAGE,
        ("average_pool",),
    ),
    "average pool, ceil": Case(
        single("AveragePool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
        IMAGE,
        ("average_pool",),
    ),
    "global average pool": Case(single("GlobalAveragePool"), IMAGE, ("mean",)),
    "global max pool": Case(single("GlobalMaxPool"), IMAGE, ("max_pool",)),
    "mean": Case(axes_of("ReduceMean", [2, -1], 18, keepdims=0), IMAGE, ("mean",)),
    "mean that keeps axes": Case(axes_of("ReduceMean", [2, 3], 18), IMAGE, ("mean",)),
    "pad": Case(
        single("Pad", "p", "k"),
        IMAGE,
        ("pad",),
        {"p": ints(0, 1, 0, 2, 0, 3, 1, 0), "k": np.float32(0.5)},
    ),
    "pad without value": Case(
        single("Pad", "p"), IMAGE, ("pad",), {"p": ints(0, 1, 0, 2, 0, 3, 1, 0)}
    ),
    "pad of named axes": Case(
        single("Pad", "p", "", "a"),
        IMAGE,
        ("pad",),
        {"p": ints(1, 2, 3, 0), "a": ints(-1, 1)},
        (18, newest_opset()),
    ),
    "pad by attribute": Case(
        single("Pad", pads=[0, 0, 1, 1, 0, 0, 2, 0], value=0.5), IMAGE, ("pad",), {}, (10,)
    ),
    "flatten": Case(single("Flatten"), IMAGE, ("reshape",)),
    "reshape with -1": Case(single("Reshape", "t"), IMAGE, ("reshape",), {"t": ints(0, -1, 8)}),
    "reshape with the batch as -1": Case(
        single("Reshape", "t"), IMAGE, ("reshape",), {"t": ints(-1, 27, 8)}
    ),
    "view of the batch, computed": Case(
        dynamic_flatten,
        IMAGE,
        ("reshape",),
        {"zero": ints(0), "minus_one": ints(-1), "zero_scalar": np.int64(0)},
    ),
    "squeeze": Case(axes_of("Squeeze", [1, -1], 13), (1, 5, 1), ("reshape",)),
    "unsqueeze": Case(axes_of("Unsqueeze", [1, -1], 13), (5,), ("reshape",)),
    "transpose": Case(single("Transpose", perm=[0, 2, 3, 1]), IMAGE, ("transpose",)),
    "slice": Case(
        single("Slice", "s", "e", "a", "t"),
        IMAGE,
        ("slice",),
        {"s": ints(1, -100), "e": ints(2**63 - 1, -2), "a": ints(2, -1), "t": ints(2, 3)},
    ),
    "identity and dropout": Case(
        lambda opset: [
            node("Identity", ["x"], "i"),
            node("Dropout", ["i"], "d"),
            node("Relu", ["d"]),
        ],
        IMAGE,
        ("relu",),
    ),
    "identity alone": Case(single("Identity"), IMAGE, ("reshape",)),
    "weight made of constants": Case(
        lambda opset: [
            node("Constant", [], "k", value=onnx_tensor(floats(5, 7))),
            node("Transpose", ["k"], "kt"),
            node("Mul", ["kt", "two"], "w"),
            node("MatMul", ["x", "w"]),
        ],
        (7,),
        ("linear",),
        {"two": np.float32(2)},
    ),
    "nodes that lead nowhere": Case(
        lambda opset: [node("Relu", ["x"]), node("Erf", ["x"], "unused")], IMAGE, ("relu",)
    ),
}


def onnx_tensor(array: Any) -> Any:
    """A TensorProto."""
    from onnx import numpy_helper

    return numpy_helper.from_array(array)


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
