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
#: They choose among the numbers of their first input (Concat: of all) and compute none.
PICKING = frozenset({"Concat", "Gather", "GatherND", "Slice", "Split"})
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
    marks = [None if i is None else i.of_batch for i in inputs]
    if any(m is not None for m in marks) and node.op in SIZED_BY_VALUE:
        raise Unsupported("a constant of the batch's size")
    values = [None if i is None else i.value for i in inputs]
    if node.op in SIZED_BY_VALUE and _folded_size(node.op, values) > MAX_FOLDED_ELEMENTS:
        raise Unsupported(f"a constant of more than {MAX_FOLDED_ELEMENTS} elements")
    results = _evaluate(walk, node, values)
    held = _of_batch(walk, node, values, marks, results)
    for name, value, of_batch in zip(node.outputs, results, held, strict=True):
        walk.bind(name, Tensor(name, value.shape, constant=True, value=value, of_batch=of_batch))
    return True


def _of_batch(
    walk: Walk,
    node: FileNode,
    values: list[NDArray[Any] | None],
    marks: list[NDArray[np.bool_] | None],
    results: list[NDArray[Any]],
) -> list[NDArray[np.bool_] | None]:
    """Which numbers of each result follow from the batch size, given which of the inputs do."""
    if all(m is None for m in marks):
        return [None] * len(results)
    data = len(values) if node.op == "Concat" else 1
    if node.op in PICKING and all(m is None for m in marks[data:]):
        picked = [
            np.zeros(() if v is None else v.shape, np.int64) if m is None else m.astype(np.int64)
            for v, m in zip(values[:data], marks, strict=False)
        ]
        found = [np.asarray(m != 0) for m in _evaluate(walk, node, [*picked, *values[data:]])]
    else:
        found = [_joined(marks, [v.shape for v in values if v is not None], r) for r in results]
    return [m if m.any() else None for m in found]


def _joined(
    marks: list[NDArray[np.bool_] | None], shapes: list[tuple[int, ...]], result: NDArray[Any]
) -> NDArray[np.bool_]:
    """The marks of an element-wise result; all of them where it is none."""
    try:
        elementwise = np.broadcast_shapes(*shapes) == result.shape
    except ValueError:
        elementwise = False
    joined = np.full(result.shape, not elementwise)
    for mark in marks if elementwise else []:
        joined = joined if mark is None else joined | mark
    return joined


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
    marks = value >= BATCH
    of_batch = np.asarray(marks) if marks.any() else None
    return Tensor(node.outputs[0], value.shape, constant=True, value=value, of_batch=of_batch)


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
