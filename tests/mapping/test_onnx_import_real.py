"""The importer against onnxruntime's logits of trained networks."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mapping.onnx_import import import_network
from tests.reference.float_network import evaluate

NETWORKS = (
    "lenet-fmnist",
    "lenet5-tanh-fmnist",
    "resnet8-cifar10",
    "resnet14-cifar10",
    "resnet20-cifar10",
    "vgg-small-cifar10",
)


def network_file(name: str) -> Path:
    """The ONNX file of one of the shared networks, or a skip that says why."""
    root = os.environ.get("HWSIM_DATA")
    if not root:
        pytest.skip("HWSIM_DATA does not name a folder of data sets and networks")
    return Path(root) / "networks" / name / "model.onnx"


@pytest.mark.data
@pytest.mark.parametrize("name", NETWORKS)
def test_imported_network_gives_the_logits_of_onnxruntime(name: str) -> None:
    path = network_file(name)
    network = import_network(path).network
    shape = network.shapes[network.inputs[0]]
    images = np.random.default_rng(7).normal(size=(3, *shape[1:])).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {network.inputs[0]: images})[0]
    found = evaluate(network, {network.inputs[0]: images})[network.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.data
@pytest.mark.parametrize("name", NETWORKS)
def test_imported_shapes_do_not_need_weights(name: str) -> None:
    path = network_file(name)
    full, bare = import_network(path).network, import_network(path, weights=False).network
    assert bare.nodes == full.nodes
    assert dict(bare.shapes) == dict(full.shapes)
    assert not bare.constants
