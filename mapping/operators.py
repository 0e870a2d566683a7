"""What every canonical operator means in float32: `OPERATORS[op](node, arrays)`.

`arrays` holds the node's inputs in order, constants included; the batch is axis 0.  Every
function is deterministic and gives each image the same result in any batch, but for `conv`,
`linear` and `matmul`, whose sums the BLAS library may order by the batch size.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapping.lower import fold_outputs, im2col, output_shape, weight_matrix
from mapping.network import Node
from mapping.pooling import average_pool, max_pool

Array = NDArray[Any]
Operator = Callable[[Node, Sequence[Array]], Array]

HALF = np.float32(0.5)
ONE = np.float32(1.0)
SIXTH = np.float32(1.0 / 6.0)


def grouped_product(vectors: Array, matrices: Array) -> Array:
    """(vectors, groups, K) times (groups, K, N): (vectors, groups, N), group by group."""
    count, groups, _ = vectors.shape
    if matrices.shape[2] == 1 and groups > 1:  # depthwise: no BLAS call per channel
        return np.asarray(np.einsum("vgk,gk->vg", vectors, matrices[:, :, 0]))[:, :, np.newaxis]
    out = np.empty((count, groups, matrices.shape[2]), dtype=vectors.dtype)
    for group in range(groups):
        np.matmul(vectors[:, group, :], matrices[group], out=out[:, group, :])
    return out


def _linear(node: Node, arrays: Sequence[Array]) -> Array:
    x, weight = arrays[0], arrays[1]
    vectors = im2col(x, node, 0.0, weight.shape[2:] if node.op == "conv" else ())
    results = grouped_product(vectors, weight_matrix(node, weight))
    if len(arrays) > 2:
        results += arrays[2].reshape(1, results.shape[1], -1)
    shape = output_shape(node, x.shape, weight.shape)
    return np.ascontiguousarray(fold_outputs(results, node, shape))


def _matmul(_node: Node, arrays: Sequence[Array]) -> Array:
    return np.asarray(np.matmul(arrays[0], arrays[1]))


def _relu(_node: Node, arrays: Sequence[Array]) -> Array:
    return np.maximum(arrays[0], 0)


def _sigmoid(_node: Node, arrays: Sequence[Array]) -> Array:
    # exp of a negative number only: it cannot overflow.
    small = np.exp(-np.abs(arrays[0]))
    return np.where(arrays[0] >= 0, ONE / (ONE + small), small / (ONE + small))


def _tanh(_node: Node, arrays: Sequence[Array]) -> Array:
    return np.tanh(arrays[0])


def _hard_swish(_node: Node, arrays: Sequence[Array]) -> Array:
    gate = np.clip(arrays[0] * SIXTH + HALF, np.float32(0), ONE)
    return np.asarray(arrays[0] * gate)


def _leaky_relu(node: Node, arrays: Sequence[Array]) -> Array:
    x = arrays[0]
    return np.where(x >= 0, x, x * np.float32(node.attributes.get("alpha", 0.01)))


def _prelu(_node: Node, arrays: Sequence[Array]) -> Array:
    x, slope = arrays
    return np.where(x >= 0, x, x * slope)


def _clip(node: Node, arrays: Sequence[Array]) -> Array:
    low = node.attributes.get("min", -np.inf)
    high = node.attributes.get("max", np.inf)
    return np.clip(arrays[0], np.float32(low), np.float32(high))


def _softmax(node: Node, arrays: Sequence[Array]) -> Array:
    x = arrays[0]
    axis = int(node.attributes.get("axis", -1))
    weights = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(weights / weights.sum(axis=axis, keepdims=True))


def _add(_node: Node, arrays: Sequence[Array]) -> Array:
    return np.asarray(arrays[0] + arrays[1])


def _sub(_node: Node, arrays: Sequence[Array]) -> Array:
    return np.asarray(arrays[0] - arrays[1])


def _mul(_node: Node, arrays: Sequence[Array]) -> Array:
    return np.asarray(arrays[0] * arrays[1])


def _div(_node: Node, arrays: Sequence[Array]) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(arrays[0] / arrays[1])


def concat(node: Node, arrays: Sequence[Array]) -> Array:
    """The inputs one after another along `axis`."""
    return np.concatenate(arrays, axis=int(node.attributes["axis"]))


def _mean(node: Node, arrays: Sequence[Array]) -> Array:
    axes = mean_axes(node, arrays[0].ndim)
    keep = bool(node.attributes.get("keepdims", 1))
    return np.asarray(arrays[0].mean(axis=axes, keepdims=keep, dtype=np.float64), dtype=np.float32)


def mean_axes(node: Node, rank: int) -> tuple[int, ...]:
    """The axes a `mean` node averages over, counted from 0; all but batch where none is given."""
    axes = node.attributes.get("axes")
    return tuple(int(a) % rank for a in axes) if axes is not None else tuple(range(1, rank))


def pad(node: Node, arrays: Sequence[Array], fill: float | None = None) -> Array:
    """Frame all axes by `pads` (begins, then ends); negative pads crop.

    Args:
        fill: what the frame holds; None takes the node's `value`.
    """
    x = arrays[0]
    pads = [int(p) for p in node.attributes["pads"]]
    if fill is None:
        fill = float(node.attributes.get("value", 0.0))
    begins, ends = pads[: x.ndim], pads[x.ndim :]
    kept = x[
        tuple(
            slice(max(0, -b), size - max(0, -e))
            for b, e, size in zip(begins, ends, x.shape, strict=True)
        )
    ]
    widths = [(max(0, b), max(0, e)) for b, e in zip(begins, ends, strict=True)]
    return np.pad(kept, widths, constant_values=fill)


def reshape(node: Node, arrays: Sequence[Array]) -> Array:
    """ONNX Reshape: 0 keeps an axis, one -1 is inferred; a fixed first axis is the batch."""
    x = arrays[0]
    shape = [x.shape[i] if s == 0 else int(s) for i, s in enumerate(node.attributes["shape"])]
    if shape and (shape[0] > 0 or -1 in shape[1:]):
        shape[0] = x.shape[0]
    return x.reshape(shape)


def transpose(node: Node, arrays: Sequence[Array]) -> Array:
    """The axes in the order `perm`."""
    return np.ascontiguousarray(arrays[0].transpose(node.attributes["perm"]))


def slice_axes(node: Node, arrays: Sequence[Array]) -> Array:
    """ONNX Slice: ends beyond an axis are clamped, negative positions count from its end."""
    x = arrays[0]
    attributes = node.attributes
    starts, ends = attributes["starts"], attributes["ends"]
    axes = attributes.get("axes") or range(len(starts))
    steps = attributes.get("steps") or [1] * len(starts)
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        beyond = step < 0 and end < -x.shape[axis]  # downwards past the first element
        cut[axis] = slice(int(start), None if beyond else int(end), int(step))
    return np.ascontiguousarray(x[tuple(cut)])


OPERATORS: Mapping[str, Operator] = {
    "add": _add,
    "average_pool": average_pool,
    "clip": _clip,
    "concat": concat,
    "conv": _linear,
    "div": _div,
    "hard_swish": _hard_swish,
    "leaky_relu": _leaky_relu,
    "linear": _linear,
    "matmul": _matmul,
    "max_pool": max_pool,
    "mean": _mean,
    "mul": _mul,
    "pad": pad,
    "prelu": _prelu,
    "relu": _relu,
    "reshape": reshape,
    "sigmoid": _sigmoid,
    "slice": slice_axes,
    "softmax": _softmax,
    "sub": _sub,
    "tanh": _tanh,
    "transpose": transpose,
}
