"""shift_add: sums of one converter's outputs, against hwsim.peripherals.shift_add."""

import json
import os
from typing import Any

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from cocotb_tests.bench import (
    PARAMETERS,
    Bench,
    check,
    cover,
    region,
    regions,
    require_coverage,
    signed,
)
from hwsim.peripherals.adc import code_range
from hwsim.peripherals.shift_add import fold, line_order
from hwsim.tile.geometry import Digits

CASE: dict[str, Any] = json.loads(os.environ.get("BENCH_CASE", "{}"))

LOW, HIGH = code_range(PARAMETERS.get("CODE_W", 8), bool(PARAMETERS.get("CODE_SIGNED")))

seen_code = cover("shift_add.code", regions(LOW, HIGH))
seen_sign = cover(
    "shift_add.sign", [(phase, flip) for phase in (False, True) for flip in (False, True)]
)
seen_idle = cover("shift_add.idle", ["between codes", "none"])


def places() -> Any:
    """Lines of the converter under test, in order, with those of other converters cut away."""
    digits = Digits(CASE["weight_bits"], CASE["cell_bits"], CASE["twos"])
    first, count = CASE["first"], CASE["lines"]
    group = digits.count * CASE["converted"]
    outputs = (first + count - 1) // group + 1
    return line_order(outputs, digits.shifts, digits.signs, CASE["converted"])[
        first : first + count
    ]


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.5], input_signed=[0, 1])
async def sums_equal_the_golden_model(dut: Any, gap: float, input_signed: int) -> None:
    bench = Bench(dut)
    stream = bench.random("codes")
    bits, acc = PARAMETERS["CODE_W"], PARAMETERS["ACC_W"]
    lines, columns = places(), PARAMETERS["COLS_PER_ADC"]
    phases = Digits(CASE["input_bits"], CASE["dac_bits"], bool(input_signed))
    inputs = (dut.code_i, dut.code_restart_i, dut.phase_first_i, dut.phase_negative_i)
    for port in (dut.code_valid_i, dut.phase_shift_i, dut.flips_i, *inputs):
        port.value = 0
    await bench.start()
    bank = PARAMETERS["BANK"]
    for product in range(6):
        ends = ((HIGH,), (LOW,), (LOW, 0, HIGH))
        pool = ends[product] if product < len(ends) else range(LOW, HIGH + 1)
        codes = np.array([[stream.choice(pool) for _ in range(columns)] for _ in phases.shifts])
        flips = [bool(stream.getrandbits(1)) for _ in range(columns)]
        dut.flips_i.value = sum(flip << line for line, flip in enumerate(flips))
        for t, (shift, sign) in enumerate(zip(phases.shifts, phases.signs, strict=True)):
            for column in range(columns):
                while stream.random() < gap:
                    dut.code_valid_i.value = 0
                    dut.code_i.value = stream.getrandbits(bits)
                    dut.code_restart_i.value = stream.getrandbits(1)
                    seen_idle("between codes")
                    await FallingEdge(bench.clock)
                dut.code_valid_i.value = 1
                dut.code_i.value = int(codes[t, column]) & ((1 << bits) - 1)
                dut.code_restart_i.value = int(column == 0)
                dut.phase_first_i.value = int(t == 0)
                dut.phase_negative_i.value = int(sign < 0)
                dut.phase_shift_i.value = shift
                seen_code(region(int(codes[t, column]), LOW, HIGH))
                seen_sign((sign < 0, flips[column]))
                seen_idle("none")
                if t + 1 == phases.count and column + 1 == len(lines):
                    # The sums include the code of the cycle itself.
                    await cocotb.triggers.ReadOnly()
                    word = int(dut.sums_o.value)
                await FallingEdge(bench.clock)
        dut.code_valid_i.value = 0
        expected = fold(
            codes[:, : len(lines)],
            lines,
            list(zip(phases.shifts, phases.signs, strict=True)),
            flips[: len(lines)],
        )
        mask = (1 << acc) - 1
        found = [signed(word >> (acc * n) & mask, acc) for n in range(bank)]
        check(found, expected.tolist(), f"sum of product {product}")
        await cocotb.triggers.ReadOnly()
        assert int(dut.sums_o.value) == word, "sums do not hold"
        await FallingEdge(bench.clock)


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("shift_add")


def case(**changes: Any) -> dict[str, Any]:
    base = {
        "code_bits": 6,
        "code_signed": 0,
        "cell_bits": 2,
        "weight_bits": 8,
        "twos": False,
        "converted": 1,
        "columns": 8,
        "first": 0,
        "lines": 8,
        "input_bits": 8,
        "dac_bits": 1,
    }
    return base | changes


CASES = {
    "whole": case(),
    "pairs": case(converted=2, weight_bits=7),
    "twos": case(twos=True, cell_bits=3, columns=9, lines=9),
    "signed": case(code_signed=1, cell_bits=4, weight_bits=7, columns=5, lines=5),
    "straddling": case(first=3, columns=7, lines=7),
    "pairs straddling": case(first=3, converted=2, columns=10, lines=10),
    "unused": case(columns=8, lines=5, first=2),
    "single": case(columns=1, lines=1, first=3, dac_bits=2),
    "part": case(columns=3, lines=3, first=1, cell_bits=1, input_bits=3, dac_bits=4),
    "widest": case(code_bits=12, twos=True, cell_bits=1, columns=16, lines=16),
}


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "name"), [("verilator", "straddling"), *[("icarus", name) for name in CASES]]
)
def test_shift_add(simulator: str, name: str) -> None:
    from cocotb_tests.simulate import simulate

    described = CASES[name]
    digits = Digits(described["weight_bits"], described["cell_bits"], described["twos"])
    group = digits.count * described["converted"]
    weight_bits = described["weight_bits"]
    parameters = {
        "CODE_W": described["code_bits"],
        "CODE_SIGNED": described["code_signed"],
        "CELL_BITS": described["cell_bits"],
        "SLICES": digits.count,
        "TOP_SHIFT": digits.shifts[-1],
        "TOP_NEGATIVE": int(described["twos"]),
        "CONVERTED": described["converted"],
        "COLS_PER_ADC": described["columns"],
        "LINES": described["lines"],
        "COLUMN_W": max(1, (described["columns"] - 1).bit_length()),
        "FIRST": described["first"],
        "BANK": (described["first"] + described["lines"] - 1) // group + 1,
        "ACC_W": described["code_bits"] + described["input_bits"] + weight_bits + 1,
    }
    environment = {"BENCH_CASE": json.dumps(described)}
    simulate(
        "shift_add", "test_shift_add", parameters, simulator=simulator, environment=environment
    )
