"""How many cycles per second cocotb simulates of a tile; started by benchmarks/bench_rtl.py.

No analog array: comparators never answer, vectors are always there, results always taken.
Seconds are of the simulator's process.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from cocotb_tests.bench import Bench, PERIOD_ns

CYCLES = int(os.environ.get("SPEED_CYCLES", "20000"))
BATCH = int(os.environ.get("SPEED_BATCH", "576"))
TARGET = Path(os.environ.get("SPEED_TARGET", "speed.json"))


async def running(dut: Any) -> Bench:
    bench = Bench(dut)
    for name in ("cfg_valid_i", "level_valid_i", "partial_valid_i", "above_i", "x_i"):
        getattr(dut, name).value = 0
    dut.x_valid_i.value = 1
    dut.y_ready_i.value = 1
    dut.rst_ni.value = 0
    return bench


def record(name: str, cycles: int, seconds: float) -> None:
    found = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    TARGET.write_text(json.dumps({**found, name: cycles / seconds}), encoding="utf-8")


async def clocked(dut: Any) -> None:
    cocotb.start_soon(Clock(dut.clk_i, PERIOD_ns, unit="ns").start(start_high=False))
    await FallingEdge(dut.clk_i)
    await FallingEdge(dut.clk_i)
    dut.rst_ni.value = 1


@cocotb.test()
async def every_cycle(dut: Any) -> None:
    """One wake-up per cycle that reads one signal and writes another."""
    await running(dut)
    await clocked(dut)
    start = time.process_time()
    for _ in range(CYCLES):
        await FallingEdge(dut.clk_i)
        dut.above_i.value = int(dut.y_valid_o.value)
    record("every cycle", CYCLES, time.process_time() - start)


@cocotb.test()
async def batches(dut: Any) -> None:
    """One wake-up per product that reads one signal."""
    await running(dut)
    await clocked(dut)
    start = time.process_time()
    seen = 0
    for _ in range(10 * CYCLES // BATCH):
        await Timer(PERIOD_ns * BATCH, unit="ns")
        seen += int(dut.busy_o.value)
    assert seen
    record("batches", 10 * CYCLES // BATCH * BATCH, time.process_time() - start)
