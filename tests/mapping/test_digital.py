from typing import Any

from hwsim.events import EventCounts
from mapping.digital import digital_counts, fused_nodes
from mapping.network import Network, Node


def network(*nodes: Node, outputs: tuple[str, ...] = ("out",), **shapes: Any) -> Network:
    return Network("n", ("x",), outputs, nodes, {"x": (-1, 4, 8, 8), **shapes}, {})


def conv(output: str) -> Node:
    return Node(f"conv_{output}", "conv", ("x", "w"), output)


def test_a_relu_that_alone_reads_a_linear_node_is_free() -> None:
    shapes = {"w": (4, 4, 1, 1), "a": (-1, 4, 8, 8), "out": (-1, 4, 8, 8)}
    net = network(conv("a"), Node("relu", "relu", ("a",), "out"), **shapes)
    assert fused_nodes(net) == {"relu"}
    assert digital_counts(net, 8) == {}


def test_a_relu_is_not_free_when_others_read_the_same_tensor() -> None:
    shapes = {"w": (4, 4, 1, 1), "a": (-1, 4, 8, 8), "out": (-1, 4, 8, 8)}
    relu = Node("relu", "relu", ("a",), "out")
    expected = {
        "relu": EventCounts(activation_ops=256, buffer_read_bits=256 * 8, buffer_write_bits=256 * 8)
    }
    assert digital_counts(network(conv("a"), relu, outputs=("a", "out"), **shapes), 8) == expected
    twice = Node("add", "add", ("a", "out"), "sum")
    counts = digital_counts(network(conv("a"), relu, twice, sum=(-1, 4, 8, 8), **shapes), 8)
    assert counts["relu"] == expected["relu"]


def test_operations_and_traffic_of_each_kind_of_node_are_counted_by_hand() -> None:
    nodes = (
        Node("shifted", "add", ("x", "constant"), "a"),
        Node("pooled", "max_pool", ("a",), "b", {"kernel": (2, 2), "strides": (2, 2)}),
        Node("turned", "transpose", ("b",), "c", {"perm": (0, 1, 3, 2)}),
        Node("scores", "matmul", ("b", "c"), "d"),
        Node("shares", "softmax", ("d",), "e", {"axis": 3}),
        Node("average", "mean", ("e",), "out", {"axes": (2, 3), "keepdims": 0}),
    )
    small = (-1, 4, 4, 4)
    shapes = {"a": (-1, 4, 8, 8), **dict.fromkeys("bcde", small), "out": (-1, 4)}
    shapes["constant"] = (1, 4, 1, 1)
    assert digital_counts(network(*nodes, **shapes), 6) == {
        # The constant is not read from the buffer.
        "shifted": EventCounts(
            elementwise_ops=256, buffer_read_bits=256 * 6, buffer_write_bits=256 * 6
        ),
        "pooled": EventCounts(pool_ops=256, buffer_read_bits=256 * 6, buffer_write_bits=64 * 6),
        "scores": EventCounts(
            elementwise_ops=2 * 4 * 64, buffer_read_bits=128 * 6, buffer_write_bits=64 * 6
        ),
        "shares": EventCounts(
            activation_ops=64,
            elementwise_ops=256,
            buffer_read_bits=64 * 6,
            buffer_write_bits=64 * 6,
        ),
        "average": EventCounts(pool_ops=64, buffer_read_bits=64 * 6, buffer_write_bits=4 * 6),
    }
