"""Slow twin of float execution: a network evaluated node by node in plain NumPy.

Written from the table in `mapping.network`; float64 inside each node, float32 between nodes.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapping.network import Network, Node

Array = NDArray[Any]


def evaluate(network: Network, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every activation tensor by name, for a batch of inputs."""
    tensors: dict[str, Array] = {**network.constants, **feeds}
    for node in network.nodes:
        inputs = [np.asarray(tensors[name], dtype=np.float64) for name in node.inputs]
        result = OPERATORS[node.op](node, inputs)
        tensors[node.output] = result.astype(np.float32)
        stated = network.shapes[node.output]
        assert result.shape[1:] == stated[1:], (node.name, result.shape, stated)
    return tensors


def _conv(node: Node, inputs: list[Array]) -> Array:
    x, weight = inputs[:2]
    axes = x.ndim - 2
    group = node.attributes["group"]
    pads, strides = node.attributes["pads"], node.attributes["strides"]
    dilations = node.attributes["dilations"]
    x = np.pad(x, [(0, 0), (0, 0), *[(pads[a], pads[a + axes]) for a in range(axes)]])
    out = weight.shape[0]
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, weight.shape[2:], strict=True)]
    sizes = [(x.shape[a + 2] - reach[a]) // strides[a] + 1 for a in range(axes)]
    y = np.zeros((x.shape[0], out, *sizes))
    channels = weight.shape[1]
    for offset in itertools.product(*[range(k) for k in weight.shape[2:]]):
        window = [
            slice(o * d, o * d + s * (n - 1) + 1, s)
            for o, d, s, n in zip(offset, dilations, strides, sizes, strict=True)
        ]
        seen = x[(slice(None), slice(None), *window)]
        for g in range(group):
            outputs = slice(g * out // group, (g + 1) * out // group)
            part = weight[(outputs, slice(None), *offset)]
            y[:, outputs] += np.einsum(
                "nc...,oc->no...", seen[:, g * channels : (g + 1) * channels], part
            )
    if len(inputs) > 2:
        y += inputs[2].reshape(-1, *(1,) * axes)
    return y


def _linear(node: Node, inputs: list[Array]) -> Array:
    y: Array = inputs[0] @ inputs[1]
    return y + inputs[2] if len(inputs) > 2 else y


def _windows(
    node: Node, x: Array, fill: float
) -> tuple[Array, list[tuple[Array, tuple[int, ...]]]]:
    """The padded image and, for every output position, its window."""
    kernel, strides = node.attributes["kernel"], node.attributes["strides"]
    pads, dilations = node.attributes["pads"], node.attributes["dilations"]
    axes = len(kernel)
    sizes, behind = [], []
    for a in range(axes):
        room = x.shape[a + 2] + pads[a] + pads[a + axes] - dilations[a] * (kernel[a] - 1) - 1
        count = room // strides[a] + 1
        if node.attributes["ceil"]:
            count = -(-room // strides[a]) + 1
            if (count - 1) * strides[a] >= x.shape[a + 2] + pads[a]:
                count -= 1
        sizes.append(count)
        behind.append((count - 1) * strides[a] + dilations[a] * (kernel[a] - 1) + 1)
    extra = [max(pads[a + axes], behind[a] - x.shape[a + 2] - pads[a]) for a in range(axes)]
    padding = [(0, 0), (0, 0), *[(pads[a], extra[a]) for a in range(axes)]]
    padded = np.pad(x, padding, constant_values=fill)
    found = []
    for position in itertools.product(*[range(n) for n in sizes]):
        window = [
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, s, d, k in zip(position, strides, dilations, kernel, strict=True)
        ]
        found.append((padded[(slice(None), slice(None), *window)], position))
    return np.zeros((*x.shape[:2], *sizes)), found


def _max_pool(node: Node, inputs: list[Array]) -> Array:
    y, windows = _windows(node, inputs[0], -np.inf)
    for window, position in windows:
        y[(slice(None), slice(None), *position)] = window.max(axis=tuple(range(2, window.ndim)))
    return y


def _average_pool(node: Node, inputs: list[Array]) -> Array:
    x = inputs[0]
    y, windows = _windows(node, x, 0.0)
    # What counts: real pixels, and stated padding if asked; never what `ceil` adds behind.
    ones = np.ones_like(x)
    counted = node.attributes
    if node.attributes["count_include_pad"]:
        pads, axes = node.attributes["pads"], x.ndim - 2
        spread = [(0, 0), (0, 0), *[(pads[a], pads[a + axes]) for a in range(axes)]]
        ones = np.pad(ones, spread, constant_values=1.0)
        counted = {**counted, "pads": (0,) * (2 * axes)}
    _, weights = _windows(Node(node.name, node.op, (), "", counted), ones, 0.0)
    for (window, position), (weight, _) in zip(windows, weights, strict=True):
        axes_ = tuple(range(2, window.ndim))
        y[(slice(None), slice(None), *position)] = window.sum(axis=axes_) / weight.sum(axis=axes_)
    return y


def _softmax(node: Node, inputs: list[Array]) -> Array:
    axis = node.attributes["axis"]
    e = np.exp(inputs[0] - inputs[0].max(axis=axis, keepdims=True))
    result: Array = e / e.sum(axis=axis, keepdims=True)
    return result


def _pad(node: Node, inputs: list[Array]) -> Array:
    pads, rank = node.attributes["pads"], inputs[0].ndim
    widths = [(pads[a], pads[a + rank]) for a in range(rank)]
    return np.pad(inputs[0], widths, constant_values=node.attributes["value"])


def _slice(node: Node, inputs: list[Array]) -> Array:
    cuts = [slice(None)] * inputs[0].ndim
    keys = ("starts", "ends", "axes", "steps")
    for start, end, axis, step in zip(*(node.attributes[k] for k in keys), strict=True):
        cuts[axis] = slice(start, end, step)
    return inputs[0][tuple(cuts)]


OPERATORS: dict[str, Callable[[Node, list[Array]], Array]] = {
    "conv": _conv,
    "linear": _linear,
    "matmul": lambda node, i: i[0] @ i[1],
    "relu": lambda node, i: np.maximum(i[0], 0.0),
    "sigmoid": lambda node, i: 1.0 / (1.0 + np.exp(-i[0])),
    "tanh": lambda node, i: np.tanh(i[0]),
    "hard_swish": lambda node, i: i[0] * np.clip(i[0] / 6.0 + 0.5, 0.0, 1.0),
    "leaky_relu": lambda node, i: np.where(i[0] < 0, node.attributes["alpha"] * i[0], i[0]),
    "prelu": lambda node, i: np.where(i[0] < 0, i[1] * i[0], i[0]),
    "clip": lambda node, i: np.clip(i[0], node.attributes["min"], node.attributes["max"]),
    "softmax": _softmax,
    "add": lambda node, i: i[0] + i[1],
    "sub": lambda node, i: i[0] - i[1],
    "mul": lambda node, i: i[0] * i[1],
    "div": lambda node, i: i[0] / i[1],
    "concat": lambda node, i: np.concatenate(i, axis=node.attributes["axis"]),
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "mean": lambda node, i: i[0].mean(
        axis=node.attributes["axes"], keepdims=node.attributes["keepdims"]
    ),
    "pad": _pad,
    "reshape": lambda node, i: i[0].reshape(-1, *node.attributes["shape"][1:]),
    "transpose": lambda node, i: i[0].transpose(node.attributes["perm"]),
    "slice": _slice,
}
