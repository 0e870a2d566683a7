"""Slow twin of mapping.execute: a quantised network in Python integers, one image, no im2col.

Written from the layer semantics: acc = sum w (q - z) + bias, requantised with the float32
multiplier, or multiplied by input scale * weight scale where the output is float.
"""

from itertools import product
from typing import Any

import numpy as np

from mapping.network import Node, QuantizedNetwork
from mapping.operators import OPERATORS
from tests.reference.codes import decode, encode, mean_code
from tests.reference.requantizer import requantize


def tensors_of(network: QuantizedNetwork, image: Any) -> dict[str, Any]:
    """Every tensor of the network for one image, without its batch axis."""
    name = network.network.inputs[0]
    held = network.tensors.get(name)
    values = {name: image if held is None else encode(image, held)}
    for node in network.network.nodes:
        if node.op in ("conv", "linear"):
            values[node.output] = _linear(network, node, values[node.inputs[0]])
        elif node.op == "mean" and node.output in network.tensors:
            source, output = network.tensors[node.inputs[0]], network.tensors[node.output]
            values[node.output] = np.array(
                [mean_code(c.ravel(), c.size, source, output) for c in values[node.inputs[0]]]
            )
        else:
            values[node.output] = _in_floats(network, node, values)
    return values


def _in_floats(network: QuantizedNetwork, node: Node, values: dict[str, Any]) -> Any:
    reals = []
    for name in node.inputs:
        array = values[name][np.newaxis] if name in values else network.network.constants[name]
        held = network.tensors.get(name)
        reals.append(array if held is None else decode(array, held))
    result = OPERATORS[node.op](node, reals)[0]
    held = network.tensors.get(node.output)
    return result if held is None else encode(result, held)


def _linear(network: QuantizedNetwork, node: Node, codes: Any) -> Any:
    layer, source = network.layers[node.name], network.tensors[node.inputs[0]]
    centred = codes.astype(int) - source.zero_point
    if node.op == "linear":
        acc = centred @ layer.weight.astype(int) + layer.bias
    else:
        acc = _conv(node, layer.weight, centred) + layer.bias[:, None, None]
    output = network.tensors.get(node.output)
    out = np.empty(acc.shape, dtype=np.float32 if output is None else np.int16)
    channel_axis = 0 if node.op == "conv" else -1
    for index in np.ndindex(*acc.shape):
        scale = float(layer.weight_scale[index[channel_axis]])
        if output is None:
            out[index] = np.float32(int(acc[index]) * (source.scale * scale))
            continue
        m = np.float32(np.float32(source.scale) * np.float32(scale)) / np.float32(output.scale)
        limits = (output.zero_point, output.low, output.high)
        out[index] = requantize(int(acc[index]), float(m), *limits)
    return out


def _conv(node: Node, weight: Any, centred: Any) -> Any:
    """Directly from the definition; positions outside the image add nothing."""
    (top, left, bottom, right) = node.attributes.get("pads", (0, 0, 0, 0))
    strides = node.attributes.get("strides", (1, 1))
    dilations = node.attributes.get("dilations", (1, 1))
    groups = node.attributes.get("group", 1)
    _, height, width = centred.shape
    outputs, inputs, rows, cols = weight.shape
    out_rows = (height + top + bottom - dilations[0] * (rows - 1) - 1) // strides[0] + 1
    out_cols = (width + left + right - dilations[1] * (cols - 1) - 1) // strides[1] + 1
    acc = np.zeros((outputs, out_rows, out_cols), dtype=int)
    for n, y, x in np.ndindex(*acc.shape):
        first = n // (outputs // groups) * inputs
        for c, i, j in product(range(inputs), range(rows), range(cols)):
            row = y * strides[0] - top + i * dilations[0]
            col = x * strides[1] - left + j * dilations[1]
            if 0 <= row < height and 0 <= col < width:
                acc[n, y, x] += int(weight[n, c, i, j]) * int(centred[first + c, row, col])
    return acc
