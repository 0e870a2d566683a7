"""Folding of constants: shapes computed by chains of nodes, and rearranged weights."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from mapping.onnx_import.graph import BATCH, FileNode, Tensor, Unsupported, readable
from mapping.onnx_import.read import constant
from mapping.onnx_import.walk import Walk

#: What is evaluated when every input is a known constant; operators that only rearrange (and
#: may meet constants without data, or with integers behind them) are in `layout`.
FOLDABLE = frozenset(
    (
        "Abs",
        "Add",
        "And",
        "Cast",
        "CastLike",
        "Ceil",
        "Clip",
        "Concat",
        "ConstantOfShape",
        "Cos",
        "Div",
        "Equal",
        "Exp",
        "Expand",
        "Floor",
        "Gather",
        "GatherND",
        "Greater",
        "Less",
        "Log",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "Range",
        "Reciprocal",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "ScatterND",
        "Sin",
        "Slice",
        "Split",
        "Sqrt",
        "Sub",
        "Tile",
        "Trilu",
        "Where",
    )
)
#: Their result's size follows a value, which may be the batch.
SIZED_BY_VALUE = frozenset({"ConstantOfShape", "Expand", "Range", "Tile"})
#: Only allowed in chains that fold.
CHAIN_ONLY = FOLDABLE | {"Constant", "Shape", "Size"}
MAX_FOLDED_ELEMENTS = 1 << 28


def fold(walk: Walk, node: FileNode) -> bool:
    """Evaluates `node` if its result does not depend on the network's input; whether it did.

    Raises:
        Unsupported: the evaluation fails, or would be sized by the batch.
    """
    if node.op == "Constant":
        walk.bind(node.outputs[0], _constant(walk, node))
        return True
    if node.op in ("Shape", "Size"):
        walk.bind(node.outputs[0], _shape(walk, node))
        return True
    inputs = [walk.tensors[name] if name else None for name in node.inputs]
    known = all(i is None or (i.constant and i.value is not None) for i in inputs)
    if node.op not in FOLDABLE or not known or not any(inputs):
        return False
    tainted = any(i is not None and i.depends_on_batch for i in inputs)
    if tainted and node.op in SIZED_BY_VALUE:
        raise Unsupported("a constant of the batch's size")
    values = [None if i is None else i.value for i in inputs]
    if node.op in SIZED_BY_VALUE and _folded_size(node.op, values) > MAX_FOLDED_ELEMENTS:
        raise Unsupported(f"a constant of more than {MAX_FOLDED_ELEMENTS} elements")
    for name, value in zip(node.outputs, _evaluate(walk, node, values), strict=True):
        batch = tainted and (value.dtype.kind == "f" or bool((np.abs(value) >= BATCH).any()))
        walk.bind(
            name,
            Tensor(name, value.shape, constant=True, value=value, depends_on_batch=batch),
        )
    return True


def _folded_size(op: str, values: list[NDArray[Any] | None]) -> float:
    """Elements of the result of an operator of SIZED_BY_VALUE, in floats: no overflow."""
    numbers = [np.ones(1) if v is None else v.astype(np.float64).reshape(-1) for v in values]
    if op == "Range":
        start, limit, step = (float(v[0]) for v in numbers)
        return abs((limit - start) / step) if step else np.inf
    size = float(np.prod(np.maximum(np.abs(numbers[-1]), 1.0)))
    return size * numbers[0].size if op == "Tile" else size


def _constant(walk: Walk, node: FileNode) -> Tensor:
    name = node.outputs[0]
    value: Any = None
    for key, content in node.attributes.items():
        if key == "value":
            held = constant(walk.graph.path, content, walk.weights)
            return replace(held, name=name)
        if key in ("value_float", "value_floats"):
            value = np.asarray(content, dtype=np.float32)
        elif key in ("value_int", "value_ints"):
            value = np.asarray(content, dtype=np.int64)
    if value is None:
        raise Unsupported(f"a constant given by {', '.join(node.attributes) or 'nothing'}")
    return Tensor(name, value.shape, constant=True, value=value)


def _shape(walk: Walk, node: FileNode) -> Tensor:
    shape = walk.tensor(node, 0).shape
    if node.op == "Size":
        value = np.asarray(int(np.prod([int(s) for s in shape], dtype=np.int64)), dtype=np.int64)
    else:
        value = np.asarray(shape[node.get("start", 0) : node.get("end", None)], dtype=np.int64)
    batch = bool((value >= BATCH).any())
    return Tensor(node.outputs[0], value.shape, constant=True, value=value, depends_on_batch=batch)


def _evaluate(walk: Walk, node: FileNode, values: list[NDArray[Any] | None]) -> list[NDArray[Any]]:
    feeds = {
        name: value for name, value in zip(node.inputs, values, strict=True) if value is not None
    }
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(_model(walk, node, feeds)).run(None, feeds)
    except Exception as error:  # noqa: BLE001 - NumPy's own, for shapes that do not fit
        shapes = ", ".join(readable(v.shape) for v in feeds.values())
        raise Unsupported(f"cannot be evaluated on {shapes}: {str(error)[:80]}") from None
    return [np.asarray(value) for value in found]


def _model(walk: Walk, node: FileNode, feeds: Iterable[str]) -> Any:
    """A model of one node: of a lone node the evaluator would take the newest meaning."""
    proto = onnx.helper.make_node(
        node.op, list(node.inputs), list(node.outputs), **dict(node.attributes)
    )
    graph = onnx.helper.make_graph(
        [proto],
        "fold",
        [onnx.helper.make_empty_tensor_value_info(name) for name in feeds],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.outputs],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", walk.opset)])
