"""One layer on tiles from kept tensors: the numbers of whole runs, without their cost."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import mapping.one_layer
from codesign.images import load_images
from hwsim.chip.load import load_arch
from mapping.execute import IdealBackend, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.one_layer import OneLayer
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import layer_shapes

ARCH = load_arch("emt-strong")


@pytest.fixture(scope="module")
def digits():
    network = import_network(Path(str(files("codesign.demo").joinpath("digits.onnx")))).network
    images = load_images("digits", network, 40, True)
    return quantize(network, images.calibration, Scheme()), images


@pytest.fixture(scope="module")
def tiles(digits):
    network, images = digits
    placed = plan(layer_shapes(network), ARCH)
    shifts = calibrate(network, placed, ARCH, images.calibration)
    return TileBackend(network, placed, ARCH, shifts=shifts)


@dataclass
class Mixed:
    """One layer on tiles, the others exact."""

    network: object
    tiles: TileBackend
    name: str

    def layer(self, name):
        return (self.tiles if name == self.name else IdealBackend(self.network)).layer(name)


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("limit", [1 << 30, 0])
def test_outputs_are_those_of_whole_runs_in_any_order(digits, tiles, monkeypatch, threads, limit):
    monkeypatch.setenv("HWSIM_THREADS", threads)
    monkeypatch.setattr(mapping.one_layer, "TOTAL_BYTES", limit)
    network, images = digits
    names = [shape.name for shape in layer_shapes(network)]
    one = OneLayer(network, images.test.images)
    exact = run(network, images.test.images, IdealBackend(network))
    for name in (*names, *names[::-1], names[2], names[2]):
        found = one.outputs(name, tiles)
        expected = run(network, images.test.images, Mixed(network, tiles, name))
        np.testing.assert_array_equal(found, expected)
        assert (found != exact).any()


def test_layers_before_are_computed_once(digits, tiles, monkeypatch):
    network, images = digits
    seen = []
    layer = mapping.execute.IdealLayer.__call__
    monkeypatch.setattr(
        mapping.execute.IdealLayer, "__call__", lambda *given: (seen.append(1), layer(*given))[1]
    )
    names = [shape.name for shape in layer_shapes(network)]
    one = OneLayer(network, images.test.images)
    counts = []
    for name in (*names, names[-1]):
        seen.clear()
        one.outputs(name, tiles)
        counts.append(len(seen))
    # All others once for the first layer; then the layer before and all behind; at last none.
    others = len(names) - 1
    chunks = counts[0] // others
    behind = [others - place for place in range(len(names))]
    assert counts == [chunks * n for n in (others, *[n + 1 for n in behind[1:]], 0)]


def test_a_part_of_the_images_draws_what_it_draws_in_the_whole(digits, tiles):
    network, images = digits
    whole = run(network, images.test.images, tiles)
    parts = [run(network, images.test.images[a:b], tiles, first=a) for a, b in ((0, 15), (15, 40))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    again = run(network, images.test.images[15:], tiles)
    assert (again != whole[15:]).any()
