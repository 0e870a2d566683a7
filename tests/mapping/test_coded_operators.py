"""Digital operators on codes: against slow twins, float semantics and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.coded_operators import digital_evaluation
from mapping.codes import add_codes, decode, encode, every_code
from mapping.network import Node, QuantParams
from mapping.operators import OPERATORS
from tests.reference import codes as twin

UNSIGNED = QuantParams(0.037, 0, 8, signed=False)
SHIFTED = QuantParams(0.021, 131, 8, signed=False)
SIGNED = QuantParams(0.045, 0, 8, signed=True)
NARROW = QuantParams(0.3, 0, 4, signed=True)
ALL = [UNSIGNED, SHIFTED, SIGNED, NARROW]
RNG = np.random.default_rng(11)


def random_codes(params, *shape):
    """Codes over their whole range."""
    return RNG.integers(params.low, params.high + 1, shape).astype(np.int16)


def evaluate(op, arrays, inputs, output, **attributes):
    """The output of a node whose tensors are held under `inputs` and `output`."""
    names = tuple(f"i{k}" for k in range(len(arrays)))
    held = dict(zip(names, inputs, strict=True)) | {"y": output}
    tensors = {name: params for name, params in held.items() if params is not None}
    return digital_evaluation(Node("n", op, names, "y", attributes), tensors)(arrays)


def by_floats(op, arrays, inputs, output, **attributes):
    """The same in QDQ semantics, by the slow twins."""
    reals = [a if p is None else twin.decode(a, p) for a, p in zip(arrays, inputs, strict=True)]
    names = tuple(f"i{k}" for k in range(len(arrays)))
    result = OPERATORS[op](Node("n", op, names, "y", attributes), reals)
    return result if output is None else twin.encode(result, output)


SCALES = st.floats(2.0**-14, 1024.0, width=32)
PARAMS = st.builds(
    lambda scale, zero, bits, signed: QuantParams(
        scale, zero % (1 << bits) - ((1 << (bits - 1)) if signed else 0), bits, signed
    ),
    SCALES,
    st.integers(0, 255),
    st.integers(2, 8),
    st.booleans(),
)


@given(PARAMS, st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_encode_equals_its_twin(params, reals):
    found = encode(np.array(reals, np.float32), params)
    assert np.array_equal(found, twin.encode(reals, params))


def test_nan_takes_the_lowest_code_and_infinities_the_ends():
    reals = np.array([np.nan, -np.inf, np.inf], np.float32)
    assert encode(reals, SHIFTED).tolist() == [0, 0, 255]
    assert encode(reals, SIGNED).tolist() == [-128, -128, 127]


@given(PARAMS)
def test_decoded_codes_encode_to_themselves(params):
    codes = every_code(params)
    assert np.array_equal(decode(codes, params), twin.decode(codes, params))
    assert np.array_equal(encode(decode(codes, params), params), codes)


@given(PARAMS, PARAMS, PARAMS, st.integers(0, 1000))
def test_add_equals_float_semantics(a, b, output, seed):
    rng = np.random.default_rng(seed)
    left = rng.integers(a.low, a.high + 1, 30).astype(np.int16)
    right = rng.integers(b.low, b.high + 1, 30).astype(np.int16)
    expected = twin.encode(twin.decode(left, a) + twin.decode(right, b), output)
    assert np.array_equal(add_codes(left, right, (a, b), output), expected)


UNARY = [
    ("relu", {}),
    ("clip", {"min": 0.0, "max": 2.0}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("hard_swish", {}),
    ("leaky_relu", {"alpha": 0.1}),
    ("softmax", {"axis": 1}),
]


@pytest.mark.parametrize("output", [UNSIGNED, SIGNED, None])
@pytest.mark.parametrize("source", ALL)
@pytest.mark.parametrize(("op", "attributes"), UNARY)
def test_functions_of_codes_equal_float_semantics(op, attributes, source, output):
    codes = random_codes(source, 2, 5, 6)
    found = evaluate(op, [codes], [source], output, **attributes)
    assert np.array_equal(found, by_floats(op, [codes], [source], output, **attributes))


BINARY = ["add", "sub", "mul", "div"]


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("second", ["same shape", "broadcast", "constant"])
def test_binary_operators_equal_float_semantics(op, second):
    a = random_codes(SHIFTED, 2, 3, 4)
    b, params = random_codes(SIGNED, 2, 3, 4), SIGNED
    b[b == 0] = 1
    if second == "broadcast":
        b = b[:, :1]
    if second == "constant":
        b, params = np.float32([[0.5], [-2.0], [3.0]]), None
    found = evaluate(op, [a, b], [SHIFTED, params], UNSIGNED)
    assert np.array_equal(found, by_floats(op, [a, b], [SHIFTED, params], UNSIGNED))


MOVES = [
    ("max_pool", {"kernel": (2, 2), "strides": (1, 2), "pads": (1, 0, 0, 1)}),
    ("reshape", {"shape": (-1, 24)}),
    ("transpose", {"perm": (0, 2, 1, 3)}),
    ("slice", {"starts": (1,), "ends": (9,), "axes": (2,), "steps": (2,)}),
    ("pad", {"pads": (0, 1, 0, 0, 0, 2, 0, 1), "value": 0.0}),
]


@pytest.mark.parametrize("output", [SHIFTED, SIGNED])
@pytest.mark.parametrize(("op", "attributes"), MOVES)
def test_moving_codes_equals_moving_real_values(op, attributes, output):
    codes = random_codes(SHIFTED, 2, 2, 3, 4)
    found = evaluate(op, [codes], [SHIFTED], output, **attributes)
    assert found.dtype == np.int16
    assert np.array_equal(found, by_floats(op, [codes], [SHIFTED], output, **attributes))


def test_relu_of_unsigned_codes_is_the_same_array():
    codes = random_codes(UNSIGNED, 3, 4)
    assert evaluate("relu", [codes], [UNSIGNED], UNSIGNED) is codes


def test_concat_converts_each_input():
    parts = [random_codes(p, 2, 3) for p in ALL]
    found = evaluate("concat", parts, ALL, SHIFTED, axis=1)
    assert np.array_equal(found, by_floats("concat", parts, ALL, SHIFTED, axis=1))


@pytest.mark.parametrize("output", ALL)
@pytest.mark.parametrize("source", ALL)
def test_mean_is_the_exactly_rounded_sum(source, output):
    codes = random_codes(source, 2, 3, 4, 4)
    found = evaluate("mean", [codes], [source], output, axes=(2, 3), keepdims=False)
    for i, c in np.ndindex(2, 3):
        assert found[i, c] == twin.mean_code(codes[i, c].ravel(), 16, source, output)


@pytest.mark.parametrize("include", [False, True])
def test_average_pool_is_the_exactly_rounded_sum_also_at_the_border(include):
    codes = random_codes(SHIFTED, 2, 3, 5, 6)
    found = evaluate("average_pool", [codes], [SHIFTED], SIGNED, kernel=(3, 2), strides=(2, 1),
                     pads=(1, 1, 1, 0), count_include_pad=include)  # fmt: skip
    for i, c, y, x in np.ndindex(*found.shape):
        top, left = 2 * y - 1, x - 1
        inside = codes[i, c, max(top, 0) : top + 3, max(left, 0) : left + 2].ravel()
        count = 6 if include else inside.size
        assert found[i, c, y, x] == twin.mean_code(inside, count, SHIFTED, SIGNED)


def test_product_of_two_activations_is_exact():
    a, b = random_codes(SHIFTED, 2, 3, 40), random_codes(SIGNED, 2, 40, 5)
    output = QuantParams(0.9, 7, 8, signed=True)
    found = evaluate("matmul", [a, b], [SHIFTED, SIGNED], output)
    acc = (a.astype(np.int64) - 131) @ b.astype(np.int64)
    m = float(np.float32(np.float32(0.021) * np.float32(0.045)) / np.float32(0.9))
    assert np.array_equal(found, np.clip(np.rint(acc * m) + 7, -128, 127))


def test_a_float_tensor_becomes_codes_where_a_reshape_says_so():
    reals = RNG.normal(size=(2, 6)).astype(np.float32)
    found = evaluate("reshape", [reals], [None], SHIFTED, shape=(-1, 3, 2))
    assert np.array_equal(found, twin.encode(reals.reshape(2, 3, 2), SHIFTED))
