import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.errors import MappingError, SpecError
from hwsim.tile.schedule import mvm_interval_cycles, mvm_latency_cycles
from hwsim.tile.spec import Averaging, Knobs, Precision
from mapping import partition
from mapping.design import Design
from mapping.plan import LayerPlan, Plan, plan
from mapping.shapes import LayerShape, load_shapes
from mapping.table import map_json, map_table

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LAYERS = [
    LayerShape(name="conv", op="conv", rows=144, cols=16, mvms_per_inference=1024),
    LayerShape(name="depthwise", op="conv", rows=9, cols=1, groups=64, mvms_per_inference=256),
    LayerShape(name="fc", rows=300, cols=100),
]


@pytest.fixture(scope="module")
def arch() -> Arch:
    """ISAAC: 128 x 128 arrays, 32 eight-bit weights per row, 96 tiles per cluster."""
    return load_arch("isaac")


def tiles_of(layer: LayerPlan) -> Iterator[int]:
    for replica in range(layer.replicas):
        for array in range(layer.arrays):
            for copy in range(layer.array_copies):
                yield layer.tile(array, copy, replica)


def test_every_tile_holds_one_array_and_layers_follow_without_gaps(arch: Arch) -> None:
    found = plan(LAYERS, arch, Design(layers={"fc": Knobs(redundancy=2)}))
    held = [tile for layer in found.layers for tile in tiles_of(layer)]
    assert held == list(range(found.tiles))
    assert found.clusters == 1
    assert sum(layer.tiles for layer in found.layers) <= 96


def test_blocks_and_cycles_of_a_hand_computed_layer(arch: Arch) -> None:
    found = plan(LAYERS, arch, replicas=1)
    conv, depthwise, fc = found.layers
    assert (conv.row_blocks, conv.col_blocks, conv.arrays) == (2, 1, 2)
    assert conv.utilization == pytest.approx(144 * 64 / (2 * 128 * 128))
    # Nine inputs and one output per group: 14 groups per array by rows, 64 / 14 -> 5 arrays.
    assert (depthwise.groups_per_array, depthwise.arrays) == (14, 5)
    assert depthwise.utilization == pytest.approx(64 * 9 * 4 / (5 * 128 * 128))
    assert (fc.row_blocks, fc.col_blocks, fc.arrays) == (3, 4, 12)
    assert fc.block(11).rows == range(256, 300)
    assert fc.block(11).cols == range(96, 100)
    geometry = conv.geometry(arch.tile)
    interval, latency = mvm_interval_cycles(geometry), mvm_latency_cycles(geometry)
    assert conv.busy_cycles == 1024 * interval
    assert conv.cycles == 1023 * interval + latency
    assert found.bottleneck_cycles == conv.busy_cycles
    assert found.weights == 144 * 16 + 64 * 9 + 300 * 100
    assert found.macs == 144 * 16 * 1024 + 64 * 9 * 256 + 300 * 100
    in_use = sum(layer.utilization * layer.tiles for layer in found.layers)
    assert found.utilization == pytest.approx(in_use / 19)


def test_replicas_share_the_products(arch: Arch) -> None:
    alone, shared = plan(LAYERS, arch, replicas=1), plan(LAYERS, arch, replicas=4)
    conv = shared.layer("conv")
    assert (conv.replicas, conv.tiles) == (4, 8)
    assert conv.busy_cycles * 4 == alone.layer("conv").busy_cycles
    assert shared.layer("fc").replicas == 1  # one product: a second replica would idle
    assert conv.utilization == alone.layer("conv").utilization


def test_spare_tiles_of_the_last_cluster_balance_the_pipeline(arch: Arch) -> None:
    alone, balanced = plan(LAYERS, arch, replicas=1), plan(LAYERS, arch)
    assert balanced.clusters == alone.clusters == 1
    assert balanced.bottleneck_cycles * 20 < alone.bottleneck_cycles
    assert plan(LAYERS, arch, tiles=96) == balanced
    assert plan(LAYERS, arch, tiles=19) == alone
    assert plan(LAYERS, arch, Design(tiles=19)) == alone
    assert plan(LAYERS, arch, Design(tiles=19), tiles=96) == balanced


def test_precision_of_a_layer_goes_before_that_of_the_architecture(arch: Arch) -> None:
    narrow = LayerShape(name="a", rows=8, cols=64, precision=Precision(weight_bits=4))
    wide = narrow.replace(name="b", precision=None)
    found = plan([narrow, wide], arch, replicas=1)
    assert [layer.arrays for layer in found.layers] == [1, 2]
    assert found.layer("b").precision == arch.precision


@pytest.mark.parametrize("averaging", Averaging)
def test_redundancy_programs_each_weight_again(arch: Arch, averaging: Averaging) -> None:
    spec = arch.replace(tile=arch.tile.replace(averaging=averaging))
    once = plan(LAYERS[:1], spec, replicas=1).layers[0]
    design = Design(layers={"conv": Knobs(redundancy=2)})
    twice = plan(LAYERS[:1], spec, design, replicas=1).layers[0]
    cells = 128 * 128
    assert twice.utilization * twice.tiles * cells == pytest.approx(
        2 * once.utilization * once.tiles * cells
    )
    assert twice.array_copies == (2 if averaging is Averaging.DIGITAL else 1)
    assert twice.inputs_per_array == (128 if averaging is Averaging.DIGITAL else 64)


