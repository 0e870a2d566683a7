"""Reading an ONNX file: every way in which it can be bad ends in one clear line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import external_data_helper, numpy_helper

from hwsim.errors import NetworkError
from mapping.onnx_import.graph import BATCH, FileGraph, FileNode, Tensor

OLDEST_OPSET = 7  # before it, element-wise operators broadcast by an attribute
SMALL = 1024  # elements: a constant this small may steer shapes and is always read
#: Data types of an input as numbers that need no scale.
FLOATS = frozenset(map(onnx.TensorProto.DataType.Value, ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")))
#: Data types of integers -> their bits and sign.
INTEGERS = {
    onnx.TensorProto.DataType.Value(f"{sign}INT{bits}"): (bits, not sign)
    for bits in (4, 8, 16, 32, 64)
    for sign in ("", "U")
}
#: Integers of less than a byte -> their bits.
NARROW = {onnx.TensorProto.INT4: 4, onnx.TensorProto.UINT4: 4}
CHECKED_BYTES = 1 << 16  # larger initialisers are checked here, not by onnx.checker


def read_graph(
    path: Path, input_shapes: Mapping[str, Sequence[int]] | None, weights: bool
) -> FileGraph:
    """The graph of the file at `path`.

    Args:
        path: an ONNX file.
        input_shapes: by input name, the whole shape; its first number stands for the batch
            and is ignored.
        weights: False leaves large constants unread (also when their file is absent).

    Raises:
        NetworkError: the file is missing, damaged, not ONNX, lacks data or a size.
    """
    try:
        return _read(path, input_shapes or {}, weights)
    except UnicodeDecodeError:
        raise NetworkError(f"{path}: damaged: a name that is not UTF-8 text") from None


def _read(path: Path, input_shapes: Mapping[str, Sequence[int]], weights: bool) -> FileGraph:
    model = _parse(path)
    opset = _check(path, model)
    model = _inline(path, model)
    graph = model.graph
    constants = {tensor.name: constant(path, tensor, weights) for tensor in graph.initializer}
    if graph.sparse_initializer:
        raise NetworkError(f"{path}: expected dense constants, found a sparse initializer")
    inputs, batch = _inputs(path, graph, constants, input_shapes)
    return FileGraph(
        path=path,
        nodes=_nodes(graph),
        inputs=inputs,
        outputs=tuple(value.name for value in graph.output),
        constants=constants,
        opset=opset,
        fixed_batch=batch,
    )


def _parse(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NetworkError(f"{path}: no such file") from None
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read: {error.strerror}") from None
    if not content:
        raise NetworkError(f"{path}: expected an ONNX model, found an empty file")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # noqa: BLE001 - protobuf's DecodeError differs between its back ends
        raise NetworkError(
            f"{path}: expected an ONNX model, found a truncated or foreign file "
            f"({len(content)} bytes)"
        ) from None
    return model


def _check(path: Path, model: Any) -> int:
    """Runs onnx.checker on the model without its large data; the opset it uses."""
    newest = onnx.defs.onnx_opset_version()
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if not model.HasField("graph") or not opset:
        raise NetworkError(
            f"{path}: expected an ONNX model, found a file without a graph or an opset "
            "(truncated or foreign)"
        )
    if not OLDEST_OPSET <= opset <= newest:
        raise NetworkError(f"{path}: opset: expected {OLDEST_OPSET} to {newest}, found {opset}")
    try:
        onnx.checker.check_model(_skeleton(model))
    except onnx.checker.ValidationError as error:
        raise NetworkError(f"{path}: not a valid ONNX model: {_first_line(error)}") from None
    return int(opset)


def _skeleton(model: Any) -> Any:
    """A copy whose large or external initialisers are inputs: what onnx.checker gets."""
    small = onnx.ModelProto()
    for name, _ in model.ListFields():
        if name.name != "graph":
            _copy_field(model, small, name)
    for name, _ in model.graph.ListFields():
        if name.name != "initializer":
            _copy_field(model.graph, small.graph, name)
    for value in (*small.graph.input, *small.graph.output):
        if value.type.HasField("tensor_type"):  # onnxruntime does without shapes here
            value.type.tensor_type.shape.SetInParent()
    inputs = {value.name for value in model.graph.input}
    for tensor in model.graph.initializer:
        if not _is_large(tensor):
            small.graph.initializer.append(tensor)
        elif tensor.name not in inputs:
            _add_input(small, tensor.name, tensor)
    held = [node for node in small.graph.node if _large_value(node) is not None]
    for node in held:
        _add_input(small, node.output[0], _large_value(node))
        small.graph.node.remove(node)
    return small


def _is_large(tensor: Any) -> bool:
    external = tensor.data_location == onnx.TensorProto.EXTERNAL
    return bool(external or tensor.ByteSize() > CHECKED_BYTES)


def _large_value(node: Any) -> Any:
    """The tensor of a Constant node if it is large or external, else None."""
    if node.op_type == "Constant" and len(node.output) == 1:
        for attribute in node.attribute:
            if attribute.HasField("t") and _is_large(attribute.t):
                return attribute.t
    return None


def _add_input(model: Any, name: str, tensor: Any) -> None:
    model.graph.input.append(
        onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims)
    )


def _copy_field(source: Any, target: Any, descriptor: Any) -> None:
    value = getattr(source, descriptor.name)
    here = getattr(target, descriptor.name)
    if hasattr(here, "MergeFrom") and not isinstance(value, str | bytes | int | float):
        here.MergeFrom(value)
    else:
        setattr(target, descriptor.name, value)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(" ".join(lines[:2]).split())[:300] if lines else type(error).__name__


def _inline(path: Path, model: Any) -> Any:
    """The model without functions of its own (as torch's exporter writes them)."""
    if not model.functions:
        return model
    import onnx.inliner  # noqa: PLC0415 - rarely needed

    try:
        return onnx.inliner.inline_local_functions(model)
    except (RuntimeError, ValueError) as error:
        raise NetworkError(f"{path}: functions: {_first_line(error)}") from None


def constant(path: Path, tensor: Any, weights: bool) -> Tensor:
    """A TensorProto of the file at `path`; large ones stay unread without `weights`.

    Raises:
        NetworkError: its data is absent or damaged.
    """
    shape = tuple(int(size) for size in tensor.dims)
    count = int(np.prod(shape, dtype=np.int64))
    external = tensor.data_location == onnx.TensorProto.EXTERNAL
    readable = not external or _external_file(path, tensor).is_file()
    value = decode(path, tensor) if weights or (count <= SMALL and readable) else None
    bits = NARROW.get(tensor.data_type)
    return Tensor(tensor.name, shape, constant=True, value=value, bits=bits)


def network_files(path: Path) -> tuple[Path, ...]:
    """The file at `path` and those beside it that hold its large constants.

    Raises:
        NetworkError: the file is missing, damaged or not ONNX.
    """
    graph = _parse(path).graph
    tensors = [*graph.initializer, *filter(None, map(_large_value, graph.node))]
    outside = {
        _external_file(path, tensor)
        for tensor in tensors
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    }
    return (path, *sorted(outside))


def _external_file(path: Path, tensor: Any) -> Path:
    for entry in tensor.external_data:
        if entry.key == "location":
            return path.parent / str(entry.value)
    return path.parent / ""


def decode(path: Path, tensor: Any) -> NDArray[Any]:
    """The numbers of a TensorProto; halves and doubles become float32, integers stay.

    Raises:
        NetworkError: its data is absent, too short or of a kind that is not a number.
    """
    where = f"{path}: constant {tensor.name!r}"
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _with_external_data(path, tensor, where)
    try:
        value = numpy_helper.to_array(tensor)
    except Exception as error:  # noqa: BLE001 - whatever damaged data makes NumPy or onnx raise
        raise NetworkError(f"{where}: damaged data: {_first_line(error)}") from None
    if value.dtype.kind in "OSU":
        return value
    if value.dtype.kind in "iub":
        return value
    if "int" in value.dtype.name:  # ml_dtypes int4, uint4, int2, uint2
        return value.astype(np.int8 if not value.dtype.name.startswith("u") else np.uint8)
    with np.errstate(over="ignore"):
        return value.astype(np.float32, copy=False)


def _with_external_data(path: Path, tensor: Any, where: str) -> Any:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    file = _external_file(path, tensor)
    if not file.is_file():
        raise NetworkError(f"{where}: expected its data in {file}, found no such file")
    try:
        external_data_helper.load_external_data_for_tensor(copy, str(path.parent))
    except Exception as error:  # noqa: BLE001 - onnx raises several kinds, also its own
        raise NetworkError(f"{where}: external data: {_first_line(error)}") from None
    copy.data_location = onnx.TensorProto.DEFAULT
    return copy


def _inputs(
    path: Path,
    graph: Any,
    constants: Mapping[str, Tensor],
    given: Mapping[str, Sequence[int]],
) -> tuple[dict[str, Tensor], int | None]:
    inputs: dict[str, Tensor] = {}
    batches: set[int] = set()
    for value in graph.input:
        if value.name in constants:
            continue
        kind = _kind(path, value)
        stated = _stated_shape(f"{path}: input {value.name!r}", value, given)
        if isinstance(stated[0], int) and stated[0] > 0 and value.name not in given:
            batches.add(stated[0])
        shape = (BATCH, *(int(size) for size in stated[1:]))
        inputs[value.name] = Tensor(value.name, shape, kind=kind, raw=kind is not None)
    missing = set(given) - set(inputs)
    if missing:
        raise NetworkError(
            f"{path}: input shapes: expected inputs of the network ({', '.join(inputs)}), "
            f"found {', '.join(sorted(missing))}"
        )
    return inputs, batches.pop() if len(batches) == 1 else None


def _kind(path: Path, value: Any) -> tuple[int, bool] | None:
    """Bits and sign of an input of integers, None for one of real numbers."""
    if not value.type.HasField("tensor_type"):
        raise NetworkError(f"{path}: input {value.name!r}: expected a tensor")
    found = value.type.tensor_type.elem_type
    if found not in FLOATS and found not in INTEGERS:
        names = {number: name for name, number in onnx.TensorProto.DataType.items()}
        raise NetworkError(
            f"{path}: input {value.name!r}: expected numbers, found type {names.get(found, found)}"
        )
    return INTEGERS.get(found)


def _stated_shape(where: str, value: Any, given: Mapping[str, Sequence[int]]) -> list[int | str]:
    """The shape of an input; only the batch may be open."""
    tensor_type = value.type.tensor_type
    if value.name not in given and not tensor_type.HasField("shape"):
        raise NetworkError(f"{where}: no shape in the file; give it as input shape")
    stated = [
        dim.dim_value if dim.HasField("dim_value") else (dim.dim_param or "unnamed")
        for dim in tensor_type.shape.dim
    ]
    if value.name in given:
        stated = [int(size) for size in given[value.name]]
    if not stated:
        raise NetworkError(f"{where}: expected a batch axis, found a scalar")
    for axis, size in enumerate(stated[1:], 1):
        if not isinstance(size, int) or size < 1:
            raise NetworkError(
                f"{where}: axis {axis} ({size}) has no fixed size; give it as input shape"
            )
        if size >= BATCH:
            raise NetworkError(
                f"{where}: axis {axis}: expected fewer than {BATCH} elements, found {size}"
            )
    return stated


def _nodes(graph: Any) -> tuple[FileNode, ...]:
    taken: set[str] = set()
    nodes = []
    for index, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{index}"
        while name in taken:
            name = f"{name}_{index}"
        taken.add(name)
        nodes.append(
            FileNode(
                name=name,
                op=node.op_type,
                domain="" if node.domain == "ai.onnx" else node.domain,
                inputs=tuple(node.input),
                outputs=tuple(node.output),
                attributes={a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            )
        )
    return tuple(nodes)
