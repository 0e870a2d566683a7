"""Every float32 operator against onnxruntime, and pooling windows against a plain loop."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.network import Node
from mapping.operators import OPERATORS
from mapping.pooling import PoolWindow
from tests.reference.onnxruntime_oracle import run_node

RNG = np.random.default_rng(7)
X = RNG.normal(0, 3, (2, 4, 7, 6)).astype(np.float32)
ROW = RNG.normal(0, 2, (3, 5)).astype(np.float32)
SLOPE = np.array([0.1, -0.2, 0.5, 2.0], np.float32).reshape(4, 1, 1)


def ours(op, arrays, **attributes):
    """The result of a canonical operator."""
    names = tuple(f"i{k}" for k in range(len(arrays)))
    return OPERATORS[op](Node("n", op, names, "y", attributes), arrays)


ELEMENTWISE = [
    ("relu", "Relu", [X], {}),
    ("sigmoid", "Sigmoid", [X * 40], {}),
    ("tanh", "Tanh", [X], {}),
    ("hard_swish", "HardSwish", [X * 2], {}),
    ("leaky_relu", "LeakyRelu", [X], {"alpha": 0.3}),
    ("prelu", "PRelu", [X, SLOPE], {}),
    ("softmax", "Softmax", [ROW * 30], {"axis": 1}),
    ("add", "Add", [X, X[:, :1]], {}),
    ("sub", "Sub", [X, SLOPE], {}),
    ("mul", "Mul", [X, X], {}),
    ("div", "Div", [X, np.float32(3.7)], {}),
    ("matmul", "MatMul", [X, X.transpose(0, 1, 3, 2).copy()], {}),
    ("concat", "Concat", [X, X[:, :2]], {"axis": 1}),
    ("transpose", "Transpose", [X], {"perm": [0, 2, 3, 1]}),
]


@pytest.mark.parametrize(("op", "name", "arrays", "attributes"), ELEMENTWISE)
def test_operator_equals_onnxruntime(op, name, arrays, attributes):
    expected = run_node(name, arrays, attributes)
    np.testing.assert_allclose(ours(op, arrays, **attributes), expected, rtol=2e-6, atol=2e-6)


def test_clip_equals_onnxruntime():
    expected = run_node("Clip", [X, np.float32(-1), np.float32(2)])
    assert np.array_equal(ours("clip", [X], min=-1.0, max=2.0), expected)


@pytest.mark.parametrize("keep", [0, 1])
def test_mean_equals_onnxruntime(keep):
    expected = run_node("ReduceMean", [X], {"axes": [2, 3], "keepdims": keep})
    np.testing.assert_allclose(ours("mean", [X], axes=(2, 3), keepdims=keep), expected, rtol=1e-6)


def test_pad_equals_onnxruntime_also_where_it_crops():
    pads = np.array([0, 1, -2, 0, 0, 2, 3, -1])
    expected = run_node("Pad", [X, pads, np.float32(1.5)])
    assert np.array_equal(ours("pad", [X], pads=pads, value=1.5), expected)


@pytest.mark.parametrize(
    ("starts", "ends", "axes", "steps"),
    [
        ([0, 1], [9, 5], [2, 3], [2, 1]),
        ([-1], [-99], [3], [-2]),
        ([-3], [-1], [1], [1]),
        ([5], [0], [2], [-3]),
    ],
)
def test_slice_equals_onnxruntime(starts, ends, axes, steps):
    expected = run_node("Slice", [X, *map(np.array, (starts, ends, axes, steps))])
    found = ours("slice", [X], starts=starts, ends=ends, axes=axes, steps=steps)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", [(-1, 168), (1, -1), (0, 28, 6), (-1, 4, -1)])
def test_reshape_keeps_the_batch_first(shape):
    found = ours("reshape", [X], shape=shape)
    assert found.shape[0] == len(X)
    assert np.array_equal(found.reshape(-1), X.reshape(-1))


CONVS = list(itertools.product([1, 2, 4], [(1, 1), (2, 1)], [(1, 1), (1, 2)], [(0, 1, 2, 0)]))


@pytest.mark.parametrize(("group", "strides", "dilations", "pads"), CONVS)
def test_conv_equals_onnxruntime(group, strides, dilations, pads):
    weight = RNG.normal(size=(8, 4 // group, 3, 2)).astype(np.float32)
    bias = RNG.normal(size=8).astype(np.float32)
    attributes = {"strides": strides, "dilations": dilations, "pads": pads, "group": group}
    expected = run_node("Conv", [X, weight, bias], attributes)
    found = ours("conv", [X, weight, bias], **attributes)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_one_dimensional_conv_equals_onnxruntime():
    weight = RNG.normal(size=(5, 4, 3)).astype(np.float32)
    attributes = {"strides": [2], "pads": [1, 2]}
    expected = run_node("Conv", [X[:, :, 0], weight], attributes)
    found = ours("conv", [X[:, :, 0], weight], **attributes)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_linear_is_a_product_over_the_last_axis():
    weight, bias = RNG.normal(size=(6, 3)).astype(np.float32), np.ones(3, np.float32)
    np.testing.assert_allclose(
        ours("linear", [X, weight, bias]), X.astype(np.float64) @ weight + 1, rtol=1e-5, atol=1e-5
    )


POOLS = list(
    itertools.product([(2, 2), (3, 2)], [(1, 1), (2, 3)], [(0, 0, 0, 0), (1, 0, 1, 1)], [0, 1])
)


@pytest.mark.parametrize(("kernel", "strides", "pads", "ceil"), POOLS)
def test_max_pool_equals_onnxruntime(kernel, strides, pads, ceil):
    attributes = {"strides": strides, "pads": pads}
    expected = run_node("MaxPool", [X], {"kernel_shape": kernel, "ceil_mode": ceil, **attributes})
    found = ours("max_pool", [X], kernel=kernel, ceil=ceil, **attributes)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize(("kernel", "strides", "pads", "ceil"), POOLS)
def test_average_pool_equals_onnxruntime(kernel, strides, pads, ceil, include):
    attributes = {"strides": strides, "pads": pads, "count_include_pad": include}
    expected = run_node(
        "AveragePool", [X], {"kernel_shape": kernel, "ceil_mode": ceil, **attributes}
    )
    found = ours("average_pool", [X], kernel=kernel, ceil=ceil, **attributes)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@given(
    st.integers(3, 9), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2),
    st.integers(0, 1), st.integers(0, 1), st.booleans(),
)  # fmt: skip
def test_window_total_and_maximum_equal_a_plain_loop(
    size, kernel, stride, dilation, begin, end, up
):
    node = Node("p", "max_pool", ("x",), "y", {
        "kernel": (kernel,), "strides": (stride,), "dilations": (dilation,),
        "pads": (min(begin, kernel - 1), min(end, kernel - 1)), "ceil": up,
    })  # fmt: skip
    x = np.random.default_rng(size).integers(-9, 9, size)
    frame = PoolWindow.of(node, (size,))
    for p in range(frame.positions[0]):
        start = p * stride - frame.begins[0]
        inside = [x[i] for i in range(start, start + dilation * kernel, dilation) if 0 <= i < size]
        assert frame.total(x, 0, np.int64)[p] == sum(inside)
        assert frame.maximum(x, -99)[p] == max(inside, default=-99)
        assert frame.counts(include_pads=False)[p] == len(inside)
