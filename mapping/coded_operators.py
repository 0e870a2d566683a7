"""The digital operators on codes: what a node does when its tensors are held as integers.

| operators | on codes |
|---|---|
| max_pool, reshape, transpose, slice, pad | on the codes themselves: they only choose and move |
| relu, clip, sigmoid, ... with one input | a table, one entry per code |
| average_pool, mean | exact integer sum, then the fixed-point requantiser |
| matmul of two activations | exact integer product, then the fixed-point requantiser |
| everything else | decode to float32, float32 operator, encode (QDQ semantics of ONNX) |

Where codes that were only moved have other parameters at the output, and for the inputs of
concat, they are converted by a table: encode(decode(code)).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.peripherals.requantizer import Requantizer, real_multiplier
from mapping.codes import Codes, add_codes, decode, encode, every_code, look_up
from mapping.network import Node, QuantParams
from mapping.operators import OPERATORS, mean_axes, pad, reshape, slice_axes, transpose
from mapping.pooling import PoolWindow, max_pool

Array = NDArray[Any]
Evaluate = Callable[[Sequence[Array]], Array]
MOVES = frozenset({"max_pool", "reshape", "transpose", "slice", "pad"})
UNARY = frozenset({"relu", "clip", "sigmoid", "tanh", "hard_swish", "leaky_relu"})


def digital_evaluation(node: Node, tensors: Mapping[str, QuantParams]) -> Evaluate:
    """How `node` (not conv or linear) is computed when `tensors` are held as codes."""
    inputs = [tensors.get(name) for name in node.inputs]
    output = tensors.get(node.output)
    first = inputs[0]
    if first is not None and output is not None:
        build = _CODED.get(node.op)
        if build is not None and all(p is not None for p in inputs):
            return build(node, [p for p in inputs if p is not None], output)
        if node.op in UNARY and len(inputs) == 1:
            return _by_table(_table(node, first, output), first)
    return _by_floats(node, inputs, output)


def _by_floats(
    node: Node, inputs: Sequence[QuantParams | None], output: QuantParams | None
) -> Evaluate:
    operator = OPERATORS[node.op]

    def evaluate(arrays: Sequence[Array]) -> Array:
        reals = [
            array if params is None else decode(array, params)
            for array, params in zip(arrays, inputs, strict=True)
        ]
        result = np.asarray(operator(node, reals), dtype=np.float32)
        return result if output is None else encode(result, output)

    return evaluate


def _table(node: Node, source: QuantParams, output: QuantParams) -> Codes:
    reals = decode(every_code(source), source)
    return encode(np.asarray(OPERATORS[node.op](node, [reals]), dtype=np.float32), output)


def _by_table(table: Codes, source: QuantParams) -> Evaluate:
    if np.array_equal(table, every_code(source)):
        return lambda arrays: arrays[0]
    return lambda arrays: look_up(arrays[0], table, source.low)


def _conversion(source: QuantParams, output: QuantParams) -> Evaluate:
    """Codes under `source` to codes under `output`."""
    if source == output:
        return lambda arrays: arrays[0]
    return _by_table(encode(decode(every_code(source), source), output), source)


def _moved(node: Node, inputs: Sequence[QuantParams], output: QuantParams) -> Evaluate:
    source = inputs[0]
    convert = _conversion(source, output)
    if node.op == "pad":
        value = np.array([node.attributes.get("value", 0.0)], dtype=np.float32)
        fill = int(encode(value, source)[0])
        return lambda arrays: convert([pad(node, arrays, fill)])
    move = {
        "max_pool": max_pool,
        "reshape": reshape,
        "transpose": transpose,
        "slice": slice_axes,
    }[node.op]
    return lambda arrays: convert([move(node, arrays)])


def _concat(node: Node, inputs: Sequence[QuantParams], output: QuantParams) -> Evaluate:
    converts = [_conversion(params, output) for params in inputs]
    axis = int(node.attributes["axis"])
    return lambda arrays: np.concatenate(
        [convert([array]) for convert, array in zip(converts, arrays, strict=True)], axis=axis
    )


def _add(node: Node, inputs: Sequence[QuantParams], output: QuantParams) -> Evaluate:
    pair = (inputs[0], inputs[1])
    broadcast = _by_floats(node, inputs, output)

    def evaluate(arrays: Sequence[Array]) -> Array:
        if arrays[0].shape != arrays[1].shape:
            return broadcast(arrays)
        return add_codes(arrays[0], arrays[1], pair, output)

    return evaluate


def mean_multiplier(source: QuantParams, output: QuantParams, counts: Array) -> Array:
    """input_scale / (output_scale * count) in float32, as QLinearGlobalAveragePool has it."""
    product = np.float32(output.scale) * counts.astype(np.float32)
    return np.asarray(np.float32(source.scale) / product, dtype=np.float32)


def _average_pool(node: Node, inputs: Sequence[QuantParams], output: QuantParams) -> Evaluate:
    source = inputs[0]
    include = bool(node.attributes.get("count_include_pad", 0))

    def evaluate(arrays: Sequence[Array]) -> Array:
        x = arrays[0]
        frame = PoolWindow.of(node, x.shape[2:])
        total = frame.total(x, source.zero_point, np.int64)
        total -= source.zero_point * math.prod(frame.kernel)
        counts = frame.counts(include).reshape(-1)
        # One constant per position: windows at the border may hold fewer elements.
        built = _requantizer(mean_multiplier(source, output, counts), output)
        codes = built.codes(total.reshape(1, -1, counts.size))
        return np.ascontiguousarray(codes[0].T).reshape(total.shape)

    return evaluate


def _mean(node: Node, inputs: Sequence[QuantParams], output: QuantParams) -> Evaluate:
    source = inputs[0]
    keep = bool(node.attributes.get("keepdims", 1))

    def evaluate(arrays: Sequence[Array]) -> Array:
        x = arrays[0]
        total = x.sum(axis=mean_axes(node, x.ndim), keepdims=keep, dtype=np.int64)
        count = x.size // max(1, total.size)
        total = np.asarray(total - source.zero_point * count)
        built = _requantizer(mean_multiplier(source, output, np.array([count])), output)
        return built.codes(total.reshape(1, -1, 1)).reshape(total.shape)

    return evaluate


def _matmul(_node: Node, inputs: Sequence[QuantParams], output: QuantParams) -> Evaluate:
    a, b = inputs
    built = _requantizer(real_multiplier(a.scale, b.scale, output.scale), output)

    def evaluate(arrays: Sequence[Array]) -> Array:
        # float64 holds every sum exactly: |code| < 2^16 and far fewer than 2^21 addends.
        left = arrays[0].astype(np.float64) - a.zero_point
        acc = np.matmul(left, arrays[1].astype(np.float64) - b.zero_point).astype(np.int64)
        return built.codes(acc.reshape(1, -1, 1)).reshape(acc.shape)

    return evaluate


def _requantizer(multiplier: NDArray[np.float32], output: QuantParams) -> Requantizer:
    return Requantizer.build(multiplier, output.zero_point, output.low, output.high)


_CODED: Mapping[str, Callable[[Node, Sequence[QuantParams], QuantParams], Evaluate]] = {
    **dict.fromkeys(MOVES, _moved),
    "add": _add,
    "average_pool": _average_pool,
    "concat": _concat,
    "matmul": _matmul,
    "mean": _mean,
}
