"""Groups that share an array: what lies between them is read, fluctuates and takes energy."""

import numpy as np
import pytest

from hwsim.chip.load import load_arch
from hwsim.cost.energy import array_energy_J
from hwsim.device.spec import States
from hwsim.peripherals.spec import AdcRange
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.spec import Engine, Knobs
from mapping.design import Design
from mapping.drive import drives
from mapping.execute import IdealBackend, Program, coded_steps
from mapping.execute_tiles import TileBackend
from mapping.lower import im2col
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import layer_shapes
from optim.rho import design_of
from tests.reference.onnx_files import make_model, node, save

torch = pytest.importorskip("torch", reason="needs the torch extra")

from optim.train.network import CodedNetwork  # noqa: E402 - it needs torch
from optim.train.products import between, packed, product  # noqa: E402

pytestmark = pytest.mark.torch
READS = 400
BASE = load_arch("emt-strong")
#: Converters that neither clip nor round much, and fluctuation far above their noise.
ARCH = BASE.replace(
    tile=BASE.tile.replace(adc=BASE.tile.adc.replace(bits=16, range=AdcRange.FULL)),
    device=BASE.device.replace(fluctuation=BASE.device.fluctuation.replace(amplitude=0.2)),
)
IMAGES = np.abs(np.random.default_rng(0).normal(size=(4, 7, 5, 5))).astype(np.float32)


@pytest.fixture(scope="module")
def depthwise(tmp_path_factory):
    """Seven groups of nine inputs and two outputs, in codes of 4 bits."""
    random = np.random.default_rng(1)
    weight = random.normal(size=(14, 1, 3, 3)).astype(np.float32)
    nodes = [
        node("Conv", ["x", "w"], "c", group=7, pads=[1] * 4),
        node("GlobalAveragePool", ["c"], "g"),
        node("Flatten", ["g"], "y"),
    ]
    model = make_model(nodes, {"x": ["N", 7, 5, 5]}, ["y"], {"w": weight}, opset=18)
    network = import_network(save(model, tmp_path_factory.mktemp("depthwise") / "net.onnx")).network
    return quantize(network, IMAGES, Scheme(weight_bits=4, activation_bits=4))


def in_codes(quantized, arch, rho=1.0, knobs=Knobs()):  # noqa: B008  frozen
    """The layer as trained, its name, and its plan."""
    shapes = layer_shapes(quantized)
    network = CodedNetwork(quantized, plan(shapes, arch, Design(default=knobs)), arch)
    [name] = network.rho()
    with torch.no_grad():
        network.layer(name).log_rho.fill_(float(np.log(rho)))
    return network, name, plan(shapes, arch, design_of(network.rho(), knobs))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_cells_between_groups_are_the_rows_of_the_others(depthwise, size):
    """A dense convolution over all channels of a pack, its own ones left out, one by one."""
    [conv] = depthwise.network.linear_nodes()
    weight = torch.from_numpy(depthwise.layers[conv.name].weight).float()
    inputs = torch.rand(2, 7, 5, 5)
    found = packed(conv, inputs, between(conv, weight, size, 2), size)[:, :14]
    own = product(conv, inputs, torch.ones_like(weight))
    for output in range(14):
        group = output // 2
        first = group // size * size
        others = [g for g in range(first, min(first + size, 7)) if g != group]
        expected = sum((own[:, 2 * g] for g in others), start=torch.zeros_like(own[:, 0]))
        torch.testing.assert_close(found[:, output], expected)


def first_codes(quantized):
    """What the layer reads of the first image."""
    [conv] = quantized.network.linear_nodes()
    seen = {}
    program = Program(
        quantized.network, coded_steps(quantized, IdealBackend(quantized)), quantized.tensors
    )
    program.run(IMAGES[:1], 0, seen.__setitem__)
    return seen[conv.inputs[0]]


@pytest.mark.compiled
@pytest.mark.parametrize("dac_bits", [1, 4])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rows": 9},  # a group each
        {"rows": 30},  # three groups, and one in the last array
    ],
)
def test_packed_groups_are_disturbed_as_on_their_tiles(depthwise, dac_bits, changes):
    """400 reads of each output: means over all outputs are known to a few per cent."""
    arch = ARCH.replace(tile=ARCH.tile.replace(**changes))
    network, name, placed = in_codes(depthwise, arch, knobs=Knobs(dac_bits=dac_bits))
    [conv] = depthwise.network.linear_nodes()
    codes = np.repeat(first_codes(depthwise), READS, axis=0)
    tiles = TileBackend(depthwise, placed, arch, engine=Engine.fitting(arch.device))
    acc = tiles.layer(name)(im2col(codes, conv, 0, (3, 3)), 0).reshape(READS, -1)
    layer = network.layer(name)
    with torch.no_grad():
        weight, _ = layer.integers()
        noise = layer.noise(layer.framed(torch.from_numpy(codes.astype(np.float32))), weight)
    ratio = acc.var(axis=0).mean() / noise.numpy().reshape(READS, -1).var(axis=0).mean()
    assert ratio == pytest.approx(1.0, abs=0.06)


@pytest.mark.compiled
def test_lasting_states_between_groups_are_those_of_a_device(depthwise):
    """150 devices, of which training draws one per batch; 14 independent channels: to 5 %."""
    frozen = ARCH.device.fluctuation.replace(states=States.FROZEN)
    arch = ARCH.replace(device=ARCH.device.replace(fluctuation=frozen))
    network, name, placed = in_codes(depthwise, arch)
    [conv] = depthwise.network.linear_nodes()
    codes, devices = first_codes(depthwise), range(150)
    vectors = im2col(codes, conv, 0, (3, 3))
    acc = [
        TileBackend(depthwise, placed, arch, device_sample=device).layer(name)(vectors, 0)
        for device in devices
    ]
    layer = network.layer(name)
    with torch.no_grad():
        weight, _ = layer.integers()
        inputs = layer.framed(torch.from_numpy(codes.astype(np.float32)))
        noise = [layer.noise(inputs, weight).numpy() for _ in devices]
    ratio = np.var(acc, axis=0).mean() / np.var(noise, axis=0).mean()
    assert ratio == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("rho", [0.5, 1.0, 2.0, 4.0, 8.0])
def test_energy_of_packed_groups_is_the_reported_one(depthwise, rho):
    """With more analog copies fewer groups share an array, and fewer cells are crossed."""
    arch = BASE.replace(tile=BASE.tile.replace(rows=64))
    network, name, placed = in_codes(depthwise, arch, rho)
    with torch.no_grad():
        [energy] = network(torch.from_numpy(IMAGES))[1].tolist()
    [layer] = placed.layers
    counts = drives(depthwise, placed, arch, IMAGES)[name].pulses(layer, arch)
    device, tile = device_with(arch.device, layer.knobs), tile_with(arch.tile, layer.knobs)
    assert energy == pytest.approx(array_energy_J(counts, device, tile, arch.scenario), rel=2e-5)
