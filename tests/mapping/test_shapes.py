from pathlib import Path

import numpy as np
import pytest

from hwsim.errors import NetworkError, SpecError
from hwsim.tile.spec import Precision
from mapping.network import LayerIntegers, Network, Node, QuantizedNetwork, QuantParams
from mapping.onnx_import import import_network
from mapping.shapes import LayerShape, layer_shapes, load_shapes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def write(folder: Path, text: str) -> Path:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def small_network() -> Network:
    return Network(
        name="small",
        inputs=("x",),
        outputs=("y",),
        nodes=(
            Node("conv", "conv", ("x", "w"), "a", {"pads": (1, 1, 1, 1), "group": 2}),
            Node("relu", "relu", ("a",), "b"),
            Node("flat", "reshape", ("b",), "c", {"shape": (0, -1)}),
            Node("fc", "linear", ("c", "v"), "y"),
        ),
        shapes={
            "x": (-1, 4, 5, 6),
            "w": (8, 2, 3, 3),
            "a": (-1, 8, 5, 6),
            "b": (-1, 8, 5, 6),
            "c": (-1, 240),
            "v": (240, 10),
            "y": (-1, 10),
        },
        constants={},
    )


def test_shapes_of_a_network_need_no_weights() -> None:
    assert layer_shapes(small_network()) == [
        LayerShape(name="conv", op="conv", rows=18, cols=4, groups=2, mvms_per_inference=30),
        LayerShape(name="fc", op="linear", rows=240, cols=10),
    ]


def quantized(weight_low: int) -> QuantizedNetwork:
    def layer(shape: tuple[int, ...], bits: int, low: int) -> LayerIntegers:
        weight = np.full(shape, low, np.int32)
        return LayerIntegers(weight, np.ones(10), bits, np.zeros(10, np.int64))

    return QuantizedNetwork(
        small_network(),
        {"x": QuantParams(0.1, 0, 8, signed=True), "c": QuantParams(0.1, 0, 6, signed=False)},
        {"conv": layer((8, 2, 3, 3), 8, weight_low), "fc": layer((240, 10), 4, -7)},
    )


def test_precisions_of_a_quantized_network_are_its_own() -> None:
    conv, fc = layer_shapes(quantized(-127))
    assert conv.precision == Precision(weight_bits=8, input_bits=8, input_signed=True)
    assert fc.precision == Precision(weight_bits=4, input_bits=6)


def test_the_most_negative_weight_makes_the_precision_wide() -> None:
    conv, fc = layer_shapes(quantized(-128))
    assert conv.precision is not None
    assert fc.precision is not None
    assert not conv.precision.narrow_weights
    assert fc.precision.narrow_weights


def test_a_missing_shape_names_node_and_tensor() -> None:
    network = small_network()
    shapes = {key: value for key, value in network.shapes.items() if key != "v"}
    broken = Network("n", ("x",), ("y",), network.nodes, shapes, {})
    with pytest.raises(NetworkError, match="node 'fc': expected the shape of 'v', found none"):
        layer_shapes(broken)


def test_an_unknown_axis_after_the_batch_is_named() -> None:
    network = small_network()
    shapes = {**network.shapes, "c": (-1, -1, 240)}
    broken = Network("n", ("x",), ("y",), network.nodes, shapes, {})
    with pytest.raises(NetworkError, match="node 'fc': expected known axes after the batch"):
        layer_shapes(broken)


def test_repeats_and_blocks_unfold_in_execution_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        layers:
          - {name: in, rows: 3, cols: 4, mvms: 9, op: conv}
          - name: block
            repeat: 2
            layers:
              - {name: up, rows: 4, cols: 8, repeat: 2}
              - {name: depth, rows: 9, cols: 1, groups: 8}
        """,
    )
    name, layers = load_shapes(path)
    assert name == "net"
    assert [layer.name for layer in layers] == [
        "in",
        "block.0.up.0",
        "block.0.up.1",
        "block.0.depth",
        "block.1.up.0",
        "block.1.up.1",
        "block.1.depth",
    ]
    assert layers[0] == LayerShape(name="in", op="conv", rows=3, cols=4, mvms_per_inference=9)
    assert layers[-1].groups == 8


def test_the_transformer_has_the_published_number_of_weights() -> None:
    name, layers = load_shapes(EXAMPLES / "llama-7b-shapes.yaml")
    assert name == "llama-7b"
    assert len(layers) == 32 * 7 + 1
    on_arrays = sum(layer.weights for layer in layers)
    # "6.7B parameters" (arXiv 2302.13971, Table 2) with the embedding, which is a look-up.
    assert on_arrays + 32000 * 4096 == pytest.approx(6.7e9, rel=0.01)


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["lenet-fmnist", "resnet8-cifar10", "resnet14-cifar10", "resnet20-cifar10"]
)
def test_shapes_of_a_trained_network_are_those_of_its_table(data_dir: Path, name: str) -> None:
    """The table in each network's README was written from the training code, not from us."""
    folder = data_dir / "networks" / name
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    table = [row for row in cells if row[0].isdigit() and row[1] in ("Conv", "Gemm")]
    expected = [(int(row[5]), int(row[6]), int(row[8].replace(",", ""))) for row in table]
    found = layer_shapes(import_network(folder / "model.onnx", weights=False).network)
    assert len(found) > 0
    assert [(layer.rows, layer.cols, layer.macs) for layer in found] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: []", "net.yaml: layers: expected at least one entry, found none"),
        ("layer: []", "net.yaml: layers: missing"),
        ("layers: [{name: a, rows: 4}]", r"net.yaml: layers\[0\]: cols: missing"),
        (
            "layers: [{name: a, rows: 0, cols: 1}]",
            r"layers\[0\]: rows: expected greater .* found 0",
        ),
        (
            "layers: [{name: a, rows: 1, cols: 1, mvms: 1000000000000}]",
            "mvms: expected less than or equal to 100000000, found 1000000000000",
        ),
        ("layers: [{name: a, row: 1, cols: 1}]", r"layers\[0\]: .*row"),
        ("layers: [{name: b, layers: [{rows: 1, cols: 1}]}]", r"layers\[0\].layers\[0\]: name"),
        ("layers: [{name: a, rows: 1, cols: 1}, {name: a, rows: 1, cols: 1}]", "found 'a' twice"),
        ("layers: [{name: a, rows: 1, cols: 1, repeat: 9999999}]", "at most 100000 layers"),
        ("layers: &a [{name: b, layers: *a}]", "at most 8 nested blocks"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        load_shapes(write(tmp_path, text))
    assert "\n" not in str(caught.value)
