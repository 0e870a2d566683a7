"""QLinear operators: an operator whose inputs and output are codes.

Each is the plain operator on the real values behind its inputs, followed by the output's
quantisation; positions of scales and zero points follow the ONNX and onnxruntime
operator documentation.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mapping.onnx_import.codes import (
    CODES,
    activation_params,
    dequantise_constant,
    kind_of,
    read_codes,
)
from mapping.onnx_import.elementwise import binary, softmax_of
from mapping.onnx_import.graph import Codes, FileNode, Tensor, Unsupported
from mapping.onnx_import.layout import concatenated
from mapping.onnx_import.linear import broadcast, convolve, multiply, product
from mapping.onnx_import.pooling import global_mean, pool
from mapping.onnx_import.walk import Translator, Walk


def _operand(walk: Walk, node: FileNode, index: int) -> Tensor:
    """Input `index` with its scale and zero point behind it, as real values."""
    tensor = walk.tensor(node, index)
    if tensor.constant:
        return dequantise_constant(walk, node, tensor, index + 1, index + 2)
    if not tensor.raw:
        raise Unsupported(f"input {index} is not codes")
    params = activation_params(walk, node, index + 1, index + 2, kind_of(tensor))
    return read_codes(walk, tensor, params)


def _finish(walk: Walk, node: FileNode, output: Tensor, scale: int) -> None:
    """States how the output is held; `scale` is the position of its scale."""
    read = (walk.tensors[name] for name in node.inputs if name)
    kind = next((kind_of(tensor) for tensor in read if tensor.raw), CODES)
    params = activation_params(walk, node, scale, scale + 1, kind)
    walk.params[output.name] = params
    walk.bind(node.outputs[0], replace(output, params=params, raw=True))


def _bias(
    walk: Walk, node: FileNode, index: int, x: Tensor, weight: Tensor, alpha: float = 1.0
) -> Tensor | None:
    """An int32 bias in units of input scale * weight scale."""
    if not node.input(index):
        return None
    tensor = walk.tensor(node, index)
    if tensor.value is None or weight.codes is None or x.params is None:
        return tensor
    scale = weight.codes.scale * (x.params.scale * alpha)
    integers = tensor.value.astype(np.int64)
    broadcast(integers.shape, scale.shape)  # or it says why not
    codes = Codes(integers, scale, np.zeros((), np.int64), 0, 32, signed=True)
    return replace(tensor, value=(integers * scale).astype(np.float32), codes=codes)


def conv(walk: Walk, node: FileNode) -> None:
    """QLinearConv: x, its scale and zero point, w, ..., y's scale and zero point, bias."""
    x, weight = _operand(walk, node, 0), _operand(walk, node, 3)
    y = convolve(walk, node, x, weight, _bias(walk, node, 8, x, weight))
    _finish(walk, node, y, 6)


def matmul(walk: Walk, node: FileNode) -> None:
    """QLinearMatMul."""
    a, b = _operand(walk, node, 0), _operand(walk, node, 3)
    if a.constant:
        raise Unsupported("input 0 is a constant, expected an activation")
    _finish(walk, node, multiply(walk, node, a, b), 6)


def gemm(walk: Walk, node: FileNode) -> None:
    """QGemm; without an output scale its output is real."""
    alpha = float(node.get("alpha", 1.0))
    x, weight = _operand(walk, node, 0), _operand(walk, node, 3)
    bias = _bias(walk, node, 6, x, weight, alpha)
    y = product(walk, node, x, weight, bias, (alpha, 1.0))
    if node.input(7):
        _finish(walk, node, y, 7)


def _binary(op: str) -> Translator:
    def translate(walk: Walk, node: FileNode) -> None:
        y = binary(walk, node, op, _operand(walk, node, 0), _operand(walk, node, 3))
        _finish(walk, node, y, 6)

    return translate


def _unary(write: Callable[[Walk, FileNode, Tensor], Tensor]) -> Translator:
    def translate(walk: Walk, node: FileNode) -> None:
        if node.get("channels_last", 0):
            raise Unsupported("channels last")
        _finish(walk, node, write(walk, node, _operand(walk, node, 0)), 3)

    return translate


def _average_pool(walk: Walk, node: FileNode, x: Tensor) -> Tensor:
    return pool(walk, node, "average_pool", x)


def _leaky_relu(walk: Walk, node: FileNode, x: Tensor) -> Tensor:
    alpha = float(node.get("alpha", 0.01))
    return walk.emit(node, "leaky_relu", [x], x.shape, attributes={"alpha": alpha})


def _sigmoid(walk: Walk, node: FileNode, x: Tensor) -> Tensor:
    return walk.emit(node, "sigmoid", [x], x.shape)


def _softmax(walk: Walk, node: FileNode, x: Tensor) -> Tensor:
    return softmax_of(walk, node, x, int(node.get("opset", 13)))


def concat(walk: Walk, node: FileNode) -> None:
    """QLinearConcat: the output's scale and zero point, then triples."""
    parts = [_operand(walk, node, index) for index in range(2, len(node.inputs), 3)]
    if any(part.constant for part in parts):
        raise Unsupported("a constant part")
    _finish(walk, node, concatenated(walk, node, parts), 0)


#: Of the default domain.
TRANSLATORS: dict[str, Translator] = {"QLinearConv": conv, "QLinearMatMul": matmul}

#: Of onnxruntime's domain `com.microsoft`.
CONTRIBUTED: dict[str, Translator] = {
    "QGemm": gemm,
    "QLinearAdd": _binary("add"),
    "QLinearAveragePool": _unary(_average_pool),
    "QLinearConcat": concat,
    "QLinearGlobalAveragePool": _unary(global_mean),
    "QLinearLeakyRelu": _unary(_leaky_relu),
    "QLinearMul": _binary("mul"),
    "QLinearSigmoid": _unary(_sigmoid),
    "QLinearSoftmax": _unary(_softmax),
}
