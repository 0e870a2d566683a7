"""Lint: what Verilator and Icarus say about a module at given parameters; clean is empty."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from hwsim.cosim.simulators import RTL, icarus, verilator_environment, verilator_root

LANGUAGE = "1364-2001"


def verilator_warnings(
    module: str, parameters: Mapping[str, int] | None = None, folder: Path = RTL
) -> str:
    """All warnings of one module and what it instantiates.

    Raises:
        MissingSimulator: Verilator is not installed.
    """
    values = [f"-G{name}={value}" for name, value in (parameters or {}).items()]
    command = [
        str(verilator_root() / "bin" / "verilator_bin"),
        *("--lint-only", "-Wall", "--quiet", "--language", LANGUAGE),
        *("-y", str(folder), "-y", str(folder / "sim"), "--top-module", module),
        *values,
        str(folder / "lint" / "verilator.vlt"),
        str(_source(module, folder)),
    ]
    return _output(command, verilator_environment())


def icarus_warnings(
    module: str, parameters: Mapping[str, int] | None = None, folder: Path = RTL
) -> str:
    """The same by Icarus.

    Raises:
        MissingSimulator: Icarus is not installed.
    """
    values = [f"-P{module}.{name}={value}" for name, value in (parameters or {}).items()]
    command = [
        *(str(icarus()), "-g2001", "-Wall", "-t", "null", "-s", module),
        *("-y", str(folder), "-y", str(folder / "sim")),
        *values,
        str(_source(module, folder)),
    ]
    return _output(command, None)


def _source(module: str, folder: Path) -> Path:
    own = folder / f"{module}.v"
    return own if own.exists() else folder / "sim" / f"{module}.v"


def _output(command: list[str], env: dict[str, str] | None) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    return said if said or done.returncode == 0 else f"exit status {done.returncode}\n"
