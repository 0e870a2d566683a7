"""Prices of designs are those of the reports, whatever the knobs of their layers."""

from dataclasses import replace

import numpy as np
import pytest

from codesign.flow import prepare, simulate
from codesign.optimize import problem_of
from codesign.simulation import BackendName, Simulation
from hwsim.chip.load import load_arch
from hwsim.cost import load_technology
from hwsim.tile.spec import Knobs
from mapping.design import Design
from mapping.onnx_import import import_network
from mapping.plan import plan
from mapping.quantize import Scheme, quantize
from optim.price import DRIVE_IMAGES, Pricing
from optim.problem import Examples, Problem
from tests.reference import many_operators


@pytest.mark.parametrize(("dac_bits", "tiles"), [(1, 96), (2, 300)])
def test_a_design_costs_what_its_simulation_reports(three_layers, tmp_path, dac_bits, tiles):
    """Both see the same images; noise moves the pulses of hidden layers a little."""
    layers = {
        "fc1": Knobs(dac_bits=dac_bits, redundancy=2),
        "fc2": Knobs(dac_bits=3 - dac_bits, adc_bits=6),
    }
    design = Design(layers=layers, tiles=tiles)
    (tmp_path / "design.yaml").write_text(design.to_yaml())
    asked = Simulation(
        three_layers,
        "digits",
        arch="emt-weak",
        design=tmp_path / "design.yaml",
        samples=DRIVE_IMAGES,
        backend=BackendName.NUMBA,
    )
    price = Pricing(problem_of(prepare(asked), DRIVE_IMAGES)).price(design)
    reported = simulate(asked).energy_J
    assert price.energy_J == pytest.approx(reported.total, rel=2e-3)
    assert set(price.by_layer_J) == set(reported.by_layer)
    for name, joules in price.by_layer_J.items():
        assert joules == pytest.approx(reported.by_layer[name], rel=1e-2), name


@pytest.fixture
def convolutions(tmp_path):
    """Convolutions that wait for each other, on clusters of eight tiles."""
    file = many_operators.write(tmp_path / "small.onnx")
    images = many_operators.IMAGES
    shown = Examples(images, np.arange(len(images)) % 5)
    arch = load_arch("emt")
    chip = arch.chip.replace(groups_per_cluster=1)
    return Problem(
        quantize(import_network(file).network, images, Scheme()),
        arch.replace(chip=chip),
        load_technology(arch.technology),
        images,
        shown,
        shown,
    )


def test_clusters_are_added_while_they_save_energy(convolutions):
    pricing = Pricing(convolutions)
    chosen = pricing.price(Design())
    fewest = plan(convolutions.shapes, convolutions.arch).clusters
    every = [pricing.price(Design(tiles=8 * count)) for count in range(fewest, 40)]
    least = min(price.energy_J for price in every)
    assert chosen.energy_J < 0.98 * every[0].energy_J
    assert chosen.energy_J < 1.02 * least
    assert chosen.budget is not None
    again = pricing.price(Design(tiles=chosen.budget))
    assert (again.energy_J, again.plan) == (chosen.energy_J, chosen.plan)


def test_no_clusters_are_added_that_the_chip_does_not_have(convolutions):
    arch = convolutions.arch
    fewest = plan(convolutions.shapes, arch).clusters
    small = arch.replace(chip=arch.chip.replace(max_clusters=fewest))
    price = Pricing(replace(convolutions, arch=small)).price(Design())
    assert (price.plan.clusters, price.budget) == (fewest, None)


def test_all_clusters_that_the_chip_has_are_tried(convolutions):
    """Also where the next step would be beyond them."""
    chip = convolutions.arch.chip.replace(tiles_per_group=1)
    problem = replace(convolutions, arch=convolutions.arch.replace(chip=chip))
    fewest = plan(problem.shapes, problem.arch).clusters
    assert fewest > 4  # steps of a quarter: of two and more
    own, larger = (
        Pricing(problem).price(Design(tiles=clusters * chip.tiles_per_cluster))
        for clusters in (fewest, fewest + 1)
    )
    small = problem.arch.replace(chip=chip.replace(max_clusters=fewest + 1))
    found = Pricing(replace(problem, arch=small)).price(Design())
    assert larger.energy_J < 0.98 * own.energy_J
    assert found.energy_J == larger.energy_J
