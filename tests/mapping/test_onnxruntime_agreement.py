"""Int8 networks against onnxruntime, node by node on onnxruntime's own inputs.

A code may differ only where the exact value is a tie within float32 rounding; the bounds and
their reasons are in tests/reference/tie_proof.py and hwsim/peripherals/requantizer.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization as ortq

from codesign.datasets import load_dataset, read_description
from mapping.execute import IdealBackend, coded_steps
from mapping.network import QuantizedNetwork, QuantParams
from mapping.onnx_import import import_network
from tests.reference.onnxruntime_oracle import every_tensor
from tests.reference.tie_proof import unexplained

FORMS = [ortq.QuantFormat.QOperator, ortq.QuantFormat.QDQ]
KINDS = [
    (ortq.QuantType.QUInt8, ortq.QuantType.QInt8),
    (ortq.QuantType.QInt8, ortq.QuantType.QInt8),
]


class Samples(ortq.CalibrationDataReader):
    """Calibration images, sixteen at a time."""

    def __init__(self, name: str, images: Any) -> None:
        self.feeds = iter([{name: images[i : i + 16]} for i in range(0, len(images), 16)])

    def get_next(self) -> Any:
        return next(self.feeds, None)


def quantised_file(
    source: Path, target: Path, images: Any, form: Any, kinds: Any, per_channel: bool = True
) -> Path:
    """The int8 form of a float file, by onnxruntime's own quantiser."""
    name = onnx.load(source).graph.input[0].name
    ortq.quantize_static(
        source,
        target,
        Samples(name, images),
        quant_format=form,
        per_channel=per_channel,
        activation_type=kinds[0],
        weight_type=kinds[1],
    )
    return target


def random_file(path: Path, seed: int) -> Path:
    """A float network with every operator that int8 files commonly hold."""
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> Any:
        return numpy_helper.from_array((rng.normal(size=shape) * 0.4).astype(np.float32), name)

    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"], "relu1"),
        node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", pads=[0, 0, 1, 1], strides=[2, 2]),
        node("Conv", ["r1", "w3"], ["c3"], "conv3", strides=[2, 2]),
        node("Add", ["c2", "c3"], ["a1"], "add1"),
        node("Relu", ["a1"], ["r2"], "relu2"),
        node("Conv", ["r2", "w4", "b4"], ["c4"], "depthwise", group=8, pads=[1, 1, 1, 1]),
        node("MaxPool", ["c4"], ["m1"], "pool1", kernel_shape=[2, 2], strides=[1, 1]),
        node("AveragePool", ["m1"], ["p1"], "pool2", kernel_shape=[2, 2], strides=[1, 1]),
        node("GlobalAveragePool", ["p1"], ["g1"], "global"),
        node("Flatten", ["g1"], ["f1"], "flatten"),
        node("Gemm", ["f1", "w5", "b5"], ["y"], "gemm", transB=1),
    ]
    constants = [
        weights("w1", 6, 3, 3, 3), weights("b1", 6), weights("w2", 8, 6, 3, 3), weights("b2", 8),
        weights("w3", 8, 6, 1, 1), weights("w4", 8, 1, 3, 3), weights("b4", 8),
        weights("w5", 5, 8), weights("b5", 5),
    ]  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 12, 10])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])
    graph = helper.make_graph(nodes, "random", [x], [y], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def codes_of(name: str, params: QuantParams | None, found: dict[str, Any], model: Any) -> Any:
    """The codes behind a tensor of the network in onnxruntime's run, or None if it has none."""
    if params is None:
        return None
    scales = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    names = [name]
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.output[0] == name:
            names.append(node.input[0])
        reads = node.op_type == "QuantizeLinear" and node.input[0] == name
        # The file may quantise one float tensor several times.
        if reads and float(scales[node.input[1]].item()) == params.scale:
            names.append(node.output[0])
    arrays = [found[n] for n in names if n in found and found[n].dtype.kind in "iu"]
    return arrays[0].astype(np.int16) if arrays else None


def compare(
    network: QuantizedNetwork, model: Any, found: dict[str, Any], float_sums: bool
) -> dict[str, tuple[int, int, int]]:
    """By node: codes compared, codes that differ, differing codes that are no ties."""
    report: dict[str, tuple[int, int, int]] = {}
    known = dict(network.network.constants)
    for step in coded_steps(network, IdealBackend(network)):
        node = step.node
        arrays = [_operand(name, network, found, model, known) for name in step.arrays]
        ours = step.evaluate(arrays, 0)
        known[node.output] = ours
        theirs = codes_of(node.output, network.tensors.get(node.output), found, model)
        if theirs is not None:
            counts = unexplained(network, node, arrays, ours, theirs, float_sums)
            report[node.name] = (ours.size, *counts)
    return report


def _operand(name: str, network: QuantizedNetwork, found: Any, model: Any, known: Any) -> Any:
    """onnxruntime's own tensor; ours (of this node's inputs) where the file has none."""
    codes = codes_of(name, network.tensors.get(name), found, model)
    if codes is not None:
        return codes
    return known[name] if name in known else found[name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("kinds", KINDS, ids=["u8s8", "s8s8"])
@pytest.mark.parametrize("form", FORMS, ids=["qlinear", "qdq"])
def test_every_code_of_a_random_network_is_onnxruntimes_or_a_tie(
    tmp_path, form, kinds, per_channel
):
    images = np.random.default_rng(3).normal(size=(64, 3, 12, 10)).astype(np.float32)
    source = random_file(tmp_path / "float.onnx", 5)
    file = quantised_file(source, tmp_path / "int8.onnx", images, form, kinds, per_channel)
    network = import_network(file).quantized
    model = onnx.load(file)
    report = compare(network, model, every_tensor(model, {"x": images}), form is FORMS[1])
    assert len(report) >= 8
    assert {name: bad for name, (_, _, bad) in report.items() if bad} == {}


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("form", FORMS, ids=["qlinear", "qdq"])
@pytest.mark.parametrize("name", ["resnet8-cifar10", "lenet-fmnist", "resnet20-cifar10"])
def test_every_code_of_a_trained_network_is_onnxruntimes_or_a_tie(tmp_path, data_dir, name, form):
    description = read_description(str(data_dir / "networks" / name / "data.yaml"))
    images = load_dataset(description, samples=96).images
    source = data_dir / "networks" / name / "model.onnx"
    file = quantised_file(source, tmp_path / "int8.onnx", images, form, KINDS[0])
    network, model = import_network(file).quantized, onnx.load(file)
    feed = {network.network.inputs[0]: images[:8]}
    report = compare(network, model, every_tensor(model, feed), form is FORMS[1])
    codes, differing, unproven = np.sum(list(report.values()), axis=0)
    assert codes > 1e5
    assert unproven == 0, report
    assert differing <= codes * 1e-4
