"""A whole network on modelled tiles: equal to the integers, and reproducible."""

import numpy as np
import pytest

from hwsim import _jit
from hwsim.chip.load import load_arch
from hwsim.device.spec import Fluctuation, States
from hwsim.peripherals.spec import AdcRange
from hwsim.tile.spec import Averaging, Encoding, Engine, Knobs
from mapping.design import Design
from mapping.execute import IdealBackend, run
from mapping.execute_tiles import TileBackend, calibrate
from mapping.network import LayerIntegers, Network, Node, QuantizedNetwork, QuantParams
from mapping.plan import plan
from mapping.shapes import layer_shapes


def small_network(groups: int = 1) -> QuantizedNetwork:
    """conv 3x3 (grouped) - conv 3x3 of stride 2 - linear, on 4 x 9 x 9 images."""
    stream = np.random.default_rng(1)
    nodes = (
        Node(
            "a",
            "conv",
            ("x", "wa"),
            "t",
            {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": groups},
        ),
        Node(
            "b",
            "conv",
            ("t", "wb"),
            "u",
            {"strides": (2, 2), "pads": (0, 1, 0, 1), "dilations": (1, 1), "group": 1},
        ),
        Node("f", "reshape", ("u",), "v", {"shape": (0, -1)}),
        Node("c", "linear", ("v", "wc"), "y", {}),
    )
    weights = {
        "a": stream.integers(-127, 128, (16, 4 // groups, 3, 3)),
        "b": stream.integers(-127, 128, (12, 16, 3, 3)),
        "c": stream.integers(-127, 128, (12 * 4 * 5, 10)),
    }
    shapes = {
        "x": (-1, 4, 9, 9),
        "t": (-1, 16, 9, 9),
        "u": (-1, 12, 4, 5),
        "v": (-1, 240),
        "y": (-1, 10),
        "wa": weights["a"].shape,
        "wb": weights["b"].shape,
        "wc": weights["c"].shape,
    }
    layers = {
        name: LayerIntegers(
            w.astype(np.int32),
            np.full(w.shape[-1] if name == "c" else w.shape[0], 0.01),
            8,
            stream.integers(-500, 500, w.shape[-1] if name == "c" else w.shape[0]),
        )
        for name, w in weights.items()
    }
    tensors = {
        "x": QuantParams(0.02, 0, 8, True),
        "t": QuantParams(0.05, 0, 8, False),
        "u": QuantParams(0.09, 3, 8, False),
        "v": QuantParams(0.09, 3, 8, False),
    }
    network = Network("small", ("x",), ("y",), nodes, shapes, {})
    return QuantizedNetwork(network, tensors, layers)


def images(count: int = 7) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, 4, 9, 9)).astype(np.float32)


def arch(**tile):
    base = load_arch("emt")
    return base.replace(tile=base.tile.replace(**tile))


def on_tiles(network, hardware, design=None, **options):
    placed = plan(layer_shapes(network), hardware, design)
    backend = TileBackend(network, placed, hardware, **options)
    return run(network, images(), backend)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("averaging", list(Averaging))
def test_ideal_tiles_equal_the_integers_exactly(groups, encoding, averaging):
    network = small_network(groups)
    adc = load_arch("emt").tile.adc.replace(bits=12, range=AdcRange.FULL)
    hardware = arch(
        encoding=encoding,
        averaging=averaging,
        adc=adc,
        rows=100,
        flipped_columns=encoding is Encoding.OFFSET,
    )
    expected = run(network, images(), IdealBackend(network))
    for redundancy in (1, 2):
        design = Design(default=Knobs(redundancy=redundancy))
        found = on_tiles(network, hardware, design, ideal_device=True)
        np.testing.assert_array_equal(found, expected)


def test_three_copies_averaged_digitally_change_only_the_rounding_of_the_scale():
    network = small_network()
    adc = load_arch("emt").tile.adc.replace(bits=12, range=AdcRange.FULL)
    hardware = arch(averaging=Averaging.DIGITAL, adc=adc)
    expected = run(network, images(), IdealBackend(network))
    found = on_tiles(network, hardware, Design(default=Knobs(redundancy=3)), ideal_device=True)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0.1)


def with_chains(hardware):
    """The same cells, their telegraph states lasting for some reads."""
    noise = hardware.device.fluctuation.model_dump()
    noise |= {"states": States.MARKOV, "high_dwell_s": 3e-7, "low_dwell_s": 2e-7}
    fluctuation = Fluctuation.model_validate(noise)
    return hardware.replace(device=hardware.device.replace(fluctuation=fluctuation))


@pytest.mark.parametrize(
    ("engine", "chained"), [(Engine.MOMENTS, False), (Engine.EXACT, False), (Engine.EXACT, True)]
)
def test_results_do_not_depend_on_chunk_or_threads(monkeypatch, engine, chained):
    network, hardware = small_network(2), with_chains(arch()) if chained else arch()
    placed = plan(layer_shapes(network), hardware)
    results = []
    for workers, chunk in ((1, None), (2, 3), (8, 1)):
        monkeypatch.setenv("HWSIM_THREADS", str(workers))
        assert _jit.threads() == workers
        backend = TileBackend(network, placed, hardware, seed=3, engine=engine)
        results.append(run(network, images(), backend, chunk=chunk))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_seed_and_device_sample_change_the_draws():
    network, hardware = small_network(), load_arch("emt-strong")
    runs = [
        on_tiles(network, hardware, seed=seed, device_sample=sample)
        for seed, sample in ((0, 0), (0, 1), (1, 0))
    ]
    assert not np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_calibrated_ranges_are_finer_than_full_ones_and_change_little():
    network, hardware = small_network(), arch(rows=128)
    placed = plan(layer_shapes(network), hardware)
    shifts = calibrate(network, placed, hardware, images())
    assert set(shifts) == {"a", "b", "c"}
    full = TileBackend(network, placed, hardware, ideal_device=True)
    fine = TileBackend(network, placed, hardware, shifts=shifts, ideal_device=True)
    exact = run(network, images(), IdealBackend(network))
    errors = [np.abs(run(network, images(), b) - exact).mean() for b in (full, fine)]
    assert errors[1] < errors[0]


def test_pulses_are_counted_by_layer():
    network, hardware = small_network(2), arch()
    placed = plan(layer_shapes(network), hardware)
    backend = TileBackend(network, placed, hardware)
    run(network, images(), backend)
    layer = backend.layer("a")
    assert layer.vectors == 7 * 81
    assert layer.row_pulses().shape == (2, 18)
    assert layer.row_levels().shape == (4, 2, 18)
    assert (layer.row_pulses() > 0).all()
    assert layer.row_pulses().max() <= 8 * layer.vectors
    np.testing.assert_array_equal(layer.row_swings(), layer.row_pulses())


def test_a_line_swings_once_per_digit_however_long_it_is():
    network = small_network(2)
    hardware = arch(dac_bits=4)
    backend = TileBackend(network, plan(layer_shapes(network), hardware), hardware)
    run(network, images(), backend)
    layer = backend.layer("a")
    assert layer.row_swings().max() <= 3 * layer.vectors  # two digits and the sign
    assert (layer.row_swings() < layer.row_pulses()).all()
