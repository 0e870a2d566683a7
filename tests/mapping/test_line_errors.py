"""Networks on resistive lines: ranges of the converters, and the tiles' error layer by layer."""

import numpy as np
import pytest

from hwsim.chip.load import load_arch
from hwsim.errors import MappingError
from mapping.execute_tiles import TileBackend, calibrate
from mapping.line_errors import VECTORS, line_errors
from mapping.network import LayerIntegers, Network, Node, QuantizedNetwork, QuantParams
from mapping.plan import plan
from mapping.shapes import layer_shapes


def small_network(groups: int = 1) -> QuantizedNetwork:
    """conv 3x3 (grouped) of 8 channels, then linear, on 8 x 6 x 6 images."""
    stream = np.random.default_rng(1)
    attributes = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "group": groups}
    nodes = (
        Node("a", "conv", ("x", "wa"), "t", attributes),
        Node("f", "reshape", ("t",), "v", {"shape": (0, -1)}),
        Node("b", "linear", ("v", "wb"), "y", {}),
    )
    weights = {
        "a": stream.integers(-127, 128, (12, 8 // groups, 3, 3)),
        "b": stream.integers(-127, 128, (12 * 16, 10)),
    }
    shapes = {"x": (-1, 8, 6, 6), "t": (-1, 12, 4, 4), "v": (-1, 192), "y": (-1, 10)}
    shapes |= {"wa": weights["a"].shape, "wb": weights["b"].shape}
    outputs = {"a": 12, "b": 10}
    layers = {
        name: LayerIntegers(w.astype(np.int32), np.full(n, 0.01), 8, stream.integers(0, 2000, n))
        for (name, w), n in zip(weights.items(), outputs.values(), strict=True)
    }
    tensors = {
        "x": QuantParams(0.02, 0, 8, False),
        "t": QuantParams(0.2, 0, 8, False),
        "v": QuantParams(0.2, 0, 8, False),
    }
    network = Network("small", ("x",), ("y",), nodes, shapes, {})
    return QuantizedNetwork(network, tensors, layers)


def images(count: int = 6) -> np.ndarray:
    return np.random.default_rng(2).uniform(0, 5, (count, 8, 6, 6)).astype(np.float32)


def arch(ohm: float | None = None, adc_bits: int = 8, **tile):
    base = load_arch("emt")
    adc = base.tile.adc.replace(bits=adc_bits)
    wires = None if ohm is None else {"bit_line_ohm": ohm, "source": "made up for tests"}
    return base.replace(tile=base.tile.replace(wires=wires, adc=adc, **tile))


def shifts(hardware) -> dict[str, int]:
    network = small_network()
    return calibrate(network, plan(layer_shapes(network), hardware), hardware, images())


def test_ranges_are_calibrated_on_the_sums_behind_the_lines():
    ideal, behind = (
        shifts(arch(ohm, adc_bits=5, encoding="twos_complement")) for ohm in (None, 8.0)
    )
    assert behind["a"] == ideal["a"]  # 72 rows
    assert behind["b"] == ideal["b"] - 1  # 128 rows
    assert shifts(arch(0.0, adc_bits=4)) == shifts(arch(adc_bits=4))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_every_layer_tells_what_its_lines_take(groups):
    network, hardware = small_network(groups), arch(2.0)
    placed = plan(layer_shapes(network), hardware)
    found = line_errors(network, placed, TileBackend(network, placed, hardware), images())
    assert set(found) == {"a", "b"}
    for error in found.values():
        assert error.error_rms < 0.3 * error.lost_max
        assert 0.5 < error.power_share < 1
    conversions = found["b"].conversions / (2 * 8 * 4 * 10 * 2)  # blocks, phases, slices, outputs
    assert conversions == 6  # of which each image has one vector


def test_samples_are_the_vectors_of_the_run_whatever_its_chunks(monkeypatch):
    network, hardware = small_network(), arch(2.0)
    placed = plan(layer_shapes(network), hardware)
    tiles = TileBackend(network, placed, hardware)
    found = []
    for workers in ("1", "2"):
        monkeypatch.setenv("HWSIM_THREADS", workers)
        found.append(line_errors(network, placed, tiles, images()))
    assert found[0] == found[1]
    per_vector = 1 * 8 * 4 * 12 * 2  # blocks, phases, slices, outputs, columns of a pair
    assert VECTORS <= found[0]["a"].conversions / per_vector <= VECTORS + 1


def test_stronger_lines_take_more_of_every_layer():
    network = small_network()
    placed = plan(layer_shapes(network), arch())
    lost = []
    for ohm in (0.5, 2.0, 6.0):
        found = line_errors(network, placed, TileBackend(network, placed, arch(ohm)), images(2))
        lost.append([error.lost_mean for error in found.values()])
    assert (np.diff(lost, axis=0) > 0).all()


def test_lines_without_resistance_have_no_error():
    network, hardware = small_network(), arch()
    placed = plan(layer_shapes(network), hardware)
    with pytest.raises(MappingError, match=r"tile\.wires: expected resistances and a device"):
        line_errors(network, placed, TileBackend(network, placed, hardware), images(1))
