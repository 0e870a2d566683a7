"""The walker: against a twin in Python integers, for any chunk and number of threads."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codesign.datasets import load_dataset, read_description
from hwsim.errors import DataError, NetworkError
from mapping.accuracy import accuracy
from mapping.execute import (
    IdealBackend,
    IdealLayer,
    LayerKernel,
    Program,
    coded_steps,
    run,
    run_float,
)
from mapping.memory import chunk_size, worker_count
from mapping.network import LayerIntegers, Network, Node, QuantizedNetwork, QuantParams
from mapping.onnx_import import import_network
from mapping.quantize import Scheme, quantize
from tests.reference.integer_network import tensors_of

RNG = np.random.default_rng(4)
IMAGES = RNG.normal(size=(23, 4, 6, 5)).astype(np.float32)


def small_network() -> Network:
    """Stride, uneven pads, dilation, groups, depthwise, a residual, a pool and two linears."""
    nodes = (
        Node("conv1", "conv", ("x", "w1", "b1"), "c1", {"pads": (1, 0, 1, 1)}),
        Node("relu1", "relu", ("c1",), "r1"),
        Node("grouped", "conv", ("r1", "w2", "b2"), "c2",
             {"group": 2, "strides": (2, 1), "dilations": (1, 2), "pads": (1, 2, 1, 2)}),
        Node("depthwise", "conv", ("c2", "w3"), "c3", {"group": 6, "pads": (1, 1, 1, 1)}),
        Node("add", "add", ("c2", "c3"), "a1"),
        Node("tanh", "tanh", ("a1",), "t1"),
        Node("mean", "mean", ("t1",), "m1", {"axes": (2, 3), "keepdims": False}),
        Node("linear1", "linear", ("m1", "w4", "b4"), "l1"),
        Node("relu2", "relu", ("l1",), "r2"),
        Node("linear2", "linear", ("r2", "w5"), "l2"),
        Node("softmax", "softmax", ("l2",), "y", {"axis": 1}),
    )  # fmt: skip
    shapes = {
        "x": (-1, 4, 6, 5), "c1": (-1, 4, 6, 4), "r1": (-1, 4, 6, 4), "c2": (-1, 6, 3, 4),
        "c3": (-1, 6, 3, 4), "a1": (-1, 6, 3, 4), "t1": (-1, 6, 3, 4), "m1": (-1, 6),
        "l1": (-1, 7), "r2": (-1, 7), "l2": (-1, 3), "y": (-1, 3), "w1": (4, 4, 3, 3), "b1": (4,),
        "w2": (6, 2, 3, 3), "b2": (6,), "w3": (6, 1, 3, 3), "w4": (6, 7), "b4": (7,), "w5": (7, 3),
    }  # fmt: skip
    rng = np.random.default_rng(0)
    constants = {
        name: rng.normal(0, 0.4, shape).astype(np.float32)
        for name, shape in shapes.items()
        if name[0] in "wb"
    }
    return Network("small", ("x",), ("y",), nodes, shapes, constants)


NETWORK = small_network()
QUANTISED = quantize(NETWORK, IMAGES, Scheme())
#: As int8 files have it: every tensor with a zero point of its own.
SHIFTED = replace(
    QUANTISED,
    tensors={
        name: QuantParams(p.scale * (1 + p.signed), 100 + 7 * k, 8, signed=False)
        for k, (name, p) in enumerate(sorted(QUANTISED.tensors.items()))
    },
)


@pytest.mark.parametrize("network", [QUANTISED, SHIFTED], ids=["symmetric", "zero points"])
def test_every_tensor_equals_the_twin_in_python_integers(network):
    program = Program(NETWORK, coded_steps(network, IdealBackend(network)), network.tensors)
    found = {}
    program.run(IMAGES[:3], 0, found.__setitem__)
    for index in range(3):
        expected = tensors_of(network, IMAGES[index])
        assert expected.keys() == found.keys()
        for name, array in expected.items():
            if name == "y":  # NumPy's exp depends on the batch in its last bit
                np.testing.assert_allclose(found[name][index], array, rtol=1e-6)
            else:
                assert np.array_equal(found[name][index], array), name


@settings(max_examples=20)
@given(st.integers(1, 30), st.integers(1, 5))
def test_results_depend_neither_on_the_chunk_nor_on_threads(chunk, threads):
    backend = IdealBackend(QUANTISED)
    expected = run(QUANTISED, IMAGES, backend, chunk=len(IMAGES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWSIM_THREADS", str(threads))
        assert np.array_equal(run(QUANTISED, IMAGES, backend, chunk=chunk), expected)


def test_quantised_outputs_are_near_the_float_ones():
    reals = run_float(NETWORK, IMAGES)
    np.testing.assert_allclose(run(QUANTISED, IMAGES, IdealBackend(QUANTISED)), reals, atol=0.03)


@dataclass
class Spy:
    """Calls `look(name, codes, first vector)` before every product of a layer."""

    network: QuantizedNetwork
    look: Callable
    name: str = ""
    copies: int = 1

    def layer(self, name: str) -> LayerKernel:
        return replace(self, name=name)

    def __call__(self, codes, first_vector):
        self.look(self.name, codes, first_vector)
        return IdealBackend(self.network).layer(self.name)(codes, first_vector)


def test_backends_see_raw_codes_and_the_index_of_their_first_vector(monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", "1")
    seen = {}

    def look(name, codes, first_vector):
        seen.setdefault(name, []).append((first_vector, codes))

    run(SHIFTED, IMAGES, Spy(SHIFTED, look), chunk=10)
    positions = {"conv1": 24, "grouped": 12, "depthwise": 12, "linear1": 1, "linear2": 1}
    shapes = {"conv1": (1, 36), "grouped": (2, 18), "depthwise": (6, 9), "linear1": (1, 6)}
    for name, calls in seen.items():
        assert [first for first, _ in calls] == [n * positions[name] for n in (0, 10, 20)]
        codes = np.concatenate([codes for _, codes in calls])
        assert codes.shape == (23 * positions[name], *shapes.get(name, (1, 7)))
        assert codes.dtype == np.int16
        assert codes.min() >= 0
        assert codes.max() <= 255
    corner = seen["conv1"][0][1][0, 0].reshape(4, 3, 3)
    assert np.all(corner[:, 0, :] == SHIFTED.tensors["x"].zero_point)  # padding


def test_progress_counts_images_in_order():
    done = []
    run(QUANTISED, IMAGES, IdealBackend(QUANTISED), chunk=7, progress=done.append)
    assert done == [7, 14, 21, 23]


def test_a_failing_backend_ends_the_run_with_its_error():
    def fail(name, codes, first_vector):
        raise DataError(f"{name}: no")

    with pytest.raises(DataError, match=r"^conv1: no$"):
        run(QUANTISED, IMAGES, Spy(QUANTISED, fail), chunk=1)


@given(st.integers(1, 4), st.integers(1, 60), st.integers(1, 6), st.integers(2, 16), st.data())
def test_ideal_products_are_exact_integers(groups, rows, cols, code_bits, data):
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    top = (1 << (code_bits - 1)) - 1
    matrices = rng.integers(-128, 128, (groups, rows, cols))
    codes = rng.integers(-top - 1, top + 1, (17, groups, rows)).astype(np.int16)
    bound = int(np.abs(matrices).sum(axis=1).max()) * (top + 1)
    kind = np.float32 if bound < 1 << 24 else np.float64
    found = IdealLayer(matrices.astype(kind))(codes, 0)
    expected = np.einsum("vgk,gkn->vgn", codes.astype(np.int64), matrices)
    assert found.dtype == np.int64
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(("weight", "kind"), [(127, np.float32), (128, np.float64)])
def test_ideal_backend_takes_float32_only_where_it_cannot_round(weight, kind):
    rows = (1 << 24) // (127 * 255)  # 127 * 255 * rows is just below 2^24, 128 above
    node = Node("l", "linear", ("x", "w"), "y")
    network = Network("n", ("x",), ("y",), (node,), {"x": (-1, rows), "w": (rows, 1)}, {})
    layer = LayerIntegers(np.full((rows, 1), weight, np.int32), np.ones(1), 9, np.zeros(1, int))
    held = QuantizedNetwork(network, {"x": QuantParams(1.0, 0, 8, False)}, {"l": layer})
    kernel = IdealBackend(held).layer("l")
    assert kernel.matrices.dtype == kind
    codes = np.full((2, 1, rows), 255, np.int16)
    assert np.array_equal(kernel(codes, 0), np.full((2, 1, 1), 255 * weight * rows))


@given(st.integers(1, 4000), st.integers(1, 4096))
def test_all_threads_together_stay_below_a_gibibyte(side, threads):
    node = Node("c", "conv", ("x", "w"), "y", {"pads": (1, 1, 1, 1)})
    shapes = {"x": (-1, 64, side, side), "y": (-1, 64, side, side), "w": (64, 64, 3, 3)}
    network = Network("n", ("x",), ("y",), (node,), shapes, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWSIM_THREADS", str(threads))
        workers = worker_count(network)
    size = chunk_size(network, workers)
    assert 1 <= workers <= threads
    # float32 and int16 vectors, int64 results; a single image may be larger than that.
    needed = side * side * (576 * 6 + 64 * 8)
    assert (workers, size) == (1, 1) or workers * size * needed < 1 << 30


@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 4, 5, 6), (0, 4, 6, 5)])
def test_images_that_do_not_fit_are_refused(shape):
    with pytest.raises(DataError, match=r"^small: input: expected \(images, 4, 6, 5\), found \("):
        run(QUANTISED, np.zeros(shape, np.float32), IdealBackend(QUANTISED))


def test_images_that_are_not_finite_are_refused():
    images = IMAGES.copy()
    images[9, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"^small: input: images 8 to 11: expected finite numbers"):
        run_float(NETWORK, images, chunk=4)


def test_a_layer_without_integers_is_named():
    bare = replace(QUANTISED, layers={})
    with pytest.raises(NetworkError, match=r"^node 'conv1': expected quantised .*float weights$"):
        run(bare, IMAGES, IdealBackend(QUANTISED))


def test_several_outputs_are_refused():
    two = replace(NETWORK, outputs=("y", "l1"))
    with pytest.raises(NetworkError, match=r"^small: expected one input and one output, found 1 "):
        run_float(two, IMAGES)


def test_a_network_without_numbers_is_refused():
    with pytest.raises(NetworkError, match=r"^node 'conv1': expected numbers in 'w1', found none$"):
        run_float(replace(NETWORK, constants={}), IMAGES)


def test_an_unknown_operator_is_refused():
    nodes = (Node("odd", "fold_space", ("x",), "y"),)
    with pytest.raises(NetworkError, match=r"^node 'odd': operator 'fold_space' cannot be exec"):
        run_float(replace(NETWORK, nodes=nodes), IMAGES)


NAMES = ["lenet-fmnist", "lenet5-tanh-fmnist", "resnet8-cifar10", "resnet14-cifar10",
         "resnet20-cifar10", "vgg-small-cifar10"]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_float_logits_are_those_of_onnxruntime(data_dir, name):
    folder = data_dir / "networks" / name
    images = load_dataset(read_description(str(folder / "data.yaml")), samples=64).images
    network = import_network(folder / "model.onnx").network
    expected = np.load(folder / "logits_test.npy")[:64]
    np.testing.assert_allclose(run_float(network, images), expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "stated"), [("resnet20-cifar10", 0.9173), ("lenet-fmnist", 0.9232)]
)
def test_8_bit_accuracy_is_within_half_a_point_of_the_float_networks(data_dir, name, stated):
    folder = data_dir / "networks" / name
    description = read_description(str(folder / "data.yaml"))
    test = load_dataset(description)
    calibration = load_dataset(description, split=type(description.split)("train"), samples=512)
    network = import_network(folder / "model.onnx").network
    quantised = quantize(network, calibration.images, Scheme())
    found = accuracy(run(quantised, test.images, IdealBackend(quantised)), test.labels)
    assert accuracy(run_float(network, test.images), test.labels).mean == stated
    assert abs(found.mean - stated) <= 0.005
