"""Time of a plan: limits, closed forms, and the chip cycle by cycle."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.flow import map_network
from hwsim.chip.flow_time import flow_time, held_until
from hwsim.chip.load import load_arch
from hwsim.chip.pipeline import trace
from hwsim.chip.spec import Arch
from hwsim.chip.timing import Cause
from hwsim.tile.schedule import mvm_interval_cycles
from mapping.network import Network, Node
from mapping.onnx_import import import_network
from mapping.plan import Plan, plan
from mapping.shapes import LayerShape, layer_shapes
from mapping.stations import plan_flow
from mapping.table import map_json, map_table
from mapping.timing import plan_interval_s, plan_time
from tests.reference.plain_time import plain_time
from tests.reference.stepwise import finish_times
from tests.reference.timed_networks import EMT, Graph, conv, small

ROOT = Path(__file__).parents[2]
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
@settings(max_examples=40)
def test_a_result_is_held_until_every_wave_that_needs_it_has_read_it(
    network: Network, arch: Arch, replicas: int
) -> None:
    flow, _ = plan_flow(plan(layer_shapes(network), arch, replicas=replicas), arch, network)
    traces = trace(flow)
    held = held_until(flow, traces)
    for number, own in enumerate(traces):
        for wave, written in enumerate(own.finished):
            read = [
                (traces[index].left[0] if station.steps else held[index])[reader]
                for index, station in enumerate(flow.stations)
                for need in station.needs
                for reader in range(station.waves)
                if need.station == number and need.first[reader] <= wave < need.until[reader]
            ]
            assert held[number][wave] == max([written, *read])


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


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9), st.integers(1, 500)), min_size=1),
    chips(),
    st.integers(1, 4),
)
@settings(max_examples=30)
def test_layers_with_many_products_take_the_time_of_every_product_followed(
    shapes: list[tuple[int, int, int]], arch: Arch, replicas: int
) -> None:
    layers = [
        LayerShape(name=f"n{i}", rows=rows, cols=cols, mvms_per_inference=products)
        for i, (rows, cols, products) in enumerate(shapes)
    ]
    flow, _ = plan_flow(plan(layers, arch, replicas=replicas), arch)
    assert flow_time(flow, 16) == plain_time(flow)


def test_a_file_with_millions_of_products_is_mapped(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    entry = "{{name: {}, rows: 4096, cols: 4096, mvms: {}}}"
    entries = [entry.format("a", 2_000_000), entry.format("b", 100_000_000)]
    file.write_text(f"layers: [{', '.join(entries)}]\n")
    mapped = map_network(file, "emt")
    first, second = mapped.time.layers
    products = [layer.busy_cycles for layer in mapped.plan.layers]
    # The tiles never wait; around them what a few products wait for.
    assert 0 < first.end - products[0] < 1000
    assert 0 < second.end - second.start - products[1] < 1000
    assert mapped.time.buffer_bytes == {"a": 4096 * 2_000_000, "b": 4096}


def test_a_branch_meets_the_other_row_by_row() -> None:
    graph = Graph(4, 8).add(conv("a", "x"), 4, 3).add(conv("b", "a"), 4, 3)
    network = graph.add(Node("sum", "add", ("b", "a"), "sum")).network()
    flow, _ = plan_flow(plan(layer_shapes(network), EMT, replicas=1), EMT, network)
    traces = trace(flow)
    joined = dict(zip((s.name for s in flow.stations), traces, strict=True))
    rows = [joined["b"].finished[8 * (row + 1) - 1] for row in range(8)]
    assert joined["sum"].ready == rows  # b's rows come after a's


def test_products_of_the_plan_keep_their_tiles_for_the_schedules_interval() -> None:
    _, placed = demo()
    flow, _ = plan_flow(placed, EMT)
    loads = dict(zip(flow.resources, flow.loads(), strict=True))
    for layer, station in zip(placed.layers, flow.stations, strict=True):
        for (use,) in station.steps[1].ways:
            assert use.cycles == mvm_interval_cycles(layer.geometry(EMT.tile))
        assert loads[f"tiles of {layer.name}, replica 0"] == layer.busy_cycles
