"""What an importer makes of numbers that a file computes from the batch size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from mapping.onnx_import import import_network
from mapping.onnx_import.graph import BATCH
from tests.reference.onnx_files import make_model, message, node, save
from tests.reference.operator_nodes import ints


def after_batch(*nodes: Any) -> Any:
    """A model of nodes behind s, the batch size of x as a vector of one number."""
    constants = {
        **{
            "zero": ints(0),
            "one": ints(1),
            "four": ints(4),
            "axes": ints(0, 1),
            "minus": ints(-1),
            "zeros": ints(0, 0),
        },
        **{"a": np.ones(1, np.float32), "b": 2 * np.ones(1, np.float32)},
    }
    shape = node("Shape", ["x"], "s", start=0, end=1)
    return make_model([shape, *nodes], {"x": ["N", 6]}, ["y"], constants)


#: How a result could follow from the batch size although no number in it is as large.
OF_BATCH = {
    "chosen": [
        node("Equal", ["s", "four"], "c"),
        node("Where", ["c", "a", "b"], "v"),
        node("Mul", ["x", "v"]),
    ],
    "cut": [node("Min", ["s", "four"], "e"), node("Slice", ["x", "zero", "e", "one"])],
    "picked": [
        node("Min", ["s", "four"], "m"),
        node("Concat", ["four", "m"], "c", axis=0),
        node("Gather", ["c", "one"], "e"),
        node("Slice", ["x", "zero", "e", "one"]),
    ],
    "uncut": [node("Slice", ["x", "zero", "s", "one"])],
    "reshaped": [
        node("Div", ["s", "s"], "d"),
        node("Sub", ["d", "one"], "n"),
        node("Concat", ["n", "minus"], "t", axis=0),
        node("Reshape", ["x", "t"]),
    ],
    "bounded": [
        node("Cast", ["s"], "f", to=TensorProto.FLOAT),
        node("Squeeze", ["f", "zero"], "g"),
        node("Clip", ["x", "", "g"]),
    ],
    "quantised": [
        node("Cast", ["s"], "f", to=TensorProto.FLOAT),
        node("QuantizeLinear", ["f", "a"], "q"),
        node("DequantizeLinear", ["q", "a"], "d"),
        node("Mul", ["x", "d"]),
    ],
}


@pytest.mark.parametrize("way", list(OF_BATCH))
def test_what_follows_from_the_batch_size_is_refused(way: str, tmp_path: Path) -> None:
    text = message(save(after_batch(*OF_BATCH[way]), tmp_path / "net.onnx"))
    assert "batch size" in text


def test_sizes_beside_the_batch_may_be_computed_with_it(tmp_path: Path) -> None:
    nodes = [
        node("Shape", ["x"], "t"),
        node("Mul", ["t", "four"], "m"),
        node("Div", ["m", "four"], "d"),
        node("Slice", ["x", "zeros", "d", "axes"], "whole"),
        node("Gather", ["d", "one"], "size"),
        node("Concat", ["s", "size"], "u", axis=0),
        node("Reshape", ["whole", "u"]),
    ]
    model = after_batch(*nodes)
    network = import_network(save(model, tmp_path / "net.onnx")).network
    assert network.shapes["y"] == (-1, 6)


def test_axis_of_millions_is_not_taken_for_the_batch(tmp_path: Path) -> None:
    for size in (1_000_003, 16_000_000):
        model = make_model([node("Relu", ["x"])], {"x": ["N", size]}, ["y"])
        network = import_network(save(model, tmp_path / "net.onnx")).network
        assert network.shapes["y"] == (-1, size)


def test_axis_that_no_memory_holds_is_one_line(tmp_path: Path) -> None:
    for size in (BATCH, 1 << 40):
        model = make_model([node("Relu", ["x"])], {"x": ["N", 2, size]}, ["y"])
        text = message(save(model, tmp_path / "net.onnx"))
        wanted = f"input 'x': axis 2: expected fewer than {BATCH} elements, found {size}"
        assert text == wanted


def test_batch_passes_through_int32(tmp_path: Path) -> None:
    nodes = [
        node("Cast", ["s"], "narrow", to=TensorProto.INT32),
        node("Cast", ["narrow"], "wide", to=TensorProto.INT64),
        node("Concat", ["wide", "minus"], "t", axis=0),
        node("Reshape", ["x", "t"]),
    ]
    network = import_network(save(after_batch(*nodes), tmp_path / "net.onnx")).network
    assert network.shapes["y"] == (-1, 6)
