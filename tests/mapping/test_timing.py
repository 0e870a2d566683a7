"""Time of a plan: limits, closed forms, and the chip cycle by cycle."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.chip.load import load_arch
from hwsim.chip.pipeline import trace
from hwsim.chip.spec import Arch
from hwsim.chip.timing import Cause
from hwsim.errors import MappingError
from hwsim.tile.schedule import mvm_interval_cycles
from mapping.counts import plan_counts
from mapping.dependence import node_rows
from mapping.network import Network, Node
from mapping.onnx_import import import_network
from mapping.operators import OPERATORS
from mapping.plan import Plan, plan
from mapping.shapes import LayerShape, layer_shapes
from mapping.stations import plan_flow
from mapping.table import map_json, map_table
from mapping.timing import plan_interval_s, plan_time
from tests.reference.stepwise import finish_times

ROOT = Path(__file__).parents[2]
_PRESET = load_arch("emt")
#: With an adder and a requantiser per cluster, which are slower than the tiles.
EMT = _PRESET.replace(
    chip=_PRESET.chip.replace(shift_adds_per_cluster=1, requantizers_per_cluster=1)
)
WIDE = 1 << 40  # bits per beat, operations per cycle: as good as infinite


def wide(arch: Arch) -> Arch:
    """The same tiles behind a bus, units and routers that take a cycle for anything."""
    chip = arch.chip.replace(
        bus_bits=WIDE,
        flit_bits=WIDE,
        shift_adds_per_cluster=WIDE,
        requantizers_per_cluster=WIDE,
        activation_units_per_cluster=WIDE,
        pool_units_per_cluster=WIDE,
    )
    return arch.replace(chip=chip)


def small(bus_bits: int = 32, tiles_per_group: int = 2, units: int = 1) -> Arch:
    """Few short products, so that a simulation cycle by cycle is quick; tiles of 8 by 8 cells."""
    adc = EMT.tile.adc.model_copy(update={"columns_per_adc": 1, "bits": 4})
    tile = EMT.tile.model_copy(
        update={"rows": 8, "cols": 16, "adc": adc, "read_cycles": 2, "dac_bits": 2}
    )
    chip = EMT.chip.replace(
        tiles_per_group=tiles_per_group,
        groups_per_cluster=2,
        bus_bits=bus_bits,
        flit_bits=bus_bits,
        clusters_per_router=1,
        shift_adds_per_cluster=units,
        requantizers_per_cluster=units,
        activation_units_per_cluster=units,
        pool_units_per_cluster=units,
    )
    return EMT.model_copy(update={"tile": tile, "chip": chip})


def conv(name: str, source: str, kernel: int = 3, stride: int = 1, pad: int = 1) -> Node:
    pads = (pad, pad, pad, pad)
    attributes = {"strides": (stride, stride), "pads": pads}
    return Node(name, "conv", (source, f"{name}.w"), name, attributes)


class Graph:
    """A network of shapes, node by node."""

    def __init__(self, channels: int, size: int) -> None:
        self.nodes: list[Node] = []
        self.shapes: dict[str, tuple[int, ...]] = {"x": (1, channels, size, size)}

    def add(self, node: Node, outputs: int = 0, kernel: int = 1) -> "Graph":
        source = self.shapes[node.inputs[0]]
        if outputs and len(source) == 4:
            self.shapes[node.inputs[1]] = (outputs, source[1], kernel, kernel)
        elif outputs:
            self.shapes[node.inputs[1]] = (source[1], outputs)
        arrays = [np.zeros(self.shapes[name], np.float32) for name in node.inputs]
        self.shapes[node.output] = OPERATORS[node.op](node, arrays).shape
        self.nodes.append(node)
        return self

    def network(self) -> Network:
        last = self.nodes[-1].output
        return Network("net", ("x",), (last,), tuple(self.nodes), self.shapes, {})


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Convolutions of any stride and kernel, pools, branches that meet again, a linear layer."""
    graph = Graph(draw(st.integers(1, 4)), draw(st.integers(4, 6)))
    last = "x"
    for index in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "residual", "pool"]))
        name = f"n{index}"
        size = graph.shapes[last][2]
        if kind == "pool" and size > 1:
            pool = {"kernel": (2, 2), "strides": (draw(st.integers(1, 2)),) * 2}
            graph.add(Node(name, "max_pool", (last,), name, pool))
        elif kind == "residual":
            channels = graph.shapes[last][1]
            graph.add(conv(f"{name}.a", last), channels, 3)
            graph.add(Node(f"{name}.r", "relu", (f"{name}.a",), f"{name}.r"))
            graph.add(conv(f"{name}.b", f"{name}.r", 1, 1, 0), channels, 1)
            graph.add(Node(name, "add", (f"{name}.b", last), name))
        else:
            kernel = draw(st.integers(1, min(3, size)))
            node = conv(name, last, kernel, draw(st.integers(1, 2)), draw(st.integers(0, 1)))
            graph.add(node, draw(st.integers(1, 12)), kernel)
        last = name
    graph.add(Node("flat", "reshape", (last,), "flat", {"shape": (0, -1)}))
    graph.add(Node("out", "linear", ("flat", "out.w"), "out"), draw(st.integers(1, 10)))
    return graph.network()


