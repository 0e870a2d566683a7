"""tile_controller: every signal in every cycle of several products, against the schedule."""

import json
import os
from typing import Any

import cocotb
import pytest
from cocotb.triggers import FallingEdge, ReadOnly

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, grid, require_coverage
from cocotb_tests.tile_stimulus import make_geometry
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import (
    conversion_cycles,
    mvm_latency_cycles,
    phase_cycles,
)

CASE: dict[str, Any] = json.loads(os.environ.get("BENCH_CASE", "{}"))
PRODUCTS = 3

seen = cover("controller.blocked", ["never", "once or more"])
seen_start = cover("controller.start", ["from rest", "while converting"])


def beats(geometry: Geometry) -> list[tuple[int, ...]]:
    """Digit beats of one product: shift, negative, first, last."""
    phases = geometry.phases
    pairs = list(zip(phases.shifts, phases.signs, strict=True))
    return [
        (shift, int(sign < 0), int(t == 0), int(t == phases.count - 1))
        for t, (shift, sign) in enumerate(pairs)
    ]


class Watch:
    """Cycles in which each control signal was high, and what the codes meant."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        names = ("drive", "sample", "convert", "start", "last_phase", "busy", "sums_valid")
        self.high: dict[str, list[int]] = {name: [] for name in names}
        self.columns: list[tuple[int, int]] = []
        self.codes: list[tuple[int, ...]] = []
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut = self.bench.dut
        ports = {name: getattr(dut, f"{name}_o") for name in self.high}
        meaning = ("restart", "first", "negative", "shift")
        codes = [getattr(dut, f"code_{name}_o") for name in meaning]
        conversion = PARAMETERS["CONVERSION_CYCLES"]
        while True:
            await FallingEdge(self.bench.clock)
            await ReadOnly()
            for name, port in ports.items():
                if int(port.value):
                    self.high[name].append(self.bench.cycle)
            if int(dut.start_o.value):
                self.columns.append((self.bench.cycle, int(dut.column_o.value)))
            # A code is folded in the cycle after its conversion.
            if self.columns and any(
                self.bench.cycle == begun + conversion for begun, _ in self.columns[-2:]
            ):
                self.codes.append(tuple(int(port.value) for port in codes))


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize((("gap", "stall"), [(0.0, 0.0), (0.9, 0.0), (0.0, 0.97)]))
async def every_cycle_is_that_of_the_schedule(dut: Any, gap: float, stall: float) -> None:
    geometry = make_geometry(CASE)
    bench = Bench(dut)
    fields = ["digits_shift", "digits_negative", "digits_first", "digits_last"]
    digits = Stream(bench, "digits", fields)
    sums = Stream(bench, "sums", [])
    await bench.start()
    watch = Watch(bench)
    sums.accept(stall)
    one = beats(geometry)
    digits.send(one * PRODUCTS, gap)
    await sums.moved(PRODUCTS)
    await bench.cycles(3)
    read, columns = PARAMETERS["READ_CYCLES"], PARAMETERS["COLS_PER_ADC"]
    conversions = conversion_cycles(geometry.tile.adc)
    assert len(watch.high["drive"]) == read * len(one) * PRODUCTS
    assert len(watch.high["convert"]) == conversions * len(one) * PRODUCTS
    check([c for _, c in watch.columns], [*range(columns)] * (len(one) * PRODUCTS), "column")
    meaning = [
        (int(column == 0), first, negative, shift)
        for shift, negative, first, _ in one
        for column in range(columns)
    ]
    check(watch.codes, meaning * PRODUCTS, "code")
    assert digits.cycles == watch.high["sample"]
    starts = [begun for begun, column in watch.columns if column == 0]
    # Lines are held from the end of their drive until the last conversion.
    for begun, sampled, following in zip(starts, digits.cycles, digits.cycles[1:], strict=False):
        assert sampled < begun
        assert begun + conversions <= following + 1
    phases = len(one)
    blocked = 0
    for product, taken in enumerate(sums.cycles):
        done = starts[(product + 1) * phases - 1] + conversions
        assert taken >= done
        if (product + 1) * phases < len(starts):
            assert starts[(product + 1) * phases] >= taken
        blocked += taken > done
    seen("once or more" if blocked else "never")
    seen_start("from rest")
    if not gap and not stall:
        exact(geometry, watch, starts)


def exact(geometry: Geometry, watch: Watch, starts: list[int]) -> None:
    """Without gaps and stalls every cycle is known beforehand."""
    phase, phases = phase_cycles(geometry), geometry.phases.count
    origin = watch.high["drive"][0]
    read = geometry.tile.read_cycles
    expected = [origin + read + phase * t for t in range(phases * PRODUCTS)]
    check(starts, expected, "first conversion of a phase")
    check(watch.high["sample"], [begun - 1 for begun in expected], "sample")
    drives = [begun - read + cycle for begun in expected for cycle in range(read)]
    check(watch.high["drive"], drives, "drive")
    interval = phases * phase
    latency = mvm_latency_cycles(geometry)
    done = [origin + latency - 1 + interval * product for product in range(PRODUCTS)]
    check(watch.high["sums_valid"], done, "sums")
    check(watch.high["last_phase"], starts[phases - 1 :: phases], "last phase")
    check(watch.high["busy"], list(range(origin, done[-1] + 1)), "busy")
    seen_start("while converting")


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("controller")


def case(read: int, columns: int, bits: int = 4, **changes: Any) -> dict[str, Any]:
    adc = {"bits": bits, "columns_per_adc": columns} | changes.pop("adc", {})
    base = {
        "rows": 8,
        "cols": 16,
        "cell_bits": 2,
        "encoding": "offset",
        "read_cycles": read,
        "adc": adc,
        "input_bits": 4,
        "weight_bits": 4,
    }
    return base | changes


FLASH = {"adc": {"kind": "flash"}}
CASES = {
    "converters set the phase": case(3, 4),
    "drive sets the phase": case(30, 4),
    "equal": case(20, 4),
    "one more": case(21, 4),
    "one less": case(19, 4),
    "flash": case(2, 5, **FLASH),
    "one cycle": case(1, 1, **FLASH),
    "one phase": case(1, 1, dac_bits=4, **FLASH),
    "one phase, two reads": case(2, 1, dac_bits=4, **FLASH),
    "one phase, SAR": case(4, 3, dac_bits=4),
    "signed": case(2, 2, 3, input_signed=True, dac_bits=2),
    "widest": case(1, 8, 12, input_bits=8),
}


WIDER = ("drive sets the phase", "one more", "flash", "one phase", "one phase, SAR", "signed")


@pytest.mark.rtl
def test_tile_controller_in_verilator() -> None:
    simulate_case(CASES["widest"], "verilator")


@pytest.mark.rtl
@pytest.mark.parametrize("name", grid(CASES, WIDER))
def test_tile_controller_in_icarus(name: str) -> None:
    simulate_case(CASES[name], "icarus")


def simulate_case(described: dict[str, Any], simulator: str) -> None:
    from cocotb_tests.simulate import simulate

    geometry = make_geometry(described)
    columns = geometry.tile.adc.columns_per_adc
    parameters = {
        "READ_CYCLES": geometry.tile.read_cycles,
        "COLS_PER_ADC": columns,
        "CONVERSION_CYCLES": geometry.tile.adc.conversion_cycles,
        "COLUMN_W": max(1, (columns - 1).bit_length()),
    }
    simulate(
        "tile_controller",
        "test_tile_controller",
        parameters,
        simulator=simulator,
        environment={"BENCH_CASE": json.dumps(described)},
    )
