"""The emitted tile: replayed in plain Icarus and Verilator, and a wrong vector is noticed."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwsim.cosim.emit import BENCH, emit_tile, packed
from hwsim.cosim.golden import Golden, golden, random_matrix
from hwsim.cosim.mutation import TILES, small_geometry
from hwsim.cosim.simulators import MissingSimulator, icarus, verilator_environment
from hwsim.device.spec import Device, Fluctuation

NOISY = Device.model_validate(
    {
        "name": "bench",
        "conductance_min_S": 1e-6,
        "conductance_max_S": 1e-5,
        "source": "made up",
        "fluctuation": Fluctuation.model_validate(
            {"law": "absolute", "amplitude": 0.3, "source": "made up"}
        ),
    }
)


def run_of(number: int, device: Device | None = None) -> Golden:
    case = TILES[number]
    geometry = small_geometry(case)
    weights, codes = random_matrix(geometry, 5, number)
    chained = bool(case.get("chained"))
    return golden(geometry, weights, codes, device=device, seed=number, chained=chained)


def missing(problem: MissingSimulator) -> None:
    if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
        pytest.fail(str(problem))
    pytest.skip(str(problem))


def icarus_says(folder: Path, pauses: int = 0) -> str:
    try:
        compiler = str(icarus())
    except MissingSimulator as problem:
        missing(problem)
    options = ["-g2001", "-o", "bench.vvp", "-f", "files.f", "-s", BENCH]
    subprocess.run([compiler, f"-P{BENCH}.PAUSES={pauses}", *options], cwd=folder, check=True)
    run = ["vvp", "-n", "bench.vvp"]
    return subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.rtl
@pytest.mark.parametrize("number", range(len(TILES)))
@pytest.mark.parametrize("device", [None, NOISY], ids=["ideal", "fluctuating"])
def test_the_bundle_passes_in_icarus(tmp_path: Path, number: int, device: Device | None) -> None:
    run = run_of(number, device)
    emit_tile(run, tmp_path, "small")
    assert np.any(run.disturbances) == (device is not None)
    expected = f"PASS: {run.results.size} results of 5 vectors, {run.cycles} busy cycles"
    assert expected in icarus_says(tmp_path)
    assert "PASS" in icarus_says(tmp_path, pauses=1)


@pytest.mark.rtl
@pytest.mark.slow
def test_the_bundle_passes_in_verilator(tmp_path: Path) -> None:
    try:
        environment = verilator_environment()
    except MissingSimulator as problem:
        missing(problem)
    # The wheel is built without ./configure: it is told how to compile coroutines.
    environment["MAKEFLAGS"] += (
        " CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_CXXFLAGS_STD=-std=gnu++20"
    )
    emit_tile(run_of(1, NOISY), tmp_path, "small")
    build = ["verilator", "--binary", "--timing", "-f", "files.f", "--top-module", BENCH]
    subprocess.run(build, cwd=tmp_path, env=environment, check=True, capture_output=True)
    run = subprocess.run(
        [f"obj_dir/V{BENCH}"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert run.stdout.startswith("PASS: 40 results of 5 vectors")


@pytest.mark.rtl
def test_a_wrong_result_or_cycle_fails_the_bench(tmp_path: Path) -> None:
    run = run_of(0)
    emit_tile(replace(run, cycles=run.cycles + 1), tmp_path, "small")
    assert f"FAIL: expected {run.cycles + 1} busy cycles" in icarus_says(tmp_path)
    wrong = run.results.copy()
    wrong[2, 1] += 1
    emit_tile(replace(run, results=wrong), tmp_path, "small")
    assert f"FAIL: 1 of {wrong.size} results differ" in icarus_says(tmp_path)


def test_the_bundle_stands_alone(tmp_path: Path) -> None:
    written = emit_tile(run_of(0), tmp_path / "out", "small")
    listed = (tmp_path / "out" / "files.f").read_text().split()
    assert all((tmp_path / "out" / file).is_file() for file in listed)
    assert {path.name for path in written} >= {"README.md", "hwsim_tile.v", "tb_hwsim_tile.v"}
    bound = (tmp_path / "out" / "rtl" / "hwsim_tile.v").read_text()
    assert ".ADC_BITS(5)" in bound
    assert "input  wire [31:0] x_i" in bound


def test_a_folder_in_the_way_leaves_nothing_of_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "files.f").mkdir()
    with pytest.raises(IsADirectoryError):
        emit_tile(run_of(0), tmp_path, "small")
    assert list(tmp_path.rglob("*")) == [tmp_path / "files.f"]


def test_a_bundle_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content() -> dict[str, str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {str(path): path.read_text() for path in files}

    emit_tile(run_of(0), tmp_path, "small")
    before = content()
    honest = Path.write_text

    def full(self: Path, text: str, encoding: str | None = None) -> int:
        if self.name == "README.md":
            raise OSError("no space left")
        return honest(self, text, encoding=encoding)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="no space left"):
            emit_tile(run_of(1), tmp_path, "small")
    assert content() == before
    emit_tile(run_of(1), tmp_path, "small")
    assert content().keys() >= before.keys()
    assert content() != before


def test_words_are_packed_lowest_first_in_twos_complement() -> None:
    assert packed(np.array([[1, -1], [2, 0]]), 4) == [0xF1, 0x02]
