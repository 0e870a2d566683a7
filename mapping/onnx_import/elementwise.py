"""Element-wise operators and Softmax."""

import numpy as np

from mapping.onnx_import.graph import BATCH, FileNode, Tensor, Unsupported, positive_axis, size_of
from mapping.onnx_import.linear import broadcast
from mapping.onnx_import.walk import Translator, Walk


def _unary(op: str) -> Translator:
    def translate(walk: Walk, node: FileNode) -> None:
        x = walk.activation(node)
        walk.emit(node, op, [x], x.shape)

    return translate


def relu(walk: Walk, node: FileNode) -> None:
    """Relu, also of codes whose zero point is 0."""
    x = walk.tensor(node, 0)
    if x.raw and x.params is not None and x.params.zero_point == 0:
        walk.emit(node, "relu", [x], x.shape, keep=x)
        return
    x = walk.activation(node)
    walk.emit(node, "relu", [x], x.shape)


def leaky_relu(walk: Walk, node: FileNode) -> None:
    """LeakyRelu."""
    x = walk.activation(node)
    alpha = float(node.get("alpha", 0.01))
    walk.emit(node, "leaky_relu", [x], x.shape, attributes={"alpha": alpha})


def prelu(walk: Walk, node: FileNode) -> None:
    """PRelu with a constant slope."""
    x, slope = walk.activation(node), walk.tensor(node, 1)
    if not slope.constant or broadcast(x.shape, slope.shape) != x.shape:
        raise Unsupported("slope is not a constant that fits the input")
    walk.emit(node, "prelu", [x, slope], x.shape)


def clip(walk: Walk, node: FileNode) -> None:
    """Clip with bounds by attribute (opset < 11) or input; above 0 only, it is a relu."""
    x = walk.activation(node)
    low = _bound(walk, node, 1, "min", -np.inf)
    high = _bound(walk, node, 2, "max", np.inf)
    if low == 0.0 and high == np.inf:
        walk.emit(node, "relu", [x], x.shape)
    else:
        walk.emit(node, "clip", [x], x.shape, attributes={"min": low, "max": high})


def _bound(walk: Walk, node: FileNode, index: int, key: str, default: float) -> float:
    value = walk.numbers(node, index, key)
    if value is None:
        return default
    if value.size != 1:
        raise Unsupported(f"{key} of {value.size} numbers")
    return float(value.reshape(-1)[0])


def hard_sigmoid(walk: Walk, node: FileNode) -> None:
    """HardSigmoid as mul, add and clip."""
    x = walk.activation(node)
    alpha, beta = float(node.get("alpha", 0.2)), float(node.get("beta", 0.5))
    slope = walk.literal(node, "alpha", alpha)
    scaled = walk.emit(node, "mul", [x, slope], x.shape, part="scaled")
    offset = walk.literal(node, "beta", beta)
    shifted = walk.emit(node, "add", [scaled, offset], x.shape, part="shifted")
    walk.emit(node, "clip", [shifted], x.shape, attributes={"min": 0.0, "max": 1.0})


def softmax(walk: Walk, node: FileNode) -> None:
    """Softmax; before opset 13 over all axes from `axis` on, flattened."""
    softmax_of(walk, node, walk.activation(node), walk.opset)


def softmax_of(walk: Walk, node: FileNode, x: Tensor, opset: int) -> Tensor:
    """Writes the softmax of the real-valued `x` with the meaning it has in `opset`."""
    axis = positive_axis(int(node.get("axis", 1 if opset < 13 else -1)), x.rank)
    if axis == 0:
        raise Unsupported("softmax over the batch")
    if opset >= 13 or size_of(x.shape[axis + 1 :]) == 1:
        return walk.emit(node, "softmax", [x], x.shape, attributes={"axis": axis})
    flat = (*x.shape[:axis], size_of(x.shape[axis:]))
    view = walk.emit(node, "reshape", [x], flat, attributes=_target(flat), keep=x, part="flattened")
    soft = walk.emit(node, "softmax", [view], flat, attributes={"axis": axis}, part="softmax")
    return walk.emit(node, "reshape", [soft], x.shape, attributes=_target(x.shape), keep=soft)


def _target(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"shape": tuple(-1 if size == BATCH else size for size in shape)}


def _binary(op: str) -> Translator:
    def translate(walk: Walk, node: FileNode) -> None:
        binary(walk, node, op, walk.tensor(node, 0), walk.tensor(node, 1))

    return translate


def binary(walk: Walk, node: FileNode, op: str, a: Tensor, b: Tensor) -> Tensor:
    """Writes an element-wise node of two real-valued tensors.

    Raises:
        Unsupported: integer codes, or shapes that do not broadcast with the batch in front.
    """
    if a.raw or b.raw:
        raise Unsupported("integer codes without a scale")
    shape = broadcast(a.shape, b.shape)
    if a.constant and b.constant:  # of which one has no data: else it would have been folded
        result = Tensor(node.outputs[0], shape, constant=True)
        walk.bind(result.name, result)
        return result
    return walk.emit(node, op, [a, b], shape)


TRANSLATORS: dict[str, Translator] = {
    "Add": _binary("add"),
    "Clip": clip,
    "Div": _binary("div"),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": _unary("hard_swish"),
    "LeakyRelu": leaky_relu,
    "Mul": _binary("mul"),
    "PRelu": prelu,
    "Relu": relu,
    "Sigmoid": _unary("sigmoid"),
    "Softmax": softmax,
    "Sub": _binary("sub"),
    "Tanh": _unary("tanh"),
}
