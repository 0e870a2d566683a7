"""Events of the nodes that do not go onto arrays: one inference, from shapes alone.

Assumptions: a ReLU or Clip that alone reads a linear node is the requantizer's saturation and
costs nothing; every other digital node reads its operands from the cluster buffer and writes
its result there, `bits` wide; nodes that only move or rename values (reshape, concat, pad, ...)
are addressing and cost nothing.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping

from hwsim.events import ZERO, EventCounts
from mapping.network import Network, Node

Sizes = Mapping[str, tuple[int, ...]]


def _activation(node: Node, shapes: Sizes) -> EventCounts:
    return EventCounts(activation_ops=elements(shapes[node.output]))


def _softmax(node: Node, shapes: Sizes) -> EventCounts:
    """One exponential per element; a maximum, a subtraction, a sum and a division around it."""
    count = elements(shapes[node.output])
    return EventCounts(activation_ops=count, elementwise_ops=4 * count)


def _elementwise(node: Node, shapes: Sizes) -> EventCounts:
    return EventCounts(elementwise_ops=elements(shapes[node.output]))


def _matmul(node: Node, shapes: Sizes) -> EventCounts:
    """A multiplication and an addition per term of each output's sum."""
    terms = shapes[node.inputs[0]][-1]
    return EventCounts(elementwise_ops=2 * terms * elements(shapes[node.output]))


def _pool(node: Node, shapes: Sizes) -> EventCounts:
    window = math.prod(node.attributes["kernel"])
    return EventCounts(pool_ops=window * elements(shapes[node.output]))


def _mean(node: Node, shapes: Sizes) -> EventCounts:
    return EventCounts(pool_ops=elements(shapes[node.inputs[0]]))


_EVENTS: dict[str, Callable[[Node, Sizes], EventCounts]] = {
    **dict.fromkeys(
        ("relu", "clip", "sigmoid", "tanh", "hard_swish", "leaky_relu", "prelu"), _activation
    ),
    "softmax": _softmax,
    **dict.fromkeys(("add", "sub", "mul", "div"), _elementwise),
    "matmul": _matmul,
    **dict.fromkeys(("max_pool", "average_pool"), _pool),
    "mean": _mean,
}


def elements(shape: tuple[int, ...]) -> int:
    """Values per image of a tensor whose first axis is the batch."""
    return math.prod(shape[1:])


def digital_counts(network: Network, bits: int) -> dict[str, EventCounts]:
    """Events of one inference by digital node, in execution order; free nodes are left out.

    Args:
        bits: width of a value in the buffer.
    """
    fused = fused_nodes(network)
    counts: dict[str, EventCounts] = {}
    for node in network.nodes:
        if node.op not in _EVENTS or node.name in fused:
            continue
        read = sum(elements(network.shapes[t]) for t in _activations(node, network))
        traffic = EventCounts(
            buffer_read_bits=bits * read,
            buffer_write_bits=bits * elements(network.shapes[node.output]),
        )
        counts[node.name] = _EVENTS[node.op](node, network.shapes) + traffic
    return {name: events for name, events in counts.items() if events != ZERO}


def fused_nodes(network: Network) -> frozenset[str]:
    """ReLU and Clip nodes that a linear node's requantizer performs."""
    linear_outputs = {node.output for node in network.linear_nodes()}
    readers = Counter(tensor for node in network.nodes for tensor in node.inputs)
    readers.update(network.outputs)
    return frozenset(
        node.name
        for node in network.nodes
        if node.op in ("relu", "clip")
        and node.inputs[0] in linear_outputs
        and readers[node.inputs[0]] == 1
    )


def _activations(node: Node, network: Network) -> list[str]:
    produced = {*network.inputs, *(other.output for other in network.nodes)}
    return [tensor for tensor in node.inputs if tensor in produced]
