"""Slow twin of coded execution: a quantised network node by node, in float64.

Every node is computed on the real values behind its codes, and its output is quantised by
the definition: round half to even of value / scale, plus zero point, clipped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from mapping.network import LINEAR_OPS, QuantizedNetwork, QuantParams
from tests.reference.float_network import OPERATORS
from tests.reference.onnxruntime_oracle import every_tensor

Array = NDArray[Any]


def decode(codes: Array, params: QuantParams | None) -> Array:
    """The real values behind codes; a float tensor as it is."""
    if params is None:
        return codes.astype(np.float64)
    return params.scale * (codes.astype(np.float64) - params.zero_point)


def position(reals: Array, params: QuantParams | None) -> Array:
    """Where real values lie on the scale of codes, before rounding; float32 without params."""
    if params is None:
        return reals.astype(np.float32)
    return np.clip(reals / params.scale + params.zero_point, params.low, params.high)


def evaluate_codes(
    quantized: QuantizedNetwork, feeds: Mapping[str, Array], known: Mapping[str, Array]
) -> dict[str, Array]:
    """Every activation tensor by name, as positions on its scale of codes, not rounded.

    Args:
        feeds: real inputs.
        known: codes (or float values) that stand in for the computed ones when later nodes
            read them, so that a difference does not spread.
    """
    network, params = quantized.network, quantized.tensors
    found = {name: position(v.astype(np.float64), params.get(name)) for name, v in feeds.items()}
    for node in network.nodes:
        inputs = []
        for name in node.inputs:
            held, scale = found.get(name), params.get(name)
            if held is None:
                inputs.append(network.constants[name].astype(np.float64))
            elif scale is not None:
                inputs.append(decode(np.rint(known.get(name, held)), scale))
            else:
                inputs.append(known.get(name, held).astype(np.float64))
        if node.op in LINEAR_OPS:
            integers = quantized.layers[node.name]
            scales, source = integers.weight_scale, params[node.inputs[0]]
            shape = (-1,) + (1,) * (integers.weight.ndim - 1) if node.op == "conv" else (1, -1)
            inputs = [
                inputs[0],
                integers.weight * scales.reshape(shape),
                integers.bias * (source.scale * scales),
            ]
        found[node.output] = position(OPERATORS[node.op](node, inputs), params.get(node.output))
    return found


#: A code of onnxruntime may be this far (in codes) from a correct rounding: it computes in
#: float32, and 255 * 2**-24 times a few operations is below it.
FLOAT32_MARGIN = 1e-3


def expect_codes_of_onnxruntime(path: Path, quantized: QuantizedNetwork, images: Any) -> None:
    """Every tensor's codes in onnxruntime are roundings of the exact values, node by node."""
    name = quantized.network.inputs[0]
    truth = every_tensor(onnx.load(path), {name: images})
    codes = {}
    for tensor, params in quantized.tensors.items():
        held = truth[tensor]
        if held.dtype == np.float32:  # the file has it as real values: before Q, or after DQ
            held = np.rint(held / np.float32(params.scale)) + params.zero_point
            held = np.clip(held, params.low, params.high)
        codes[tensor] = held.astype(np.float64)
    found = evaluate_codes(quantized, {name: images}, codes)
    for tensor, expected in codes.items():
        assert np.abs(found[tensor] - expected).max() <= 0.5 + FLOAT32_MARGIN, tensor
    assert len(codes) >= len(quantized.layers)
