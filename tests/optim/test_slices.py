"""Windows by slice: the closed form against a solver, and what it saves."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from codesign.images import load_images
from hwsim.chip.load import load_arch
from hwsim.cost import load_technology
from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from mapping.shapes import layer_shapes
from optim.baselines import Method, binarised, cells_J, one_for_all
from optim.price import Pricing
from optim.problem import Examples, Problem
from optim.slices import balanced_scales

ARCH = binarised(load_arch("emt-strong"))


@pytest.fixture(scope="module")
def digits():
    network = import_network(Path(str(files("codesign.demo").joinpath("digits.onnx")))).network
    images = load_images("digits", network, 100, True)
    return quantize(network, images.calibration, Scheme(weight_bits=4, activation_bits=4)), images


def levels(network, name):
    """Share of set bits of each of three slices."""
    magnitudes = np.abs(network.layers[name].weight)
    return np.array([(magnitudes >> bit & 1).mean() for bit in range(3)])


def test_no_windows_of_equal_noise_take_less_energy(digits):
    network, _ = digits
    found = balanced_scales(network, plan(layer_shapes(network), ARCH), ARCH)
    for name, scales in found.items():
        mean, weights = levels(network, name), 4.0 ** np.arange(3)

        def energy(log_parts, mean=mean, weights=weights):
            parts = np.exp(log_parts)
            return np.log(mean @ parts) + np.log((weights / parts**2).sum()) / 2

        best = minimize(energy, np.zeros(3), tol=1e-12).x
        np.testing.assert_allclose(scales, np.exp(best - best.max()), rtol=1e-4)


def test_a_slice_without_levels_does_not_narrow_the_others(digits):
    """Even weights: nothing is stored in the least significant slice."""
    network, _ = digits
    name, layer = next(iter(network.layers.items()))
    even = replace(layer, weight=np.sign(layer.weight) * (np.abs(layer.weight) // 2 * 2))
    changed = replace(network, layers={**network.layers, name: even})
    found = balanced_scales(changed, plan(layer_shapes(changed), ARCH), ARCH)[name]
    mean = levels(changed, name)
    assert mean[0] == 0
    parts = np.cbrt(4.0 ** np.arange(1, 3) / mean[1:])
    np.testing.assert_allclose(found, (1.0, *(parts / parts.max())))


def test_windows_by_slice_save_a_quarter_of_the_levels_energy_at_equal_noise(digits):
    network, images = digits
    scales = balanced_scales(network, plan(layer_shapes(network), ARCH), ARCH)
    shown = Examples(images.test.images, images.test.labels)
    arch = ARCH.replace(device=ARCH.device.replace(conductance_min_S=1e-12))
    technology = load_technology(arch.technology)
    pricing = Pricing(Problem(network, arch, technology, images.calibration, shown, shown))
    alike = Method("alike", network, arch, one_for_all(network), Knobs(dac_bits=1))
    sliced = Method("sliced", network, arch, one_for_all(network), Knobs(dac_bits=1), scales)

    def noise(design: Design, name: str) -> float:
        """Of a product, against cells in the whole window."""
        knobs = design.knobs(name)
        parts = knobs.conductance_scale * np.array(knobs.slice_scales or (1.0,) * 3)
        return float((4.0 ** np.arange(3) / parts**2).sum() / 21)

    # The part of the window in which balanced slices are as noisy as cells alike in half of it.
    common = alike.design(0.5)
    name = max(network.layers, key=lambda layer: network.layers[layer].weight.size)
    wider = sliced.design(0.5 * np.sqrt(noise(sliced.design(0.5), name) / noise(common, name)))
    assert noise(wider, name) == pytest.approx(noise(common, name), rel=0.03)
    saved = 1 - cells_J(pricing, wider) / cells_J(pricing, common)
    assert 0.15 < saved < 0.4
