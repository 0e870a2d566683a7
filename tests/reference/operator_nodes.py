"""Nodes from x to y for the table of operators, and random constants of theirs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.reference.onnx_files import node

RNG = np.random.default_rng(3)
Nodes = Callable[[int], Sequence[Any]]


def floats(*shape: int) -> Any:
    """Random constants."""
    return RNG.normal(size=shape).astype(np.float32)


def ints(*values: int) -> Any:
    """An int64 constant."""
    return np.asarray(values, dtype=np.int64)


def single(op: str, *names: str, **attributes: Any) -> Nodes:
    """One node of `op` on x and constants."""
    return lambda opset: [node(op, ["x", *names], **attributes)]


def axes_of(op: str, axes: Sequence[int], since: int, **attributes: Any) -> Nodes:
    """A node whose axes are an attribute before opset `since` and an input from then on."""

    def build(opset: int) -> Sequence[Any]:
        if opset < since:
            return [node(op, ["x"], axes=list(axes), **attributes)]
        given_axes = node("Constant", [], "axes", value_ints=list(axes))
        return [given_axes, node(op, ["x", "axes"], **attributes)]

    return build


def dynamic_flatten(opset: int) -> Sequence[Any]:
    """x.view(x.size(0), -1) as torch exports it."""
    unsqueeze = (
        [node("Unsqueeze", ["n"], "n1", axes=[0])]
        if opset < 13
        else [node("Unsqueeze", ["n", "zero"], "n1")]
    )
    return [
        node("Shape", ["x"], "s"),
        node("Constant", [], "i", value_int=0)
        if opset > 11
        else node("Identity", ["zero_scalar"], "i"),
        node("Gather", ["s", "i"], "n", axis=0),
        *unsqueeze,
        node("Concat", ["n1", "minus_one"], "target", axis=0),
        node("Reshape", ["x", "target"]),
    ]


def attention(opset: int) -> Sequence[Any]:
    """One head: softmax(q k') v, with a scale."""
    return [
        node("MatMul", ["x", "wq"], "q"),
        node("MatMul", ["x", "wk"], "k"),
        node("MatMul", ["x", "wv"], "v"),
        node("Transpose", ["k"], "kt", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], "s"),
        node("Div", ["s", "root"], "scaled"),
        node("Softmax", ["scaled"], "p", axis=2),
        node("MatMul", ["p", "v"]),
    ]


def batch_norm(*before: Any) -> Nodes:
    """A batch normalisation of what the nodes before it leave in c."""
    return lambda opset: [*before, node("BatchNormalization", ["c", "g", "b", "m", "v"])]


def stats(channels: int) -> dict[str, Any]:
    """Batch normalisation's constants."""
    return {
        "g": floats(channels),
        "b": floats(channels),
        "m": floats(channels),
        "v": np.abs(floats(channels)) + np.float32(0.1),
    }
