"""Operators that only move values: reshapes, transposes, slices, padding, concatenation."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mapping.onnx_import.graph import (
    BATCH,
    Codes,
    FileNode,
    Tensor,
    Unsupported,
    positive_axis,
    readable,
    size_of,
)
from mapping.onnx_import.read import FLOATS
from mapping.onnx_import.walk import Translator, Walk


def identity(walk: Walk, node: FileNode) -> None:
    """Identity: another name."""
    walk.bind(node.outputs[0], walk.tensor(node, 0))


def dropout(walk: Walk, node: FileNode) -> None:
    """Dropout when not training: another name."""
    training = walk.numbers(node, 2)
    if training is not None and training.any():
        raise Unsupported("training mode")
    if any(name in walk.needed for name in node.outputs[1:]):
        raise Unsupported("the mask output")
    identity(walk, node)


def cast(walk: Walk, node: FileNode) -> None:
    """A cast of an activation or of integers to floats changes no number here."""
    tensor = walk.tensor(node, 0)
    if node.get("to", 0) not in FLOATS:
        raise Unsupported("a cast of an activation to integers")
    if tensor.raw and tensor.params is not None:
        raise Unsupported("a cast of integer codes")
    walk.bind(node.outputs[0], replace(tensor, raw=False))


def _reshaped(walk: Walk, node: FileNode, shape: Sequence[int]) -> None:
    tensor = walk.tensor(node, 0)
    shape = tuple(shape)
    if size_of(shape) != size_of(tensor.shape):
        raise Unsupported(f"{readable(tensor.shape)} does not reshape to {readable(shape)}")
    if tensor.constant:
        walk.bind(node.outputs[0], _reshaped_constant(node, tensor, shape))
        return
    target = [-1 if size == BATCH else size for size in shape]
    walk.emit(node, "reshape", [tensor], shape, attributes={"shape": tuple(target)}, keep=tensor)


def _reshaped_constant(node: FileNode, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    codes = tensor.codes
    if codes is not None:
        if codes.scale.ndim and (
            len(shape) <= codes.axis or shape[codes.axis] != tensor.shape[codes.axis]
        ):
            raise Unsupported("the axis of a per-channel scale is reshaped")
        codes = replace(codes, integers=codes.integers.reshape(shape))
    value, marks = (
        None if v is None else v.reshape(shape) for v in (tensor.value, tensor.of_batch)
    )
    return replace(
        tensor, name=node.outputs[0], shape=shape, value=value, codes=codes, of_batch=marks
    )


def reshape(walk: Walk, node: FileNode) -> None:
    """Reshape to a constant shape, or to one computed from shapes."""
    tensor = walk.tensor(node, 0)
    target = walk.integers(node, 1, "shape", batch=True)
    if target is None:
        raise Unsupported("no shape")
    if min(target, default=0) < -1:
        raise Unsupported(f"shape {target}")
    if not node.get("allowzero", 0):
        if any(size == 0 and axis >= tensor.rank for axis, size in enumerate(target)):
            raise Unsupported("shape 0 copies an axis that is not there")
        target = [tensor.shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    target = _with_batch(walk, tensor, target)
    if target.count(-1) > 1:
        raise Unsupported("shape with more than one -1")
    if -1 in target:
        rest = size_of([size for size in target if size != -1])
        target[target.index(-1)] = size_of(tensor.shape) // rest if rest else 0
    _reshaped(walk, node, target)


def _with_batch(walk: Walk, tensor: Tensor, target: list[int]) -> list[int]:
    """The target of a file with a fixed batch, its first axis being the batch again."""
    has_batch = bool(tensor.shape) and tensor.shape[0] >= BATCH
    fixed = walk.graph.fixed_batch
    if not has_batch or not target or target[0] != fixed or any(s >= BATCH for s in target):
        return target
    rest = size_of(tensor.shape) // BATCH
    if -1 in target[1:] or size_of(target[1:]) == rest:
        return [BATCH, *target[1:]]
    return target


def flatten(walk: Walk, node: FileNode) -> None:
    """Flatten into two axes."""
    shape = walk.tensor(node, 0).shape
    axis = node.get("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    _reshaped(walk, node, (size_of(shape[:axis]), size_of(shape[axis:])))


def squeeze(walk: Walk, node: FileNode) -> None:
    """Squeeze named axes of size 1, or all of them."""
    shape = walk.tensor(node, 0).shape
    axes = walk.integers(node, 1, "axes")
    if axes is None:
        gone = {axis for axis, size in enumerate(shape) if size == 1}
    else:
        gone = {positive_axis(axis, len(shape)) for axis in axes}
    if any(shape[axis] != 1 for axis in gone):
        raise Unsupported(f"squeezes an axis that is not 1 of {readable(shape)}")
    _reshaped(walk, node, [size for axis, size in enumerate(shape) if axis not in gone])


def unsqueeze(walk: Walk, node: FileNode) -> None:
    """New axes of size 1."""
    shape = walk.tensor(node, 0).shape
    axes = walk.integers(node, 1, "axes") or []
    rank = len(shape) + len(axes)
    new = {positive_axis(axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise Unsupported(f"axes {axes} name one twice")
    sizes = iter(shape)
    _reshaped(walk, node, [1 if axis in new else next(sizes) for axis in range(rank)])


def transpose(walk: Walk, node: FileNode) -> None:
    """Transpose; the batch stays in front."""
    tensor = walk.tensor(node, 0)
    perm = [int(axis) for axis in node.get("perm", range(tensor.rank)[::-1])]
    if sorted(perm) != list(range(tensor.rank)):
        raise Unsupported(f"perm {perm} of {readable(tensor.shape)}")
    shape = tuple(tensor.shape[axis] for axis in perm)
    if tensor.constant:
        walk.bind(node.outputs[0], _transposed_constant(node, tensor, perm, shape))
        return
    walk.emit(node, "transpose", [tensor], shape, attributes={"perm": tuple(perm)}, keep=tensor)


def _transposed_constant(
    node: FileNode, tensor: Tensor, perm: list[int], shape: tuple[int, ...]
) -> Tensor:
    codes: Codes | None = tensor.codes
    if codes is not None:
        axis = perm.index(codes.axis) if codes.scale.ndim else codes.axis
        codes = replace(codes, integers=codes.integers.transpose(perm), axis=axis)
    value, marks = (
        None if v is None else v.transpose(perm) for v in (tensor.value, tensor.of_batch)
    )
    return replace(
        tensor, name=node.outputs[0], shape=shape, value=value, codes=codes, of_batch=marks
    )


def slice_(walk: Walk, node: FileNode) -> None:
    """Slice with constant, positive steps; the batch is not sliced."""
    tensor = walk.tensor(node, 0)
    starts = walk.integers(node, 1, "starts", batch=True) or []
    ends = walk.integers(node, 2, "ends", batch=True) or []
    given = walk.integers(node, 3, "axes")
    axes = [positive_axis(a, tensor.rank) for a in (given or range(len(starts)))]
    steps = walk.integers(node, 4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise Unsupported("starts, ends, axes and steps of different lengths")
    of_batch = walk.of_batch(node, 1, len(axes)) | walk.of_batch(node, 2, len(axes))
    shape, cuts = list(tensor.shape), []
    for start, end, axis, step, marked in zip(starts, ends, axes, steps, of_batch, strict=True):
        if marked and tensor.shape[axis] < BATCH:
            raise Unsupported(f"cuts axis {axis} by the batch size")
        if step < 1:
            raise Unsupported(f"step {step}")
        first, last, _ = slice(start, end, step).indices(tensor.shape[axis])
        if (first, last, step) == (0, tensor.shape[axis], 1):
            continue
        if tensor.shape[axis] >= BATCH:
            raise Unsupported("slices the batch")
        shape[axis] = len(range(first, last, step))
        cuts.append((first, last, axis, step))
    if min(shape, default=1) < 1:
        raise Unsupported(f"nothing is left: {readable(shape)}")
    if tensor.constant:  # without data: else it would have been folded
        walk.bind(node.outputs[0], Tensor(node.outputs[0], tuple(shape), constant=True))
        return
    columns = list(zip(*cuts, strict=True)) or [(), (), (), ()]
    keys = ("starts", "ends", "axes", "steps")
    attributes = dict(zip(keys, columns, strict=True))
    walk.emit(node, "slice", [tensor], shape, attributes=attributes, keep=tensor)


def pad(walk: Walk, node: FileNode) -> None:
    """Constant padding by attribute (opset < 11) or input; never of the batch."""
    tensor = walk.activation(node, codes=True)
    if node.get("mode", "constant") != "constant":
        raise Unsupported(f"mode {node.get('mode', '')!r}")
    given = walk.integers(node, 1, "pads") or []
    axes = walk.integers(node, 3) if node.input(3) else list(range(tensor.rank))
    axes = [positive_axis(axis, tensor.rank) for axis in axes or []]
    if len(given) != 2 * len(axes):
        raise Unsupported(f"{len(given)} pads for {len(axes)} axes")
    pads = [0] * (2 * tensor.rank)
    for index, axis in enumerate(axes):
        pads[axis] = given[index]
        pads[axis + tensor.rank] = given[index + len(axes)]
    if pads[0] or pads[tensor.rank]:
        raise Unsupported("pads the batch")
    if min(pads) < 0:
        raise Unsupported("negative pads")
    before, after = pads[: tensor.rank], pads[tensor.rank :]
    shape = [a + b + c for a, b, c in zip(tensor.shape, before, after, strict=True)]
    attributes = {"pads": tuple(pads), "value": _pad_value(walk, node, tensor)}
    walk.emit(node, "pad", [tensor], shape, attributes=attributes, keep=tensor)


def _pad_value(walk: Walk, node: FileNode, tensor: Tensor) -> float:
    if node.input(2):
        stated = walk.tensor(node, 2)
        found = walk.numbers(node, 2)
        value = float(np.asarray(found).reshape(-1)[0])
        if tensor.raw and tensor.params is not None and stated.codes is None:
            return tensor.params.scale * (value - tensor.params.zero_point)
        return value
    if tensor.raw and tensor.params is not None:  # code 0
        return -tensor.params.scale * tensor.params.zero_point
    return float(node.get("value", 0.0))


def concat(walk: Walk, node: FileNode) -> None:
    """Concatenation of activations along any axis but the batch."""
    parts = [walk.activation(node, index) for index in range(len(node.inputs))]
    concatenated(walk, node, parts)


def concatenated(walk: Walk, node: FileNode, parts: Sequence[Tensor]) -> Tensor:
    """Writes the concat of real-valued `parts`."""
    axis = positive_axis(node.get("axis", 1), parts[0].rank)
    shape = list(parts[0].shape)
    for part in parts[1:]:
        if part.rank != len(shape) or any(
            a != b for i, (a, b) in enumerate(zip(part.shape, shape, strict=True)) if i != axis
        ):
            shapes = ", ".join(readable(p.shape) for p in parts)
            raise Unsupported(f"inputs of shapes {shapes}")
    if shape[axis] >= BATCH:
        raise Unsupported("concatenates along the batch")
    shape[axis] = sum(part.shape[axis] for part in parts)
    return walk.emit(node, "concat", parts, shape, attributes={"axis": axis})


TRANSLATORS: dict[str, Translator] = {
    "Cast": cast,
    "Concat": concat,
    "Dropout": dropout,
    "Flatten": flatten,
    "Identity": identity,
    "Pad": pad,
    "Reshape": reshape,
    "Slice": slice_,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
