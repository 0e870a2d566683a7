"""Conv, Gemm, MatMul and BatchNormalization: what becomes `conv`, `linear` or `matmul`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapping.onnx_import.graph import FileNode, Tensor, Unsupported, readable
from mapping.onnx_import.integers import layer_integers
from mapping.onnx_import.walk import Translator, Walk
from mapping.onnx_import.window import read_window


def conv(walk: Walk, node: FileNode) -> None:
    """Conv with constant weight."""
    bias = walk.tensor(node, 2) if node.input(2) else None
    convolve(walk, node, walk.activation(node), walk.tensor(node, 1), bias)


def convolve(walk: Walk, node: FileNode, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Writes a conv of the real-valued `x`.

    Raises:
        Unsupported: not 1-D or 2-D, a weight that is not constant, shapes that do not fit.
    """
    _expect_constants(weight, bias)
    spatial = x.shape[2:]
    if len(spatial) not in (1, 2):
        raise Unsupported(f"expected a 1-D or 2-D convolution, found input {readable(x.shape)}")
    group = int(node.get("group", 1))
    kernel = tuple(node.get("kernel_shape", weight.shape[2:]))
    out, per_group = (*weight.shape, 0, 0)[:2]
    if (
        weight.rank != x.rank
        or kernel != weight.shape[2:]
        or x.shape[1] != per_group * group
        or out % group
    ):
        raise Unsupported(
            f"input {readable(x.shape)} does not fit weight {weight.shape} in {group} groups"
        )
    window = read_window(node, kernel, spatial)
    shape = (x.shape[0], out, *window.positions(spatial))
    attributes = {
        "strides": window.strides,
        "pads": window.pads,
        "dilations": window.dilations,
        "group": group,
    }
    if bias is not None and bias.shape != (out,):
        raise Unsupported(f"bias {bias.shape} for {out} outputs")
    inputs = [x, weight] + ([bias] if bias is not None else [])
    y = walk.emit(node, "conv", inputs, shape, attributes=attributes)
    layer_integers(walk, x, weight, bias, out_axis=0)
    return y


def gemm(walk: Walk, node: FileNode) -> None:
    """Gemm with constant weight."""
    bias = walk.tensor(node, 2) if node.input(2) else None
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    product(walk, node, walk.activation(node), walk.tensor(node, 1), bias, (alpha, beta))


def product(
    walk: Walk,
    node: FileNode,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    factors: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """Writes a linear node of the real-valued `x`; `factors` are Gemm's alpha and beta.

    Raises:
        Unsupported: a weight or bias that is not constant, a transposed input, shapes.
    """
    alpha, beta = factors
    if beta == 0.0:
        bias = None
    _expect_constants(weight, bias)
    if node.get("transA", 0):
        raise Unsupported("transA of an activation moves the batch")
    transposed = bool(node.get("transB", 0))
    shape = weight.shape[::-1] if transposed else weight.shape
    if len(shape) != 2 or x.shape[-1:] != shape[:1]:
        raise Unsupported(f"input {readable(x.shape)} does not fit weight {shape}")

    def as_matrix(value: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(value.T if transposed else value) * np.float32(alpha)

    tag = ("T" if transposed else "") + (f"*{alpha:g}" if alpha != 1.0 else "")
    if tag:
        name = walk.derived(weight, tag, shape, as_matrix)
        matrix = Tensor(name, shape, constant=True, value=walk.constants.get(name))
    else:
        matrix = weight
    inputs = [x, matrix]
    if bias is not None:
        inputs.append(_bias(walk, bias, beta, shape[1]))
    y = walk.emit(node, "linear", inputs, (*x.shape[:-1], shape[1]))
    layer_integers(walk, x, weight, bias, out_axis=0 if transposed else 1, factors=factors)
    return y


def _bias(walk: Walk, bias: Tensor, beta: float, outputs: int) -> Tensor:
    sizes = [size for size in bias.shape if size != 1]
    if sizes not in ([], [outputs]) or (sizes and bias.shape[-1] != outputs):
        raise Unsupported(f"bias {bias.shape} for {outputs} outputs")

    def as_row(value: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(value.reshape(-1), (outputs,)) * np.float32(beta)

    tag = (f"*{beta:g}" if beta != 1.0 else "") + ("" if bias.shape == (outputs,) else "row")
    if not tag:
        return bias
    name = walk.derived(bias, tag, (outputs,), as_row)
    return Tensor(name, (outputs,), constant=True, value=walk.constants.get(name))


def matmul(walk: Walk, node: FileNode) -> None:
    """MatMul: a linear layer, or a product of two activations."""
    multiply(walk, node, walk.activation(node), walk.tensor(node, 1))


def multiply(walk: Walk, node: FileNode, a: Tensor, b: Tensor) -> Tensor:
    """Writes linear or matmul, by what the second factor is.

    Raises:
        Unsupported: shapes that do not fit.
    """
    if b.constant:
        return product(walk, node, a, b, None)
    if b.raw or a.rank < 2 or b.rank < 2 or a.shape[-1] != b.shape[-2]:
        raise Unsupported(f"product of {readable(a.shape)} and {readable(b.shape)}")
    leading = broadcast(a.shape[:-2], b.shape[:-2])
    return walk.emit(node, "matmul", [a, b], (*leading, a.shape[-2], b.shape[-1]))


def broadcast(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """The shape that two shapes broadcast to.

    Raises:
        Unsupported: they do not.
    """
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b)
    if any(m != n and 1 not in (m, n) for m, n in zip(left, right, strict=True)):
        raise Unsupported(f"{readable(a)} and {readable(b)} do not broadcast")
    return tuple(n if m == 1 else m for m, n in zip(left, right, strict=True))


def batch_normalization(walk: Walk, node: FileNode) -> None:
    """BatchNormalization as one node; `float_form` folds or expands it."""
    x = walk.activation(node)
    if node.get("training_mode", 0) or any(node.outputs[1:]):
        raise Unsupported("training mode")
    stats = [walk.tensor(node, index) for index in range(1, 5)]
    _expect_constants(*stats)
    if x.rank < 2 or any(s.shape != (x.shape[1],) for s in stats):
        raise Unsupported(f"statistics do not fit input {readable(x.shape)}")
    epsilon, variance = float(node.get("epsilon", 1e-5)), stats[3].value
    if variance is not None and not (variance > -epsilon).all():
        raise Unsupported(f"a variance of {variance.min()}")
    walk.emit(
        node,
        "batch_normalization",
        [x, *stats],
        x.shape,
        attributes={"epsilon": epsilon},
    )


def _expect_constants(*tensors: Tensor | None) -> None:
    for tensor in tensors:
        if tensor is not None and not tensor.constant:
            raise Unsupported(f"{tensor.name!r} is not a constant")


TRANSLATORS: dict[str, Translator] = {
    "BatchNormalization": batch_normalization,
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
}