def test_fewer_converter_bits_shorten_the_schedule_of_a_successive_approximation() -> None:
    emt = load_arch("emt")
    spec = emt.replace(tile=emt.tile.replace(read_cycles=1))
    bits = spec.tile.adc.bits
    design = Design(layers={"conv": Knobs(adc_bits=bits - 1)})
    fast, slow = plan(LAYERS[:1], spec, design), plan(LAYERS[:1], spec)
    assert fast.layers[0].cycles < slow.layers[0].cycles


def test_a_plan_reads_back_equal(arch: Arch) -> None:
    found = plan(LAYERS, arch, Design(default=Knobs(redundancy=2)))
    assert Plan.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "p.json: version: expected 1, found 2"),
        ({"arch": None}, "p.json: arch: expected a valid string, found None"),
        ({"layers": []}, "p.json: layers: "),
        ({"extra": 1}, "p.json: extra: unknown key"),
    ],
)
def test_a_plan_that_is_none_is_named(arch: Arch, change: dict[str, object], message: str) -> None:
    content = json.loads(plan(LAYERS, arch).to_json()) | change
    with pytest.raises(SpecError, match=message):
        Plan.from_json(json.dumps(content), "p.json")


def test_a_plan_edited_by_hand_must_still_fit_together(arch: Arch) -> None:
    content = json.loads(plan(LAYERS, arch, replicas=1).to_json())
    content["layers"][0]["row_blocks"] = 3
    with pytest.raises(SpecError, match=r"p: layers.0: row_blocks: expected 2, found 3"):
        Plan.from_json(json.dumps(content), "p")
    content["layers"][0] |= {"row_blocks": 2, "tiles": 5}
    with pytest.raises(SpecError, match=r"p: layers.0: tiles: expected 2, found 5"):
        Plan.from_json(json.dumps(content), "p")


def test_text_that_is_not_json_is_named_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"p.json: line 2: expected JSON, found "):
        Plan.from_json('{"version": 1,\n', "p.json")
    for text in ("9" * 5000, "[" * 200_000):
        with pytest.raises(SpecError, match=r"p.json: expected JSON, found "):
            Plan.from_json(text, "p.json")
    with pytest.raises(SpecError, match=r"p.json: expected a plan, found list"):
        Plan.from_json("[]", "p.json")


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ([], {}, "network: expected at least one conv or linear layer, found none"),
        ([LAYERS[0]] * 2, {}, "network: expected each layer name once, found 'conv' 2 times"),
        (LAYERS, {"tiles": 18}, "tiles: expected at least 19, .*, found 18"),
        (LAYERS, {"replicas": 0}, "replicas: expected at least 1, found 0"),
        (LAYERS, {"design": Design(layers={"fcc": Knobs()})}, "did you mean 'fc'"),
        (LAYERS, {"tiles": 10**6}, "chip.max_clusters: expected at least "),
    ],
)
def test_what_cannot_be_placed_is_said_in_numbers(
    arch: Arch, layers: list[LayerShape], options: dict[str, object], message: str
) -> None:
    spec = arch.replace(chip=arch.chip.replace(max_clusters=1))
    with pytest.raises(MappingError, match=message):
        plan(layers, spec, **options)  # type: ignore[arg-type]


def test_a_weight_that_fits_no_array_names_the_layer(arch: Arch) -> None:
    adc = arch.tile.adc.replace(columns_per_adc=2)
    small = arch.replace(tile=arch.tile.replace(cols=2, adc=adc))
    with pytest.raises(MappingError, match=r"layer 'conv': tile.cols: one 8-bit weight needs 4"):
        plan(LAYERS, small)


def test_a_layer_or_array_that_does_not_exist_is_named(arch: Arch) -> None:
    found = plan(LAYERS, arch, replicas=1)
    with pytest.raises(MappingError, match="expected a layer named 'head', found none"):
        found.layer("head")
    with pytest.raises(IndexError, match="expected array < 2, copy < 1, replica < 1"):
        found.layer("conv").tile(0, replica=1)


def test_seven_billion_weights_are_planned_without_visiting_an_array(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Work grows with the layers: millions of tiles, no block of them is ever made."""
    _, layers = load_shapes(EXAMPLES / "llama-7b-shapes.yaml")
    monkeypatch.setattr(partition, "Block", None)
    found = plan(layers, load_arch("emt"))
    assert found.weights == 6_607_077_376
    assert found.tiles > 10**6
    assert len(found.to_json()) < 10**6


def test_the_table_has_a_line_per_layer_and_the_totals(arch: Arch) -> None:
    found = plan(LAYERS, arch, replicas=1)
    lines = map_table(found).splitlines()
    assert lines[0].split() == [
        *("layer", "op", "rows", "cols", "MVMs", "arrays", "copies"),
        *("replicas", "tiles", "utilisation", "cycles"),
    ]
    assert lines[2].split()[:9] == ["conv", "conv", "144", "16", "1024", "2", "1", "1", "2"]
    assert "conv, 64 groups" in lines[3]
    assert lines[-2].split()[:3] == ["total", "3", "layers"]
    assert "19 tiles in 1 clusters, 32880 weights" in lines[-1]


def test_the_json_has_the_stable_keys(arch: Arch) -> None:
    found = plan(LAYERS, arch)
    content = map_json(found, "net")
    stable = {"name", "op", "rows", "cols", "tiles", "utilization", "mvms_per_inference", "cycles"}
    assert stable <= set(content["layers"][0])
    assert {"tiles", "weights", "macs"} <= set(content)
    assert json.loads(json.dumps(content)) == content
