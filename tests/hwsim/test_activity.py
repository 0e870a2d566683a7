"""Switching of mapped gates: waveforms read, gates evaluated, differences noticed."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from hwsim.cosim.activity import _TABLES, ActivityError, switching
from hwsim.cosim.synthesis import library
from hwsim.cosim.waveform import WaveformError, read_ports
from tests.reference.tolerance import near

VCD = """\
$timescale 1s $end
$scope module tb $end
$var wire 1 ! clk_i $end
$var wire 3 " code [2:0] $end
$scope module dut $end
$var wire 1 # on $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
$dumpvars
0!
bx "
x#
$end
#5
1!
b101 "
#10
0!
1#
#15
1!
b10 "
0#
#20
0!
#25
1!
"""


def inverter_and_register() -> dict[str, object]:
    """y_o = registered inverse of a_i."""
    return {
        "ports": {
            "clk_i": {"direction": "input", "bits": [2]},
            "rst_ni": {"direction": "input", "bits": [3]},
            "a_i": {"direction": "input", "bits": [4]},
            "y_o": {"direction": "output", "bits": [6]},
        },
        "cells": {
            "u1": {"type": "INV", "connections": {"A": [4], "Y": [5]}},
            "u2": {"type": "DFFR", "connections": {"CK": [2], "RN": [3], "D": [5], "Q": [6]}},
        },
    }


def traces(a: list[int], y: list[int], reset: list[int]) -> dict[str, np.ndarray]:
    values = {"a_i": a, "y_o": y, "rst_ni": reset}
    return {name: np.array(value, np.uint8)[:, None] for name, value in values.items()}


def test_values_are_those_before_each_rising_edge(tmp_path: Path) -> None:
    file = tmp_path / "a.vcd"
    file.write_text(VCD)
    found = read_ports(file, {"tb": ["code"], "tb.dut": ["on"]})
    assert found["tb"]["code"].tolist() == [[0, 0, 0], [1, 0, 1], [0, 1, 0]]
    assert found["tb.dut"]["on"].tolist() == [[0], [1], [0]]


def test_a_missing_signal_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.vcd"
    file.write_text(VCD)
    with pytest.raises(WaveformError, match=r"a.vcd: expected signal tb.dut.off, found none"):
        read_ports(file, {"tb.dut": ["off"]})


@pytest.mark.parametrize("name", sorted(_TABLES))
def test_a_gates_table_is_its_liberty_function(name: str) -> None:
    cell = library().cells[name]
    assert cell.function is not None
    expression = cell.function.replace("!", " not ").replace("&", " and ").replace("|", " or ")
    for values in product((0, 1), repeat=len(cell.inputs)):
        inputs = dict(zip(cell.inputs, (bool(v) for v in values), strict=True))
        expected = eval(expression.strip(), {}, inputs)
        index = sum(v << i for i, v in enumerate(values))
        assert bool(_TABLES[name] >> index & 1) == expected


def test_transitions_are_counted_and_priced() -> None:
    run = traces(a=[0, 0, 1, 0, 0], y=[0, 1, 1, 0, 1], reset=[1, 1, 1, 1, 1])
    found = switching("small", inverter_and_register(), run, first=0)
    cells = library()
    inverter = cells.transition_J("INV", cells.cells["DFFR"].capacitance.value, 1)
    register = cells.transition_J("DFFR", 0.0, 0)
    assert found.transitions == 2 + 3
    assert found.switched_J == near(2 * inverter + 3 * register)
    assert found.clock_J == cells.clock_J({"DFFR": 1})
    later = switching("small", inverter_and_register(), run, first=3)
    assert (later.cycles, later.transitions) == (2, 1)


def test_reset_clears_a_register_at_once() -> None:
    run = traces(a=[0, 0, 0], y=[0, 1, 0], reset=[1, 1, 0])
    assert switching("small", inverter_and_register(), run, first=0).transitions == 2


def test_gates_that_differ_from_the_rtl_are_an_error() -> None:
    run = traces(a=[0, 0, 1], y=[0, 1, 0], reset=[1, 1, 1])
    with pytest.raises(ActivityError, match=r"small: gates and RTL: .* differ in cycle 2"):
        switching("small", inverter_and_register(), run, first=0)
