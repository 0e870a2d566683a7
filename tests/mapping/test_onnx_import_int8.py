"""Files of the static quantiser: their integers are taken over, codes are onnxruntime's."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from mapping.onnx_import import import_network
from tests.reference.coded_network import expect_codes_of_onnxruntime
from tests.reference.float_network import evaluate
from tests.reference.int8_nodes import floats, integers_of, pictures
from tests.reference.onnx_files import make_model, node, save
from tests.reference.quantized_files import quantize_file


def small_resnet(folder: Path) -> Path:
    """A residual network with every operator that LeNet and ResNet files use."""
    nodes = [
        node("Conv", ["x", "w0", "b0"], "c0", pads=[1, 1, 1, 1]),
        node("Relu", ["c0"], "r0"),
        node("Conv", ["r0", "w1", "b1"], "c1", pads=[1, 1, 1, 1]),
        node("Add", ["c1", "r0"], "a"),
        node("Relu", ["a"], "r1"),
        node("MaxPool", ["r1"], "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["m", "w2", "b2"], "d", group=6),
        node("Clip", ["d", "zero", "six"], "r2"),
        node("AveragePool", ["r2"], "p", kernel_shape=[2, 2]),
        node("GlobalAveragePool", ["p"], "g"),
        node("Flatten", ["g"], "f"),
        node("Gemm", ["f", "w3", "b3"], "y", transB=1),
    ]
    constants = {
        "w0": floats(6, 3, 3, 3),
        "b0": floats(6),
        "w1": floats(6, 6, 3, 3),
        "b1": floats(6),
        "w2": floats(6, 1, 2, 2),
        "b2": floats(6),
        "w3": floats(5, 6),
        "b3": floats(5),
        "zero": np.float32(0),
        "six": np.float32(6),
    }
    return save(make_model(nodes, {"x": ["N", 3, 8, 8]}, ["y"], constants), folder / "float.onnx")


@pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])
@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
@pytest.mark.parametrize("qdq", [False, True], ids=["QOperator", "QDQ"])
def test_file_of_the_static_quantiser_gives_its_codes(
    qdq: bool, per_channel: bool, signed: bool, tmp_path: Path
) -> None:
    images = pictures(12, 3, 8, 8)
    path = quantize_file(
        small_resnet(tmp_path),
        tmp_path / "int8.onnx",
        images,
        qdq=qdq,
        per_channel=per_channel,
        signed=signed,
    )
    quantized = integers_of(import_network(path))
    ops = [n.op for n in quantized.network.nodes]
    assert ops == (
        ["conv", "conv", "add", "max_pool", "conv", "average_pool", "mean", "reshape", "linear"]
    )  # every Relu and Clip is done by the saturation
    assert all(p.signed == signed and p.bits == 8 for p in quantized.tensors.values())
    assert {n.output for n in quantized.network.nodes} <= set(quantized.tensors)
    expect_codes_of_onnxruntime(path, quantized, images)


@pytest.mark.parametrize("qdq", [False, True], ids=["QOperator", "QDQ"])
def test_float_form_of_an_int8_file_is_close_to_it(qdq: bool, tmp_path: Path) -> None:
    images = pictures(12, 3, 8, 8)
    source = small_resnet(tmp_path)
    path = quantize_file(source, tmp_path / "int8.onnx", images, qdq=qdq, per_channel=True)
    found = evaluate(import_network(path).network, {"x": images})["y"]
    expected = evaluate(import_network(source).network, {"x": images})["y"]
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_integers_are_those_of_the_file(tmp_path: Path) -> None:
    source = small_resnet(tmp_path)
    path = quantize_file(
        source, tmp_path / "int8.onnx", pictures(4, 3, 8, 8), qdq=False, per_channel=True
    )
    quantized = integers_of(import_network(path))
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    layer = quantized.layers[quantized.network.nodes[0].name]
    np.testing.assert_array_equal(layer.weight, stored["w0_quantized"])
    np.testing.assert_array_equal(layer.weight_scale, stored["w0_scale"].astype(np.float64))
    np.testing.assert_array_equal(layer.bias, stored["b0_quantized"])
    assert layer.weight_bits == 8
    params = quantized.tensors["x"]
    assert (params.scale, params.zero_point) == (stored["x_scale"], stored["x_zero_point"])


def test_shapes_of_an_int8_file_do_not_need_its_weights(tmp_path: Path) -> None:
    path = quantize_file(
        small_resnet(tmp_path),
        tmp_path / "int8.onnx",
        pictures(4, 3, 8, 8),
        qdq=True,
        per_channel=True,
    )
    full, bare = import_network(path), import_network(path, weights=False)
    assert bare.network.nodes == full.network.nodes
    assert dict(bare.network.shapes) == dict(full.network.shapes)
    assert bare.quantized is None
    assert not bare.network.constants
