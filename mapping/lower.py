"""Lowering: every linear operator becomes matrix-vector products of one weight matrix.

The order that everything else relies on (executors, the RTL loop, weights on arrays):

- A vector is one output position; vectors are ordered (image, output row, output column),
  for `linear` in the order of the leading axes.
- K, the inputs of a vector, is the ONNX weight layout flattened: input channel slowest, then
  kernel row, then kernel column.  Positions in the padding carry the code `fill`.
- Group g of a grouped convolution has its own matrix (K, N) and its own inputs: channels
  g*C/G .. (g+1)*C/G - 1 in, g*N .. (g+1)*N - 1 out.

A 1-D convolution is a 2-D one of height 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.errors import NetworkError
from mapping.network import Node, QuantizedNetwork

T = TypeVar("T", bound=np.generic)

Shape = Sequence[int]


@dataclass(frozen=True)
class Window:
    """The sliding window of a convolution, as (vertical, horizontal) pairs."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]  # top, left, bottom, right

    def positions(self, height: int, width: int) -> tuple[int, int]:
        """Output rows and columns over an image of `height` x `width`; may be below 1."""
        sizes = (height, width)
        first, second = (
            (
                sizes[axis]
                + self.pads[axis]
                + self.pads[axis + 2]
                - self.dilations[axis] * (self.kernel[axis] - 1)
                - 1
            )
            // self.strides[axis]
            + 1
            for axis in (0, 1)
        )
        return first, second


def window(node: Node, kernel_shape: Shape) -> Window:
    """The window of conv `node`, whose weight has the spatial shape `kernel_shape`.

    Raises:
        NetworkError: neither a 1-D nor a 2-D convolution, or attributes of another length.
    """
    axes = len(kernel_shape)
    if axes not in (1, 2):
        raise NetworkError(f"node {node.name!r}: expected a 1-D or 2-D convolution, found {axes}-D")
    strides = _attribute(node, "strides", (1,) * axes)
    dilations = _attribute(node, "dilations", (1,) * axes)
    pads = _attribute(node, "pads", (0,) * (2 * axes))
    if axes == 1:
        return Window(
            (1, kernel_shape[0]), (1, strides[0]), (1, dilations[0]), (0, pads[0], 0, pads[1])
        )
    return Window(
        (kernel_shape[0], kernel_shape[1]),
        (strides[0], strides[1]),
        (dilations[0], dilations[1]),
        (pads[0], pads[1], pads[2], pads[3]),
    )


