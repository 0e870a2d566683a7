"""Maps of stuck cells: cells that hold other weights give these weights' products."""

import numpy as np
import pytest

from hwsim.device.spec import Device
from hwsim.errors import DataError
from hwsim.peripherals.spec import AdcRange
from hwsim.tile.encoding import encode
from hwsim.tile.spec import Averaging, Encoding, Knobs
from mapping.design import Design
from mapping.execute import IdealBackend
from mapping.execute_tiles import TileBackend, layer_weights
from mapping.fault_map import cell_shape, load_fault_map
from mapping.plan import plan
from mapping.shapes import layer_shapes
from tests.mapping.test_execute_tiles import arch, small_network

NAMES = ("a", "b", "c")


def still(**tile):
    """The preset with ideal cells and converters in whose range nothing is lost."""
    hardware = arch(**tile)
    adc = hardware.tile.adc.replace(bits=14, range=AdcRange.FULL)
    device = Device(name="still", conductance_min_S=0, conductance_max_S=1e-5, source="made up")
    return hardware.replace(tile=hardware.tile.replace(adc=adc, noise=None), device=device)


def placed_on(hardware, groups=1, redundancy=1):
    network = small_network(groups)
    design = Design(default=Knobs(redundancy=redundancy))
    return network, plan(layer_shapes(network), hardware, design)


def saved(folder, **arrays):
    np.savez(folder / "map.npz", **arrays)
    return folder / "map.npz"


def products(backend, network, name):
    groups, rows, _ = layer_weights(network, name).shape
    codes = np.random.default_rng(3).integers(0, 128, (5, groups, rows)).astype(np.int16)
    layer = backend.layer(name)
    return layer(codes, 0), layer.copies


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("averaging", list(Averaging))
@pytest.mark.parametrize("groups", [1, 4])
def test_cells_stuck_at_other_weights_give_their_products(tmp_path, encoding, averaging, groups):
    hardware = still(encoding=encoding, averaging=averaging, rows=100)
    network, placed = placed_on(hardware, groups, redundancy=2)
    turned = small_network(groups)
    held = {}
    for name in NAMES:
        turned.layers[name].weight[:] = turned.layers[name].weight[::-1].copy()
        geometry = placed.layer(name).geometry(hardware.tile)
        levels = np.stack([encode(w, geometry) for w in layer_weights(turned, name)])
        held[name] = np.stack([levels, levels])
        assert held[name].shape == cell_shape(placed.layer(name), hardware.tile)
    faults = load_fault_map(saved(tmp_path, **held), placed, hardware.tile)
    backend = TileBackend(network, placed, hardware, faults=faults)
    for name in NAMES:
        found, copies = products(backend, network, name)
        expected, _ = products(IdealBackend(turned), turned, name)
        np.testing.assert_array_equal(found, copies * expected)


def test_a_map_of_free_cells_changes_nothing_and_one_stuck_cell_its_output_alone(tmp_path):
    hardware = still(subtraction="analog")
    network, placed = placed_on(hardware)
    shape = cell_shape(placed.layer("b"), hardware.tile)
    held = np.full(shape, -1)
    free = load_fault_map(saved(tmp_path, b=held), placed, hardware.tile)
    ideal, _ = products(IdealBackend(network), network, "b")
    found, _ = products(TileBackend(network, placed, hardware, faults=free), network, "b")
    np.testing.assert_array_equal(found, ideal)
    weight = layer_weights(network, "b")[0, 7, 3]
    levels = encode(np.array([[weight]]), placed.layer("b").geometry(hardware.tile))[:, :, 0, 0]
    held[0, 0, 0, 1, 7, 3] = 0 if levels[0, 1] else 3
    faults = load_fault_map(saved(tmp_path, b=held), placed, hardware.tile)
    found, _ = products(TileBackend(network, placed, hardware, faults=faults), network, "b")
    changed = (found != ideal).any(axis=(0, 1))
    assert changed.nonzero()[0].tolist() == [3]
    codes = np.random.default_rng(3).integers(0, 128, (5, 1, shape[4]))
    step = 4 * (held[0, 0, 0, 1, 7, 3] - int(levels[0, 1]))
    np.testing.assert_array_equal((found - ideal)[:, 0, 3], step * codes[:, 0, 7])
    clean = TileBackend(network, placed, hardware, faults=faults, ideal_device=True)
    np.testing.assert_array_equal(products(clean, network, "b")[0], ideal)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"convb": np.zeros(3, int)}, "expected layers of the network, found 'convb'"),
        (
            {"b": np.zeros((1, 2), int)},
            "b: expected integers of shape (1, 1, 2, 4, 144, 12) (redundancy, groups, columns of "
            "a pair, slices, rows, outputs), found int64 (1, 2)",
        ),
        (
            {"b": np.zeros((1, 1, 2, 4, 144, 12))},
            "b: expected integers of shape (1, 1, 2, 4, 144, 12) (redundancy, groups, columns of "
            "a pair, slices, rows, outputs), found float64 (1, 1, 2, 4, 144, 12)",
        ),
        (
            {"b": np.full((1, 1, 2, 4, 144, 12), 4)},
            "b: expected levels 0..3, -1 for a free cell, found 4..4",
        ),
    ],
)
def test_maps_that_do_not_fit_are_named(tmp_path, arrays, expected):
    hardware = still()
    _, placed = placed_on(hardware)
    with pytest.raises(DataError) as found:
        load_fault_map(saved(tmp_path, **arrays), placed, hardware.tile)
    assert str(found.value).endswith(f"map.npz: {expected}")


def test_files_that_are_no_archives_are_named(tmp_path):
    hardware = still()
    _, placed = placed_on(hardware)
    with pytest.raises(DataError, match=r"none\.npz: no such file$"):
        load_fault_map(tmp_path / "none.npz", placed, hardware.tile)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"text\.npz: cannot be read as a NumPy archive: "):
        load_fault_map(tmp_path / "text.npz", placed, hardware.tile)
    np.savez(tmp_path / "evil.npz", b=np.array([{}], object))
    with pytest.raises(DataError, match=r"evil\.npz: cannot be read as a NumPy archive: "):
        load_fault_map(tmp_path / "evil.npz", placed, hardware.tile)
