"""sar_adc: trials, code and cycles of every conversion, against hwsim.peripherals.adc."""

from typing import Any

import cocotb
import pytest
from cocotb.triggers import FallingEdge, ReadOnly

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage, signed
from hwsim.peripherals.adc import SAMPLE_BITS, above, code_range, sar_trials

BITS = PARAMETERS.get("ADC_BITS", 4)
SIGNED = bool(PARAMETERS.get("CODE_SIGNED", 0))
LOW, HIGH = code_range(BITS, SIGNED)


def place(code: int) -> str:
    return {LOW: "low", HIGH: "high", LOW + 1: "low + 1"}.get(code, "inside")


seen_code = cover("sar.code", ["low", "low + 1", "inside", "high"][: 4 if BITS > 1 else 1], place)
seen_sample = cover("sar.sample", ["below", "tie", "above", "other"])


def samples(stream: Any, shift: int, count: int) -> list[int]:
    """Samples over and beyond the range, ties among them."""
    lsb = 1 << (shift + SAMPLE_BITS)
    directed = [(2 * code + 1) * lsb // 2 for code in (LOW - 1, LOW, LOW + 1, HIGH - 1, HIGH)]
    directed += [d - 1 for d in directed] + [4 * LOW * lsb - lsb, 2 * HIGH * lsb]
    chosen = [stream.randrange(LOW * lsb - lsb, (HIGH + 1) * lsb) for _ in range(count)]
    return directed + chosen


async def answer(bench: Bench, trials: list[int], queue: list[tuple[int, int]]) -> None:
    """The comparator: sees the sample of the conversion under way, answers each trial."""
    stream = bench.random("comparator")
    while True:
        await FallingEdge(bench.clock)
        await ReadOnly()
        trial = int(bench.dut.trial_o.value)
        trial = signed(trial, BITS) if SIGNED else trial
        await cocotb.triggers.NextTimeStep()
        if queue:
            bench.dut.above_i.value = int(above(queue[0][0], trial, queue[0][1]))
        else:
            bench.dut.above_i.value = stream.getrandbits(1)
        trials.append(trial)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(("gap", [0.0, 0.6]), ("stall", [0.0, 0.7]), ("shift", [0, 3]))
async def conversions_equal_the_golden_model(
    dut: Any, gap: float, stall: float, shift: int
) -> None:
    bench = Bench(dut)
    dut.above_i.value = 0
    start = Stream(bench, "start", [])
    code = Stream(bench, "code", ["code"])
    await bench.start()
    inputs = samples(bench.random("samples"), shift, 60)
    queue: list[tuple[int, int]] = []
    trials: list[int] = []
    cocotb.start_soon(answer(bench, trials, queue))
    code.accept(stall)
    start.send([()] * len(inputs), gap)
    expected = []
    for index, sample in enumerate(inputs):
        await start.moved(index + 1)
        queue[:] = [(sample, shift)]
        first = len(trials)
        wanted, result = sar_trials(sample, shift, BITS, SIGNED)
        expected.append(result)
        await code.moved(index) if index else None
        await bench.cycles(BITS)
        check(trials[first : first + BITS], wanted, "trial")
        seen_code(result)
        lsb = 1 << (shift + SAMPLE_BITS)
        tie = (sample + lsb // 2) % lsb == 0
        region = "below" if sample < LOW * lsb else "above" if sample > HIGH * lsb else "other"
        seen_sample("tie" if tie else region)
    await code.moved(len(inputs))
    found = [signed(c, BITS) if SIGNED else c for (c,) in code.beats]
    check(found, expected, "code")
    waits = [there - here for here, there in zip(start.cycles, code.cycles, strict=True)]
    assert min(waits) == BITS + 1
    if not stall:
        assert set(waits) == {BITS + 1}, waits
    if not gap and not stall:
        apart = {b - a for a, b in zip(start.cycles, start.cycles[1:], strict=False)}
        assert apart == {BITS + 1}, apart


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("sar")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "bits", "code_signed"),
    [
        ("verilator", 8, 0),
        ("verilator", 7, 1),
        *[("icarus", bits, code_signed) for bits in (4, 12) for code_signed in (0, 1)],
        ("icarus", 2, 1),
    ],
)
def test_sar_adc(simulator: str, bits: int, code_signed: int) -> None:
    from cocotb_tests.simulate import simulate

    simulate(
        "sar_adc",
        "test_sar_adc",
        {"ADC_BITS": bits, "CODE_SIGNED": code_signed},
        simulator=simulator,
    )