def _attribute(node: Node, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = tuple(int(v) for v in node.attributes.get(key, default))
    if len(value) != len(default):
        raise NetworkError(
            f"node {node.name!r}: {key}: expected {len(default)} numbers, found {len(value)}"
        )
    return value


def groups(node: Node) -> int:
    """Independent matrices of a node: the groups of a convolution, 1 for `linear`."""
    return int(node.attributes.get("group", 1)) if node.op == "conv" else 1


def matrix_shape(node: Node, weight_shape: Shape) -> tuple[int, int, int]:
    """(groups, K, N) of a node whose weight has the shape `weight_shape`.

    Raises:
        NetworkError: the outputs do not divide into the groups.
    """
    if node.op == "linear":
        return 1, weight_shape[0], weight_shape[1]
    count = groups(node)
    if weight_shape[0] % count:
        raise NetworkError(
            f"node {node.name!r}: expected outputs that divide into {count} groups, "
            f"found {weight_shape[0]}"
        )
    return count, math.prod(weight_shape[1:]), weight_shape[0] // count


def weight_matrix(node: Node, weight: NDArray[T]) -> NDArray[T]:
    """The weights as they lie on the arrays.

    Args:
        weight: (out, in/groups, *kernel) of a conv, (K, N) of a linear node.
    Returns:
        (groups, K, N), contiguous.
    """
    count, rows, cols = matrix_shape(node, weight.shape)
    if node.op == "linear":
        return np.ascontiguousarray(weight.reshape(1, rows, cols))
    return np.ascontiguousarray(weight.reshape(count, cols, rows).transpose(0, 2, 1))


def zero_sums(network: QuantizedNetwork, node: Node) -> NDArray[np.int64]:
    """(outputs,) what the zero point of a layer's inputs adds to its sums of products."""
    zero_point = network.tensors[node.inputs[0]].zero_point
    matrix = weight_matrix(node, network.layers[node.name].weight)
    added: NDArray[np.int64] = zero_point * matrix.sum(axis=1, dtype=np.int64).reshape(-1)
    return added


def output_shape(node: Node, input_shape: Shape, weight_shape: Shape) -> tuple[int, ...]:
    """Shape of the node's output; the batch axis, known or -1, is kept as it is.

    Raises:
        NetworkError: input, weight and attributes do not fit each other.
    """
    if node.op == "linear":
        if input_shape[-1] != weight_shape[0]:
            raise NetworkError(
                f"node {node.name!r}: expected {weight_shape[0]} inputs, found {input_shape[-1]}"
            )
        return (*input_shape[:-1], weight_shape[1])
    _check_channels(node, input_shape, weight_shape[1], len(weight_shape) - 2)
    spatial = _positions(node, input_shape, weight_shape[2:])
    return (input_shape[0], weight_shape[0], *spatial)


def mvms_per_image(node: Node, output: Shape) -> int:
    """Vectors per image: every axis of the output shape but batch and channel."""
    axes = output[2:] if node.op == "conv" else output[1:-1]
    return math.prod(axes)


def _check_channels(node: Node, input_shape: Shape, per_group: int, axes: int) -> None:
    if len(input_shape) != axes + 2:
        raise NetworkError(
            f"node {node.name!r}: expected an input of {axes + 2} axes, found {len(input_shape)}"
        )
    if input_shape[1] != per_group * groups(node):
        raise NetworkError(
            f"node {node.name!r}: expected {per_group * groups(node)} input channels, "
            f"found {input_shape[1]}"
        )


def _positions(node: Node, input_shape: Shape, kernel_shape: Shape) -> tuple[int, ...]:
    height, width = (1, *input_shape[2:])[-2:]
    found = window(node, kernel_shape).positions(height, width)[-len(kernel_shape) :]
    if min(found) < 1:
        raise NetworkError(
            f"node {node.name!r}: expected an input that holds a kernel of "
            f"{'x'.join(map(str, kernel_shape))}, found {'x'.join(map(str, input_shape[2:]))}"
        )
    return found


def im2col(codes: NDArray[T], node: Node, fill: float, kernel_shape: Shape = ()) -> NDArray[T]:
    """The input vectors of a node, in the order that the module states.

    Args:
        codes: (images, channels, [rows,] columns) for conv, (images, ..., K) for linear;
            any integer type or float32.
        fill: what the padding holds (the zero point of the codes).
        kernel_shape: spatial axes of the conv's weight, `weight.shape[2:]`.
    Returns:
        (vectors, groups, K) of the same type.
    Raises:
        NetworkError: the codes do not fit the node.
    """
    if node.op == "linear":
        return np.ascontiguousarray(codes).reshape(-1, 1, codes.shape[-1])
    count = groups(node)
    if codes.ndim != len(kernel_shape) + 2 or codes.shape[1] % count:
        per_group = max(1, codes.shape[1] // count)
        _check_channels(node, codes.shape, per_group, len(kernel_shape))
    frame = window(node, kernel_shape)
    images, channels = codes.shape[:2]
    out_rows, out_cols = (1, *_positions(node, codes.shape, kernel_shape))[-2:]
    padded = _padded(codes, frame.pads, fill)
    height, width = padded.shape[2:]
    rows = np.arange(frame.kernel[0]) * (frame.dilations[0] * width)
    cols = np.arange(frame.kernel[1]) * frame.dilations[1]
    offsets = np.arange(channels)[:, None, None] * (height * width) + rows[:, None] + cols
    vectors = np.empty((images, out_rows, out_cols, offsets.size), codes.dtype)
    steps = (frame.strides[0] * width, frame.strides[1])
    _gather(padded.reshape(images, -1), offsets.reshape(-1), steps, vectors)
    return vectors.reshape(images * out_rows * out_cols, count, -1)


def _padded(codes: NDArray[T], pads: tuple[int, int, int, int], fill: float) -> NDArray[T]:
    """(images, channels, rows, cols), contiguous, framed by `fill`; a 1-D input has one row."""
    images, channels = codes.shape[:2]
    height, width = (1, *codes.shape[2:])[-2:]
    top, left, bottom, right = pads
    framed = np.full(
        (images, channels, top + height + bottom, left + width + right), fill, codes.dtype
    )
    framed[:, :, top : top + height, left : left + width] = codes.reshape(
        images, channels, height, width
    )
    return framed


# A table of offsets into the padded image: 2.1 G elements/s for 16 channels of 32x32 under a
# 3x3 kernel, where six nested loops with bounds checks give 0.2 and numpy's strided copy 0.13.
@kernel
def _gather(flat: Any, offsets: Any, steps: Any, vectors: Any) -> None:
    """vectors[b, y, x, k] = flat[b, y*steps[0] + x*steps[1] + offsets[k]]."""
    images, out_rows, out_cols, length = vectors.shape
    for b in range(images):
        for y in range(out_rows):
            for x in range(out_cols):
                corner = y * steps[0] + x * steps[1]
                for k in range(length):
                    vectors[b, y, x, k] = flat[b, corner + offsets[k]]


def fold_outputs(results: NDArray[T], node: Node, output: Shape) -> NDArray[T]:
    """The results of all vectors as the node's output tensor (a view where possible).

    Args:
        results: (vectors, groups, N) in the order of `im2col`.
        output: the output shape with the batch known, as `output_shape` gives it.
    Returns:
        `output`-shaped: (images, out, [rows,] columns) for conv, (images, ..., N) for linear.
    """
    if node.op == "linear":
        return results.reshape(tuple(output))
    spatial = tuple(output[2:])
    return np.moveaxis(results.reshape(output[0], *spatial, output[1]), -1, 1)
