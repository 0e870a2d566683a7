"""accumulator: joined beats of two streams, against hwsim.peripherals.accumulator."""

from typing import Any

import cocotb
import numpy as np
import pytest

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage, signed
from hwsim.peripherals.accumulator import total

BITS = PARAMETERS.get("SUM_W", 38)
BEATS = 60

seen = cover("accumulator.sign", [(chain, s) for chain in (0, 1) for s in (-1, 0, 1)])


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.6], stall=[0.0, 0.7], chain=[0, 1])
async def totals_equal_the_golden_model(dut: Any, gap: float, stall: float, chain: int) -> None:
    bench = Bench(dut)
    dut.chain_i.value = chain
    own = Stream(bench, "sum", ["sum", "sum_index", "sum_last"])
    partial = Stream(bench, "partial", ["partial"])
    out = Stream(bench, "total", ["total", "total_index", "total_last"])
    await bench.start()
    out.accept(stall)
    stream = bench.random("sums")
    half = 1 << (BITS - 2)
    sums = [half - 1, -half, 0, 0] + [stream.randrange(-half, half) for _ in range(BEATS - 4)]
    others = [half - 1, -half, 0, 5] + [stream.randrange(-half, half) for _ in range(BEATS - 4)]
    tags = [(stream.getrandbits(8), stream.getrandbits(1)) for _ in sums]
    own.send([(s, *tag) for s, tag in zip(sums, tags, strict=True)], gap)
    partial.send([(p,) for p in others], gap / 2)
    await out.moved(BEATS)
    expected = total(np.array(sums), np.array(others) if chain else None).tolist()
    found = [(signed(value, BITS), *tag) for value, *tag in out.beats]
    check(found, [(e, *tag) for e, tag in zip(expected, tags, strict=True)], "total")
    assert len(partial.beats) == (BEATS if chain else 0)
    waits = {there - here for here, there in zip(own.cycles, out.cycles, strict=True)}
    assert min(waits) == 1
    if not gap and not stall:
        assert out.cycles[-1] - out.cycles[0] == BEATS - 1
        assert waits == {1}
    for e in expected:
        seen((chain, int(np.sign(e))))


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("accumulator")


@pytest.mark.rtl
@pytest.mark.parametrize(("simulator", "bits"), [("verilator", 38), ("icarus", 12)])
def test_accumulator(simulator: str, bits: int) -> None:
    from cocotb_tests.simulate import simulate

    simulate("accumulator", "test_accumulator", {"SUM_W": bits}, simulator=simulator)
