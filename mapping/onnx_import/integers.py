"""The integers of conv and linear nodes, as int8 files hold them."""

import numpy as np
from numpy.typing import NDArray

from mapping.network import LayerIntegers, QuantParams
from mapping.onnx_import.graph import Codes, Tensor, Unsupported
from mapping.onnx_import.walk import Walk

#: A stored bias scale is input scale * weight scale up to float32 rounding.
BIAS_SCALE_TOLERANCE = 1e-5
MAX_WEIGHT_BITS = 8


def layer_integers(
    walk: Walk,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_axis: int,
    factors: tuple[float, float] = (1.0, 1.0),
) -> None:
    """Stores the integers of the node written last, or notes that it has none.

    Args:
        x, weight, bias: as in the file.
        out_axis: the axis of `weight` that counts outputs; 1 or 0 for a matrix, 0 for conv.
        factors: alpha of the product and beta of the bias.
    """
    node = walk.nodes[-1]
    if x.params is None or weight.codes is None:
        walk.float_layers.append(node.name)
        return
    outputs = weight.shape[out_axis]
    integers, bits = symmetric(weight.codes, out_axis)
    scale = np.broadcast_to(weight.codes.scale * factors[0], (outputs,)).astype(np.float64)
    if node.op == "linear" and out_axis == 0:
        integers = np.ascontiguousarray(integers.T)
    walk.layers[node.name] = LayerIntegers(
        weight=integers,
        weight_scale=np.ascontiguousarray(scale),
        weight_bits=bits,
        bias=_bias(bias, x.params, scale, factors[1]),
    )


def symmetric(codes: Codes, out_axis: int) -> tuple[NDArray[np.int32], int]:
    """Weights without their zero point, and their signed bits.

    Raises:
        Unsupported: more than 8 bits, a scale along another axis, or a difference that leaves
            the bits.
    """
    if codes.bits > MAX_WEIGHT_BITS:
        raise Unsupported(f"weights of {codes.bits} bits, expected at most {MAX_WEIGHT_BITS}")
    if codes.scale.ndim and codes.scale.size > 1 and codes.axis != out_axis:
        raise Unsupported(f"weight scales along axis {codes.axis}, expected {out_axis}")
    shape = [1] * codes.integers.ndim
    if codes.zero_point.size > 1:
        shape[codes.axis] = -1
    difference = codes.integers - codes.zero_point.reshape(shape)
    low, high = -(1 << (codes.bits - 1)), (1 << (codes.bits - 1)) - 1
    if difference.size and (difference.min() < low or difference.max() > high):
        raise Unsupported(
            f"weights minus their zero point span {difference.min()}..{difference.max()}, "
            f"expected {low}..{high}"
        )
    return np.ascontiguousarray(difference, dtype=np.int32), codes.bits


def own_integers(codes: Codes, unit: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """(outputs,) a bias in its file's integers, None where their scale is not `unit`."""
    if np.abs(codes.scale / unit - 1.0).max() > BIAS_SCALE_TOLERANCE:
        return None
    integers = (codes.integers - codes.zero_point).reshape(-1)
    return np.broadcast_to(integers, unit.shape).astype(np.int64)


def _bias(
    bias: Tensor | None, params: QuantParams, scale: NDArray[np.float64], beta: float
) -> NDArray[np.int64]:
    """The bias in units of input scale * weight scale; the file's integers where they fit."""
    if bias is None or beta == 0.0:
        return np.zeros(scale.shape, dtype=np.int64)
    unit = params.scale * scale
    if bias.codes is not None:
        own = own_integers(bias.codes, unit / beta)
        if own is not None:
            return own
        integers = (bias.codes.integers - bias.codes.zero_point).reshape(-1)
        return np.rint(integers * (bias.codes.scale * beta / unit)).astype(np.int64)
    if bias.value is None:
        return np.zeros(scale.shape, dtype=np.int64)
    real = np.broadcast_to(bias.value.reshape(-1).astype(np.float64) * beta, scale.shape)
    return np.rint(real / unit).astype(np.int64)
