"""What the optimiser simulates is the machine that a design describes."""

from dataclasses import replace

import pytest

from hwsim.tile.spec import Wires
from mapping.design import Design
from mapping.execute_tiles import calibrate
from mapping.plan import plan
from optim.simulate import Simulator

#: Knobs of all layers but the second, and of that one.
DESIGNS = [
    ({"redundancy": 8, "adc_bits": 6}, {"redundancy": 8, "adc_bits": 6}),
    ({"redundancy": 4, "dac_bits": 2, "adc_bits": 5}, {}),
    ({"adc_bits": 7}, {"redundancy": 8}),
    ({"redundancy": 2, "conductance_scale": 0.3, "read_voltage_V": 0.1}, {"adc_bits": 5}),
]


@pytest.mark.compiled
@pytest.mark.parametrize("wires", [False, True])
def test_ranges_are_those_that_designs_are_calibrated_to(small_problem, wires):
    problem = small_problem
    if wires:
        tile = problem.arch.tile.replace(wires=Wires(bit_line_ohm=5.0, source="of this test"))
        problem = replace(problem, arch=problem.arch.replace(tile=tile))
    names = [shape.name for shape in problem.shapes]
    simulator, found = Simulator(problem), []
    for every, second in DESIGNS:
        design = Design.model_validate({"default": every, "layers": {names[1]: second}})
        placed = plan(problem.shapes, problem.unbounded, design)
        expected = calibrate(problem.network, placed, problem.arch, problem.calibration)
        found.append(simulator.shifts(design))
        assert found[-1] == expected
    assert len({tuple(each.values()) for each in found}) > 1
    plain = Design.model_validate({"default": {"adc_bits": 6}})
    assert simulator.shifts(plain) != found[0]  # copies matter
