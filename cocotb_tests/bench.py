"""What every bench shares: clock and reset, streams with gaps and stalls, checks, coverage.

Inputs change at the falling edge of the clock; outputs and handshakes are read when everything
has settled after it, so that what is read is what the next rising edge acts on, in any
simulator.
"""

import json
import logging
import os
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly
from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db

PERIOD_ns = 10
PARAMETERS: dict[str, int] = json.loads(os.environ.get("BENCH_PARAMETERS", "{}"))
SEED = int(os.environ.get("BENCH_SEED", "1"))

__all__ = [
    "PARAMETERS",
    "SEED",
    "Bench",
    "Stream",
    "check",
    "cover",
    "grid",
    "region",
    "regions",
    "require_coverage",
    "signed",
]


class Stream:
    """A valid/ready stream of the device: `<name>_valid_<i|o>`, `<name>_ready_<o|i>`, fields."""

    def __init__(self, bench: "Bench", name: str, fields: Sequence[str]) -> None:
        """Fields: names of the data ports without direction, or with it if they differ."""
        dut = bench.dut
        self.bench = bench
        self.name = name
        self.into_device = hasattr(dut, f"{name}_valid_i")
        ours, theirs = ("i", "o") if self.into_device else ("o", "i")
        self.valid = getattr(dut, f"{name}_valid_{ours}")
        self.ready = getattr(dut, f"{name}_ready_{theirs}")
        self.fields = [getattr(dut, f"{field}_{ours}") for field in fields]
        self.beats: list[tuple[int, ...]] = []  # beats that moved
        self.cycles: list[int] = []  # and when
        if self.into_device:
            self.valid.value = 0
            for field in self.fields:
                field.value = 0
        else:
            self.ready.value = 0

    def send(self, beats: Sequence[tuple[int, ...]], gap: float) -> Any:
        """Start to drive beats, idle with probability `gap` before each cycle; a task."""
        return cocotb.start_soon(self._send(list(beats), gap))

    def accept(self, stall: float) -> Any:
        """Start to take beats, not ready with probability `stall` in each cycle; a task."""
        return cocotb.start_soon(self._accept(stall))

    async def _send(self, beats: list[tuple[int, ...]], gap: float) -> None:
        stream = self.bench.random(self.name)
        for beat in beats:
            await FallingEdge(self.bench.clock)
            while stream.random() < gap:
                self.valid.value = 0
                for field in self.fields:  # what is not valid must not matter
                    field.value = stream.getrandbits(len(field))
                await FallingEdge(self.bench.clock)
            self.valid.value = 1
            for field, value in zip(self.fields, beat, strict=True):
                field.value = value & ((1 << len(field)) - 1)
            await ReadOnly()
            while not int(self.ready.value):
                await FallingEdge(self.bench.clock)
                await ReadOnly()
            self._moved(beat)
        await FallingEdge(self.bench.clock)
        self.valid.value = 0

    async def _accept(self, stall: float) -> None:
        stream = self.bench.random(self.name)
        offered: tuple[int, ...] | None = None
        while True:
            await FallingEdge(self.bench.clock)
            self.ready.value = ready = int(stream.random() >= stall)
            await ReadOnly()
            valid = int(self.valid.value)
            beat = tuple(int(field.value) for field in self.fields) if valid else None
            if offered is not None:
                assert beat == offered, f"{self.name}: {offered} was withdrawn for {beat}"
            offered = beat if not ready else None
            if beat is not None and ready:
                self._moved(beat)

    def _moved(self, beat: tuple[int, ...]) -> None:
        self.beats.append(beat)
        self.cycles.append(self.bench.cycle)

    async def moved(self, count: int) -> None:
        """Wait until `count` beats have moved."""
        while len(self.beats) < count:
            await FallingEdge(self.bench.clock)


class Bench:
    """Clock, reset and randomness of one device."""

    def __init__(self, dut: Any) -> None:
        """Take the device; `start` makes it run."""
        self.dut = dut
        self.clock = dut.clk_i
        self.cycle = 0
        self._streams = 0

    async def start(self) -> None:
        """Run the clock, reset for two cycles."""
        self.dut.rst_ni.value = 0
        cocotb.start_soon(Clock(self.clock, PERIOD_ns, unit="ns").start(start_high=False))
        cocotb.start_soon(self._count())
        for _ in range(2):
            await FallingEdge(self.clock)
        self.dut.rst_ni.value = 1

    async def _count(self) -> None:
        while True:
            await FallingEdge(self.clock)
            self.cycle += 1

    def random(self, name: str) -> random.Random:
        """A stream of random numbers of its own, the same in every run with the same seed."""
        self._streams += 1
        return random.Random(f"{SEED} {name} {self._streams}")

    async def cycles(self, count: int) -> None:
        """Let `count` cycles pass."""
        for _ in range(count):
            await FallingEdge(self.clock)


def signed(value: int, bits: int) -> int:
    """Two's complement bits as an integer."""
    return value - (1 << bits) if value >> (bits - 1) else value


def check(found: Sequence[Any], expected: Sequence[Any], what: str) -> None:
    """Equal beat by beat; the message names the first difference and the seed."""
    for index, (a, b) in enumerate(zip(found, expected, strict=False)):
        assert a == b, f"{what}[{index}]: expected {b}, found {a}; seed {SEED}, {PARAMETERS}"
    assert len(found) == len(expected), (
        f"{what}: expected {len(expected)} beats, found {len(found)}; seed {SEED}, {PARAMETERS}"
    )


def cover(name: str, bins: Sequence[Any], labels: Callable[..., Any] | None = None) -> Any:
    """A coverage point: call it with what was seen."""
    point = CoverPoint(name, xf=labels or (lambda value: value), bins=list(bins))

    @point
    def seen(*_args: Any) -> None:
        pass

    return seen


def grid(cases: Iterable[str], slow: Collection[str]) -> list[Any]:
    """Cases as pytest parameters; those in `slow` widen the grid when there is time."""
    return [pytest.param(case, marks=pytest.mark.slow) if case in slow else case for case in cases]


def region(value: int, low: int, high: int) -> str:
    """Which part of a range a value is in; the label of a bin of `regions`."""
    return {0: "zero", high: "highest", low: "lowest"}.get(value, "other")


def regions(low: int, high: int) -> list[str]:
    """The labels that values of a range can have."""
    return sorted({region(value, low, high) for value in (low, low + 1, 0, 1, high - 1, high)})


def require_coverage(top: str, percent: float = 100.0) -> None:
    """Every coverage item below `top` has reached its goal; writes COVERAGE_FILE if it is set."""
    items = {
        name: item
        for name, item in coverage_db.items()
        if (name == top or name.startswith(f"{top}.")) and hasattr(item, "detailed_coverage")
    }
    assert items, f"no coverage below {top!r}"
    report = {
        name: {str(k): v for k, v in item.detailed_coverage.items()}
        for name, item in items.items()
        if isinstance(item, CoverPoint | CoverCross)
    }
    target = os.environ.get("COVERAGE_FILE")
    if target:
        Path(target).write_text(json.dumps(report, indent=1), encoding="utf-8")
    for name, item in sorted(items.items(), reverse=True):  # points before what contains them
        missed = [bin_ for bin_, hits in report.get(name, {}).items() if not hits]
        logging.getLogger("cocotb.bench").info("%s: %.1f %%", name, item.cover_percentage)
        assert item.cover_percentage >= percent, (
            f"coverage {name}: {item.cover_percentage:.1f} % of {percent} %, "
            f"missed {missed[:20]}; seed {SEED}, {PARAMETERS}"
        )
