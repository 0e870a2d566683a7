"""Rows that a node needs of its input: those that change its output."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.dependence import node_rows
from mapping.network import Node
from mapping.operators import OPERATORS


@st.composite
def row_nodes(draw: st.DrawFn) -> tuple[Node, int]:
    """Nodes that work row by row, and how many rows their input has."""
    rows = draw(st.integers(4, 9))
    stride, kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 2)) if rows > 4 else 1
    pad = draw(st.integers(0, kernel - 1))
    pads = (pad, 0, draw(st.integers(0, kernel - 1)), 0)
    window = {"strides": (stride, 1), "pads": pads, "dilations": (dilation, 1)}
    begin = draw(st.integers(0, rows - 1))
    nodes = [
        Node("n", "conv", ("x", "w"), "n", window),
        Node("n", "max_pool", ("x",), "n", {**window, "kernel": (kernel, 1)}),
        Node("n", "pad", ("x",), "n", {"pads": (0, 0, pad, 0, 0, 0, 1, 2)}),
        Node("n", "slice", ("x",), "n", {"starts": (begin,), "ends": (99,), "axes": (2,),
                                         "steps": (stride,)}),
        Node("n", "relu", ("x",), "n"),
        Node("n", "concat", ("x", "x"), "n", {"axis": 1}),
    ]  # fmt: skip
    return draw(st.sampled_from(nodes)), rows


def test_an_output_of_one_row_needs_the_rows_under_its_window() -> None:
    shapes = {"x": (1, 4, 8, 8), "w": (4, 4, 3, 3), "n": (1, 4, 1, 1), "y": (1, 4)}
    source = node_rows(Node("x", "relu", ("x",), "x"), shapes)
    wide = Node("n", "conv", ("x", "w"), "n", {"strides": (6, 6), "pads": (0, 0, 0, 0)})
    need = node_rows(wide, shapes).need(0, source)
    assert (need.first, need.until) == ((0,), (3,))
    vector = Node("y", "relu", ("n",), "y")
    need = node_rows(vector, shapes).need(0, source)
    assert (need.first, need.until) == ((0,), (8,))


@given(row_nodes(), st.integers(1, 3))
@settings(max_examples=200)
def test_the_rows_a_node_is_said_to_need_are_those_that_change_its_output(
    given_node: tuple[Node, int], kernel: int
) -> None:
    node, rows = given_node
    shapes = {"x": (1, 1, rows, 4), "w": (1, 1, kernel, 1)}

    def outputs(x: np.ndarray) -> np.ndarray:
        tensors = {"x": x, "w": np.ones(shapes["w"], np.float32)}
        return OPERATORS[node.op](node, [tensors[name] for name in node.inputs])

    zeros = np.zeros(shapes["x"], np.float32)
    if node.op == "conv" and node.attributes["pads"][0] >= kernel:
        return
    base = outputs(zeros)
    shapes["n"] = base.shape
    source = node_rows(Node("x", "relu", ("x",), "x"), shapes)
    need = node_rows(node, shapes).need(0, source)
    read = np.zeros((base.shape[2], rows), bool)
    for row in range(rows):
        touched = zeros.copy()
        touched[:, :, row] = 1
        changed = (outputs(touched) != base).any(axis=(0, 1, 3))
        read[:, row] = changed
    for output, (low, high) in enumerate(zip(need.first, need.until, strict=True)):
        (changing,) = np.nonzero(read[output])
        if node.attributes.get("dilations", (1, 1)) == (1, 1):
            assert list(changing) == list(range(low, high))
        else:  # rows between the taps change nothing, but have come before the last tap
            assert all(low <= row < high for row in changing)
            assert high == rows or high == changing[-1] + 1
