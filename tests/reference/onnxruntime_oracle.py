"""onnxruntime as an independent oracle: one node, or a whole file with every tensor exposed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
TYPES = {
    "float32": TensorProto.FLOAT,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}


def session(model: Any) -> onnxruntime.InferenceSession:
    """A session that runs the nodes as written: no graph optimisation, one thread."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run_node(
    op: str,
    inputs: Sequence[Any],
    attributes: Mapping[str, Any] | None = None,
    domain: str = "",
    output: str = "float32",
    constants: Sequence[int] = (),
) -> Any:
    """The output of one node; inputs numbered in `constants` are initialisers."""
    names = ["" if array is None else f"i{k}" for k, array in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], domain=domain, **dict(attributes or {}))
    arrays = {n: np.asarray(a) for n, a in zip(names, inputs, strict=True) if n}
    fixed = {f"i{k}" for k in constants}
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(n, TYPES[a.dtype.name], a.shape)
            for n, a in arrays.items()
            if n not in fixed
        ],
        [helper.make_tensor_value_info("y", TYPES[output], None)],
        [numpy_helper.from_array(arrays[n], n) for n in sorted(fixed)],
    )
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=9)
    feed = {n: a for n, a in arrays.items() if n not in fixed}
    return session(model).run(None, feed)[0]


def every_tensor(model: Any, feed: Mapping[str, Any]) -> dict[str, Any]:
    """All tensors of a model by name, as onnxruntime computes them node by node."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    outputs = {value.name for value in exposed.graph.output}
    narrow = _widen(exposed.graph)
    for node in exposed.graph.node:
        for name in node.output:
            if name and name not in outputs and name not in narrow:
                exposed.graph.output.append(helper.make_empty_tensor_value_info(name))
    ran = session(exposed)
    names = [value.name for value in ran.get_outputs()]
    found = dict(zip(names, ran.run(names, dict(feed)), strict=True))
    return {**feed, **found, **{name: found.pop(wide) for name, wide in narrow.items()}}


def _widen(graph: Any) -> dict[str, str]:
    """Casts 4-bit codes, which NumPy has no type for; their names -> those of the casts."""
    small = {TensorProto.INT4, TensorProto.UINT4}
    zeros = {tensor.name for tensor in graph.initializer if tensor.data_type in small}
    quantisers = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    names = [node.output[0] for node in quantisers if node.input[2] in zeros]
    wide = {name: f"{name}/wide" for name in names}
    for name, cast in wide.items():
        graph.node.append(helper.make_node("Cast", [name], [cast], to=TensorProto.INT32))
    return wide
