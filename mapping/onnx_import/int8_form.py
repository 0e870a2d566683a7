"""The int8 network: quantisations folded into the nodes that produce what is quantised."""

from dataclasses import replace

import numpy as np

from mapping.network import LayerIntegers, Node, QuantParams
from mapping.onnx_import.draft import MOVING, Draft
from mapping.onnx_import.float_form import drop_nodes, join_bias
from mapping.onnx_import.integers import own_integers
from mapping.onnx_import.walk import Walk


def fold_quantize(draft: Draft) -> None:
    """Lets a node write codes itself where only a `quantize` reads its output."""
    _quantise_inputs(draft)
    uses = draft.uses()
    producers = {node.output: node for node in draft.nodes}
    renamed: dict[str, str] = {}
    for node in draft.nodes:
        source = node.inputs[0] if node.op == "quantize" else ""
        if source in producers and uses[source] == 1 and source not in draft.params:
            renamed[source] = node.output
    draft.nodes = [
        replace(node, output=renamed.get(node.output, node.output))
        for node in draft.nodes
        if not (node.op == "quantize" and node.inputs[0] in renamed)
    ]


def _quantise_inputs(draft: Draft) -> None:
    """Holds a network input as codes if every reader quantises it in the same way."""
    for name in draft.inputs:
        readers = [node for node in draft.nodes if name in node.inputs]
        params = {draft.params[n.output] for n in readers if n.op == "quantize"}
        same = len(params) == 1 and all(node.op == "quantize" for node in readers)
        if not same or name in draft.outputs or name in draft.params:
            continue
        draft.params[name] = params.pop()
        own = {node.output for node in readers if node.output not in draft.outputs}
        drop_nodes(draft, lambda node, own=own: node.output in own)  # type: ignore[misc]


def join_integer_bias(draft: Draft, walk: Walk) -> dict[str, LayerIntegers]:
    """Joins what is added behind a layer in its accumulator's units, as MatMul has no bias.

    Returns:
        The integers of all layers, with these biases.
    """
    layers = dict(walk.layers)

    def join(source: Node, constant: str) -> bool:
        held, params = layers.get(source.name), draft.params.get(source.inputs[0])
        codes = walk.codes.get(constant)
        if held is None or params is None or codes is None or source.output in draft.params:
            return False
        bias = own_integers(codes, params.scale * held.weight_scale)
        if bias is None:
            return False
        layers[source.name] = replace(held, bias=bias)
        return True

    join_bias(draft, join)
    return layers


def quantise_earlier(draft: Draft) -> None:
    """Gives the codes of a moving or comparing node to what it reads, where that is float."""
    uses = draft.uses()
    producers = {node.output for node in draft.nodes}
    for node in reversed(draft.nodes):
        params = draft.params.get(node.output)
        if node.op not in MOVING or params is None:
            continue
        for name in node.inputs:
            if name in producers and uses[name] == 1 and name not in draft.params:
                draft.params[name] = params


def drop_saturating(draft: Draft) -> None:
    """Drops a relu or clip whose work the saturation of the codes does."""
    producers = {node.output: node for node in draft.nodes}
    uses = draft.uses()
    for node in list(draft.nodes):
        if node.op not in ("relu", "clip"):
            continue
        source = node.inputs[0]
        params = draft.params.get(node.output)
        if params is None or params != draft.params.get(source) or not _saturates(node, params):
            continue
        if source in producers and uses[source] == 1 and producers[source].op not in MOVING:
            draft.nodes = [other for other in draft.nodes if other is not node]
            index = draft.nodes.index(producers[source])
            draft.nodes[index] = replace(producers[source], output=node.output)


def write_conversions(draft: Draft) -> None:
    """Writes what is left of `quantize` as a reshape to the same shape."""
    draft.nodes = [
        replace(node, op="reshape", attributes={"shape": draft.shapes[node.output]})
        if node.op == "quantize"
        else node
        for node in draft.nodes
    ]


def _saturates(node: Node, params: QuantParams) -> bool:
    low = 0.0 if node.op == "relu" else float(node.attributes["min"])
    high = np.inf if node.op == "relu" else float(node.attributes["max"])
    # In codes, as quantising the bounds would give them.
    lowest = np.rint(low / params.scale) + params.zero_point
    highest = np.rint(high / params.scale) + params.zero_point
    return bool(lowest <= params.low and highest >= params.high)
