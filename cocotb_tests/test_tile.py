"""tile: products, cycles and codes of the whole tile, against ProgrammedMatrix and the schedule."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge, ReadOnly

from cocotb_tests.bench import (
    SEED,
    Bench,
    Stream,
    check,
    cover,
    grid,
    region,
    regions,
    require_coverage,
    signed,
)
from cocotb_tests.tile_stimulus import load, make_geometry, save, stimulus
from hwsim.cosim.parameters import Register, address, array_parameters
from hwsim.peripherals.accumulator import SUM_BITS
from hwsim.peripherals.adc import code_range
from hwsim.tile.schedule import last_result_cycles, mvm_interval_cycles, mvm_latency_cycles

CASE: dict[str, Any] = json.loads(os.environ.get("BENCH_CASE", "{}"))
STIMULUS = Path(os.environ.get("BENCH_STIMULUS", ""))
#: Mean gap between inputs, in intervals of the schedule; share of cycles in which outputs stall.
PACES = ((0.0, 0.0), (0.0, 0.7), (3.0, 0.5))


def input_range() -> tuple[int, int]:
    bits, is_signed = CASE.get("input_bits", 8), CASE.get("input_signed", False)
    return code_range(bits, is_signed)


seen_input = cover("tile.input", regions(*input_range()))
seen_conversion = cover("tile.conversion", ["clips", "fits"])
seen_result = cover("tile.result", ["negative", "positive", "zero"])
seen_pace = cover("tile.pace", ["input waits", "output waits", "interval reached"])


class Run:
    """One run of the stimulus file on the device."""

    def __init__(self, dut: Any, name: str) -> None:
        self.geometry = make_geometry(CASE)
        self.given = load(STIMULUS, name)
        self.outputs = self.geometry.weights_per_row
        self.bench = bench = Bench(dut)
        self.cfg = Stream(bench, "cfg", ["cfg_address", "cfg"])
        self.level = Stream(bench, "level", ["level_row", "level"])
        self.x = Stream(bench, "x", ["x"])
        self.partial = Stream(bench, "partial", ["partial"])
        self.y = Stream(bench, "y", ["y", "y_last"])
        dut.disturbance_i.value = 0

    async def configure(self) -> None:
        """Program the levels and write the registers."""
        await self.bench.start()
        bits = self.geometry.tile.cell_bits
        rows = [(r, pack(row, bits)) for r, row in enumerate(self.given["levels"])]
        await self.write(self.level, rows)
        registers = [(int(where), int(word)) for where, word in self.given["registers"]]
        await self.write(self.cfg, registers)
        await self.write(self.cfg, [(address(self.geometry, Register.CYCLES), 0)])

    async def write(self, stream: Stream, beats: Sequence[tuple[int, ...]]) -> None:
        count = len(stream.beats) + len(beats)
        stream.send(beats, 0.2)
        await stream.moved(count)

    def vectors(self) -> list[tuple[int]]:
        bits = self.geometry.precision.input_bits
        return [(pack(codes, bits),) for codes in self.given["codes"]]

    async def disturb(self) -> None:
        """Puts each phase's disturbance on the lines until they are sampled."""
        for lines in self.given["disturbances"]:
            await FallingEdge(self.bench.clock)
            self.bench.dut.disturbance_i.value = pack(lines, 32)
            await ReadOnly()
            while not int(self.bench.dut.sample_o.value):
                await FallingEdge(self.bench.clock)
                await ReadOnly()

    async def finish(self, products: int | None = None) -> None:
        """Wait for the results of the first `products` vectors; compare them."""
        expected = self.given["results"][:products].ravel().tolist()
        await self.y.moved(len(expected))
        check([signed(value, SUM_BITS) for value, _ in self.y.beats], expected, "y")
        last = [(i + 1) % self.outputs == 0 for i in range(len(expected))]
        check([bool(flag) for _, flag in self.y.beats], last, "y_last")

    async def cycles(self) -> int:
        """The register CYCLES."""
        self.bench.dut.cfg_address_i.value = address(self.geometry, Register.CYCLES)
        await self.bench.cycles(2)
        return int(self.bench.dut.cfg_o.value)

    def cover(self) -> None:
        for code in self.given["codes"].ravel().tolist():
            seen_input(region(code, *input_range()))
        for clips in self.given["clipped"].ravel().tolist():
            seen_conversion("clips" if clips else "fits")
        for sign in np.sign(self.given["results"]).ravel().tolist():
            seen_result(("zero", "positive", "negative")[sign])
        nominal = mvm_interval_cycles(self.geometry)
        for interval in np.diff(self.x.cycles).tolist():
            seen_pace("interval reached" if interval <= nominal else "input waits")
        if (np.diff(self.y.cycles) > 1).any():
            seen_pace("output waits")


