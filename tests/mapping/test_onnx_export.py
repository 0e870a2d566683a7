"""Networks in integers as ONNX files: the same integers after the way out and in."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest

from codesign.images import load_images
from hwsim.errors import NetworkError
from mapping.execute import IdealBackend, run
from mapping.onnx_export import export_network
from mapping.onnx_import import import_network
from mapping.quantize import Scheme, quantize
from tests.reference import many_operators
from tests.reference.coded_network import expect_codes_of_onnxruntime
from tests.reference.onnx_files import make_model, node, save

DIGITS = Path(str(files("codesign.demo").joinpath("digits.onnx")))
BITS = [(8, 8), (8, 4), (4, 4)]


def expect_same_integers(quantized, path, images):
    """The exported file imports to the same layers, codes and outputs; what was imported."""
    export_network(quantized, path)
    found = import_network(path).quantized
    assert found.layers.keys() == quantized.layers.keys()
    for name, layer in quantized.layers.items():
        other = found.layers[name]
        assert other.weight_bits == layer.weight_bits
        for field in ("weight", "weight_scale", "bias"):
            np.testing.assert_array_equal(getattr(other, field), getattr(layer, field), field)
    linear = {n.name: n.inputs[0] for n in quantized.network.linear_nodes()}
    for own in found.network.linear_nodes():
        assert found.tensors[own.inputs[0]] == quantized.tensors[linear[own.name]]
    expected = run(quantized, images, IdealBackend(quantized))
    np.testing.assert_array_equal(run(found, images, IdealBackend(found)), expected)
    return found


@pytest.mark.parametrize(("weight_bits", "activation_bits"), BITS)
def test_every_operator_keeps_its_codes_over_a_file(tmp_path, weight_bits, activation_bits):
    network = import_network(many_operators.write(tmp_path / "float.onnx")).network
    scheme = Scheme(weight_bits=weight_bits, activation_bits=activation_bits)
    quantized = quantize(network, many_operators.IMAGES, scheme)
    path = tmp_path / "coded.onnx"
    found = expect_same_integers(quantized, path, many_operators.IMAGES)
    expect_codes_of_onnxruntime(path, found, many_operators.IMAGES)


@pytest.mark.parametrize("bits", [8, 4])
def test_the_digits_network_keeps_its_integers_over_a_file(tmp_path, bits):
    network = import_network(DIGITS).network
    images = load_images("digits", network, 64, True)
    quantized = quantize(network, images.calibration, Scheme(activation_bits=bits))
    path = tmp_path / "coded.onnx"
    found = expect_same_integers(quantized, path, images.test.images)
    expect_codes_of_onnxruntime(path, found, images.test.images[:8])


@pytest.mark.data
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", ["lenet-fmnist", "resnet20-cifar10"])
def test_trained_networks_keep_their_integers_over_a_file(tmp_path, data_dir, name, bits):
    folder = data_dir / "networks" / name
    network = import_network(folder / "model.onnx").network
    images = load_images(str(folder / "data.yaml"), network, 32, True)
    quantized = quantize(network, images.calibration, Scheme(activation_bits=bits))
    expect_same_integers(quantized, tmp_path / "coded.onnx", images.test.images)


def test_an_imported_file_can_be_written_again(tmp_path):
    network = import_network(many_operators.write(tmp_path / "float.onnx")).network
    quantized = quantize(network, many_operators.IMAGES, Scheme())
    export_network(quantized, tmp_path / "one.onnx")
    again = import_network(tmp_path / "one.onnx").quantized
    expect_same_integers(again, tmp_path / "two.onnx", many_operators.IMAGES)


def test_four_bit_codes_are_stored_as_such(tmp_path):
    network = import_network(many_operators.write(tmp_path / "float.onnx")).network
    scheme = Scheme(weight_bits=4, activation_bits=4)
    export_network(quantize(network, many_operators.IMAGES, scheme), tmp_path / "coded.onnx")
    kinds = {t.data_type for t in onnx.load(tmp_path / "coded.onnx").graph.initializer}
    assert {onnx.TensorProto.INT4, onnx.TensorProto.UINT4} <= kinds


@pytest.mark.parametrize("bias", [2**31, -(2**31), -(2**63) + 1])
def test_biases_of_more_than_32_bits_are_refused(tmp_path, bias):
    images = np.random.default_rng(0).random((8, 6), np.float32)
    constants = {"w": np.eye(6, dtype=np.float32)}
    quantized = coded(tmp_path, [node("Gemm", ["x", "w"], name="fc")], constants, images)
    wide = replace(quantized.layers["fc"], bias=np.array([0, bias, 0, 0, 0, 0]))
    with pytest.raises(NetworkError, match=r"node 'fc': expected biases of 32 bits .*, found \d+"):
        export_network(replace(quantized, layers={"fc": wide}), tmp_path / "coded.onnx")
    assert not (tmp_path / "coded.onnx").exists()


def test_codes_of_six_bits_are_refused_by_name_and_number(tmp_path):
    network = import_network(DIGITS).network
    images = load_images("digits", network, 8, True)
    quantized = quantize(network, images.calibration, Scheme(activation_bits=6))
    with pytest.raises(NetworkError, match=r"zero_point: expected codes of 4 or 8 bits, found 6"):
        export_network(quantized, tmp_path / "coded.onnx")
    assert not list(tmp_path.iterdir())


def coded(tmp_path, nodes, constants, images, **scheme):
    """A small float network in integers."""
    feeds = {"x": ["N", *images.shape[1:]]}
    path = save(make_model(nodes, feeds, ["y"], constants, opset=18), tmp_path / "float.onnx")
    return quantize(import_network(path).network, images, Scheme(**scheme))


@pytest.mark.parametrize(
    "name", ["m/scale", "m/zero_point", "m/codes", "m/raw", "x/real", "node_d/weight_scale"]
)
def test_names_of_the_network_are_not_taken_again(tmp_path, name):
    rng = np.random.default_rng(0)
    images = rng.random((8, 3, 6, 6), np.float32)
    nodes = [
        node("Conv", ["x", "w"], "c"),
        node("Mul", ["c", name], "m"),
        node("Conv", ["m", "v"], "d", name="node_d"),
        node("Flatten", ["d"]),
    ]
    constants = {
        "w": rng.normal(size=(6, 3, 3, 3)).astype(np.float32),
        name: np.float32([[[2]], [[3]], [[4]], [[5]], [[6]], [[7]]]),
        "v": rng.normal(size=(4, 6, 3, 3)).astype(np.float32),
    }
    quantized = coded(tmp_path, nodes, constants, images)
    found = expect_same_integers(quantized, tmp_path / "one.onnx", images)
    np.testing.assert_array_equal(found.network.constants[name], constants[name])
    expect_same_integers(found, tmp_path / "two.onnx", images)


@pytest.mark.parametrize("bits", [8, 4])
def test_biases_of_products_over_a_last_axis_keep_their_integers(tmp_path, bits):
    """MatMul has no bias, and Gemm takes matrices only: the file adds them behind MatMul."""
    rng = np.random.default_rng(0)
    images = rng.random((8, 5, 12), np.float32)
    nodes = [
        node("MatMul", ["x", "w"], "c"),
        node("Add", ["c", "b"], "d"),
        node("Relu", ["d"], "r"),
        node("MatMul", ["r", "v"], "e"),
        node("ReduceMean", ["e", "axes"], keepdims=0),
    ]
    shapes = {"w": (12, 9), "b": (9,), "v": (9, 4)}
    constants = {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
    constants["axes"] = np.array([1])
    scheme = {"weight_bits": bits, "activation_bits": bits}
    quantized = coded(tmp_path, nodes, constants, images, **scheme)
    # The second layer gains the bias that it would by training.
    name = quantized.network.linear_nodes()[1].name
    gained = replace(quantized.layers[name], bias=np.array([5, -3, 0, 70000]))
    quantized = replace(quantized, layers={**quantized.layers, name: gained})
    found = expect_same_integers(quantized, tmp_path / "coded.onnx", images)
    assert [made.op for made in found.network.nodes] == ["linear", "linear", "mean"]
    expect_codes_of_onnxruntime(tmp_path / "coded.onnx", found, images)


@pytest.mark.parametrize("change", ["unit", "coded"])
def test_what_is_added_in_other_units_is_no_bias_of_integers(tmp_path, change):
    """Codes of another scale, or a product that is rounded to codes first."""
    images = np.random.default_rng(0).random((8, 5, 3), np.float32)
    quantiser = [np.float32(0.01), np.uint8(0)]
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], "q"),
        node("DequantizeLinear", ["q", "s", "z"], "d"),
        node("DequantizeLinear", ["wq", "ws"], "w"),
        node("DequantizeLinear", ["bq", "bs"], "b"),
        node("MatMul", ["d", "w"], "c"),
        node("QuantizeLinear", ["c", "s", "z"], "cq"),
        node("DequantizeLinear", ["cq", "s", "z"], "cd"),
        node("Add", ["cd" if change == "coded" else "c", "b"]),
    ]
    unit = np.float32(0.01 * 0.5)
    constants = {
        **dict(zip("sz", quantiser, strict=True)),
        "wq": np.eye(3, dtype=np.int8),
        "ws": np.float32(0.5),
        "bq": np.int32([1, 2, 3]),
        "bs": unit * np.float32(3 if change == "unit" else 1),
    }
    path = save(make_model(nodes, {"x": ["N", 5, 3]}, ["y"], constants), tmp_path / "own.onnx")
    found = import_network(path).quantized
    assert [made.op for made in found.network.nodes] == ["linear", "add"]
    expect_codes_of_onnxruntime(path, found, images)


def test_a_layer_keeps_its_name_beside_a_tensors_nodes(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.random((8, 6), np.float32)
    nodes = [
        node("Gemm", ["x", "w"], "m"),
        node("Relu", ["m"], "r"),
        node("Gemm", ["r", "v"], name="x/QuantizeLinear"),
    ]
    constants = {key: rng.normal(size=(6, 6)).astype(np.float32) for key in "wv"}
    expect_same_integers(coded(tmp_path, nodes, constants, images), tmp_path / "q.onnx", images)
    names = [made.name for made in onnx.load(tmp_path / "q.onnx").graph.node]
    assert len(set(names)) == len(names)
