"""output_register: results of vectors of sums, against hwsim.peripherals.shift_add.scaled_sums."""

from typing import Any

import cocotb
import numpy as np
import pytest

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage, signed
from hwsim.peripherals.shift_add import scaled_sums

OUTPUTS, ACC = PARAMETERS.get("OUTPUTS", 4), PARAMETERS.get("ACC_W", 21)
COEFFICIENT, TOTAL = PARAMETERS.get("COEFFICIENT_W", 10), PARAMETERS.get("TOTAL_W", 17)
SUM = 38
MOST = min(15, SUM - 1 - ACC)  # a larger shift is no use: hwsim.cosim largest_lsb_shift

seen = cover("output_register.shift", ["none", "one", "most"])


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.8], stall=[0.0, 0.6], shift=["none", "one", "most"])
async def results_equal_the_golden_model(dut: Any, gap: float, stall: float, shift: str) -> None:
    bench = Bench(dut)
    stream = bench.random("sums")
    lsb_shift = {"none": 0, "one": 1, "most": MOST}[shift]
    dut.lsb_shift_i.value = lsb_shift
    sums = Stream(bench, "sums", ["sums", "input_sum"])
    result = Stream(bench, "result", ["result", "result_index", "result_last"])
    await bench.start()
    half, end = 1 << (ACC - 1), 1 << (TOTAL - 1)
    given = [[half - 1] * OUTPUTS, [-half] * OUTPUTS]
    given += [[stream.randrange(-half, half) for _ in range(OUTPUTS)] for _ in range(8)]
    totals = [end - 1, -end, *[stream.randrange(-end, end) for _ in range(8)]]
    half = 1 << (COEFFICIENT - 1)
    coefficient = stream.choice((-half, half - 1, stream.randrange(-half, half)))
    dut.coefficient_i.value = coefficient & ((1 << COEFFICIENT) - 1)
    mask = (1 << ACC) - 1
    words = [sum((v & mask) << (ACC * n) for n, v in enumerate(values)) for values in given]
    result.accept(stall)
    sums.send(list(zip(words, totals, strict=True)), gap)
    expected = []
    for values, total in zip(given, totals, strict=True):
        scaled = scaled_sums(np.array(values), lsb_shift, [coefficient] * OUTPUTS, total).tolist()
        expected += [(value, n, int(n == OUTPUTS - 1)) for n, value in enumerate(scaled)]
    await result.moved(len(expected))
    check([(signed(v, SUM), *rest) for v, *rest in result.beats], expected, "result")
    if not stall:
        waits = {b - a for a, b in zip(sums.cycles, result.cycles[::OUTPUTS], strict=True)}
        assert waits == {1}
    if not gap and not stall:
        assert result.cycles[-1] - result.cycles[0] == len(expected) - 1
    seen(shift)


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("output_register")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "outputs", "acc", "coefficient"),
    [("verilator", 32, 25, 10), ("icarus", 5, 21, 6), ("icarus", 1, 9, 10)],
)
def test_output_register(simulator: str, outputs: int, acc: int, coefficient: int) -> None:
    from cocotb_tests.simulate import simulate

    parameters = {
        "OUTPUTS": outputs,
        "ACC_W": acc,
        "COEFFICIENT_W": coefficient,
        "TOTAL_W": 17,
        "INDEX_W": max(1, (outputs - 1).bit_length()),
    }
    simulate("output_register", "test_output_register", parameters, simulator=simulator)
