"""A small trained network: three linear layers on the digits, so quick that all designs fit.

Trained by scikit-learn, written as ONNX; 64-24-16-10, a second, the same weights every time.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

SIZES = (24, 16)
EPOCHS = 60


def write_three_layers(path: Path) -> Path:
    """Train on the embedded training images and write the network to `path`."""
    with files("codesign.demo").joinpath("digits.npz").open("rb") as file, np.load(file) as stored:
        images = stored["train_images"].reshape(-1, 64) / 16.0
        labels = stored["train_labels"]
    trained = MLPClassifier(SIZES, alpha=1e-3, learning_rate_init=3e-3, random_state=0)
    for _ in range(EPOCHS):
        trained.partial_fit(images, labels, classes=np.arange(10))
    onnx.save(_graph(trained), path)
    return path


def _graph(trained: MLPClassifier) -> onnx.ModelProto:
    nodes = [helper.make_node("Flatten", ["image"], ["flat"], "flatten")]
    constants, current, last = [], "flat", len(trained.coefs_)
    for i, (weight, bias) in enumerate(zip(trained.coefs_, trained.intercepts_, strict=True), 1):
        for kind, value in (("weight", weight), ("bias", bias)):
            constants.append(numpy_helper.from_array(value.astype(np.float32), f"fc{i}.{kind}"))
        output = "logits" if i == last else f"fc{i}.out"
        nodes.append(
            helper.make_node("Gemm", [current, f"fc{i}.weight", f"fc{i}.bias"], [output], f"fc{i}")
        )
        current = output
        if i < last:
            nodes.append(helper.make_node("Relu", [output], [f"relu{i}.out"], f"relu{i}"))
            current = f"relu{i}.out"
    graph = helper.make_graph(
        nodes,
        "three_layers",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        constants,
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="hwsim")
