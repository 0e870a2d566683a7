"""The walk through a file's nodes: what is known so far and what has been written.

Translators (one per ONNX operator) read tensors with `Walk.tensor` and write nodes with
`Walk.emit`, or declare that a tensor of the file is another one with `Walk.bind`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapping.network import LayerIntegers, Node, QuantParams, new_name
from mapping.onnx_import.graph import (
    BATCH,
    Codes,
    FileGraph,
    FileNode,
    Tensor,
    Unsupported,
    public_shape,
    readable,
)

Translator = Callable[["Walk", FileNode], None]


@dataclass
class Walk:
    """Everything gathered while walking; the only mutable state of the import.

    needed: tensors of the file that its outputs need;
    tensors: by name in the file; nodes: of the network so far; constants and shapes: of the
    network; codes: of the constants that the file holds as such; params: of tensors held as
    codes; layers: integers of conv and linear nodes;
    float_layers: conv and linear nodes without integers.
    """

    graph: FileGraph
    weights: bool
    needed: frozenset[str] = frozenset()
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    codes: dict[str, Codes] = field(default_factory=dict)
    params: dict[str, QuantParams] = field(default_factory=dict)
    layers: dict[str, LayerIntegers] = field(default_factory=dict)
    float_layers: list[str] = field(default_factory=list)
    _derived: dict[tuple[str, str], str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    @property
    def opset(self) -> int:
        """Opset of the file's default domain."""
        return self.graph.opset

    def tensor(self, node: FileNode, index: int) -> Tensor:
        """Input `index` of a node.

        Raises:
            Unsupported: it is left out, or text.
        """
        name = node.input(index)
        if not name:
            raise Unsupported(f"input {index} is left out")
        tensor = self.tensors[name]
        if tensor.value is not None and tensor.value.dtype.kind in "OSU":
            raise Unsupported(f"input {index} is text")
        return tensor

    def activation(self, node: FileNode, index: int = 0, *, codes: bool = False) -> Tensor:
        """Input `index`, which must come from the network's input, as real values.

        Args:
            codes: integer codes will do, too.

        Raises:
            Unsupported: it is a constant, or integer codes.
        """
        tensor = self.tensor(node, index)
        if tensor.constant:
            raise Unsupported(f"input {index} is a constant, expected an activation")
        if tensor.raw and not codes:
            raise Unsupported(f"input {index} is integer codes")
        return tensor

    def numbers(
        self, node: FileNode, index: int, key: str = "", *, batch: bool = False
    ) -> NDArray[Any] | None:
        """Constant input `index`, else attribute `key`, else None.

        Args:
            batch: the input may show the batch size: as BATCH, not as what was made of it.

        Raises:
            Unsupported: the input is computed from the network's input or the batch size.
        """
        if node.input(index):
            tensor = self.tensor(node, index)
            if not tensor.constant:
                raise Unsupported(f"input {index} is not a constant")
            if tensor.value is None:
                raise Unsupported(f"input {index} is a constant whose data was not read")
            marks = tensor.of_batch
            if marks is not None and not (batch and (np.abs(tensor.value[marks]) >= BATCH).all()):
                raise Unsupported(f"input {index} depends on the batch size")
            return tensor.value
        if key and key in node.attributes:
            return np.asarray(node.attributes[key])
        return None

    def integers(
        self, node: FileNode, index: int, key: str = "", *, batch: bool = False
    ) -> list[int] | None:
        """Like `numbers`, as a list of integers.

        Raises:
            Unsupported: they are none.
        """
        value = self.numbers(node, index, key, batch=batch)
        if value is not None and value.size and value.dtype.kind not in "iu":
            raise Unsupported(f"expected integers, found {value.dtype}")
        return None if value is None else [int(v) for v in value.reshape(-1)]

    def of_batch(self, node: FileNode, index: int, count: int) -> NDArray[np.bool_]:
        """Which of `count` numbers of input `index` follow from the batch size."""
        held = self.tensors.get(node.input(index))
        marks = None if held is None else held.of_batch
        return np.zeros(count, np.bool_) if marks is None else np.atleast_1d(marks)

    def emit(
        self,
        node: FileNode,
        op: str,
        inputs: Sequence[Tensor],
        shape: Sequence[int],
        *,
        attributes: Mapping[str, Any] | None = None,
        keep: Tensor | None = None,
        part: str = "",
    ) -> Tensor:
        """Writes one node of the network.

        Args:
            node: the file's node it comes from.
            inputs: tensors; constants among them become constants of the network.
            shape: of the output, with BATCH.
            keep: the input whose codes the output keeps (operators that only move values).
            part: set on all but the last node when a file's node becomes several.
        Returns:
            The output, bound to the file's output unless `part` is set.

        Raises:
            Unsupported: it would be empty or constant, or its batch is not the first axis.
        """
        shape = tuple(int(size) for size in shape)
        if min(shape, default=1) < 1:
            raise Unsupported(f"nothing is left: {readable(shape)}")
        if all(tensor.constant for tensor in inputs):
            raise Unsupported("constants alone, expected an activation")
        output = f"{node.outputs[0]}/{part}" if part else node.outputs[0]
        name = self.unique(f"{node.name}/{part}" if part else node.name)
        self.shapes[output] = public_shape(shape)
        names = tuple(self.operand(tensor) for tensor in inputs)
        self.nodes.append(Node(name, op, names, output, dict(attributes or {})))
        params = keep.params if keep else None
        if params:
            self.params[output] = params
        tensor = Tensor(output, shape, params=params, raw=keep.raw if keep else False)
        if not part:
            self.tensors[node.outputs[0]] = tensor
        return tensor

    def bind(self, name: str, tensor: Tensor) -> None:
        """Lets the file's tensor `name` be `tensor`."""
        self.tensors[name] = tensor

    def operand(self, tensor: Tensor) -> str:
        """The name of a tensor as an input of a node; registers constants."""
        if tensor.codes is not None:
            self.codes[tensor.name] = tensor.codes
        return self.derived(tensor, "") if tensor.constant else tensor.name

    def derived(
        self,
        tensor: Tensor,
        tag: str,
        shape: Sequence[int] | None = None,
        change: Callable[[NDArray[Any]], NDArray[Any]] = lambda value: value,
    ) -> str:
        """Registers a constant of the network, changed by `change`; its name.

        The same constant with the same tag is registered once.
        """
        if tensor.of_batch is not None:
            raise Unsupported("a constant depends on the batch size")
        key = (tensor.name, tag)
        if key not in self._derived:
            name = f"{tensor.name}:{tag}" if tag else tensor.name
            value = None
            if tensor.value is not None and self.weights:
                value = np.asarray(change(tensor.value), dtype=np.float32)
                self.constants[name] = value
            out = tensor.shape if shape is None else shape
            self.shapes[name] = tuple(int(size) for size in out)
            self._derived[key] = name
        return self._derived[key]

    def literal(self, node: FileNode, part: str, value: float | NDArray[Any]) -> Tensor:
        """A constant that the translation itself brings along."""
        array = np.asarray(value, dtype=np.float32)
        return Tensor(f"{node.outputs[0]}/{part}", array.shape, constant=True, value=array)

    def unique(self, name: str) -> str:
        """`name`, with a number added if a node has it already."""
        return new_name(name, self._names)

    def real(self, tensor: Tensor, params: QuantParams) -> Tensor:
        """Raw codes as real values, with the parameters that a consumer states for them.

        Raises:
            Unsupported: the producer stated others.
        """
        if tensor.params is not None and tensor.params != params:
            raise Unsupported(
                f"{tensor.name!r} is written with scale {tensor.params.scale:g}, zero point "
                f"{tensor.params.zero_point} and read with {params.scale:g}, {params.zero_point}"
            )
        return replace(tensor, raw=False, params=params)
