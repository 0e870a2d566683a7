"""Buses, adders, routers and buffers in the time of a plan; units that are missing."""

import pytest

from hwsim.chip.timing import Cause
from hwsim.errors import MappingError
from mapping.counts import plan_counts
from mapping.network import Node
from mapping.plan import plan
from mapping.shapes import LayerShape, layer_shapes
from mapping.stations import plan_flow
from mapping.timing import plan_time
from tests.reference.timed_networks import EMT, Graph, conv, small


def test_buses_carry_what_the_energy_counts_in_whole_beats() -> None:
    layer = LayerShape(name="a", rows=300, cols=40, mvms_per_inference=50)
    placed = plan([layer], EMT, replicas=1)
    flow, _ = plan_flow(placed, EMT)
    beats = dict(zip(flow.resources, flow.loads(), strict=True))["bus of cluster 0"]
    carried = beats * EMT.chip.bus_bits
    counted = plan_counts(placed, EMT)["a"].bus_bits
    assert counted <= carried < counted + 2 * 50 * EMT.chip.bus_bits


def test_adders_set_the_pace_when_they_are_slower_than_the_tiles() -> None:
    layer = LayerShape(name="a", rows=128 * 5, cols=256, mvms_per_inference=10)
    placed = plan([layer], EMT, replicas=1)
    time = plan_time(placed, EMT)
    assert time.bottleneck == "adders of cluster 0"
    # 4 additions per output, one a cycle, against 576 cycles of the tiles.
    assert time.interval_cycles == 10 * 4 * 256 > placed.bottleneck_cycles
    stalls = time.layers[0].stalls
    assert max(stalls, key=stalls.__getitem__) is Cause.ACCUMULATION


def test_layers_in_different_clusters_send_through_routers() -> None:
    arch = small(bus_bits=64, tiles_per_group=1)  # two tiles in a cluster
    layers = [LayerShape(name=n, rows=8, cols=2, mvms_per_inference=6) for n in "ab"]
    apart = plan_time(plan(layers, arch, replicas=2), arch)
    together = plan_time(plan(layers, arch, replicas=1), arch)
    used = {
        use.resource
        for step in apart.flow.stations[0].steps[-1:]
        for uses in step.ways
        for use in uses
    }
    assert {apart.flow.resources[number] for number in used} == {
        "output of router 0",
        "input of router 1",
    }
    assert not together.flow.stations[0].steps[-1].ways[0]
    # One cycle to write, and one for the hop.
    assert [time.flow.stations[0].steps[-1].extra for time in (together, apart)] == [1, 2]


def test_clusters_between_a_layers_first_and_last_are_one_in_the_flow() -> None:
    layers = [LayerShape(name="a", rows=128 * 40, cols=16 * 40)]
    flow, _ = plan_flow(plan(layers, EMT), EMT)
    buses = [name for name in flow.resources if name.startswith("bus")]
    assert buses == ["bus of cluster 0", "bus of cluster 8", "bus of cluster 16"]


def test_a_chain_needs_room_for_the_whole_result_of_a_layer() -> None:
    layers = [LayerShape(name=n, rows=16, cols=16, mvms_per_inference=100) for n in "ab"]
    tight = EMT.replace(chip=EMT.chip.replace(buffer_bytes=1000))
    time = plan_time(plan(layers, EMT, replicas=1), EMT)
    assert time.buffer_bytes["a"] == 16 * 100  # one byte each
    assert time.overflows == {}
    needed = sum(time.buffer_bytes.values())
    assert plan_time(plan(layers, tight, replicas=1), tight).overflows == {0: needed}


def test_every_cluster_whose_buffer_overflows_is_listed() -> None:
    layers = [
        LayerShape(name="a", rows=100, cols=800, mvms_per_inference=4),
        LayerShape(name="b", rows=128 * 10, cols=16),
    ]
    arch = EMT.replace(chip=EMT.chip.replace(tiles_per_group=1, groups_per_cluster=2))
    placed = plan(layers, arch, replicas=1)
    inside = placed.layers[1]
    clusters = range(inside.first_tile // 2, (inside.first_tile + inside.tiles - 1) // 2 + 1)
    tight = arch.replace(chip=arch.chip.replace(buffer_bytes=16))
    time = plan_time(placed, tight)
    assert tuple(time.overflows) == time.crowded["a"] == tuple(clusters)
    assert len(clusters) > 3
    total = sum(time.buffer_bytes.values())
    assert total <= sum(time.overflows.values()) < total + len(clusters)  # whole bytes in each


def test_more_buffers_that_overflow_than_can_be_listed_are_counted() -> None:
    layers = [
        LayerShape(name="a", rows=1, cols=10**9, mvms_per_inference=10),
        LayerShape(name="b", rows=10**9, cols=1000),
    ]
    arch = EMT.replace(chip=EMT.chip.replace(buffer_bytes=1))
    with pytest.raises(
        MappingError, match=r"chip.buffer_bytes: expected at most 1000000 clusters .*, found \d+$"
    ):
        plan_time(plan(layers, arch, replicas=1), arch)


def test_rows_that_a_window_has_passed_leave_the_buffer() -> None:
    graph = Graph(4, 16).add(conv("a", "x"), 4, 3).add(conv("b", "a"), 4, 3)
    network = graph.network()
    time = plan_time(plan(layer_shapes(network), EMT, replicas=1), EMT, network)
    # Three rows under the window, and what is written meanwhile.
    assert 3 * 16 * 4 < time.buffer_bytes["a"] < 5 * 16 * 4


@pytest.mark.parametrize("between", [False, True])
def test_rows_that_no_window_touches_wait_for_nobody(between: bool) -> None:
    graph = Graph(4, 16).add(conv("a", "x"), 4, 3)
    if between:  # takes no time, and hands on all rows but the ones that nobody reads
        graph.add(Node("turned", "transpose", ("a",), "turned", {"perm": (0, 1, 3, 2)}))
    last = graph.nodes[-1].output
    network = graph.add(conv("b", last, 1, 4, 0), 4, 1).network()
    time = plan_time(plan(layer_shapes(network), EMT, replicas=1), EMT, network)
    # A row that is read, or all where columns become rows, and the value that is written.
    assert time.buffer_bytes["a"] == (16 * 16 * 4 if between else 16 * 4 + 4)


@pytest.mark.parametrize(
    ("op", "attributes", "key"),
    [
        ("max_pool", {"kernel": (2, 2), "strides": (2, 2)}, "pool_units_per_cluster"),
        ("sigmoid", {}, "activation_units_per_cluster"),
    ],
)
def test_a_node_whose_units_are_missing_is_named(op: str, attributes: dict, key: str) -> None:
    graph = Graph(4, 8).add(conv("a", "x"), 4, 3)
    network = graph.add(Node("node", op, ("a",), "node", attributes)).network()
    arch = EMT.replace(chip=EMT.chip.replace(**{key: 0}))
    message = rf"chip.{key}: expected at least 1 for node 'node' \({op}\), found 0"
    with pytest.raises(MappingError, match=message):
        plan_time(plan(layer_shapes(network), arch), arch, network)


def test_row_blocks_without_an_adder_are_named() -> None:
    arch = EMT.replace(chip=EMT.chip.replace(shift_adds_per_cluster=0))
    layers = [LayerShape(name="a", rows=129, cols=4)]
    with pytest.raises(
        MappingError, match=r"shift_adds_per_cluster: expected at least 1 for .*'a'"
    ):
        plan_time(plan(layers, arch), arch)