def pack(values: Any, bits: int) -> int:
    """Integers of `bits` bits side by side, the first lowest."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << (bits * i) for i, value in enumerate(values))


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pace=range(len(PACES)))
async def fluctuating_products_equal_the_model(dut: Any, pace: int) -> None:
    intervals, stall = PACES[pace]
    run = Run(dut, f"pace{pace}")
    gap = 1 - 1 / (1 + intervals * mvm_interval_cycles(run.geometry))
    await run.configure()
    run.y.accept(stall)
    cocotb.start_soon(run.disturb())
    run.x.send(run.vectors(), gap)
    await run.finish()
    run.cover()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def products_in_a_row_take_the_cycles_of_the_schedule(dut: Any) -> None:
    run = Run(dut, "row")
    await run.configure()
    run.y.accept(0.0)
    run.x.send(run.vectors(), 0.0)
    await run.finish()
    latency, interval = mvm_latency_cycles(run.geometry), mvm_interval_cycles(run.geometry)
    vectors = len(run.given["codes"])
    assert await run.cycles() == latency + (vectors - 1) * interval
    lasts = run.y.cycles[run.outputs - 1 :: run.outputs]
    assert lasts[0] - run.x.cycles[0] == last_result_cycles(run.geometry)
    assert set(np.diff(lasts).tolist()) == {interval}
    run.cover()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def one_product_takes_the_latency(dut: Any) -> None:
    run = Run(dut, "row")
    await run.configure()
    run.y.accept(0.0)
    for count, vector in enumerate(run.vectors()[:3], start=1):
        await run.write(run.cfg, [(address(run.geometry, Register.CYCLES), 0)])
        run.x.send([vector], 0.0)
        await run.finish(count)
        assert await run.cycles() == mvm_latency_cycles(run.geometry)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_busy_tile_takes_no_configuration_and_no_levels(dut: Any) -> None:
    run = Run(dut, "row")
    await run.configure()
    run.y.accept(0.5)
    shift, right = (int(value) for value in run.given["registers"][Register.LSB_SHIFT])
    row = pack(run.given["levels"][0], run.geometry.tile.cell_bits)
    empty = (1 << len(dut.level_i)) - 1 - row
    for count, vector in enumerate(run.vectors()[:2], start=1):
        run.x.send([vector], 0.0)
        await run.x.moved(count)
        run.cfg.send([(shift, right ^ 1), (shift, right)], 0.0)
        run.level.send([(0, empty), (0, row)], 0.0)
        await run.finish(count)
        await run.bench.cycles(4)
        for stream in (run.cfg, run.level):
            assert stream.cycles[-2] > run.y.cycles[-1]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def chained_sums_are_requantized_like_the_golden_model(dut: Any) -> None:
    run = Run(dut, "chain")
    await run.configure()
    run.y.accept(0.4)
    run.x.send(run.vectors(), 0.5)
    run.partial.send([(value,) for value in run.given["partial"].ravel().tolist()], 0.4)
    await run.finish()
    run.cover()


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("tile")


def case(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "rows": 8,
        "cols": 16,
        "cell_bits": 2,
        "dac_bits": 1,
        "encoding": "differential",
        "read_cycles": 1,
        "adc": {"bits": 4, "columns_per_adc": 4},
        "weight_bits": 4,
        "input_bits": 4,
    }
    return base | changes


#: Small for Icarus; each case moves several parameters.
SMALL = {
    "digital": case(),
    "analog": case(subtraction="analog", adc={"bits": 5, "columns_per_adc": 3}, read_cycles=40),
    "signed": case(input_signed=True, dac_bits=2, input_bits=5),
    "twos": case(encoding="twos_complement", cell_bits=1, cols=13, input_signed=True, dac_bits=3),
    "offset": case(encoding="offset", dac_bits=2, input_signed=True, narrow_weights=False),
    "flipped": case(encoding="offset", flipped_columns=True, cell_bits=3, weight_bits=5),
    "flash": case(
        adc={"kind": "flash", "bits": 4, "columns_per_adc": 1}, subtraction="analog", cols=20
    ),
    "drain": case(
        encoding="offset",
        cell_bits=4,
        dac_bits=4,
        adc={"kind": "flash", "bits": 5, "columns_per_adc": 1},
    ),
    "copies": case(rows=11, redundancy=3, subtraction="analog", narrow_weights=False),
    "straddle": case(weight_bits=8, cell_bits=1, cols=30, adc={"bits": 4, "columns_per_adc": 5}),
    "wide": case(
        cell_bits=4,
        dac_bits=4,
        input_bits=8,
        weight_bits=8,
        encoding="twos_complement",
        adc={"bits": 12, "columns_per_adc": 16},
    ),
}
#: Larger, and at the ends of what the RTL is built for.
LARGE = {
    "sar-64": case(
        rows=64, cols=64, weight_bits=8, input_bits=8, adc={"bits": 7, "columns_per_adc": 8}
    ),
    "flash-128": case(  # the arrays of the preset isaac, with half as many lines per converter
        rows=128,
        cols=128,
        encoding="offset",
        flipped_columns=True,
        weight_bits=8,
        input_bits=8,
        read_cycles=30,
        adc={"kind": "flash", "bits": 8, "columns_per_adc": 64},
    ),
    "copies-256": case(
        rows=256,
        cols=256,
        cell_bits=4,
        dac_bits=4,
        redundancy=8,
        subtraction="analog",
        weight_bits=8,
        input_bits=8,
        input_signed=True,
        adc={"bits": 12, "columns_per_adc": 32},
    ),
}
WIDER = ("analog", "signed", "offset", "straddle", "drain", "wide", "sar-64", "copies-256")


def simulate_case(
    described: dict[str, Any], simulator: str, folder: Path, seed: int = SEED, vectors: int = 4
) -> None:
    from cocotb_tests.simulate import simulate

    geometry = make_geometry(described)
    runs = {
        f"pace{pace}": stimulus(geometry, vectors, (seed + pace) % (1 << 64), noisy=True)
        for pace in range(len(PACES))
    }
    runs["row"] = stimulus(geometry, vectors, seed)
    runs["chain"] = stimulus(geometry, vectors, seed, chained=True)
    simulate(
        "tile_with_array",
        "test_tile",
        array_parameters(geometry),
        simulator=simulator,
        seed=seed,
        environment={
            "BENCH_CASE": json.dumps(described),
            "BENCH_STIMULUS": str(save(folder / "stimulus.npz", **runs)),
        },
    )


@pytest.mark.rtl
@pytest.mark.parametrize("name", grid(SMALL, WIDER))
def test_tile_in_icarus(name: str, tmp_path: Path) -> None:
    simulate_case(SMALL[name], "icarus", tmp_path)


@pytest.mark.rtl
@pytest.mark.parametrize("name", grid(LARGE, WIDER))
def test_large_tile_in_verilator(name: str, tmp_path: Path) -> None:
    simulate_case(LARGE[name], "verilator", tmp_path, vectors=8)
