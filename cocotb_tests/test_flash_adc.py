"""flash_adc: code of a sample or of any answers, one per cycle, against hwsim.peripherals.adc."""

from typing import Any

import cocotb
import numpy as np
import pytest

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage, signed
from hwsim.peripherals.adc import SAMPLE_BITS, code_range, encode_thermometer, thermometer
from hwsim.peripherals.adc import convert as golden

BITS = PARAMETERS.get("ADC_BITS", 4)
SIGNED = bool(PARAMETERS.get("CODE_SIGNED", 0))
LOW, HIGH = code_range(BITS, SIGNED)

seen_code = cover("flash.code", ["low", "inside", "high"] if BITS > 1 else ["low", "high"])


async def convert(
    dut: Any, answers: list[int], expected: list[int], gap: float, stall: float
) -> None:
    bench = Bench(dut)
    # The comparators settle in the cycle of start: their answers travel with it.
    dut.start_valid_i.value = 0
    start = Stream(bench, "start", ["above"])
    code = Stream(bench, "code", ["code"])
    await bench.start()
    code.accept(stall)
    start.send([(a,) for a in answers], gap)
    await code.moved(len(answers))
    check([signed(c, BITS) if SIGNED else c for (c,) in code.beats], expected, "code")
    waits = [there - here for here, there in zip(start.cycles, code.cycles, strict=True)]
    assert min(waits) == 1
    if not stall:
        assert set(waits) == {1}
    if not gap and not stall:
        assert start.cycles[-1] - start.cycles[0] == len(answers) - 1
    for c in expected:
        seen_code("low" if c == LOW else "high" if c == HIGH else "inside")


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.6], stall=[0.0, 0.7], shift=[0, 5])
async def samples_equal_the_golden_model(dut: Any, gap: float, stall: float, shift: int) -> None:
    lsb = 1 << (shift + SAMPLE_BITS)
    stream = Bench(dut).random("samples")
    samples = [(2 * code + 1) * lsb // 2 - less for code in (LOW - 1, LOW, HIGH) for less in (0, 1)]
    samples += [stream.randrange(LOW * lsb - lsb, (HIGH + 2) * lsb) for _ in range(60)]
    answers = [thermometer(sample, shift, BITS, SIGNED) for sample in samples]
    expected = [int(golden(np.array(sample), shift, BITS, SIGNED)) for sample in samples]
    await convert(dut, answers, expected, gap, stall)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bubbles_are_searched_like_the_golden_model(dut: Any) -> None:
    stream = Bench(dut).random("bubbles")
    answers = [stream.getrandbits((1 << BITS) - 1) for _ in range(100)]
    expected = [encode_thermometer(a, BITS, SIGNED) for a in answers]
    await convert(dut, answers, expected, 0.3, 0.3)


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("flash")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "bits", "code_signed"),
    [("verilator", 8, 0), *[("icarus", b, s) for b in (1, 4, 6) for s in (0, 1)]],
)
def test_flash_adc(simulator: str, bits: int, code_signed: int) -> None:
    from cocotb_tests.simulate import simulate

    parameters = {"ADC_BITS": bits, "CODE_SIGNED": code_signed}
    simulate("flash_adc", "test_flash_adc", parameters, simulator=simulator)