@st.composite
def chips(draw: st.DrawFn) -> Arch:
    bus = draw(st.sampled_from([8, 32, 256]))
    return small(bus, draw(st.integers(1, 4)), draw(st.integers(1, 4)))


@given(networks(), chips(), st.integers(1, 4), st.integers(1, 2))
@settings(max_examples=40)
def test_every_wave_of_a_network_finishes_in_the_cycle_of_the_stepwise_simulation(
    network: Network, arch: Arch, replicas: int, images: int
) -> None:
    placed = plan(layer_shapes(network), arch, replicas=replicas)
    flow, _ = plan_flow(placed, arch, network)
    assert [own.finished for own in trace(flow, images)] == finish_times(flow, images)


@given(networks(), chips(), st.integers(1, 4))
@settings(max_examples=60)
def test_latency_lies_between_the_slowest_layers_tiles_and_one_layer_after_the_other(
    network: Network, arch: Arch, replicas: int
) -> None:
    placed = plan(layer_shapes(network), arch, replicas=replicas)
    time = plan_time(placed, arch, network)
    assert max(layer.cycles for layer in placed.layers) < time.cycles <= time.sequential_cycles
    assert time.interval_cycles >= placed.bottleneck_cycles
    assert plan_interval_s(placed, arch, network) == time.interval_s


def demo() -> tuple[Network, Plan]:
    network = import_network(ROOT / "codesign/demo/digits.onnx", weights=False).network
    return network, plan(layer_shapes(network), EMT)


def test_the_table_and_the_json_of_a_plan_say_how_long_it_takes_and_why() -> None:
    network, placed = demo()
    tight = EMT.replace(chip=EMT.chip.replace(buffer_bytes=100))
    time = plan_time(placed, tight, network)
    lines = map_table(placed, time).splitlines()
    assert f"latency {time.cycles} cycles" in lines[-2]
    assert f"every {time.interval_cycles} cycles, set by requantisers of cluster 0" in lines[-2]
    assert lines[-1].startswith(f"buffer of cluster 0: {time.overflows[0]} bytes wait there")
    content = map_json(placed, "net", time)
    assert json.loads(json.dumps(content)) == content
    assert content["latency_s"] == time.latency_s
    conv2 = next(own for own in content["times"] if own["name"] == "conv2")
    stalls = sum(conv2["stall_cycles"].values())
    assert conv2["end_cycles"] - conv2["start_cycles"] == conv2["busy_cycles"] + stalls


@pytest.mark.parametrize(("images", "period"), [(1, 0), (3, 3594)])
def test_the_digits_network_finishes_when_the_stepwise_simulation_does(
    images: int, period: int
) -> None:
    network, placed = demo()
    flow, _ = plan_flow(placed, EMT, network)
    stepwise = finish_times(flow, images, period)
    assert [own.finished for own in trace(flow, images, period)] == stepwise
    if images == 1:
        assert plan_time(placed, EMT, network).cycles == stepwise[-1][0]


def test_a_full_pipeline_ends_one_inference_per_interval() -> None:
    network, placed = demo()
    time = plan_time(placed, EMT, network)
    ends = trace(time.flow, 30, time.interval_cycles)[-1].finished
    # Filled by then, and not yet running empty.
    assert set(np.diff(ends)[10:20]) == {time.interval_cycles}


@pytest.mark.parametrize("name", ["emt", "isaac"])
@pytest.mark.parametrize("replicas", [1, 3])
def test_one_layer_behind_wide_buses_takes_its_tiles_schedule_and_four_cycles(
    name: str, replicas: int
) -> None:
    arch = wide(load_arch(name))
    layer = LayerShape(name="a", rows=300, cols=20, mvms_per_inference=100)
    placed = plan([layer], arch, replicas=replicas)
    time = plan_time(placed, arch)
    # Input, partial sums, accumulation and the write: one cycle each.
    assert time.cycles == placed.layers[0].cycles + 4
    assert time.interval_cycles == placed.layers[0].busy_cycles
    assert time.layers[0].busy == placed.layers[0].cycles
    assert time.bottleneck == "tiles of a, replica 0"


@given(networks(), st.integers(1, 3))
@settings(max_examples=12)
def test_behind_wide_buses_more_replicas_never_take_longer(network: Network, replicas: int) -> None:
    arch = wide(small())
    cycles = [
        plan_time(plan(layer_shapes(network), arch, replicas=r), arch, network).cycles
        for r in (replicas, replicas + 1)
    ]
    # Anything on the bus or in the units takes a cycle, and may wait that long for another.
    assert cycles[1] <= cycles[0] + 4 * len(network.nodes)


@given(networks())
@settings(max_examples=30)
def test_behind_wide_buses_layers_wait_for_input_alone(network: Network) -> None:
    arch = wide(small())
    placed = plan(layer_shapes(network), arch, replicas=1)
    for own in plan_time(placed, arch, network).layers:
        for cause in (Cause.BUS, Cause.ACCUMULATION, Cause.ROUTER):
            # The first wave's transfer and the last one's: a cycle each, or a wait for one.
            assert own.stalls.get(cause, 0) <= 3 + 2 * len(placed.layers)


