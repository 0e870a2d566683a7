"""Post-training quantisation: calibration, choice of parameters, overrides, limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import DataError, NetworkError, SpecError
from hwsim.spec import validate
from mapping.calibrate import BINS, RangeMethod, Spread, observe_spreads, weight_thresholds
from mapping.execute import IdealBackend, run, run_float
from mapping.network import Network, Node
from mapping.quantize import LayerScheme, Scheme, coded_tensors, quantize

RNG = np.random.default_rng(2)


def network(**changes):
    """conv - relu - max pool - conv - add (residual) - relu - mean - linear - softmax."""
    nodes = (
        Node("conv1", "conv", ("x", "w1", "b1"), "c1", {"pads": (1, 1, 1, 1)}),
        Node("relu1", "relu", ("c1",), "r1"),
        Node("pool", "max_pool", ("r1",), "p1", {"kernel": (2, 2), "strides": (2, 2)}),
        Node("conv2", "conv", ("p1", "w2"), "c2", {"pads": (1, 1, 1, 1)}),
        Node("add", "add", ("c2", "p1"), "a1"),
        Node("relu2", "relu", ("a1",), "r2"),
        Node("mean", "mean", ("r2",), "m1", {"axes": (2, 3), "keepdims": False}),
        Node("linear", "linear", ("m1", "w3", "b3"), "l1"),
        Node("softmax", "softmax", ("l1",), "y", {"axis": 1}),
    )
    shapes = {
        "x": (-1, 3, 8, 8), "c1": (-1, 4, 8, 8), "r1": (-1, 4, 8, 8), "p1": (-1, 4, 4, 4),
        "c2": (-1, 4, 4, 4), "a1": (-1, 4, 4, 4), "r2": (-1, 4, 4, 4), "m1": (-1, 4),
        "l1": (-1, 5), "y": (-1, 5), "w1": (4, 3, 3, 3), "b1": (4,), "w2": (4, 4, 3, 3),
        "w3": (4, 5), "b3": (5,),
    }  # fmt: skip
    rng = np.random.default_rng(0)
    constants = {
        name: rng.normal(0, 0.5, shapes[name]).astype(np.float32)
        for name in ("w1", "b1", "w2", "w3", "b3")
    }
    constants |= changes.pop("constants", {})
    content = {"nodes": nodes, "shapes": shapes, "constants": constants, **changes}
    return Network("small", ("x",), ("y",), **content)


IMAGES = RNG.normal(size=(40, 3, 8, 8)).astype(np.float32)


def test_tensors_behind_the_last_linear_layer_stay_float():
    assert coded_tensors(network()) == {"x", "c1", "r1", "p1", "c2", "a1", "r2", "m1"}


def test_relu_and_pool_share_codes_and_their_producer_saturates_at_zero():
    tensors = quantize(network(), IMAGES, Scheme()).tensors
    assert tensors["c1"] == tensors["r1"] == tensors["p1"]
    assert tensors["a1"] == tensors["r2"]
    assert (tensors["r1"].zero_point, tensors["r1"].signed) == (0, False)


def test_tensors_with_negative_values_are_symmetric():
    tensors = quantize(network(), IMAGES, Scheme()).tensors
    for name in ("x", "c2"):
        assert (tensors[name].zero_point, tensors[name].signed) == (0, True)


@pytest.mark.parametrize("method", [RangeMethod.MAX, RangeMethod.MSE])
def test_asymmetric_codes_span_both_sides_as_far_as_they_reach(method):
    images = np.clip(IMAGES, -0.5, 1.5)
    held = quantize(network(), images, Scheme(asymmetric=True, method=method)).tensors["x"]
    assert (held.signed, held.low, held.high) == (False, 0, 255)
    assert held.scale == pytest.approx(2.0 / 255, rel=0.05)
    assert held.zero_point == pytest.approx(255 / 4, abs=3)


def test_asymmetric_codes_of_positive_values_have_no_zero_point():
    plain, shifted = (quantize(network(), IMAGES, Scheme(asymmetric=a)) for a in (False, True))
    assert plain.tensors["r1"] == shifted.tensors["r1"]
    assert shifted.tensors["c2"].zero_point > 0


def test_a_relu_input_that_others_read_keeps_its_negative_values():
    nodes = list(network().nodes)
    nodes[4] = Node("add", "add", ("c2", "c1"), "a1")
    shapes = {**network().shapes, "p1": (-1, 4, 8, 8), "c2": (-1, 4, 8, 8)}
    nodes[2] = Node("pool", "max_pool", ("r1",), "p1", {"kernel": (1, 1)})
    tensors = quantize(network(nodes=tuple(nodes), shapes=shapes), IMAGES, Scheme()).tensors
    assert tensors["c1"].signed
    assert not tensors["r1"].signed


def test_a_clip_from_zero_is_fused_like_a_relu():
    nodes = list(network().nodes)
    nodes[1] = Node("relu1", "clip", ("c1",), "r1", {"min": 0.0, "max": 1.0})
    tensors = quantize(network(nodes=tuple(nodes)), IMAGES, Scheme(method="max")).tensors
    assert tensors["c1"] == tensors["r1"]
    assert tensors["c1"].scale * 255 == pytest.approx(1.0)


@given(st.integers(2, 8), st.integers(2, 8))
def test_integers_stay_inside_their_bits_and_reproduce_the_weights(weight_bits, activation_bits):
    scheme = Scheme(
        weight_bits=weight_bits, activation_bits=activation_bits, weight_method=RangeMethod.MAX
    )
    net = network()
    quantised = quantize(net, IMAGES[:4], scheme)
    top = (1 << (weight_bits - 1)) - 1
    for node in net.linear_nodes():
        layer, weight = quantised.layers[node.name], net.constants[node.inputs[1]]
        assert np.abs(layer.weight).max() == top
        assert layer.weight_bits == weight_bits
        shape = (-1, 1, 1, 1) if node.op == "conv" else (1, -1)
        step = layer.weight_scale.reshape(shape)
        assert np.all(np.abs(layer.weight * step - weight) <= step * 0.5000001)
    assert {p.bits for p in quantised.tensors.values()} == {activation_bits}


def padded(value, pool):
    """pad - pool - linear over rows of four numbers, and rows between -1 and 1."""
    window = {"kernel": (2,), "strides": (2,), "pads": (0, 0)}
    nodes = (
        Node("pad", "pad", ("x",), "p", {"pads": (0, 0, 1, 0, 0, 1), "value": value}),
        Node("pool", pool, ("p",), "m", window),
        Node("linear", "linear", ("m", "w"), "y"),
    )
    shapes = {"x": (-1, 1, 4), "p": (-1, 1, 6), "m": (-1, 1, 3), "w": (3, 1), "y": (-1, 1, 1)}
    weights = {"w": np.ones((3, 1), np.float32)}
    rows = np.random.default_rng(2).uniform(-1, 1, size=(50, 1, 4)).astype(np.float32)
    return Network("pads", ("x",), ("y",), nodes, shapes, weights), rows


@pytest.mark.parametrize("value", [-np.inf, float(np.finfo(np.float32).min), -5.0, -0.25])
def test_a_pad_that_loses_in_every_max_pool_has_no_part_in_the_range(value):
    net, rows = padded(value, "max_pool")
    quantised = quantize(net, rows, Scheme(method="max"))
    assert quantised.tensors["x"] == quantised.tensors["p"] == quantised.tensors["m"]
    step = quantised.tensors["x"].scale
    assert step == np.float32(np.abs(rows).max() / 127)
    found = run(quantised, rows, IdealBackend(quantised))
    np.testing.assert_allclose(found, run_float(net, rows), atol=2 * step)


@pytest.mark.parametrize(("value", "pool"), [(5.0, "max_pool"), (-5.0, "average_pool")])
def test_a_pad_that_wins_or_is_added_up_sets_a_range_of_its_own(value, pool):
    quantised = quantize(*padded(value, pool), Scheme(method="max"))
    assert quantised.tensors["p"].scale == np.float32(5 / 127)
    assert quantised.tensors["x"].scale < 1 / 127


def test_every_scale_is_a_float32_number():
    quantised = quantize(network(), IMAGES, Scheme())
    scales = [p.scale for p in quantised.tensors.values()]
    scales += [s for layer in quantised.layers.values() for s in layer.weight_scale]
    assert all(float(np.float32(s)) == s for s in scales)


def test_bias_is_in_units_of_the_accumulator():
    net = network()
    quantised = quantize(net, IMAGES, Scheme())
    layer, source = quantised.layers["conv1"], quantised.tensors["x"]
    unit = source.scale * layer.weight_scale
    np.testing.assert_allclose(layer.bias * unit, net.constants["b1"], atol=float(unit.max()))
    assert not quantised.layers["conv2"].bias.any()


def test_dead_and_nearly_dead_channels_keep_their_bias():
    weight = network().constants["w1"].copy()
    weight[0], weight[1] = 0.0, 1e-41
    net = network(constants={"w1": weight, "b1": np.float32([1.5, -2.5, 0.0, 0.1])})
    quantised = quantize(net, IMAGES, Scheme())
    layer, source = quantised.layers["conv1"], quantised.tensors["x"]
    assert np.abs(layer.bias).max() <= 1 << 31
    real = layer.bias * (source.scale * layer.weight_scale)
    np.testing.assert_allclose(real[:2], [1.5, -2.5], rtol=1e-6)


def test_layers_override_the_bits_of_their_weights_and_inputs():
    layers = {"conv2": LayerScheme(weight_bits=3, input_bits=5), "linear": {"weight_bits": 2}}
    scheme = validate(Scheme, {"layers": layers}, "scheme.yaml")
    quantised = quantize(network(), IMAGES, scheme)
    assert [quantised.layers[n].weight_bits for n in ("conv1", "conv2", "linear")] == [8, 3, 2]
    bits = {name: p.bits for name, p in quantised.tensors.items()}
    assert bits == {"x": 8, "c1": 5, "r1": 5, "p1": 5, "c2": 8, "a1": 8, "r2": 8, "m1": 8}


def test_contradicting_input_bits_name_both_layers():
    nodes = (*network().nodes[:4], Node("conv3", "conv", ("p1", "w2"), "c3"), *network().nodes[4:])
    shapes = {**network().shapes, "c3": (-1, 4, 2, 2)}
    scheme = Scheme(layers={"conv2": LayerScheme(input_bits=4), "conv3": LayerScheme(input_bits=6)})
    with pytest.raises(
        SpecError,
        match=r"^scheme: layers.conv3.input_bits: expected 4, as of 'conv2', which reads the same "
        r"codes, found 6$",
    ):
        quantize(network(nodes=nodes, shapes=shapes), IMAGES, scheme)


def test_an_unknown_layer_is_named_with_a_suggestion():
    with pytest.raises(SpecError, match=r"^scheme: layers: .*found 'conv_2'; did you mean 'conv2'"):
        quantize(network(), IMAGES, Scheme(layers={"conv_2": LayerScheme(weight_bits=4)}))


@pytest.mark.parametrize(
    ("key", "value"), [("weight_bits", 9), ("activation_bits", 1), ("percentile", 0)]
)
def test_a_scheme_refuses_numbers_out_of_range(key, value):
    with pytest.raises(SpecError, match=rf"^scheme\.yaml: {key}: .*found {value}$"):
        validate(Scheme, {key: value}, "scheme.yaml")


def test_a_network_without_numbers_is_refused():
    constants = {k: v for k, v in network().constants.items() if k != "w2"}
    content = network()
    bare = Network("s", ("x",), ("y",), content.nodes, content.shapes, constants)
    with pytest.raises(NetworkError, match=r"^node 'conv2': expected numbers in 'w2', found none$"):
        quantize(bare, IMAGES, Scheme())


def test_weights_that_are_not_finite_are_refused():
    weight = np.full((4, 4, 3, 3), np.nan, np.float32)
    with pytest.raises(NetworkError, match=r"^node 'conv2': expected finite numbers in 'w2'$"):
        quantize(network(constants={"w2": weight}), IMAGES, Scheme())


def test_calibration_images_must_fit_the_network():
    with pytest.raises(DataError, match=r"^small: input: expected \(images, 3, 8, 8\), found"):
        quantize(network(), IMAGES[:, :2], Scheme())


def test_calibration_that_overflows_names_the_tensor():
    net = network(constants={"w1": np.full((4, 3, 3, 3), 3e38, np.float32)})
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(
            DataError, match=r"^small: calibration: '\w+': expected finite values, found"
        ),
    ):
        quantize(net, np.full((1, 3, 8, 8), 9.0, np.float32), Scheme())


ARRAYS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40)


@given(ARRAYS, ARRAYS)
def test_spreads_add_up_in_any_order_to_the_spread_of_everything(first, second):
    a, b = (Spread.of(np.array(v, np.float32)) for v in (first, second))
    whole = Spread.of(np.array(first + second, np.float32))
    for total in (a + b, b + a):
        assert (total.lowest, total.highest, total.exponent) == (
            whole.lowest, whole.highest, whole.exponent,
        )  # fmt: skip
        assert np.array_equal(total.counts, whole.counts)


@given(ARRAYS, st.floats(0.1, 100))
def test_percentile_lies_within_a_bin_of_the_sorted_values(values, percent):
    spread = Spread.of(np.array(values, np.float32))
    ordered = np.sort(np.abs(np.array(values, np.float32)))
    exact = ordered[max(0, int(np.ceil(len(ordered) * percent / 100 - 1e-9)) - 1)]
    assert abs(spread.percentile(percent) - exact) <= 2.0**spread.exponent / BINS


def test_mse_threshold_beats_every_other_on_real_error():
    values = RNG.laplace(size=20000).astype(np.float32)
    for bits in (2, 3, 4, 6):
        top = (1 << (bits - 1)) - 1
        chosen = Spread.of(values).threshold(RangeMethod.MSE, 0, lambda t, top=top: t / top)

        def error(threshold, top=top):
            scale = threshold / top
            return ((np.clip(np.rint(values / scale), -top, top) * scale - values) ** 2).mean()

        largest = np.abs(values).max()
        assert error(chosen) <= min(error(s * largest) for s in np.linspace(0.05, 1, 200)) * 1.01


@given(st.integers(2, 8), st.integers(0, 50))
def test_mse_weights_are_never_worse_than_the_full_range(bits, seed):
    weight = np.random.default_rng(seed).standard_t(3, (3, 50)).astype(np.float32)
    top = (1 << (bits - 1)) - 1

    def error(method):
        scale = weight_thresholds(weight, method, 99.0, top)[:, None] / top
        return ((np.clip(np.rint(weight / scale), -top, top) * scale - weight) ** 2).sum(axis=1)

    assert np.all(error(RangeMethod.MSE) <= error(RangeMethod.MAX) * (1 + 1e-9))


def test_calibration_does_not_depend_on_the_number_of_threads(monkeypatch):
    names = coded_tensors(network())
    monkeypatch.setenv("HWSIM_THREADS", "1")
    alone = observe_spreads(network(), IMAGES, names)
    monkeypatch.setenv("HWSIM_THREADS", "3")
    for name, spread in observe_spreads(network(), IMAGES, names).items():
        assert (spread.lowest, spread.highest) == (alone[name].lowest, alone[name].highest)
        assert np.array_equal(spread.counts, alone[name].counts)


def test_calibration_reports_its_progress():
    done = []
    quantize(network(), IMAGES, Scheme(), done.append)
    assert done == [16, 32, 40]
