"""The importer against onnxruntime's logits of trained networks."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mapping.onnx_import import import_network
from tests.reference.coded_network import expect_codes_of_onnxruntime
from tests.reference.float_network import evaluate
from tests.reference.quantized_files import quantize_file

NETWORKS = (
    "lenet-fmnist",
    "lenet5-tanh-fmnist",
    "resnet8-cifar10",
    "resnet14-cifar10",
    "resnet20-cifar10",
    "vgg-small-cifar10",
)


@pytest.mark.data
@pytest.mark.parametrize("name", NETWORKS)
def test_imported_network_gives_the_logits_of_onnxruntime(name: str, data_dir: Path) -> None:
    path = data_dir / "networks" / name / "model.onnx"
    network = import_network(path).network
    shape = network.shapes[network.inputs[0]]
    images = np.random.default_rng(7).normal(size=(3, *shape[1:])).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {network.inputs[0]: images})[0]
    found = evaluate(network, {network.inputs[0]: images})[network.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.data
@pytest.mark.parametrize("name", NETWORKS)
def test_imported_shapes_do_not_need_weights(name: str, data_dir: Path) -> None:
    path = data_dir / "networks" / name / "model.onnx"
    full, bare = import_network(path).network, import_network(path, weights=False).network
    assert bare.nodes == full.nodes
    assert dict(bare.shapes) == dict(full.shapes)
    assert not bare.constants


@pytest.mark.data
@pytest.mark.parametrize("qdq", [False, True], ids=["QOperator", "QDQ"])
@pytest.mark.parametrize("name", ["lenet-fmnist", "lenet5-tanh-fmnist", "resnet8-cifar10"])
def test_quantised_file_holds_every_layer_as_integers(
    name: str, qdq: bool, data_dir: Path, tmp_path: Path
) -> None:
    path = data_dir / "networks" / name / "model.onnx"
    network = import_network(path).network
    shape = network.shapes[network.inputs[0]]
    images = np.random.default_rng(7).normal(size=(4, *shape[1:])).astype(np.float32)
    target = tmp_path / "int8.onnx"
    imported = import_network(
        quantize_file(path, target, images, qdq=qdq, per_channel=True, signed=not qdq)
    )
    assert imported.quantized is not None
    assert len(imported.quantized.layers) == len(network.linear_nodes())
    expect_codes_of_onnxruntime(target, imported.quantized, images)
