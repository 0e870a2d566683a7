"""A small float network with every operator that networks in codes can be trained with."""

from pathlib import Path

import numpy as np

from tests.reference.onnx_files import make_model, node, save

IMAGES = np.random.default_rng(3).normal(size=(40, 3, 10, 8)).astype(np.float32)


def write(path: Path) -> Path:
    """The file."""
    rng = np.random.default_rng(5)

    def weights(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) * 0.4).astype(np.float32)

    constants = {
        "w1": weights(6, 3, 3, 3), "b1": weights(6), "w2": weights(6, 3, 3, 3),
        "w3": weights(6, 1, 3, 3),
        "b3": weights(6), "w4": weights(4, 12, 1, 1), "w5": weights(48, 7), "b5": weights(7),
        "w6": weights(7, 5), "b6": weights(5), "half": np.float32(0.5), "two": np.float32([2.0]),
        "low": np.float32(-0.7), "high": np.float32(1.1), "flat": np.array([0, -1]),
        "axes": np.array([2, 3]), "starts": np.array([1, 2]), "ends": np.array([100, 6]),
        "pads": np.array([0, 0, 1, 2, 0, 0, 0, 2]),
    }  # fmt: skip
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", ["x", "w1", "b1"], "c1", **pads),
        node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "w2"], "c2",
             group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 2, 1, 2]),
        node("MaxPool", ["c2"], "m1", kernel_shape=[3, 2], strides=[1, 1], pads=[1, 0, 1, 1]),
        node("AveragePool", ["m1"], "p1", kernel_shape=[3, 3], strides=[1, 1], **pads),
        node("Sigmoid", ["p1"], "s1"),
        node("Conv", ["s1", "w3", "b3"], "c3", group=6, **pads),
        node("Tanh", ["c3"], "t1"),
        node("Add", ["t1", "p1"], "a1"),
        node("Sub", ["a1", "half"], "u1"),
        node("Div", ["u1", "two"], "d1"),
        node("Mul", ["d1", "half"], "k1"),
        node("Clip", ["k1", "low", "high"], "l1"),
        node("ReduceMean", ["l1", "axes"], "g1", keepdims=1),
        node("Add", ["l1", "g1"], "n1"),
        node("Slice", ["n1", "starts", "ends", "axes"], "o1"),
        node("Pad", ["o1", "pads"], "q1"),
        node("Concat", ["q1", "s1"], "j1", axis=1),
        node("Conv", ["j1", "w4"], "c4", strides=[2, 2]),
        node("Transpose", ["c4"], "v1", perm=[0, 2, 3, 1]),
        node("Reshape", ["v1", "flat"], "f1"),
        node("Gemm", ["f1", "w5", "b5"], "h1"),
        node("Relu", ["h1"], "r2"),
        node("Gemm", ["r2", "w6", "b6"], "y"),
    ]  # fmt: skip
    return save(make_model(nodes, {"x": ["N", 3, 10, 8]}, ["y"], constants, opset=18), path)
