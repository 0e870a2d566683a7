"""What training is compared with."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from codesign.images import load_images
from hwsim.chip.load import load_arch
from hwsim.cost import load_technology
from hwsim.device.spec import Fluctuation
from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.execute import IdealBackend, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.lower import zero_sums
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import layer_shapes
from optim.baselines import (
    Method,
    _corrected,
    _moments,
    binarised,
    cells_J,
    compensated,
    one_for_all,
)
from optim.price import Pricing
from optim.problem import Examples, Problem
from tests.reference import many_operators
from tests.reference.onnx_files import make_model, node, save

ARCH = load_arch("emt-strong")


@pytest.fixture(scope="module")
def digits():
    network = import_network(Path(str(files("codesign.demo").joinpath("digits.onnx")))).network
    images = load_images("digits", network, 100, True)
    return quantize(network, images.calibration, Scheme(activation_bits=4)), images


def problem(digits, arch):
    network, images = digits
    shown = Examples(images.test.images, images.test.labels)
    technology = load_technology(arch.technology)
    return Problem(network, arch, technology, images.calibration, shown, shown)


def test_nothing_is_compensated_where_nothing_fluctuates(digits):
    network, images = digits
    quiet = ARCH.replace(
        device=ARCH.device.replace(fluctuation=None), tile=ARCH.tile.replace(noise=None)
    )
    adc = quiet.tile.adc.replace(bits=12)
    quiet = quiet.replace(tile=quiet.tile.replace(adc=adc))
    found = compensated(network, quiet, Design(), images.calibration[:32])
    for name, layer in network.layers.items():
        np.testing.assert_array_equal(found.layers[name].bias, layer.bias)
        np.testing.assert_array_equal(found.layers[name].weight_scale, layer.weight_scale)


def test_scales_are_compensated_around_zero_points(tmp_path):
    """Sums half as wide as wanted take a gain of two; what zero points add to them does not."""
    network = import_network(many_operators.write(tmp_path / "small.onnx")).network
    quantized = quantize(network, many_operators.IMAGES, Scheme(asymmetric=True))
    first = quantized.network.linear_nodes()[0]
    held = quantized.layers[first.name]
    zero = zero_sums(quantized, first)
    assert zero.any()
    rng = np.random.default_rng(0)
    acc = rng.normal(0, 100, (5000, len(zero)))
    seen = (acc.mean(axis=0), acc.std(axis=0))
    wanted = (seen[0] + 7, 2 * seen[1])
    fixed = _corrected(held, zero, seen, wanted)
    before = held.weight_scale * ((acc - seen[0]) * 2 + wanted[0] + held.bias - zero)
    after = fixed.weight_scale * (acc + fixed.bias - zero)
    np.testing.assert_allclose(after, before, atol=float(fixed.weight_scale.max()))


def test_a_constant_channel_keeps_its_scale(tmp_path):
    """Its inputs are 0 on all images; only fluctuation widens what is read of it."""
    rng = np.random.default_rng(0)
    images = rng.random((32, 6), np.float32)
    images[:, 2] = 0
    weight = rng.normal(size=(6, 5)).astype(np.float32)
    weight[:, 1] = 0
    weight[2, 1] = 1
    constants = {"w": weight, "b": rng.random(5, np.float32), "v": weight[:5]}
    nodes = [node("Gemm", ["x", "w", "b"], "c", name="fc"), node("Gemm", ["c", "v"])]
    path = save(make_model(nodes, {"x": ["N", 6]}, ["y"], constants), tmp_path / "own.onnx")
    network = quantize(import_network(path).network, images, Scheme(weight_bits=4))
    before = network.layers["fc"]
    after = compensated(network, ARCH, Design(), images).layers["fc"]
    assert after.weight_scale[1] == before.weight_scale[1]
    assert not np.array_equal(after.weight_scale, before.weight_scale)
    assert abs(after.bias[1] - before.bias[1]) < 1000


@pytest.mark.parametrize("count", [10**3, 10**9])
def test_constants_have_no_deviation(count):
    """Sums of squares beyond 2^53 are rounded."""
    value = np.array([1e6 / 3, 12345678.0, 0.0])
    assert not _moments(count, value * count, value**2 * count)[1].any()


def test_a_law_by_level_has_no_windows(digits):
    network, _ = digits
    law = Fluctuation(law="table", amplitude=0, table=(0.0, 0.1, 0.1, 0.1), source="test")
    arch = ARCH.replace(device=ARCH.device.replace(fluctuation=law))
    method = Method("clean", network, arch, one_for_all(network), Knobs(dac_bits=1))
    assert method.design(0.5) == method.design(1.0)
    assert cells_J(Pricing(problem(digits, arch)), method.design(0.5)) > 0
    assert method.design(2.0) != method.design(1.0)
    sliced = replace(method, scales=dict.fromkeys(method.rho, (0.5, 1.0)))
    assert sliced.design(1.0) == method.design(1.0)


def test_a_shift_of_the_mean_is_compensated(digits):
    """Duty 0.9 raises the mean level of every cell: both columns alike but for the level."""
    network, images = digits
    law = Fluctuation(law="relative", amplitude=0.3, duty=0.9, source="test")
    arch = ARCH.replace(device=ARCH.device.replace(fluctuation=law))
    fixed = compensated(network, arch, Design(), images.calibration[:64])
    wanted = run(network, images.test.images, IdealBackend(network))
    errors = []
    for own in (network, fixed):
        placed = plan(layer_shapes(own), arch)
        tiles = TileBackend(
            own, placed, arch, shifts=calibrate(own, placed, arch, images.calibration)
        )
        errors.append(np.abs(run(own, images.test.images, tiles) - wanted).mean())
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.data
def test_a_deep_network_is_compensated_layer_after_layer(data_dir):
    """Twenty layers under fluctuation of 0.02: statistics of one depend on all before it."""
    folder = data_dir / "networks" / "resnet20-cifar10"
    network = import_network(folder / "model.onnx").network
    images = load_images(str(folder / "data.yaml"), network, 100, True)
    clean = quantize(network, images.calibration, Scheme())
    law = Fluctuation(law="absolute", amplitude=0.02, source="test")
    arch = ARCH.replace(device=ARCH.device.replace(fluctuation=law))
    fixed = compensated(clean, arch, Design(), images.calibration[:64])
    right = []
    for own in (clean, fixed):
        placed = plan(layer_shapes(own), arch)
        shifts = calibrate(own, placed, arch, images.calibration)
        logits = run(own, images.test.images, TileBackend(own, placed, arch, shifts=shifts))
        right.append((logits.argmax(axis=1) == images.test.labels).mean())
    assert right[1] > right[0]


def test_the_factor_scales_the_energy_of_the_cells(digits):
    network, _ = digits
    window = ARCH.replace(device=ARCH.device.replace(conductance_min_S=0.0))
    pricing = Pricing(problem(digits, window))
    method = Method("clean", network, window, one_for_all(network), Knobs(dac_bits=1))
    one = cells_J(pricing, method.design(1.0))
    for factor in (0.25, 0.5, 2.0, 8.0):
        assert cells_J(pricing, method.design(factor)) == pytest.approx(factor * one, rel=1e-9)
    assert method.design(100.0) == method.design(8.0)


def test_bit_serial_reads_take_the_closed_share_of_the_energy_of_uniform_codes():
    """Mean unit pulses of 4-bit codes: B / 2 against (2^B - 1) / 2."""
    from hwsim.tile.geometry import Digits
    from mapping.drive_estimate import pulses_of_codes

    codes = np.arange(16, dtype=np.int16)
    serial, pulse = (pulses_of_codes(codes, Digits(4, bits, False)).mean() for bits in (1, 4))
    assert serial / pulse == pytest.approx(4 / (2**4 - 1))


def test_one_bit_per_cell_needs_more_cells(digits):
    network, _ = digits
    tiles = [plan(layer_shapes(network), arch).tiles for arch in (ARCH, binarised(ARCH))]
    assert tiles[1] >= tiles[0]
    assert binarised(ARCH).tile.cell_bits == 1
