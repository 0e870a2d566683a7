"""Proof that codes which differ from onnxruntime's are rounding ties.

Two programs compute v' and v'' for the same real number v, each within its error bound, and
round.  If the codes differ, v lies within the larger bound of a tie k + 1/2 (or of the edge
of a table's step, for functions).  This module computes v in float64, independently of the
product's kernels, and the bound from the number of float32 roundings (unit u = 2^-24).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mapping.lower import fold_outputs, im2col, output_shape, weight_matrix
from mapping.network import Node, QuantizedNetwork
from mapping.pooling import PoolWindow

U = 2.0**-24
Real = tuple[Any, Any]


def _linear(network: QuantizedNetwork, node: Node, codes: Sequence[Any]) -> Real:
    """v = (sum w (q - z) + bias) * m with m as onnxruntime rounds it.

    Its roundings in QLinear form: the accumulator and the product, each one u.
    """
    layer, source = network.layers[node.name], network.tensors[node.inputs[0]]
    kernel = layer.weight.shape[2:] if node.op == "conv" else ()
    vectors = im2col(codes[0].astype(np.int64) - source.zero_point, node, 0, kernel)
    matrices = weight_matrix(node, layer.weight).astype(np.int64)
    acc = np.einsum("vgk,gkn->vgn", vectors.astype(np.float64), matrices.astype(np.float64))
    acc += layer.bias.reshape(1, matrices.shape[0], -1)
    scales = np.broadcast_to(layer.weight_scale, layer.bias.shape).astype(np.float32)
    m = np.float32(source.scale) * scales / np.float32(network.tensors[node.output].scale)
    shape = output_shape(node, codes[0].shape, layer.weight.shape)
    v = fold_outputs(acc * m.astype(np.float64).reshape(acc.shape[1:]), node, shape)
    return v, np.abs(v) * (2 * U + U * U)


def float_sum_bound(network: QuantizedNetwork, node: Node, codes: Sequence[Any]) -> Any:
    """How far a QDQ file, run as written, may be from v in a conv or linear node.

    K products of decoded numbers are added in float32, in any order: each addend takes part in
    at most K + 1 roundings, its factors and the quotient in five more.
    """
    layer, source = network.layers[node.name], network.tensors[node.inputs[0]]
    kernel = layer.weight.shape[2:] if node.op == "conv" else ()
    vectors = im2col(np.abs(codes[0].astype(np.int64) - source.zero_point), node, 0, kernel)
    matrices = np.abs(weight_matrix(node, layer.weight)).astype(np.float64)
    reach = np.einsum("vgk,gkn->vgn", vectors.astype(np.float64), matrices)
    reach += np.abs(layer.bias).reshape(1, matrices.shape[0], -1)
    m = source.scale * np.broadcast_to(layer.weight_scale, layer.bias.shape)
    reach *= (m / network.tensors[node.output].scale).reshape(reach.shape[1:])
    shape = output_shape(node, codes[0].shape, layer.weight.shape)
    return fold_outputs(reach, node, shape) * (matrices.shape[1] + 6) * U


def _add(network: QuantizedNetwork, node: Node, codes: Sequence[Any]) -> Real:
    """v = ((a - za) sa + (b - zb) sb) / sc.

    At most eight roundings (ours: two products, sum, quotient; onnxruntime's: two ratios, four
    products, three sums, in pairs of which no number exceeds `reach`).
    """
    params = [network.tensors.get(name) for name in node.inputs]
    output = network.tensors[node.output]
    v, reach = 0.0, float(abs(output.zero_point))
    for array, held in zip(codes, params, strict=True):
        scale, zero = (1.0, 0) if held is None else (held.scale, held.zero_point)
        v = v + scale / output.scale * (array.astype(np.float64) - zero)
        reach = reach + scale / output.scale * (np.abs(array.astype(np.float64)) + abs(zero))
    return v, reach * 10 * U


def _mean(network: QuantizedNetwork, node: Node, codes: Sequence[Any]) -> Real:
    """v = sum (q - z) * sx / (sy * n): two roundings in m, two behind it."""
    source, output = network.tensors[node.inputs[0]], network.tensors[node.output]
    axes, keep = tuple(node.attributes["axes"]), bool(node.attributes["keepdims"])
    centred = codes[0].astype(np.float64) - source.zero_point
    v = centred.mean(axis=axes, keepdims=keep) * source.scale / output.scale
    return v, np.abs(v) * 5 * U


def _average_pool(network: QuantizedNetwork, node: Node, codes: Sequence[Any]) -> Real:
    """As `_mean`; onnxruntime adds the n decoded numbers in float32: n + 3 roundings."""
    source, output = network.tensors[node.inputs[0]], network.tensors[node.output]
    frame = PoolWindow.of(node, codes[0].shape[2:])
    counts = frame.counts(bool(node.attributes["count_include_pad"]))
    centred = codes[0].astype(np.float64) - source.zero_point
    unit = source.scale / (output.scale * counts)
    reach = frame.total(np.abs(centred), 0.0, np.float64) * unit
    return frame.total(centred, 0.0, np.float64) * unit, reach * (math.prod(frame.kernel) + 4) * U


EXACT: dict[str, Callable[[QuantizedNetwork, Node, Sequence[Any]], Real]] = {
    "add": _add,
    "average_pool": _average_pool,
    "conv": _linear,
    "linear": _linear,
    "mean": _mean,
}


def unexplained(
    network: QuantizedNetwork,
    node: Node,
    codes: Sequence[Any],
    ours: Any,
    theirs: Any,
    float_sums: bool,
) -> tuple[int, int]:
    """How many codes differ, and how many of those are not ties.

    Args:
        codes: the node's inputs, the same for both programs.
        float_sums: onnxruntime ran conv and linear in float32 (a QDQ file, as written).
    """
    differ = ours != theirs
    if not differ.any():
        return 0, 0
    if node.op not in EXACT:
        return int(differ.sum()), int(differ.sum())
    v, bound = EXACT[node.op](network, node, codes)
    if float_sums and node.op in ("conv", "linear"):
        bound = float_sum_bound(network, node, codes)
    tie = np.floor(v) + 0.5
    near = np.abs(v - tie) <= bound + np.abs(v) * 2.0**-50  # float64's own rounding of v
    off_by_one = np.abs(ours.astype(np.int64) - theirs) == 1
    return int(differ.sum()), int((differ & ~(near & off_by_one)).sum())
