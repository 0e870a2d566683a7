"""Folding of constants: shapes computed by chains of nodes, and rearranged weights."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from mapping.onnx_import.graph import BATCH, FileNode, Tensor, Unsupported, readable
from mapping.onnx_import.walk import Walk

#: What is evaluated when every input is a known constant.
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
        "Flatten",
        "Floor",
        "Gather",
        "GatherND",
        "Greater",
        "Identity",
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
        "Reshape",
        "ScatterND",
        "Sin",
        "Slice",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Tile",
        "Transpose",
        "Trilu",
        "Unsqueeze",
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
        walk.bind(node.outputs[0], _constant(node))
        return True
    if node.op in ("Shape", "Size"):
        walk.bind(node.outputs[0], _shape(walk, node))
        return True
    inputs = [walk.tensors[name] if name else None for name in node.inputs]
    known = all(i is None or (i.constant and i.value is not None) for i in inputs)
    quantised = any(i is not None and i.codes is not None for i in inputs)
    if node.op not in FOLDABLE or not known or not any(inputs) or (quantised and not _plain(node)):
        return False
    tainted = any(i is not None and i.depends_on_batch for i in inputs)
    if tainted and node.op in SIZED_BY_VALUE:
        raise Unsupported("a constant of the batch's size")
    values = [None if i is None else i.value for i in inputs]
    for name, value in zip(node.outputs, _evaluate(walk, node, values), strict=True):
        batch = tainted and (value.dtype.kind == "f" or bool((np.abs(value) >= BATCH).any()))
        walk.bind(
            name,
            Tensor(name, value.shape, constant=True, value=value, depends_on_batch=batch),
        )
    return True


def _plain(node: FileNode) -> bool:
    """Rearranging a dequantised constant must not lose its integers."""
    return node.op not in ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten")


def _constant(node: FileNode) -> Tensor:
    name = node.outputs[0]
    value: Any = None
    for key, content in node.attributes.items():
        if key == "value":
            value = onnx.numpy_helper.to_array(content)
        elif key in ("value_float", "value_floats"):
            value = np.asarray(content, dtype=np.float32)
        elif key in ("value_int", "value_ints"):
            value = np.asarray(content, dtype=np.int64)
    if value is None:
        raise Unsupported(f"a constant given by {', '.join(node.attributes) or 'nothing'}")
    if value.dtype.kind not in "iubf":
        value = value.astype(np.float32 if "float" in value.dtype.name else np.int8)
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
    proto = onnx.helper.make_node(
        node.op, list(node.inputs), list(node.outputs), **dict(node.attributes)
    )
    feeds = {
        name: value for name, value in zip(node.inputs, values, strict=True) if value is not None
    }
    try:
        with np.errstate(all="ignore"):
            evaluator = ReferenceEvaluator(proto, opsets={"": walk.opset})
            found = evaluator.run(None, feeds)
    except Exception as error:  # noqa: BLE001 - NumPy's own, for shapes that do not fit
        shapes = ", ".join(readable(v.shape) for v in feeds.values())
        raise Unsupported(f"cannot be evaluated on {shapes}: {str(error)[:80]}") from None
    return [np.asarray(value) for value in found]
