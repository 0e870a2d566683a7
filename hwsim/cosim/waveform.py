"""Values of a module's ports, clock cycle by clock cycle, from a VCD file."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import HwsimError

Bits = NDArray[np.uint8]


class WaveformError(HwsimError):
    """A VCD file does not hold what is asked for."""


def read_ports(
    vcd: Path, scopes: Mapping[str, Iterable[str]], clock: str = "clk_i"
) -> dict[str, dict[str, Bits]]:
    """What signals are just before every rising edge of the clock; unknown bits are 0.

    Args:
        scopes: full scope ("bench.dut.u_tile") -> names of signals.
        clock: the signal of the outermost scope whose edges count.
    Returns:
        scope -> name -> (cycles, width), bit 0 first.
    Raises:
        WaveformError: the file has no such signal.
    """
    with vcd.open(encoding="ascii") as lines:
        declared = _declarations(lines)
        top = next(iter(declared))[0].split(".")[0]
        wanted: dict[str, tuple[str, int]] = {}
        places: dict[tuple[str, str], str] = {}
        for scope, names in scopes.items():
            for name in names:
                if (scope, name) not in declared:
                    raise WaveformError(f"{vcd}: expected signal {scope}.{name}, found none")
                code, width = declared[scope, name]
                wanted[code] = code, width
                places[scope, name] = code
        clock_code = declared[top, clock][0]
        traces = _sample(lines, {code: width for code, width in wanted.values()}, clock_code)
    found: dict[str, dict[str, Bits]] = {scope: {} for scope in scopes}
    for (scope, name), code in places.items():
        found[scope][name] = traces[code]
    return found


def _declarations(lines: Iterator[str]) -> dict[tuple[str, str], tuple[str, int]]:
    """(scope, name) -> (code, width)."""
    path: list[str] = []
    declared = {}
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] == "$scope":
            path.append(words[2])
        elif words[0] == "$upscope":
            path.pop()
        elif words[0] == "$var":
            declared[".".join(path), words[4]] = words[3], int(words[2])
        elif words[0] == "$enddefinitions":
            break
    return declared


def _sample(lines: Iterator[str], widths: Mapping[str, int], clock: str) -> dict[str, Bits]:
    """Traces by code; all changes of the time of an edge come after it."""
    now = {code: np.zeros(width, np.uint8) for code, width in widths.items()}
    traces: dict[str, list[Bits]] = {code: [] for code in widths}
    level = "0"
    changes: dict[str, str] = {}

    def settle() -> None:
        nonlocal level
        if changes.get(clock, level) == "1" and level != "1":
            for code, trace in traces.items():
                trace.append(now[code])
        level = changes.get(clock, level)
        for code, value in changes.items():
            if code in widths:
                now[code] = _bits(value, widths[code])
        changes.clear()

    for line in lines:
        first = line[0]
        if first == "#":
            settle()
        elif first == "b":
            value, code = line[1:].split()
            changes[code] = value
        elif first in "01xz":
            changes[line[1:].strip()] = first
    settle()
    return {code: np.array(trace, np.uint8) for code, trace in traces.items()}


def _bits(value: str, width: int) -> Bits:
    padded = value.rjust(width, "0" if value[0] == "1" else value[0])[::-1]
    ones: Bits = (np.frombuffer(padded.encode(), np.uint8) == ord("1")).astype(np.uint8)
    return ones
