"""The float network: batch normalisation folded, biases joined, quantisation taken out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapping.network import LINEAR_OPS, Node, QuantParams
from mapping.onnx_import.draft import MOVING, Draft


def fold_batch_normalization(draft: Draft, keep: frozenset[str] = frozenset()) -> None:
    """Folds every batch normalisation into the linear node before it, or expands it.

    It is folded where that node has no other reader and is not named in `keep`; else it
    becomes a mul and an add.
    """
    uses = draft.uses()
    producers = {node.output: node for node in draft.nodes}
    written: dict[str, list[Node]] = {}  # by output of the node they replace
    for node in draft.nodes:
        if node.op != "batch_normalization":
            continue
        source = producers.get(node.inputs[0])
        foldable = (
            source is not None
            and source.op in LINEAR_OPS
            and source.name not in keep
            and uses[source.output] == 1
            and _channels_last(source, draft.shapes)
        )
        if foldable and source is not None:
            written[source.output] = []
            written[node.output] = [_folded(draft, source, node)]
        else:
            written[node.output] = _expanded(draft, node)
    draft.nodes = [new for node in draft.nodes for new in written.get(node.output, [node])]


def _channels_last(source: Node, shapes: Mapping[str, Sequence[int]]) -> bool:
    """Whether axis 1, which batch normalisation scales, counts the node's outputs."""
    return source.op == "conv" or len(shapes[source.output]) == 2


def _factors(
    draft: Draft, node: Node, kind: type[np.floating[Any]]
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Scale and offset of a batch normalisation per channel, None without data.

    In float64 to fold them into weights; in float32 and in this order of operations (as
    onnxruntime has it) where they stay factors, so that codes behind them round alike.
    """
    values = [draft.constants.get(name) for name in node.inputs[1:]]
    gamma, beta, mean, variance = (None if v is None else v.astype(kind) for v in values)
    if gamma is None or beta is None or mean is None or variance is None:
        return None
    scale = kind(1.0) / np.sqrt(variance + kind(node.attributes["epsilon"])) * gamma
    return scale, beta - mean * scale


def _folded(draft: Draft, source: Node, node: Node) -> Node:
    weight, bias = source.inputs[1], (*source.inputs[2:], "")[0]
    new_weight, new_bias = f"{source.name}/folded_weight", f"{source.name}/folded_bias"
    outputs = draft.shapes[node.inputs[1]]
    draft.shapes[new_weight], draft.shapes[new_bias] = draft.shapes[weight], outputs
    factors = _factors(draft, node, np.float64)
    if factors is not None and weight in draft.constants:
        scale, offset = factors
        old = draft.constants[weight].astype(np.float64)
        along = (-1,) + (1,) * (old.ndim - 1) if source.op == "conv" else (1, -1)
        draft.constants[new_weight] = (old * scale.reshape(along)).astype(np.float32)
        start = draft.constants[bias].astype(np.float64) if bias else 0.0
        draft.constants[new_bias] = (start * scale + offset).astype(np.float32)
    return replace(source, inputs=(source.inputs[0], new_weight, new_bias), output=node.output)


def _expanded(draft: Draft, node: Node) -> list[Node]:
    rank, outputs = len(draft.shapes[node.output]), draft.shapes[node.inputs[1]]
    shape = (*outputs, *(1,) * (rank - 2))
    scaled, names = f"{node.output}/scaled", (f"{node.name}/scale", f"{node.name}/offset")
    draft.shapes[scaled] = draft.shapes[node.output]
    factors = _factors(draft, node, np.float32)
    for index, name in enumerate(names):
        draft.shapes[name] = shape
        if factors is not None:
            draft.constants[name] = factors[index].reshape(shape).astype(np.float32)
    return [
        Node(f"{node.name}/scaled", "mul", (node.inputs[0], names[0]), scaled),
        Node(node.name, "add", (scaled, names[1]), node.output),
    ]


def join_bias(
    draft: Draft, wanted: Callable[[Node, str], bool] = lambda source, constant: True
) -> None:
    """Joins a linear node without bias and the add of one constant per output behind it.

    Args:
        wanted: whether to join a node and a constant that could be.
    """
    uses = draft.uses()
    producers = {node.output: node for node in draft.nodes}
    gone: set[str] = set()
    nodes = []
    for node in draft.nodes:
        match = _bias_after(draft, node, producers, uses) if node.op == "add" else None
        if match is None or not wanted(*match):
            nodes.append(node)
            continue
        source, constant = match
        outputs = (_outputs(draft, source),)
        bias = constant
        if draft.shapes[constant] != outputs:
            bias = f"{source.name}/bias"
            draft.shapes[bias] = outputs
            if constant in draft.constants:
                value = draft.constants[constant].reshape(-1)
                draft.constants[bias] = np.broadcast_to(value, outputs).copy()
        gone.add(source.output)
        nodes.append(replace(source, inputs=(*source.inputs[:2], bias), output=node.output))
    draft.nodes = [node for node in nodes if node.output not in gone]


def _outputs(draft: Draft, source: Node) -> int:
    weight = draft.shapes[source.inputs[1]]
    return weight[0] if source.op == "conv" else weight[1]


def _bias_after(
    draft: Draft, node: Node, producers: Mapping[str, Node], uses: Mapping[str, int]
) -> tuple[Node, str] | None:
    """The linear node and the constant that an add joins, if it does just that."""
    for first, second in (node.inputs, node.inputs[::-1]):
        source = producers.get(first)
        if source is None or source.op not in LINEAR_OPS or len(source.inputs) != 2:
            continue
        if uses[first] != 1 or second in producers or second in draft.inputs:
            continue
        rank = len(draft.shapes[first])
        shape = (1,) * (rank - len(draft.shapes[second])) + draft.shapes[second]
        channel = 1 if source.op == "conv" else rank - 1
        other = [size for axis, size in enumerate(shape) if axis != channel]
        fits = shape[channel] in (1, _outputs(draft, source))
        if len(shape) == rank and fits and set(other) <= {1}:
            return source, second
    return None


def show_saturation(draft: Draft) -> None:
    """Makes the clipping of unsigned codes explicit where an int8 file relies on it.

    Quantisers leave out a Relu whose work the saturation at code 0 does; the float network
    needs it.
    """
    nodes: list[Node] = []
    for node in draft.nodes:
        params = draft.params.get(node.output)
        if params is None or node.op in MOVING or params.zero_point != params.low:
            nodes.append(node)
        elif node.op == "quantize":
            nodes.append(replace(node, op="clip", attributes=_range(params)))
        else:
            free = f"{node.output}/unsaturated"
            draft.shapes[free] = draft.shapes[node.output]
            nodes.append(replace(node, output=free))
            name = f"{node.name}/saturation"
            nodes.append(Node(name, "clip", (free,), node.output, _range(params)))
    draft.nodes = nodes


def _range(params: QuantParams) -> dict[str, float]:
    top = params.scale * (params.high - params.zero_point)
    return {"min": 0.0, "max": top}


def drop_nodes(draft: Draft, dropped: Callable[[Node], bool]) -> None:
    """Takes out nodes that only pass their first input on."""
    alias: dict[str, str] = {}
    nodes = []
    for node in draft.nodes:
        inputs = tuple(alias.get(name, name) for name in node.inputs)
        if dropped(node):
            alias[node.output] = inputs[0]
        else:
            nodes.append(replace(node, inputs=inputs))
    draft.nodes = nodes
    draft.outputs = tuple(alias.get(name, name) for name in draft.outputs)
