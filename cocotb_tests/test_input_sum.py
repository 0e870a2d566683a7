"""input_sum: sums of vectors from their digits, against hwsim.peripherals.row_driver.input_sum."""

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
from hwsim.peripherals.row_driver import digit_beats, input_sum, plane_word
from hwsim.tile.geometry import Digits

INPUTS, DAC = PARAMETERS.get("INPUTS", 4), PARAMETERS.get("DAC_BITS", 1)
BITS = PARAMETERS.get("TOTAL_W", 17) - 9

seen = cover(
    "input_sum.code", [(s, r) for s in (0, 1) for r in regions(*code_range(BITS, bool(s)))]
)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.6], input_signed=[0, 1])
async def sums_equal_the_golden_model(dut: Any, gap: float, input_signed: int) -> None:
    bench = Bench(dut)
    ports = (dut.digits_i, dut.digits_shift_i, dut.digits_negative_i, dut.digits_first_i)
    for port in (dut.digits_fire_i, dut.finish_i, *ports):
        port.value = 0
    await bench.start()
    stream = bench.random("codes")
    low, high = code_range(BITS, bool(input_signed))
    vectors = [[low] * INPUTS, [high] * INPUTS]
    vectors += [[stream.choice((low, 0, high)) for _ in range(INPUTS)] for _ in range(5)]
    vectors += [[stream.randint(low, high) for _ in range(INPUTS)] for _ in range(10)]
    found, expected = [], []
    for codes in vectors:
        beats = digit_beats(np.array(codes), Digits(BITS, DAC, bool(input_signed)))
        for beat in beats:
            while stream.random() < gap:
                dut.digits_fire_i.value = 0
                dut.digits_i.value = stream.getrandbits(DAC * INPUTS)
                await FallingEdge(bench.clock)
                dut.finish_i.value = 0
            dut.digits_fire_i.value = 1
            values = (plane_word(beat.digits, DAC), beat.shift, beat.negative, beat.first)
            for port, value in zip(ports, values, strict=True):
                port.value = int(value)
            await FallingEdge(bench.clock)
            dut.finish_i.value = 0
        # The next vector's first digit may come in the cycle in which the sum is finished.
        dut.digits_fire_i.value = 0
        dut.finish_i.value = 1
        await FallingEdge(bench.clock)
        found.append(signed(int(dut.sum_o.value), PARAMETERS["TOTAL_W"]))
        assert input_sum(beats) == sum(codes)
        expected.append(input_sum(beats))
        for code in codes:
            seen((input_signed, region(code, low, high)))
    check(found, expected, "sum")


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("input_sum")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "inputs", "dac", "bits"),
    [("verilator", 256, 2, 8), ("icarus", 5, 1, 4), ("icarus", 3, 3, 8), ("icarus", 1, 4, 2)],
)
def test_input_sum(simulator: str, inputs: int, dac: int, bits: int) -> None:
    from cocotb_tests.simulate import simulate

    parameters = {"INPUTS": inputs, "DAC_BITS": dac, "TOTAL_W": bits + 9}
    simulate("input_sum", "test_input_sum", parameters, simulator=simulator)
