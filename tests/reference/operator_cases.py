"""The table of operators: nodes, and what the importer must make of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import numpy_helper

from tests.reference.onnx_files import newest_opset, node
from tests.reference.operator_nodes import (
    Nodes,
    attention,
    axes_of,
    batch_norm,
    dynamic_flatten,
    floats,
    ints,
    single,
    stats,
)


@dataclass(frozen=True)
class Case:
    """Nodes from x to y, made for an opset, and the operators they must become."""

    nodes: Nodes
    shape: tuple[int, ...]
    ops: tuple[str, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)
    opsets: tuple[int, ...] = (11, 13, 17, newest_opset())


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
            node("Constant", [], "k", value=numpy_helper.from_array(floats(5, 7))),
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
