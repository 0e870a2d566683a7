"""requantizer: codes of sums, bit for bit, against hwsim.peripherals.requantizer."""

from bisect import bisect_left
from typing import Any

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge, ReadOnly

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage, signed
from hwsim.peripherals.requantizer import Requantizer

SUM = PARAMETERS.get("SUM_W", 38)
STAGES = 3
LIMITS = {"unsigned": (0, 0, 255), "signed": (-3, -128, 127), "relu": (7, 7, 60)}

seen_code = cover("requantizer.code", ["low", "high", "inside"])
seen_tie = cover("requantizer.tie", ["to even down", "to even up", "none"])
seen_shift = cover("requantizer.shift", ["1", "2..31", "32..62", "63"])


def beats(stream: Any, count: int) -> list[tuple[int, int, int, int]]:
    """(acc, offset, mantissa, shift): ties, ends of every range, codes in and out of limits."""
    limit = 1 << (SUM - 1)
    made = []
    for _ in range(count):
        shift = stream.choice((1, 2, 63, stream.randint(1, 63)))
        mantissa = stream.choice((1 << 23, (1 << 24) - 1, stream.randrange(1 << 23, 1 << 24)))
        acc, offset = stream.randrange(-limit, limit), stream.randrange(-limit, limit)
        kind = stream.randrange(4)
        if kind == 0:  # a code near the limits
            target = stream.randint(-400, 400)
            acc = max(-limit, min(limit - 1, (target << shift) // mantissa))
            offset = stream.randint(-3, 3)
        elif kind == 1 and shift >= 24:  # a tie: mantissa 2^23 and odd multiples of 2^(shift - 24)
            mantissa = 1 << 23
            acc = min(limit - 1, (2 * stream.randint(-100, 100) + 1) << (shift - 24))
            acc, offset = max(-limit, acc), 0
        elif kind == 2:
            acc, offset = stream.choice((-limit, limit - 1)), stream.choice((-limit, limit - 1))
        made.append((acc, offset, mantissa, shift))
    return made


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.6], stall=[0.0, 0.7], limits=list(LIMITS))
async def codes_equal_the_golden_model(dut: Any, gap: float, stall: float, limits: str) -> None:
    zero, low, high = LIMITS[limits]
    bench = Bench(dut)
    given = beats(bench.random("beats"), 200)
    acc, offset, mantissa, shift = (
        np.array(column, np.int64) for column in zip(*given, strict=True)
    )
    golden = Requantizer(offset, mantissa, shift, zero, low, high)
    expected = golden.codes(acc[None, None])[0, :, 0].tolist()
    dut.zero_point_i.value, dut.low_i.value, dut.high_i.value = zero, low, high
    dut.bypass_i.value = 0
    found, _ = await stream_through(bench, given, gap, stall)
    check(found, expected, "code")
    for (a, o, m, s), code in zip(given, expected, strict=True):
        seen_code({low: "low", high: "high"}.get(code, "inside"))
        rest = ((a + o) * m) & ((1 << s) - 1)
        even = ((a + o) * m) >> s & 1 == 0
        seen_tie("none" if rest != 1 << s >> 1 else f"to even {'down' if even else 'up'}")
        seen_shift({1: "1", 63: "63"}.get(s, "2..31" if s < 32 else "32..62"))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sums_pass_a_bypassed_requantizer(dut: Any) -> None:
    bench = Bench(dut)
    given = beats(bench.random("beats"), 50)
    dut.bypass_i.value = 1
    found, _ = await stream_through(bench, given, 0.3, 0.3)
    check(found, [acc for acc, *_ in given], "sum")


async def watch_busy(bench: Bench, acc: Stream, code: Stream) -> None:
    """Busy from the cycle after the first beat came to the one in which the last leaves."""
    while True:
        await FallingEdge(bench.clock)
        await ReadOnly()
        came, went = (bisect_left(s.cycles, bench.cycle) for s in (acc, code))
        assert int(bench.dut.busy_o.value) == (came > went), f"cycle {bench.cycle}"


async def stream_through(
    bench: Bench, given: list[tuple[int, int, int, int]], gap: float, stall: float
) -> tuple[list[int], list[int]]:
    fields = ["acc", "offset", "mantissa", "shift", "acc_last"]
    acc = Stream(bench, "acc", fields)
    code = Stream(bench, "code", ["code", "code_last"])
    await bench.start()
    cocotb.start_soon(watch_busy(bench, acc, code))
    code.accept(stall)
    lasts = [index % 7 == 0 for index in range(len(given))]
    acc.send([(*beat, int(last)) for beat, last in zip(given, lasts, strict=True)], gap)
    await code.moved(len(given))
    check([bool(last) for _, last in code.beats], lasts, "last")
    waits = [there - here for here, there in zip(acc.cycles, code.cycles, strict=True)]
    assert min(waits) == STAGES
    if not stall:
        assert set(waits) == {STAGES}
    if not gap and not stall:
        assert code.cycles[-1] - code.cycles[0] == len(given) - 1
    await bench.cycles(2)
    return [signed(value, SUM) for value, _ in code.beats], code.cycles


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("requantizer")


@pytest.mark.rtl
@pytest.mark.parametrize(("simulator", "bits"), [("verilator", 38), ("icarus", 38), ("icarus", 20)])
def test_requantizer(simulator: str, bits: int) -> None:
    from cocotb_tests.simulate import simulate

    simulate("requantizer", "test_requantizer", {"SUM_W": bits}, simulator=simulator)
