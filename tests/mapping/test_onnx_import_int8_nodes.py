"""Int8 nodes one by one: which codes they stand for, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from hwsim.errors import NetworkError
from mapping.network import QuantizedNetwork, QuantParams
from mapping.onnx_import import import_network
from tests.reference.coded_network import evaluate_codes, expect_codes_of_onnxruntime
from tests.reference.float_network import evaluate
from tests.reference.int8_nodes import (
    S8,
    S8_SHIFTED,
    U8,
    WEIGHT,
    contributed,
    dequantised_weight,
    floats,
    imported,
    integers,
    integers_of,
    kinds,
    pair,
    pictures,
)
from tests.reference.onnx_files import make_model, node, save
from tests.reference.onnxruntime_oracle import every_tensor


def test_relu_whose_work_saturation_does_not_do_stays_on_codes(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight(),
        node("Conv", ["xd", "w"], "c"),
        node("Relu", ["c"], "r"),
        *pair("r", "y", "b"),
    ]
    constants = {**kinds(a=U8, b=S8), "wq": WEIGHT, "ws": np.float32(0.01)}
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    assert [n.op for n in quantized.network.nodes] == ["conv", "relu"]
    assert (
        quantized.tensors["c"]
        == quantized.tensors["y"]
        == QuantParams(float(np.float32(0.04)), 0, 8, True)
    )
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 3, 6, 6))


def test_clip_that_saturation_does_is_dropped(tmp_path: Path) -> None:
    top = (np.float32(6 / 255), np.uint8(0))
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight(),
        node("Conv", ["xd", "w"], "c"),
        node("Clip", ["c", "low", "high"], "r"),
        *pair("r", "y", "b"),
    ]
    constants = {
        **kinds(a=U8, b=top),
        "wq": WEIGHT,
        "ws": np.float32(0.01),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    assert [n.op for n in quantized.network.nodes] == ["conv"]
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 3, 6, 6))


def test_max_pool_before_the_quantisation_works_on_codes(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight(),
        node("Conv", ["xd", "w"], "c"),
        node("Relu", ["c"], "r"),
        node("MaxPool", ["r"], "m", kernel_shape=[2, 2]),
        *pair("m", "y", "b"),
    ]
    constants = {
        **kinds(a=U8, b=(np.float32(0.05), np.uint8(0))),
        "wq": WEIGHT,
        "ws": np.float32(0.01),
    }
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    assert [n.op for n in quantized.network.nodes] == ["conv", "max_pool"]
    assert quantized.tensors["r"] == quantized.tensors["y"]
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 3, 6, 6))


def test_weight_zero_points_are_subtracted(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight("wz"),
        node("Conv", ["xd", "w"], "c"),
        *pair("c", "y", "b"),
    ]
    constants = {
        **kinds(a=U8, b=S8_SHIFTED),
        "wq": (WEIGHT.astype(np.int16) + 128).astype(np.uint8),
        "ws": np.float32(0.01),
        "wz": np.uint8(128),
    }
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    np.testing.assert_array_equal(quantized.layers["node_c"].weight, WEIGHT)
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 3, 6, 6))


def test_weight_zero_point_that_leaves_eight_bits_is_refused(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight("wz"),
        node("Conv", ["xd", "w"], "c"),
        *pair("c", "y", "b"),
    ]
    constants = {
        **kinds(a=U8, b=S8),
        "wq": np.full((4, 3, 3, 3), 250, np.uint8),
        "ws": np.float32(0.01),
        "wz": np.uint8(10),
    }
    with pytest.raises(NetworkError, match=r"Conv 'node_c' \(weights minus their zero point span"):
        imported(tmp_path, nodes, constants)


def test_float_weights_between_q_and_dq_are_quantised_as_the_file_says(tmp_path: Path) -> None:
    scale = np.float32([0.01, 0.02, 0.03, 0.04])
    nodes = [
        *pair("x", "xd", "a"),
        node("QuantizeLinear", ["wf", "ws", "wz"], "wq", axis=0),
        node("DequantizeLinear", ["wq", "ws", "wz"], "w", axis=0),
        node("Conv", ["xd", "w", "bias"], "c"),
        *pair("c", "y", "b"),
    ]
    constants = {
        **kinds(a=U8, b=S8_SHIFTED),
        "wf": floats(4, 3, 3, 3),
        "ws": scale,
        "wz": np.zeros(4, np.int8),
        "bias": floats(4),
    }
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    expected = np.clip(np.rint(constants["wf"] / scale[:, None, None, None]), -128, 127)
    np.testing.assert_array_equal(quantized.layers["node_c"].weight, expected)
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 3, 6, 6))


@pytest.mark.parametrize("transposed", [0, 1])
def test_scales_per_output_of_a_matrix(transposed: int, tmp_path: Path) -> None:
    weight = integers(7, 5)
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight(axis=1 - transposed),
        node("Gemm", ["xd", "w"], "c", transB=transposed, alpha=0.5),
        *pair("c", "y", "b"),
    ]
    constants = {
        **kinds(a=U8, b=S8_SHIFTED),
        "wq": weight.T.copy() if transposed else weight,
        "ws": np.float32([0.01, 0.02, 0.03, 0.04, 0.05]),
    }
    path, found = imported(tmp_path, nodes, constants, (7,))
    quantized = integers_of(found)
    np.testing.assert_array_equal(quantized.layers["node_c"].weight, weight)
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 7))


def test_output_without_quantisation_stays_float(tmp_path: Path) -> None:
    nodes = [*pair("x", "xd", "a"), *dequantised_weight(), node("Conv", ["xd", "w"], "y")]
    constants = {**kinds(a=U8), "wq": WEIGHT, "ws": np.float32(0.01)}
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    assert set(quantized.tensors) == {"x"}
    images = pictures(4, 3, 6, 6)
    expected = every_tensor(onnx.load(path), {"x": images})["y"]
    result = evaluate_codes(quantized, {"x": images}, {})["y"]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


def test_second_quantisation_of_a_tensor_is_a_conversion(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        *pair("xd", "xe", "b"),
        *dequantised_weight(),
        node("Conv", ["xe", "w"], "c"),
        *pair("c", "y", "b"),
    ]
    constants = {**kinds(a=U8, b=S8_SHIFTED), "wq": WEIGHT, "ws": np.float32(0.01)}
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    assert [n.op for n in quantized.network.nodes] == ["reshape", "conv"]
    assert quantized.tensors["x"] != quantized.tensors["xe_q"]
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 3, 6, 6))


def test_layers_that_the_file_leaves_in_float_are_named(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        *dequantised_weight(),
        node("Conv", ["xd", "w"], "c"),
        node("Relu", ["c"], "r"),
        node("Conv", ["r", "w2"], "y"),
    ]
    constants = {**kinds(a=U8), "wq": WEIGHT, "ws": np.float32(0.01), "w2": floats(2, 4, 1, 1)}
    _, found = imported(tmp_path, nodes, constants)
    assert found.quantized is None
    assert found.float_layers == ("node_y",)


def test_activations_of_more_than_eight_bits_are_refused(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "d"),
        node("Relu", ["d"]),
    ]
    constants = {"s": np.float32(0.1), "z": np.uint16(7)}
    model = make_model(nodes, {"x": ["N", 3]}, ["y"], constants, opset=21)
    with pytest.raises(NetworkError, match="activations of 16 bits, expected at most 8"):
        import_network(save(model, tmp_path / "net.onnx"))


def test_qlinear_operators_of_onnxruntime(tmp_path: Path) -> None:
    a, b, c = ["a_s", "a_z"], ["b_s", "b_z"], ["c_s", "c_z"]
    nodes = [
        node("QuantizeLinear", ["x", *a], "q"),
        node("QLinearConv", ["q", *a, "wq", "ws", "wz", *b, "bias"], "k", pads=[1, 1, 1, 1]),
        contributed("QLinearLeakyRelu", ["k", *b, *a], "l", alpha=0.3),
        contributed("QLinearSigmoid", ["k", *b, *c], "s"),
        contributed("QLinearMul", ["l", *a, "s", *c, *b], "m"),
        contributed("QLinearAdd", ["m", *b, "k", *b, *a], "p"),
        contributed("QLinearConcat", [*b, "p", *a, "k", *b], "j", axis=1),
        node("MaxPool", ["j"], "v", kernel_shape=[2, 2], strides=[2, 2]),
        contributed("QLinearAveragePool", ["v", *b, *a], "w", kernel_shape=[2, 2]),
        node("Reshape", ["w", "shape"], "f"),
        node("QLinearMatMul", ["f", *a, "mq", "ms", "mz", *b], "h"),
        contributed("QLinearSoftmax", ["h", *b, *c], "t", axis=-1, opset=13),
        node("DequantizeLinear", ["t", *c], "y"),
    ]
    constants = {
        **kinds(a=U8, b=(np.float32(0.06), np.uint8(120)), c=(np.float32(1 / 256), np.uint8(0))),
        "wq": WEIGHT,
        "ws": np.float32([0.01, 0.02, 0.01, 0.005]),
        "wz": np.zeros(4, np.int8),
        "bias": np.int32([10, -20, 300, 4]),
        "shape": np.int64([0, -1]),
        "mq": integers(32, 5),
        "ms": np.float32(0.01),
        "mz": np.int8(0),
    }
    path, found = imported(tmp_path, nodes, constants)
    quantized = integers_of(found)
    assert [n.op for n in quantized.network.nodes] == [
        *("conv", "leaky_relu", "sigmoid", "mul", "add", "concat", "max_pool"),
        *("average_pool", "reshape", "linear", "softmax"),
    ]
    expect_codes_of_onnxruntime(path, quantized, pictures(6, 3, 6, 6))


def test_tensor_read_with_other_parameters_than_written_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", ["x", "a_s", "a_z"], "q"),
        node("MaxPool", ["q"], "m", kernel_shape=[2, 2]),
        node("DequantizeLinear", ["m", "b_s", "b_z"], "y"),
    ]
    with pytest.raises(NetworkError, match=r"written with scale 0.05, zero point 100 and read"):
        imported(tmp_path, nodes, kinds(a=U8, b=(np.float32(0.06), np.uint8(100))))


def test_product_of_two_coded_activations(tmp_path: Path) -> None:
    nodes = [
        *pair("x", "xd", "a"),
        node("Transpose", ["xd"], "t", perm=[0, 2, 1]),
        node("MatMul", ["xd", "t"], "c"),
        *pair("c", "p", "b"),
        *dequantised_weight(axis=1),
        node("MatMul", ["p", "w"], "y"),
    ]
    constants = {
        **kinds(a=U8, b=(np.float32(0.3), np.int8(0))),
        "wq": integers(6, 6),
        "ws": np.float32(0.01),
    }
    path, found = imported(tmp_path, nodes, constants, (6, 4))
    quantized = integers_of(found)
    assert [n.op for n in quantized.network.nodes] == ["transpose", "matmul", "linear"]
    expect_codes_of_onnxruntime(path, quantized, pictures(4, 6, 4))


def test_network_input_given_as_codes_is_float_here(tmp_path: Path) -> None:
    nodes = [node("DequantizeLinear", ["x", "a_s", "a_z"], "d"), node("Relu", ["d"])]
    model = make_model(nodes, {"x": ["N", 3]}, ["y"], kinds(a=U8))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    found = import_network(save(model, tmp_path / "net.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    codes = np.arange(90, 120, dtype=np.uint8).reshape(-1, 3)
    real = 0.05 * (codes.astype(np.float32) - 100)
    expected = session.run(None, {"x": codes})[0]
    np.testing.assert_allclose(evaluate(found.network, {"x": real})["y"], expected, atol=1e-6)


def test_weights_of_more_than_eight_bits_are_refused(tmp_path: Path) -> None:
    nodes = [*pair("x", "d", "a"), *dequantised_weight(), node("Conv", ["d", "w"])]
    constants = {**kinds(a=U8), "wq": WEIGHT.astype(np.int16), "ws": np.float32(0.01)}
    model = make_model(nodes, {"x": ["N", 3, 6, 6]}, ["y"], constants, opset=21)
    with pytest.raises(NetworkError, match="weights of 16 bits, expected at most 8"):
        import_network(save(model, tmp_path / "net.onnx"))


@pytest.mark.parametrize(("scales", "zeros"), [(4, 3), (1, 4)])
def test_zero_points_that_do_not_go_with_the_scales_are_refused(
    scales: int, zeros: int, tmp_path: Path
) -> None:
    nodes = [*pair("x", "d", "a"), *dequantised_weight(zero=True), node("Conv", ["d", "w"])]
    numbers = {"ws": np.full(scales, 0.01, np.float32), "wz": np.zeros(zeros, np.int8)}
    with pytest.raises(NetworkError, match=rf"\({zeros} zero points for {scales} scales\)"):
        imported(tmp_path, nodes, {**kinds(a=U8), "wq": WEIGHT, **numbers})


def test_qlinear_nodes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    names = ["q", "a_s", "a_z", "wq", "ws", "wz", "a_s", "a_z", "bias"]
    nodes = [
        node("QuantizeLinear", ["x", "a_s", "a_z"], "q"),
        node("QLinearConv", names, "k"),
        node("DequantizeLinear", ["k", "a_s", "a_z"], "y"),
    ]
    weight = {"wq": WEIGHT, "ws": np.full(4, 0.01, np.float32), "wz": np.int8(0)}
    good = {**kinds(a=U8), **weight, "bias": np.zeros(4, np.int32)}
    imported(tmp_path, nodes, good)
    with pytest.raises(NetworkError, match=r"QLinearConv .*\(3\) and \(4\) do not broadcast"):
        imported(tmp_path, nodes, {**good, "bias": np.zeros(3, np.int32)})
    with pytest.raises(NetworkError, match=r"QLinearConv .*axis 0 of a tensor with 0 axes"):
        imported(tmp_path, nodes, {**good, "wq": np.int8(3)})
    with pytest.raises(NetworkError, match=r"QuantizeLinear .*an activation with 0 zero points"):
        imported(tmp_path, nodes, {**good, "a_z": np.zeros(0, np.uint8)})
    nodes[0] = node("QuantizeLinear", ["c", "a_s", "a_z"], "q")
    with pytest.raises(NetworkError, match=r"QLinearConv .*constants alone"):
        imported(tmp_path, nodes, {**good, "c": np.zeros((1, 3, 6, 6), np.float32)})
    names = ["a_z", "a_s", "a_z", "m", "a_s", "a_z"]
    with pytest.raises(NetworkError, match=r"QGemm .*input \(\) does not fit weight"):
        imported(tmp_path, [contributed("QGemm", names, "y")], {**good, "m": np.uint8([[1]])})


def layer_of_codes(
    folder: Path, *before: Any, kind: int = onnx.TensorProto.FLOAT
) -> QuantizedNetwork:
    """A conv of `d`, which the nodes before it make of an input of type `kind`."""
    nodes = [*before, *dequantised_weight(), node("Conv", ["d", "w"])]
    constants = {"a_s": np.float32(0.05), "wq": WEIGHT, "ws": np.float32(0.01)}
    model = make_model(nodes, {"x": ["N", 3, 6, 6]}, ["y"], constants, opset=21)
    model.graph.input[0].type.tensor_type.elem_type = kind
    return integers_of(import_network(save(model, folder / "net.onnx")))


@pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])
def test_codes_without_zero_point_have_the_sign_of_the_input(signed: bool, tmp_path: Path) -> None:
    kind = onnx.TensorProto.INT8 if signed else onnx.TensorProto.UINT8
    read = node("DequantizeLinear", ["x", "a_s"], "d")
    found = layer_of_codes(tmp_path, read, kind=kind).tensors["x"]
    assert (found.zero_point, found.bits, found.signed) == (0, 8, signed)


def test_codes_without_zero_point_are_read_as_they_were_written(tmp_path: Path) -> None:
    write = node("QuantizeLinear", ["x", "a_s"], "q", output_dtype=onnx.TensorProto.INT8)
    read = node("DequantizeLinear", ["q", "a_s"], "d")
    assert layer_of_codes(tmp_path, write, read).tensors["x"].signed


def test_input_of_codes_goes_into_qlinear_operators(tmp_path: Path) -> None:
    names = ["x", "a_s", "a_z", "wq", "ws", "wz", "a_s", "a_z"]
    nodes = [node("QLinearConv", names, "k"), node("DequantizeLinear", ["k", "a_s", "a_z"])]
    zero = {"ws": np.float32(0.01), "wz": np.int8(0)}
    model = make_model(nodes, {"x": ["N", 3, 6, 6]}, ["y"], {**kinds(a=U8), "wq": WEIGHT, **zero})
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    quantized = integers_of(import_network(save(model, tmp_path / "net.onnx")))
    assert quantized.tensors["x"] == QuantParams(float(U8[0]), 100, 8, signed=False)