def test_known_shapes_alone_make_each_layer_wait_for_the_whole_one_before() -> None:
    layers = [LayerShape(name=n, rows=100, cols=16, mvms_per_inference=9) for n in "abc"]
    times = plan_time(plan(layers, EMT), EMT).layers
    for before, after in pairwise(times):
        assert after.start == before.end


def test_a_branch_meets_the_other_row_by_row() -> None:
    graph = Graph(4, 8).add(conv("a", "x"), 4, 3).add(conv("b", "a"), 4, 3)
    network = graph.add(Node("sum", "add", ("b", "a"), "sum")).network()
    flow, _ = plan_flow(plan(layer_shapes(network), EMT, replicas=1), EMT, network)
    traces = trace(flow)
    joined = dict(zip((s.name for s in flow.stations), traces, strict=True))
    rows = [joined["b"].finished[8 * (row + 1) - 1] for row in range(8)]
    assert joined["sum"].ready == rows  # b's rows come after a's


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


def test_rows_that_a_window_has_passed_leave_the_buffer() -> None:
    graph = Graph(4, 16).add(conv("a", "x"), 4, 3).add(conv("b", "a"), 4, 3)
    network = graph.network()
    time = plan_time(plan(layer_shapes(network), EMT, replicas=1), EMT, network)
    # Three rows under the window, and what is written meanwhile.
    assert 3 * 16 * 4 < time.buffer_bytes["a"] < 5 * 16 * 4


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


@st.composite
def row_nodes(draw: st.DrawFn) -> tuple[Node, int]:
    """Nodes that work row by row, and how many rows their input has."""
    rows = draw(st.integers(4, 9))
    stride, kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 2)) if rows > 4 else 1
    pad = draw(st.integers(0, kernel - 1))
    pads = (pad, 0, draw(st.integers(0, kernel - 1)), 0)
    window = {"strides": (stride, 1), "pads": pads, "dilations": (dilation, 1)}
    begin = draw(st.integers(0, rows - 1))
    nodes = [
        Node("n", "conv", ("x", "w"), "n", window),
        Node("n", "max_pool", ("x",), "n", {**window, "kernel": (kernel, 1)}),
        Node("n", "pad", ("x",), "n", {"pads": (0, 0, pad, 0, 0, 0, 1, 2)}),
        Node("n", "slice", ("x",), "n", {"starts": (begin,), "ends": (99,), "axes": (2,),
                                         "steps": (stride,)}),
        Node("n", "relu", ("x",), "n"),
        Node("n", "concat", ("x", "x"), "n", {"axis": 1}),
    ]  # fmt: skip
    return draw(st.sampled_from(nodes)), rows


@given(row_nodes(), st.integers(1, 3))
@settings(max_examples=200)
def test_the_rows_a_node_is_said_to_need_are_those_that_change_its_output(
    given_node: tuple[Node, int], kernel: int
) -> None:
    node, rows = given_node
    shapes = {"x": (1, 1, rows, 4), "w": (1, 1, kernel, 1)}

    def outputs(x: np.ndarray) -> np.ndarray:
        tensors = {"x": x, "w": np.ones(shapes["w"], np.float32)}
        return OPERATORS[node.op](node, [tensors[name] for name in node.inputs])

    zeros = np.zeros(shapes["x"], np.float32)
    if node.op == "conv" and node.attributes["pads"][0] >= kernel:
        return
    base = outputs(zeros)
    shapes["n"] = base.shape
    source = node_rows(Node("x", "relu", ("x",), "x"), shapes)
    need = node_rows(node, shapes).need(0, source)
    read = np.zeros((base.shape[2], rows), bool)
    for row in range(rows):
        touched = zeros.copy()
        touched[:, :, row] = 1
        changed = (outputs(touched) != base).any(axis=(0, 1, 3))
        read[:, row] = changed
    for output, (low, high) in enumerate(zip(need.first, need.until, strict=True)):
        (changing,) = np.nonzero(read[output])
        if base.shape[2] == 1:  # an output of a single row is not cut: it waits for everything
            assert (low, high) == (0, rows)
        elif node.attributes.get("dilations", (1, 1)) == (1, 1):
            assert list(changing) == list(range(low, high))
        else:  # rows between the taps change nothing, but have come before the last tap
            assert all(low <= row < high for row in changing)
            assert high == rows or high == changing[-1] + 1


def test_products_of_the_plan_keep_their_tiles_for_the_schedules_interval() -> None:
    _, placed = demo()
    flow, _ = plan_flow(placed, EMT)
    loads = dict(zip(flow.resources, flow.loads(), strict=True))
    for layer, station in zip(placed.layers, flow.stations, strict=True):
        for (use,) in station.steps[1].ways:
            assert use.cycles == mvm_interval_cycles(layer.geometry(EMT.tile))
        assert loads[f"tiles of {layer.name}, replica 0"] == layer.busy_cycles
