"""Networks in codes that are trained: the simulator's integers, noise and energy."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from codesign.images import load_images
from hwsim.chip.load import load_arch
from hwsim.cost.energy import array_energy_J
from hwsim.peripherals.spec import AdcRange
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.spec import Knobs, ReadNoise
from mapping.design import Design
from mapping.drive import drives
from mapping.execute import IdealBackend, Program, coded_steps, run
from mapping.execute_tiles import TileBackend, calibrate, full_range_shift
from mapping.lower import im2col
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import BIAS_LIMIT, Scheme, quantize
from mapping.shapes import layer_shapes
from optim.rho import design_of
from tests.reference import many_operators

torch = pytest.importorskip("torch", reason="needs the torch extra")

from optim.train.network import CodedNetwork  # noqa: E402 - it needs torch

pytestmark = pytest.mark.torch
ARCH = load_arch("emt-strong")
DIGITS = Path(str(files("codesign.demo").joinpath("digits.onnx")))


def small(folder, bits=8, *, asymmetric=False):
    """The network of many operators in codes, and its images."""
    network = import_network(many_operators.write(folder / "small.onnx")).network
    scheme = Scheme(activation_bits=bits, asymmetric=asymmetric)
    return quantize(network, many_operators.IMAGES, scheme), many_operators.IMAGES


def trained(folder, data, bits=8, count=64):
    """A trained network in codes, and test images."""
    network = import_network(folder).network
    images = load_images(data, network, count, True)
    return quantize(network, images.calibration, Scheme(activation_bits=bits)), images.test


def coded(quantized, arch=ARCH, design=None, shifts=None):
    return CodedNetwork(quantized, plan(layer_shapes(quantized), arch, design), arch, shifts)


def sharing(network, rho, scales=None):
    """Set rho of every layer, in order, and parts of its window for its lower slices."""
    shares = dict(zip(network.rho(), rho, strict=False))
    with torch.no_grad():
        for name, share in shares.items():
            layer = network.layer(name)
            layer.log_rho.fill_(float(np.log(share)))
            if scales is not None:
                layer.log_scales.copy_(torch.tensor(scales[: len(layer.log_scales)]).log())
    return network


@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("bits", [8, 4])
def test_every_operator_is_exact(tmp_path, bits, asymmetric):
    quantized, images = small(tmp_path, bits, asymmetric=asymmetric)
    assert any(held.zero_point for held in quantized.tensors.values()) == asymmetric
    expected = run(quantized, images, IdealBackend(quantized))
    np.testing.assert_array_equal(coded(quantized).exact(images), expected)


@pytest.mark.parametrize("bits", [8, 4])
def test_digits_are_exact_in_integers_and_on_ideal_tiles(bits):
    quantized, test = trained(DIGITS, "digits", bits)
    adc = ARCH.tile.adc.replace(bits=12, range=AdcRange.FULL)
    arch = ARCH.replace(tile=ARCH.tile.replace(adc=adc, noise=None))
    network = coded(quantized, arch)
    found = network.exact(test.images)
    np.testing.assert_array_equal(found, run(quantized, test.images, IdealBackend(quantized)))
    placed = plan(layer_shapes(quantized), arch)
    tiles = TileBackend(quantized, placed, arch, ideal_device=True)
    np.testing.assert_array_equal(found, run(quantized, test.images, tiles))


@pytest.mark.data
@pytest.mark.parametrize("name", ["lenet-fmnist", "resnet8-cifar10"])
def test_trained_networks_are_exact(data_dir, name):
    folder = data_dir / "networks" / name
    quantized, test = trained(folder / "model.onnx", str(folder / "data.yaml"), 4)
    expected = run(quantized, test.images, IdealBackend(quantized))
    np.testing.assert_array_equal(coded(quantized).exact(test.images), expected)


def test_changed_weights_come_out_as_the_integers_that_run(tmp_path):
    quantized, images = small(tmp_path)
    network = coded(quantized)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    found = network.integers()
    assert not np.array_equal(found.layers["node_c1"].weight, quantized.layers["node_c1"].weight)
    np.testing.assert_array_equal(network.exact(images), run(found, images, IdealBackend(found)))


def test_a_bias_grows_no_further_than_the_adders_and_the_file_hold(tmp_path):
    """A channel of dead weights has a small unit: a common bias counts billions of them."""
    quantized, images = small(tmp_path)
    network = coded(quantized)
    name = next(iter(network.rho()))
    layer = network.layer(name)
    with torch.no_grad():
        layer.bias[:2] = torch.tensor([1e10, -1e10]) * layer.bias_scale[:2]
    found = network.integers()
    assert found.layers[name].bias[:2].tolist() == [BIAS_LIMIT, -BIAS_LIMIT]
    expected = run(found, images, IdealBackend(found))
    np.testing.assert_array_equal(network.exact(images), expected)


def codes_before(quantized, node, images):
    """The codes that a layer reads."""
    seen = {}
    program = Program(
        quantized.network, coded_steps(quantized, IdealBackend(quantized)), quantized.tensors
    )
    program.run(images, 0, seen.__setitem__)
    return seen[node.inputs[0]]


def read_often(arch, name, rho, scales=None, reads=1500):
    """Products of one image, read on tiles, and the noise of as many reads in training.

    (reads, positions, outputs) each.
    """
    quantized, test = trained(DIGITS, "digits", 8, 4)
    network = sharing(coded(quantized, arch), [rho] * 4, scales)
    node = next(n for n in quantized.network.nodes if n.name == name)
    codes = codes_before(quantized, node, test.images[:1])
    codes = np.repeat(codes, reads, axis=0)
    parts = {} if scales is None else {name: (*scales, 1.0)}
    design = design_of({name: rho}, Knobs(), scales=parts)
    tiles = TileBackend(quantized, plan(layer_shapes(quantized), arch, design), arch)
    shape = quantized.layers[name].weight.shape
    vectors = im2col(codes, node, 0, shape[2:])
    acc = tiles.layer(name)(vectors, 0)[:, 0] / tiles.layer(name).copies
    acc = acc.reshape(reads, -1, acc.shape[-1])
    layer = network.layer(name)
    weight, _ = layer.integers()
    with torch.no_grad():
        inputs = layer.framed(torch.from_numpy(codes.astype(np.float32)))
        undisturbed = layer.product(inputs[:1], weight).numpy()
        noise = layer.noise(inputs, weight).numpy()
    noise, undisturbed = (
        np.moveaxis(x, 1, -1).reshape(len(x), -1, acc.shape[-1]) for x in (noise, undisturbed)
    )
    return acc - undisturbed, noise


def finely(arch):
    """With converters that hardly round."""
    adc = ARCH.tile.adc.replace(bits=14, range=AdcRange.FULL)
    return arch.replace(tile=arch.tile.replace(adc=adc))


@pytest.mark.compiled
@pytest.mark.parametrize("scales", [None, [0.3, 0.4, 0.5]])
@pytest.mark.parametrize("rho", [1.0, 2.0, 0.5])
@pytest.mark.parametrize("name", ["conv2", "linear"])
def test_a_layer_is_disturbed_as_on_its_tiles(name, rho, scales):
    """One image 1500 times: a variance is known to 4 %, their mean over outputs far better.

    Training rounds as if all conversions of a product varied alike, which overstates what
    is left of small variances: by up to a fifth in the last layer.
    """
    acc, noise = read_often(finely(ARCH), name, rho, scales)
    ratio = acc.var(axis=0).mean(axis=0) / noise.var(axis=0).mean(axis=0)
    assert 0.75 < ratio.mean() < 1.08


@pytest.mark.compiled
@pytest.mark.parametrize("rho", [1.0, 2.0])
def test_columns_stored_complemented_are_disturbed_as_on_their_tiles(rho):
    """Cells that fluctuate by what they conduct, and so by whether their column is flipped.

    Without flips outputs would differ by a quarter and more among themselves.
    """
    arch = finely(flipping(ARCH))
    fluctuation = arch.device.fluctuation.replace(law="relative", amplitude=0.9)
    device = arch.device.replace(conductance_min_S=0.0, fluctuation=fluctuation)
    acc, noise = read_often(arch.replace(device=device), "conv2", rho, reads=600)
    ratio = acc.var(axis=0).mean(axis=0) / noise.var(axis=0).mean(axis=0)
    assert 0.8 < ratio.mean() < 1
    assert ratio.min() > 0.88 * ratio.max()


def test_without_calibration_converters_have_their_full_range(tmp_path):
    quantized, _ = small(tmp_path)
    placed = plan(layer_shapes(quantized), ARCH).layers
    shifts = {layer.name: full_range_shift(layer, ARCH) for layer in placed}
    network = coded(quantized)
    assert {name: network.layer(name).hardware.whole.shift for name in shifts} == shifts
    assert max(shifts.values()) > 0


@pytest.mark.data
@pytest.mark.compiled
def test_accuracy_under_noise_is_that_on_tiles(data_dir):
    """Shares of 400 images: 5 standard errors of a difference are 13 % at 80 %."""
    folder = data_dir / "networks" / "lenet-fmnist"
    quantized, test = trained(folder / "model.onnx", str(folder / "data.yaml"), 4, 400)
    shifts = calibrate(quantized, plan(layer_shapes(quantized), ARCH), ARCH, test.images[:64])
    network = coded(quantized, shifts=shifts)
    with torch.no_grad():
        logits = network(torch.from_numpy(test.images), 1.0)[0].numpy()
    tiles = TileBackend(quantized, plan(layer_shapes(quantized), ARCH), ARCH, shifts=shifts)
    right = [
        (found.argmax(axis=1) == test.labels).mean()
        for found in (logits, run(quantized, test.images, tiles))
    ]
    assert right[0] < 0.95 * 0.93  # noise matters here
    assert right[0] == pytest.approx(right[1], abs=0.08)


def aged(arch):
    """The architecture with cells that conduct something else than their levels."""
    from_test = {"source": "of this test"}
    device = arch.device.replace(
        conductance_min_S=0.0,
        programming={"sigma_absolute": 0.05} | from_test,
        drift={"nu_mean": 0.05, "nu_sigma": 0.02, "start_s": 1.0} | from_test,
        faults={"stuck_on": 0.02, "stuck_off": 0.1} | from_test,
        fluctuation=arch.device.fluctuation.replace(duty=0.2).model_dump(),
    )
    return arch.replace(device=device.model_dump(), scenario={"time_s": 1e6})


def flipping(arch):
    """The architecture with offset codes, heavy columns stored complemented as in ISAAC."""
    tile = arch.tile.replace(encoding="offset", flipped_columns=True, rows=24)
    return arch.replace(tile=tile, precision=arch.precision.replace(narrow_weights=False))


@pytest.mark.parametrize(
    ("arch", "scales"),
    [(arch, scales) for arch in (ARCH, aged(ARCH)) for scales in (None, [0.3, 0.45, 0.8])]
    + [(flipping(ARCH), None)],
)
@pytest.mark.parametrize("asymmetric", [False, True])
@pytest.mark.parametrize("dac_bits", [1, 4])
def test_energy_is_the_reported_one(tmp_path, dac_bits, asymmetric, scales, arch):
    quantized, images = small(tmp_path, asymmetric=asymmetric)
    rho = [0.5, 1.0, 2.0, 4.0, 0.25, 3.0]
    base = Knobs(dac_bits=dac_bits)
    network = sharing(coded(quantized, arch, Design(default=base)), rho, scales)
    with torch.no_grad():
        _, energies = network(torch.from_numpy(images))
    design = design_of(network.rho(), base, scales=network.slice_scales())
    assert all((knobs.slice_scales is None) == (scales is None) for knobs in design.layers.values())
    placed = plan(layer_shapes(quantized), arch, design)
    seen = drives(quantized, placed, arch, images)
    for layer, found in zip(placed.layers, energies.tolist(), strict=True):
        counts = seen[layer.name].pulses(layer, arch)
        device, tile = device_with(arch.device, layer.knobs), tile_with(arch.tile, layer.knobs)
        reported = array_energy_J(counts, device, tile, arch.scenario)
        assert found == pytest.approx(reported, rel=2e-5), layer.name


def test_energy_falls_when_any_share_falls(tmp_path):
    quantized, images = small(tmp_path)
    network = sharing(coded(quantized), [0.5, 1.5, 2.0])
    network(torch.from_numpy(images))[1].sum().backward()
    slopes = [network.layer(name).log_rho.grad for name in network.rho()]
    assert all(slope > 0 for slope in slopes)


@pytest.mark.parametrize("rho", [0.4, 2.5])
def test_the_slope_of_the_noise_is_that_of_finite_differences(tmp_path, rho):
    quantized, images = small(tmp_path)
    layer = coded(quantized).layer("node_c1")
    codes = torch.randint(-100, 100, (4, 3, 10, 8)).float()
    weight, _ = layer.integers()

    def power(log_rho):
        with torch.no_grad():
            layer.log_rho.fill_(log_rho)
        torch.manual_seed(1)
        return layer.noise(codes, weight.detach()).double().pow(2).sum()

    value = power(np.log(rho))
    value.backward()
    step = 1e-2
    with torch.no_grad():
        difference = (power(np.log(rho) + step) - power(np.log(rho) - step)) / (2 * step)
    assert layer.log_rho.grad.item() == pytest.approx(difference.item(), rel=1e-3)
    assert difference < 0
    assert len(images)


@pytest.mark.parametrize("law", ["absolute", "sqrt"])
@pytest.mark.parametrize("rho", [0.4, 1.0, 2.5])
def test_slopes_by_slice_are_those_of_finite_differences(tmp_path, rho, law):
    """Slices of unequal windows, rho apart: where copies begin both windows and copies count."""
    fluctuation = ARCH.device.fluctuation.replace(law=law)
    noise = ReadNoise(converter_A=3e-7, source="test")
    arch = ARCH.replace(
        tile=ARCH.tile.replace(cell_bits=1, noise=noise),
        device=ARCH.device.replace(fluctuation=fluctuation),
    )
    quantized, _ = small(tmp_path)
    layer = coded(quantized, arch).layer("node_c1")
    layer.log_scales.requires_grad_(True)
    start = torch.linspace(-1.2, -0.1, 6)
    codes = torch.randint(-100, 100, (4, 3, 10, 8)).float()
    weight = layer.integers()[0].detach()

    def power(scales, more=0.0):
        with torch.no_grad():
            layer.log_scales.copy_(scales)
            layer.log_rho.fill_(np.log(rho) + more)
        torch.manual_seed(1)
        return layer.noise(codes, weight).double().pow(2).sum()

    power(start).backward()
    with torch.no_grad():
        for index, found in enumerate(layer.log_scales.grad.tolist()):
            step = 1e-2 * torch.eye(6)[index]
            difference = (power(start + step) - power(start - step)) / 2e-2
            assert found == pytest.approx(difference.item(), rel=2e-3)
        if rho != 1:
            high, low = (power(start, step) for step in (1e-2, -1e-2))
            difference = (high - low) / 2e-2
            assert layer.log_rho.grad.item() == pytest.approx(difference.item(), rel=2e-3)


@pytest.mark.parametrize("rho", [0.1, 20.0])
def test_beyond_its_limits_rho_neither_moves_the_noise_nor_is_moved(tmp_path, rho):
    quantized, _ = small(tmp_path)
    network = sharing(coded(quantized), [rho])
    layer = network.layer("node_c1")
    codes = torch.randint(-100, 100, (4, 3, 10, 8)).float()
    weight, _ = layer.integers()
    layer.noise(codes, weight.detach()).pow(2).sum().backward()
    assert layer.log_rho.grad.item() == 0
    assert layer.rho.item() == pytest.approx(min(max(rho, 0.25), 8.0))


@pytest.mark.parametrize("asymmetric", [False, True])
def test_no_noise_leaves_the_smooth_network_at_the_exact_one(tmp_path, asymmetric):
    quantized, images = small(tmp_path, asymmetric=asymmetric)
    network = coded(quantized)
    with torch.no_grad():
        smooth = network(torch.from_numpy(images))[0].numpy()
    np.testing.assert_allclose(smooth, network.exact(images), atol=0.1)
