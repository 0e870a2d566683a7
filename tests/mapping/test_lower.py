from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import NetworkError
from mapping.lower import (
    fold_outputs,
    im2col,
    matrix_shape,
    mvms_per_image,
    output_shape,
    weight_matrix,
)
from mapping.network import Node
from tests.reference.im2col import convolve

small = st.integers(1, 3)


def node(op: str = "conv", **attributes: Any) -> Node:
    return Node("layer", op, ("x", "w"), "y", attributes)


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    group = draw(small)
    kernel = (draw(small), draw(small))
    dilations = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
    reach = [dilations[a] * (kernel[a] - 1) + 1 for a in (0, 1)]
    size = [max(1, reach[a] - pads[a] - pads[a + 2]) + draw(st.integers(0, 3)) for a in (0, 1)]
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    per_group, outs = draw(small), draw(small) * group
    return {
        "images": rng.integers(-128, 128, (draw(small), per_group * group, *size)),
        "weight": rng.integers(-127, 128, (outs, per_group, *kernel)),
        "strides": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "pads": pads,
        "dilations": dilations,
        "group": group,
        "fill": draw(st.integers(-3, 3)),
    }


def product(codes: Any, layer: Node, weight: Any, fill: int) -> Any:
    """The node by lowering: (vectors, groups, K) times (groups, K, N), folded."""
    vectors = im2col(codes, layer, fill, weight.shape[2:]).astype(np.int64)
    results = np.einsum("vgk,gkn->vgn", vectors, weight_matrix(layer, weight))
    return fold_outputs(results, layer, output_shape(layer, codes.shape, weight.shape))


@given(convolutions(), st.sampled_from([np.int8, np.int16, np.int32, np.float32]))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_lowered_convolution_equals_its_definition(case: dict[str, Any], dtype: Any) -> None:
    options = {key: case[key] for key in ("strides", "pads", "dilations", "group")}
    result = product(
        case["images"].astype(dtype), node(**options), case["weight"], fill=case["fill"]
    )
    for image, found in zip(case["images"], result, strict=True):
        expected = convolve(image, case["weight"], **options, fill=case["fill"])
        np.testing.assert_array_equal(found, expected)


def test_k_axis_runs_over_channel_then_kernel_row_then_kernel_column() -> None:
    codes = np.arange(2 * 3 * 3, dtype=np.int16).reshape(1, 2, 3, 3)
    vectors = im2col(codes, node(), 0, (2, 2))
    assert vectors.shape == (4, 1, 8)
    assert vectors[0, 0].tolist() == [0, 1, 3, 4, 9, 10, 12, 13]
    assert vectors[1, 0, 0] == 1  # the next vector is the next column
    assert vectors[2, 0, 0] == 3  # and then the next row


def test_one_dimensional_convolution_is_a_two_dimensional_one_of_height_one() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 255, (2, 4, 9)).astype(np.uint8)
    weight = rng.integers(-7, 8, (6, 2, 3))
    flat = node(strides=(2,), pads=(1, 2), dilations=(2,), group=2)
    flat_result = product(codes, flat, weight, fill=3)
    tall = node(strides=(1, 2), pads=(0, 1, 0, 2), dilations=(1, 2), group=2)
    tall_result = product(codes[:, :, None], tall, weight[:, :, None], fill=3)
    np.testing.assert_array_equal(flat_result, tall_result[:, :, 0])


def test_linear_takes_the_leading_axes_as_vectors() -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 15, (2, 5, 7)).astype(np.int16)
    weight = rng.integers(-7, 8, (7, 4))
    layer = node("linear")
    result = product(codes, layer, weight, fill=0)
    np.testing.assert_array_equal(result, codes.astype(np.int64) @ weight)
    assert mvms_per_image(layer, result.shape) == 5


def test_codes_that_are_not_contiguous_give_the_same_vectors() -> None:
    codes = np.random.default_rng(3).integers(0, 9, (2, 6, 6, 4)).astype(np.int16)
    layer = node(pads=(1, 1, 1, 1))
    view = codes.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(
        im2col(view, layer, 5, (3, 3)), im2col(view.copy(), layer, 5, (3, 3))
    )


def test_shapes_follow_from_shapes_alone_and_keep_an_unknown_batch() -> None:
    layer = node(strides=(2, 2), pads=(1, 1, 1, 1), group=8)
    shape = output_shape(layer, (-1, 16, 32, 32), (32, 2, 3, 3))
    assert shape == (-1, 32, 16, 16)
    assert mvms_per_image(layer, shape) == 256
    assert matrix_shape(layer, (32, 2, 3, 3)) == (8, 18, 4)
    dense = node("linear")
    assert output_shape(dense, (-1, 64), (64, 10)) == (-1, 10)
    assert mvms_per_image(dense, (-1, 10)) == 1


@pytest.mark.parametrize(
    ("layer", "codes", "weight", "message"),
    [
        (node(), (1, 3, 8, 8), (4, 2, 3, 3), "expected 2 input channels, found 3"),
        (node(), (1, 2, 2, 2), (4, 2, 3, 3), "holds a kernel of 3x3, found 2x2"),
        (node(), (1, 2, 8), (4, 2, 3, 3), "expected an input of 4 axes, found 3"),
        (node(), (1, 2, 8, 8, 8), (4, 2, 3, 3, 3), "1-D or 2-D convolution, found 3-D"),
        (node(pads=(1, 1)), (1, 2, 8, 8), (4, 2, 3, 3), "pads: expected 4 numbers, found 2"),
        (node("linear"), (1, 5), (4, 2), "expected 4 inputs, found 5"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(
    layer: Node, codes: tuple[int, ...], weight: tuple[int, ...], message: str
) -> None:
    with pytest.raises(NetworkError, match=f"^node 'layer': .*{message}"):
        output_shape(layer, codes, weight)


def test_outputs_that_do_not_divide_into_groups_are_named() -> None:
    with pytest.raises(NetworkError, match="outputs that divide into 3 groups, found 4"):
        matrix_shape(node(group=3), (4, 2, 3, 3))


def test_channels_that_do_not_divide_into_groups_are_named_by_im2col() -> None:
    with pytest.raises(NetworkError, match="node 'layer': expected 3 input channels, found 4"):
        im2col(np.zeros((1, 4, 8, 8), np.int16), node(group=3), 0, (3, 3))
