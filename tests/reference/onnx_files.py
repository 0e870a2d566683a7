"""Small ONNX files for tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwsim.errors import NetworkError
from mapping.onnx_import import import_network

Shape = Sequence[int | str]


def make_model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape],
    outputs: Sequence[str],
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
) -> Any:
    """A model with float inputs; `constants` become initialisers."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )
    for value in graph.output:
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def save(model: Any, path: Path) -> Path:
    """Writes a model; the path."""
    path.write_bytes(model.SerializeToString())
    return path


def node(op: str, inputs: Sequence[str], output: str = "y", /, **attributes: Any) -> Any:
    """A node named after its output."""
    name = attributes.pop("name", f"node_{output}")
    domain = attributes.pop("domain", "")
    return helper.make_node(op, list(inputs), [output], name=name, domain=domain, **attributes)


def newest_opset() -> int:
    """The newest opset that the onnx package knows."""
    return int(onnx.defs.onnx_opset_version())


def message(path: Path, **options: Any) -> str:
    """The error of importing `path`, which must be one line that starts with the file."""
    with pytest.raises(NetworkError) as caught:
        import_network(path, **options)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")
