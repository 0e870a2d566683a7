"""Prices of designs are those of the reports, whatever the knobs of their layers."""

import pytest

from codesign.flow import prepare, simulate
from codesign.optimize import problem_of
from codesign.simulation import BackendName, Simulation
from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.price import DRIVE_IMAGES, Pricing


@pytest.mark.parametrize("dac_bits", [1, 2])
def test_a_design_costs_what_its_simulation_reports(three_layers, tmp_path, dac_bits):
    """Both see the same images; noise moves the pulses of hidden layers a little."""
    layers = {
        "fc1": Knobs(dac_bits=dac_bits, redundancy=2),
        "fc2": Knobs(dac_bits=3 - dac_bits, adc_bits=6),
    }
    design = Design(layers=layers)
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
