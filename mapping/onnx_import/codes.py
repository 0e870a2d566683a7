"""QuantizeLinear and DequantizeLinear: where real values and codes meet."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.codes import code_range
from mapping.network import QuantParams
from mapping.onnx_import.graph import Codes, FileNode, Tensor, Unsupported, positive_axis
from mapping.onnx_import.read import INTEGERS
from mapping.onnx_import.walk import Translator, Walk

MAX_ACTIVATION_BITS = 8
#: Bits and sign of codes whose type nothing states.
CODES = (8, False)


def activation_params(
    walk: Walk,
    node: FileNode,
    scale: int,
    zero_point: int,
    kind: tuple[int, bool] = CODES,
) -> QuantParams:
    """The parameters that inputs `scale` and `zero_point` (positions) of a node state.

    Args:
        kind: bits and sign of the codes where the node has no zero point.

    Raises:
        Unsupported: a scale per channel, not positive, or codes of more than 8 bits.
    """
    factor = _scale(walk, node, scale)
    if factor.size != 1:
        raise Unsupported("an activation with a scale per channel")
    offset = walk.numbers(node, zero_point)
    if offset is None:
        (bits, signed), zero = kind, 0
    elif offset.size != 1:
        raise Unsupported(f"an activation with {offset.size} zero points")
    else:
        bits, signed = _code_type(offset, walk.tensors[node.input(zero_point)].bits)
        zero = int(offset.reshape(-1)[0])
    if bits > MAX_ACTIVATION_BITS:
        raise Unsupported(f"activations of {bits} bits, expected at most {MAX_ACTIVATION_BITS}")
    return QuantParams(float(factor.reshape(-1)[0]), zero, bits, signed)


def kind_of(tensor: Tensor) -> tuple[int, bool]:
    """Bits and sign of the codes that `tensor` holds."""
    if tensor.params is not None:
        return tensor.params.bits, tensor.params.signed
    return tensor.kind or CODES


def _scale(walk: Walk, node: FileNode, index: int) -> NDArray[np.float64]:
    value = walk.numbers(node, index)
    if value is None or value.dtype.kind != "f":
        raise Unsupported("the scale is not a constant")
    factor = value.astype(np.float64)
    if not np.isfinite(factor).all() or (factor <= 0).any():
        raise Unsupported("a scale that is not positive")
    return factor


def _zeros(
    walk: Walk, node: FileNode, index: int, factor: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The zero points of a constant with scales `factor`; 0 where it has none."""
    offset = walk.numbers(node, index)
    if offset is None:
        return np.zeros(1, np.int64)
    if offset.size not in (1, factor.size):
        raise Unsupported(f"{offset.size} zero points for {factor.size} scales")
    return offset.astype(np.int64)


def _code_type(value: NDArray[Any], bits: int | None = None) -> tuple[int, bool]:
    """Bits and sign of codes; `bits`: where the file's type is narrower than `value`'s."""
    if value.dtype.kind not in "iu":
        raise Unsupported(f"codes of type {value.dtype}")
    return bits or value.dtype.itemsize * 8, value.dtype.kind == "i"


def dequantise_constant(
    walk: Walk, node: FileNode, tensor: Tensor, scale: int, zero_point: int
) -> Tensor:
    """A constant's codes as real values that remember their integers.

    Args:
        scale, zero_point: positions of these inputs of `node`.

    Raises:
        Unsupported: scales in blocks, or ones that do not fit.
    """
    if tensor.value is None or not walk.weights:
        return replace(tensor, codes=None)
    factor = _scale(walk, node, scale)
    zero = _zeros(walk, node, zero_point, factor)
    if node.get("block_size", 0) or factor.ndim > 1:
        raise Unsupported("scales in blocks")
    axis = _channel_axis(node, tensor, factor)
    bits, signed = _code_type(tensor.value, tensor.bits)
    integers = tensor.value.astype(np.int64)
    shape = [1] * tensor.rank
    if factor.size > 1:
        shape[axis] = -1
    along = shape if tensor.rank else ()
    zeros = zero.reshape(along) if zero.size > 1 else zero.reshape(-1)[0]
    factors = factor.reshape(along) if factor.size > 1 else factor.reshape(-1)[0]
    real = ((integers - zeros) * factors).astype(np.float32)
    codes = Codes(
        integers,
        factor.reshape(-1) if factor.size > 1 else factor.reshape(-1)[0:1].reshape(()),
        zero.reshape(-1) if zero.size > 1 else zero.reshape(-1)[0:1].reshape(()),
        axis,
        bits,
        signed,
    )
    return replace(tensor, value=real, codes=codes, raw=False)


