"""From an ONNX file to a network: read, walk, rewrite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwsim.errors import NetworkError
from mapping.network import Network, Node, QuantizedNetwork
from mapping.onnx_import import codes, elementwise, layout, linear, pooling, qlinear
from mapping.onnx_import.draft import Draft
from mapping.onnx_import.float_form import (
    drop_nodes,
    fold_batch_normalization,
    join_bias,
    show_saturation,
)
from mapping.onnx_import.fold import CHAIN_ONLY, fold
from mapping.onnx_import.graph import FileGraph, FileNode, Unsupported, public_shape
from mapping.onnx_import.int8_form import (
    drop_saturating,
    fold_quantize,
    join_integer_bias,
    quantise_earlier,
    write_conversions,
)
from mapping.onnx_import.read import read_graph
from mapping.onnx_import.walk import Translator, Walk

TRANSLATORS: dict[str, Translator] = {
    **layout.TRANSLATORS,
    **linear.TRANSLATORS,
    **elementwise.TRANSLATORS,
    **pooling.TRANSLATORS,
    **codes.TRANSLATORS,
    **qlinear.TRANSLATORS,
}
#: Of onnxruntime's own domain; its Q and DQ take the same inputs as ONNX's.
CONTRIBUTED: dict[str, Translator] = {**qlinear.CONTRIBUTED, **codes.TRANSLATORS}


@dataclass(frozen=True)
class ImportedNetwork:
    """What an ONNX file holds.

    network: float; of an int8 file its weights are the dequantised ones and the saturation
        of unsigned codes is an explicit clip;
    quantized: the file's integers, None for float files and for shapes only;
    float_layers: conv and linear nodes of an int8 file that the file leaves in float; when
        there are any, `quantized` is None.
    """

    network: Network
    quantized: QuantizedNetwork | None
    float_layers: tuple[str, ...] = ()


def import_network(
    path: Path,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    weights: bool = True,
) -> ImportedNetwork:
    """Reads an ONNX file; the first axis of every input is the batch and free.

    Args:
        path: the file.
        input_shapes: whole shapes (batch first) of inputs whose other axes the file leaves
            open, or states and should not.
        weights: False reads shapes only; then external data may be absent, `constants` is
            empty and `quantized` is None.

    Raises:
        NetworkError: the file is missing, damaged or not ONNX, or has nodes that are not
            supported (all of them are listed).
    """
    graph = read_graph(path, input_shapes, weights)
    walk = _walked(path, graph, weights)
    try:
        draft = _draft(walk)
    except Unsupported as error:
        raise NetworkError(f"{path}: outputs: {error}") from None
    fold_quantize(draft)
    network = _float_network(draft)
    _check_numbers(path, network)
    if not walk.params:
        return ImportedNetwork(network, None)
    left = tuple(walk.float_layers)
    if left or not walk.layers or not weights:
        return ImportedNetwork(network, None, left if weights else ())
    return ImportedNetwork(network, _quantized_network(draft, walk))


def _walked(path: Path, graph: FileGraph, weights: bool) -> Walk:
    live = _live(graph)
    read = (name for node in live for name in node.inputs)
    walk = Walk(graph, weights, frozenset((*read, *graph.outputs)))
    walk.tensors.update(graph.constants)
    walk.tensors.update(graph.inputs)
    for name, tensor in graph.inputs.items():
        walk.shapes[name] = public_shape(tensor.shape)
    unsupported: list[str] = []
    for node in live:
        problem = _translate(walk, node)
        if problem:
            unsupported.append(problem)
    if unsupported:
        raise NetworkError(f"{path}: not supported: {'; '.join(unsupported)}")
    return walk


def _live(graph: FileGraph) -> list[FileNode]:
    """The nodes that the outputs need."""
    needed, live = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs):
            needed.update(node.inputs)
            live.append(node)
    return live[::-1]


def _translate(walk: Walk, node: FileNode) -> str:
    """Writes one node; what is not supported about it, in words, or nothing."""
    table = {"": TRANSLATORS, "com.microsoft": CONTRIBUTED}.get(node.domain, {})
    foldable = node.domain == "" and node.op in CHAIN_ONLY
    if node.op not in table and not foldable:
        return node.label
    if any(name and name not in walk.tensors for name in node.inputs):
        # Behind a node that is reported already.
        return "" if node.op in table else f"{node.label} (of activations)"
    try:
        if foldable and fold(walk, node):
            return ""
        if node.op not in table:
            return f"{node.label} (of activations)"
        table[node.op](walk, node)
    except Unsupported as error:
        return f"{node.label} ({error})"
    return ""


def _draft(walk: Walk) -> Draft:
    """The walk's network, with outputs named as in the file."""
    graph = walk.graph
    found = {name: walk.tensors[name] for name in graph.outputs}
    for name, tensor in found.items():
        if tensor.constant:
            raise Unsupported(f"{name!r} does not depend on the network's input")
    inputs = tuple(graph.inputs)
    draft = Draft(
        str(graph.path),
        inputs,
        tuple(found[name].name for name in graph.outputs),
        list(walk.nodes),
        dict(walk.shapes),
        dict(walk.constants),
        dict(walk.params),
    )
    outputs = []
    for index, name in enumerate(graph.outputs):
        held = draft.outputs[index]
        if held == name or (held not in inputs and held not in graph.outputs):
            draft.rename(held, name)
        else:
            _copy_output(draft, held, name)
        outputs.append(name)
    draft.outputs = tuple(outputs)
    return draft


def _copy_output(draft: Draft, tensor: str, name: str) -> None:
    """A second name for a tensor that must keep its own."""
    draft.shapes[name] = draft.shapes[tensor]
    if tensor in draft.params:
        draft.params[name] = draft.params[tensor]
    attributes = {"shape": draft.shapes[name]}
    draft.nodes.append(Node(f"{name}/output", "reshape", (tensor,), name, attributes))


def _float_network(draft: Draft) -> Network:
    own = draft.copy()
    show_saturation(own)
    drop_nodes(own, lambda node: node.op == "quantize" and node.output not in own.outputs)
    write_conversions(own)
    join_bias(own)
    fold_batch_normalization(own)
    return own.network()


def _quantized_network(draft: Draft, walk: Walk) -> QuantizedNetwork:
    own = draft.copy()
    layers = join_integer_bias(own, walk)
    fold_batch_normalization(own, keep=frozenset(walk.layers))
    quantise_earlier(own)
    drop_saturating(own)
    write_conversions(own)
    network = own.network()
    known = {*network.shapes}
    params = {name: held for name, held in own.params.items() if name in known}
    return QuantizedNetwork(network, params, layers)


def _check_numbers(path: Path, network: Network) -> None:
    for name, value in network.constants.items():
        if not np.isfinite(value).all():
            raise NetworkError(
                f"{path}: constant {name!r}: expected finite numbers in float32, found NaN or inf"
            )
