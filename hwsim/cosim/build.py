"""Verilated models as shared libraries, built once per content and kept in the user's cache.

The key of a library is the hash of everything that it is made from: the RTL, its parameters,
the harness, the tools.  A library appears under its name whole or not at all, so that several
processes may build the same one.
"""

import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import final

from hwsim.cosim.lint import LANGUAGE
from hwsim.cosim.simulators import RTL, verilator_environment, verilator_root
from hwsim.errors import HwsimError

HARNESS_FOLDER = Path(__file__).resolve().parent / "harness"
#: O2 for all that runs per cycle; -O3 and -march=native are within 3 % (measured).
_OPTIMISATION = ("OPT_FAST=-O2", "OPT_GLOBAL=-O2", "OPT_SLOW=-O1")
_VERILATOR = (
    "--language",
    LANGUAGE,
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "-O3",
)
_COMPILER = ("-fPIC", "-DVL_USER_FATAL")
_LOCK = threading.Lock()


class BuildError(HwsimError):
    """A model cannot be built."""


class Waves(Enum):
    """Format of waveforms; the value is the file's ending."""

    FST = ".fst"
    VCD = ".vcd"

    @classmethod
    def of(cls, file: Path) -> "Waves":
        """The format that a file's name asks for.

        Raises:
            BuildError: its ending is of no format.
        """
        for format in cls:
            if file.suffix.lower() == format.value:
                return format
        raise BuildError(
            f"{file}: expected a file name ending in .fst or .vcd, found {file.name!r}"
        )


@final
@dataclass(frozen=True)
class Design:
    """A module with bound parameters and the C++ around it.

    top: module and file name in `rtl`;
    parameters: those that are bound on the command line;
    shape: constants of the harness: what it must know of the bound module;
    waves: record waveforms (slower).
    """

    top: str
    parameters: Mapping[str, int]
    shape: Mapping[str, int]
    waves: Waves | None = None
    rtl: Path = RTL

    @cached_property
    def files(self) -> dict[str, str]:
        """Name and text of every file of a build.

        Raises:
            BuildError: the RTL is not there.
        """
        harness = {f"{self.top}.cpp": HARNESS_FOLDER / f"{self.top}.cpp"}
        harness["model.h"] = HARNESS_FOLDER / "model.h"
        rtl = {path.name: path for path in module_files(self.top, self.rtl)}
        shape = [f"constexpr int {name} = {value};" for name, value in self.shape.items()]
        texts = {name: path.read_text() for name, path in {**rtl, **harness}.items()}
        return {**texts, "shape.h": "\n".join(["#pragma once", *shape, ""])}

    def key(self, tools: str) -> str:
        """Hash of everything that the library is made from; `tools` says by what."""
        content = {
            "files": self.files,
            "parameters": dict(self.parameters),
            "waves": self.waves and self.waves.value,
            "tools": tools,
            "flags": [*_VERILATOR, *_COMPILER, *_OPTIMISATION],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def module_files(top: str, rtl: Path = RTL) -> list[Path]:
    """The files of `top` and of every module below it.

    Raises:
        BuildError: the file of `top` is not there.
    """
    present = {path.stem: path for path in rtl.glob("*.v")}
    if top not in present:
        raise BuildError(f"RTL: expected the module {top} in {rtl}, found none")
    wanted, found = [top], [top]
    while wanted:
        words = set(re.findall(r"\w+", _without_comments(present[wanted.pop()].read_text())))
        new = sorted(words & present.keys() - set(found))
        found += new
        wanted += new
    return [present[name] for name in sorted(found)]


def _without_comments(verilog: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", verilog, flags=re.DOTALL)


def shared_library(design: Design) -> Path:
    """The library of a design, built if it is not in the cache.

    Raises:
        MissingSimulator: Verilator, a C++ compiler or make is not installed.
        BuildError: one of them fails, or the cache cannot be written to.
    """
    environment = verilator_environment()
    folder = cache_folder() / "rtl"
    library = folder / f"{design.top}-{design.key(_tools(environment))}.so"
    with _LOCK:
        if not library.exists():
            check_build_folder(folder, "HWSIM_CACHE")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(prefix=".build-", dir=folder) as scratch:
                    _build(design, environment, Path(scratch)).replace(library)
            except OSError as error:
                raise BuildError(
                    f"{folder}: cannot be written: {error.strerror or error}"
                ) from None
    return library


def check_build_folder(folder: Path, setting: str) -> None:
    """Refuse a folder that GNU make cannot build in; `setting` is what chooses another.

    Raises:
        BuildError: its path has spaces.
    """
    if len(str(folder.absolute()).split()) > 1:
        raise BuildError(
            f"{folder}: expected a path without spaces (GNU make), found some; "
            f"set {setting} to another folder"
        )


def cache_folder() -> Path:
    """Where built models are kept: HWSIM_CACHE, or the user's cache."""
    named = os.environ.get("HWSIM_CACHE", "")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "hwsim"


def _tools(environment: Mapping[str, str]) -> str:
    """Versions of Verilator and of the compiler, in words."""
    shown = _run(["g++", "--version"], environment, Path.cwd())
    return f"verilator {importlib.metadata.version('verilator')}, {shown.partition(chr(10))[0]}"


def _build(design: Design, environment: Mapping[str, str], scratch: Path) -> Path:
    """The library, built in `scratch`; all paths are relative, for compiler caches."""
    for name, text in design.files.items():
        (scratch / name).write_text(text)
    bound = [f"-G{name}={value}" for name, value in design.parameters.items()]
    waves = {None: [], Waves.FST: ["--trace-fst"], Waves.VCD: ["--trace-vcd"]}[design.waves]
    flags = [item for flag in _COMPILER for item in ("-CFLAGS", flag)]
    verilate = [str(verilator_root() / "bin" / "verilator_bin"), "--cc", "--prefix", "Vdut"]
    verilate += ["--top-module", design.top, "-Mdir", "obj", "-y", "."]
    verilate += [*_VERILATOR, *waves, *flags, *bound, f"{design.top}.v"]
    make = ["make", "-s", "-C", "obj", "-f", "Vdut.mk", f"-j{os.cpu_count() or 1}"]
    make += [*_OPTIMISATION, "libVdut.a", "libverilated.a"]
    for command in (verilate, make, _link(design)):
        _run(command, environment, scratch)
    return scratch / "model.so"


def _link(design: Design) -> list[str]:
    include = verilator_root() / "include"
    fst = design.waves is Waves.FST
    trace = [f"-DVM_TRACE={int(design.waves is not None)}", f"-DVM_TRACE_FST={int(fst)}"]
    libraries = ["obj/libVdut.a", "obj/libverilated.a", *(["-llz4", "-lz"] if fst else [])]
    headers = ["-I.", "-Iobj", f"-I{include}", f"-I{include / 'vltstd'}"]
    flags = ["-shared", "-std=gnu++17", "-O2", *_COMPILER, *trace, *headers]
    return ["g++", *flags, "-o", "model.so", f"{design.top}.cpp", *libraries, "-pthread"]


def _run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> str:
    """Standard output of a command."""
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BuildError(f"RTL: {program}: cannot be run: {error.strerror or error}") from None
    if done.returncode:
        raise BuildError(f"RTL: {program} failed: {_complaint(done.stderr)}")
    return done.stdout


def _complaint(output: str) -> str:
    """The line that says what is wrong."""
    if "lz4.h" in output:
        return "expected lz4.h (package liblz4-dev) for a .fst file, found none; .vcd needs none"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if re.search(r"error|undefined", line, re.IGNORECASE)]
    return (wrong or lines or ["no message"])[0]