def _channel_axis(node: FileNode, tensor: Tensor, factor: NDArray[np.float64]) -> int:
    if factor.size == 1:
        return 0
    # QGemm and QLinearMatMul keep their outputs last (or first if transB); conv first.
    default = {"QLinearMatMul": 1, "QLinearConv": 0, "QGemm": 0 if node.get("transB", 0) else 1}
    axis = default.get(node.op, node.get("axis", 1))
    axis = positive_axis(axis, tensor.rank)
    if tensor.shape[axis] != factor.size:
        raise Unsupported(f"{factor.size} scales along axis {axis} of {tensor.shape}")
    return axis


def dequantize(walk: Walk, node: FileNode) -> None:
    """DequantizeLinear: the same tensor, seen as real values."""
    tensor = walk.tensor(node, 0)
    if tensor.constant:
        walk.bind(
            node.outputs[0],
            replace(dequantise_constant(walk, node, tensor, 1, 2), name=node.outputs[0]),
        )
        return
    params = activation_params(walk, node, 1, 2, kind_of(tensor))
    walk.bind(node.outputs[0], read_codes(walk, tensor, params))


def read_codes(walk: Walk, tensor: Tensor, params: QuantParams) -> Tensor:
    """An activation that holds codes as real values.

    Raises:
        Unsupported: it holds none, or others.
    """
    if tensor.params is None and tensor.name in walk.graph.inputs:
        # The network's input is given as codes in the file.
        walk.params[tensor.name] = params
        tensor = replace(tensor, params=params, raw=True)
        walk.bind(tensor.name, tensor)
    if tensor.params is None or not tensor.raw:
        raise Unsupported("its input is not codes")
    return walk.real(tensor, params)


def quantize(walk: Walk, node: FileNode) -> None:
    """QuantizeLinear: a `quantize` node, unless its input holds these codes already."""
    tensor = walk.tensor(node, 0)
    if tensor.raw:
        raise Unsupported("its input is codes already")
    if tensor.constant:
        walk.bind(node.outputs[0], _quantised_constant(walk, node, tensor))
        return
    stated = INTEGERS.get(node.get("output_dtype", 0), CODES)
    params = activation_params(walk, node, 1, 2, stated)
    if tensor.params is not None and tensor.params == params:
        walk.bind(node.outputs[0], replace(tensor, raw=True))
        return
    for earlier in walk.nodes:
        same = earlier.op == "quantize" and earlier.inputs == (tensor.name,)
        if same and walk.params[earlier.output] == params:
            held = Tensor(earlier.output, tensor.shape, params=params, raw=True)
            walk.bind(node.outputs[0], held)
            return
    output = walk.emit(node, "quantize", [tensor], tensor.shape)
    walk.params[output.name] = params
    walk.bind(node.outputs[0], replace(output, params=params, raw=True))


def _quantised_constant(walk: Walk, node: FileNode, tensor: Tensor) -> Tensor:
    """The codes of a constant that the file holds as real values."""
    if tensor.value is None or not walk.weights:
        return replace(tensor, name=node.outputs[0])
    factor = _scale(walk, node, 1)
    offset = walk.numbers(node, 2)
    kind = np.dtype(np.uint8) if offset is None else offset.dtype
    narrow = walk.tensors[node.input(2)].bits if offset is not None else None
    bits, signed = _code_type(np.zeros(1, kind), narrow)
    if bits > 32 or node.get("block_size", 0) or factor.ndim > 1:
        raise Unsupported("a constant quantised in blocks")
    shape = [1] * tensor.rank
    if factor.size > 1:
        shape[_channel_axis(node, tensor, factor)] = -1
    zero = _zeros(walk, node, 2, factor)
    zeros = zero.reshape(shape) if zero.size > 1 else zero.reshape(())
    scales = factor.reshape(shape) if factor.size > 1 else factor.reshape(())
    quotient = tensor.value.astype(np.float32) / scales.astype(np.float32)
    values = np.clip(np.rint(quotient) + zeros, *code_range(bits, signed)).astype(kind)
    return replace(tensor, name=node.outputs[0], value=values, codes=None, bits=narrow)


TRANSLATORS: dict[str, Translator] = {
    "DequantizeLinear": dequantize,
    "QuantizeLinear": quantize,
}
