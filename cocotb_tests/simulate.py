"""Build a module once per parameter set and run its coroutines (the pytest side of a bench)."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from cocotb_tools.runner import get_results, get_runner

from cocotb_tests.bench import SEED
from hwsim.cosim.simulators import (
    RTL,
    MissingSimulator,
    icarus,
    rtl_sources,
    verilator_environment,
)

ROOT = Path(__file__).resolve().parents[1]
BUILDS = Path(os.environ.get("HWSIM_BUILDS", ROOT / "out" / "rtl"))
SOURCES = Path(os.environ.get("HWSIM_RTL", RTL))  # a copy with a fault, to see a bench fail


def simulate(
    toplevel: str,
    bench: str,
    parameters: Mapping[str, int],
    *,
    simulator: str = "verilator",
    seed: int = SEED,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run all cocotb tests of module `bench` on `toplevel`; a failure of any fails the test."""
    try:
        settings = dict(os.environ) if simulator == "icarus" else verilator_environment()
        if simulator == "icarus":
            icarus()
    except MissingSimulator as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        runner = get_runner(simulator)
        folder = BUILDS / _key(toplevel, parameters, simulator)
        done = folder / "done"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
        runner.build(
            sources=[*_sources(toplevel), *_visible(toplevel, folder, simulator)],
            hdl_toplevel=toplevel,
            parameters=dict(parameters),
            build_dir=folder,
            build_args=_build_args(simulator),
            timescale=("1ns", "1ps"),
            always=not done.exists(),
            log_file=_log(folder, "build.log"),
        )
        done.touch()
        results = folder / f"{bench}.xml"
        results.unlink(missing_ok=True)
        with contextlib.suppress(SystemExit):  # how the runner reports a failed test
            runner.test(
                test_module=f"cocotb_tests.{bench}",
                hdl_toplevel=toplevel,
                hdl_toplevel_lang="verilog",
                build_dir=folder,
                test_dir=folder,
                results_xml=str(results),
                seed=seed,
                extra_env={
                    "PYTHONPATH": str(ROOT),
                    "BENCH_PARAMETERS": json.dumps(dict(parameters)),
                    "BENCH_SEED": str(seed),
                    "COVERAGE_FILE": str(folder / f"{bench}.coverage.json"),
                    "COCOTB_ANSI_OUTPUT": "0",
                    **(environment or {}),
                },
                timescale=("1ns", "1ps"),
                log_file=_log(folder, f"{bench}.log"),
            )
    assert results.exists(), f"{bench}: the simulation broke off:\n{_tail(folder / f'{bench}.log')}"
    tests, failed = get_results(results)
    assert tests > 0, f"{bench}: no cocotb test ran"
    assert failed == 0, f"{failed} of {tests} failed:\n{_tail(folder / f'{bench}.log')}"


def _log(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.strip() for line in lines if "Error" in line or "assert " in line]
    return "\n".join(errors[:20] or lines[-30:])


def _sources(toplevel: str) -> list[Path]:
    """The files that `toplevel` needs: all for a hierarchy, its own for a leaf."""
    sources = rtl_sources(SOURCES)
    top = [path for path in sources if path.stem == toplevel]
    if toplevel in {"tile", "tile_with_array"}:
        return [path for path in sources if path.stem != toplevel] + top
    return top


def _visible(toplevel: str, folder: Path, simulator: str) -> list[Path]:
    if simulator != "verilator":
        return []
    text = f'`verilator_config\npublic_flat_rw -module "{toplevel}" -var "*"\n'
    path = _log(folder, "visible.vlt")
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return [path]


def _build_args(simulator: str) -> list[str]:
    if simulator == "icarus":
        return ["-g2001"]
    # Without --no-public-flat-rw every signal is visible to Python, 14 to 45 times slower.
    return ["--no-public-flat-rw", "--language", "1364-2001", "-Wno-fatal", "-O3"]


def _key(toplevel: str, parameters: Mapping[str, int], simulator: str) -> str:
    digest = hashlib.sha256(json.dumps(sorted(parameters.items())).encode())
    for path in _sources(toplevel):
        digest.update(path.read_bytes())
    digest.update(" ".join(_build_args(simulator)).encode())
    return f"{toplevel}-{simulator}-{digest.hexdigest()[:12]}"
