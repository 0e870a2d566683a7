"""row_driver: digits, weights and order of every vector, against hwsim.peripherals.row_driver."""

from typing import Any

import cocotb
import numpy as np
import pytest

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage
from hwsim.peripherals.row_driver import digit_beats, plane_word
from hwsim.tile.geometry import Digits

INPUTS = PARAMETERS.get("INPUTS", 4)
BITS = PARAMETERS.get("INPUT_BITS", 8)
DAC = PARAMETERS.get("DAC_BITS", 1)

seen_input = cover("driver.input", [(s, p) for s in (0, 1) for p in ("lowest", "highest", "other")])
seen_phase = cover(
    "driver.phase",
    [(s, t) for s in (0, 1) for t in range(Digits(BITS, DAC, bool(s)).count)],
)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.6], stall=[0.0, 0.7], input_signed=[0, 1])
async def digits_equal_the_golden_model(
    dut: Any, gap: float, stall: float, input_signed: int
) -> None:
    bench = Bench(dut)
    dut.input_signed_i.value = input_signed
    x = Stream(bench, "x", ["x"])
    fields = ["digits", "digits_shift", "digits_negative", "digits_first", "digits_last"]
    digits = Stream(bench, "digits", fields)
    await bench.start()
    digits.accept(stall)
    stream = bench.random("codes")
    low = -(1 << (BITS - 1)) if input_signed else 0
    high = low + (1 << BITS) - 1
    vectors = [[low] * INPUTS, [high] * INPUTS]
    vectors += [[stream.randint(low, high) for _ in range(INPUTS)] for _ in range(20)]
    plan = Digits(BITS, DAC, bool(input_signed))
    expected = []
    for codes in vectors:
        for beat in digit_beats(np.array(codes), plan):
            word = plane_word(beat.digits, DAC)
            expected.append((word, beat.shift, int(beat.negative), int(beat.first), int(beat.last)))
        for code in codes:
            where = {low: "lowest", high: "highest"}.get(code, "other")
            seen_input((input_signed, where))
    mask = (1 << BITS) - 1
    x.send([(sum((c & mask) << (BITS * i) for i, c in enumerate(v)),) for v in vectors], gap)
    await digits.moved(len(expected))
    check(digits.beats, expected, "digit")
    for index in range(len(expected)):
        seen_phase((input_signed, index % plan.count))
    first = digits.cycles[0] - x.cycles[0]
    assert first == 1 or stall
    if not gap and not stall:  # one digit per cycle, vectors without a pause
        assert digits.cycles[-1] - digits.cycles[0] == len(expected) - 1


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("driver")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "inputs", "bits", "dac"),
    [
        ("verilator", 128, 8, 1),
        ("icarus", 4, 8, 3),
        ("icarus", 3, 5, 2),
        ("icarus", 1, 2, 4),
        ("icarus", 5, 4, 4),
        ("icarus", 2, 3, 1),
    ],
)
def test_row_driver(simulator: str, inputs: int, bits: int, dac: int) -> None:
    from cocotb_tests.simulate import simulate

    parameters = {"INPUTS": inputs, "INPUT_BITS": bits, "DAC_BITS": dac}
    simulate("row_driver", "test_row_driver", parameters, simulator=simulator)
