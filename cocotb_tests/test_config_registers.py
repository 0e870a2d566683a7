"""config_registers: every register reads back, drives its outputs, waits for an idle tile."""

from typing import Any

import cocotb
import pytest
from cocotb.triggers import FallingEdge, ReadOnly

from cocotb_tests.bench import PARAMETERS, Bench, Stream, check, cover, require_coverage
from hwsim.cosim.parameters import REGISTER_BITS, Control, Register

OUTPUTS, SLICES = PARAMETERS.get("OUTPUTS", 4), PARAMETERS.get("SLICES", 3)
INDEX = PARAMETERS.get("INDEX_W", 2)
WORD = 38
BITS = {**REGISTER_BITS, Register.FLIP: SLICES}
PER_OUTPUT = (Register.MANTISSA, Register.SHIFT, Register.OFFSET, Register.FLIP)
SIGNED = (Register.ZERO_POINT, Register.LOW, Register.HIGH)

seen_register = cover("config.register", [(r.name, e) for r in BITS for e in ("ones", "other")])
seen_wait = cover("config.wait", ["idle", "busy"])


def stored(register: Register, word: int) -> int:
    """What a register returns of a word: its own bits, sign extended where it is signed."""
    value = word & ((1 << BITS[register]) - 1)
    if register in SIGNED and value >> (BITS[register] - 1):
        value |= ((1 << WORD) - 1) ^ ((1 << BITS[register]) - 1)
    return value


async def read(bench: Bench, register: Register, output: int) -> int:
    bench.dut.cfg_address_i.value = register << INDEX | output
    await ReadOnly()
    value = int(bench.dut.cfg_o.value)
    await FallingEdge(bench.clock)
    return value


def places() -> list[tuple[Register, int]]:
    return [(r, n) for r in BITS for n in range(OUTPUTS if r in PER_OUTPUT else 1)]


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(gap=[0.0, 0.6], busy=[0.0, 0.7])
async def words_read_back(dut: Any, gap: float, busy: float) -> None:
    bench = Bench(dut)
    for port in (dut.busy_i, dut.flip_index_i, dut.constants_index_i):
        port.value = 0
    dut.idle_i.value = 1
    cfg = Stream(bench, "cfg", ["cfg_address", "cfg"])
    await bench.start()
    for register in set(BITS) - {Register.MANTISSA, Register.SHIFT, Register.OFFSET}:
        assert await read(bench, register, 0) == 0, f"{register.name} after reset"
    idle = cocotb.start_soon(interrupt(bench, busy))
    stream = bench.random("words")
    beats, memory = [], {}
    words = ((1 << WORD) - 1, 0, stream.getrandbits(WORD))
    order = [(*place, word) for place in places() for word in words]
    stream.shuffle(order)
    for register, output, word in order:
        beats.append((register << INDEX | output, word))
        memory[register, output] = stored(register, word)
        ones = memory[register, output] == stored(register, (1 << WORD) - 1)
        seen_register((register.name, "ones" if ones else "other"))
    cfg.send(beats, gap)
    await cfg.moved(len(beats))
    if not gap and not busy:
        assert cfg.cycles[-1] - cfg.cycles[0] == len(beats) - 1
    idle.cancel()
    await bench.cycles(2)
    found = [await read(bench, register, output) for register, output in places()]
    check(found, [memory[place] for place in places()], "register")
    await outputs(bench, memory)


async def interrupt(bench: Bench, busy: float) -> None:
    """The tile is not idle at times: no word is taken then."""
    stream = bench.random("idle")
    while True:
        await FallingEdge(bench.clock)
        bench.dut.idle_i.value = idle = int(stream.random() >= busy)
        seen_wait("idle" if idle else "busy")
        await ReadOnly()
        assert int(bench.dut.cfg_ready_o.value) == idle


async def outputs(bench: Bench, memory: dict[tuple[Register, int], int]) -> None:
    """The ports carry what the registers hold."""
    dut = bench.dut
    control = memory[Register.CONTROL, 0]
    flags = (dut.input_signed_o, dut.chain_o, dut.requantize_o)
    bits = [control >> bit & 1 for bit in (Control.INPUT_SIGNED, Control.CHAIN, Control.REQUANTIZE)]
    assert [int(flag.value) for flag in flags] == bits
    plain = {
        Register.LSB_SHIFT: dut.lsb_shift_o,
        Register.ZERO_POINT: dut.zero_point_o,
        Register.LOW: dut.low_o,
        Register.HIGH: dut.high_o,
    }
    for register, port in plain.items():
        assert int(port.value) == memory[register, 0] & ((1 << BITS[register]) - 1)
    flips = sum(memory[Register.FLIP, n] << (SLICES * n) for n in range(OUTPUTS))
    assert int(dut.flips_o.value) == flips
    for n in range(OUTPUTS):
        dut.flip_index_i.value = dut.constants_index_i.value = n
        await ReadOnly()
        assert int(dut.flip_o.value) == memory[Register.FLIP, n]
        assert int(dut.mantissa_o.value) == memory[Register.MANTISSA, n]
        assert int(dut.shift_o.value) == memory[Register.SHIFT, n]
        assert int(dut.offset_o.value) == memory[Register.OFFSET, n]
        await FallingEdge(bench.clock)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def busy_cycles_are_counted(dut: Any) -> None:
    bench = Bench(dut)
    for port in (dut.busy_i, dut.flip_index_i, dut.constants_index_i):
        port.value = 0
    dut.idle_i.value = 1
    cfg = Stream(bench, "cfg", ["cfg_address", "cfg"])
    await bench.start()
    stream = bench.random("busy")
    for _ in range(3):
        count = len(cfg.beats) + 1
        cfg.send([(Register.CYCLES << INDEX, stream.getrandbits(WORD))], 0.0)
        await cfg.moved(count)
        await FallingEdge(bench.clock)
        total = 0
        for _ in range(50):
            dut.busy_i.value = busy = stream.getrandbits(1)
            total += busy
            await FallingEdge(bench.clock)
        dut.busy_i.value = 0
        assert await read(bench, Register.CYCLES, 0) == total


@cocotb.test()
async def coverage_reaches_its_goals(_dut: Any) -> None:
    require_coverage("config")


@pytest.mark.rtl
@pytest.mark.parametrize(
    ("simulator", "outputs", "slices"), [("verilator", 32, 4), ("icarus", 3, 8), ("icarus", 1, 1)]
)
def test_config_registers(simulator: str, outputs: int, slices: int) -> None:
    from cocotb_tests.simulate import simulate

    parameters = {
        "OUTPUTS": outputs,
        "SLICES": slices,
        "INDEX_W": max(1, (outputs - 1).bit_length()),
    }
    simulate("config_registers", "test_config_registers", parameters, simulator=simulator)
