"""Switching of a mapped module: its gates simulated without delay, every transition counted.

Inputs are the port values of a run of the RTL; the gates' outputs must equal the RTL's in every
cycle, so that the mapped module is verified on the way.  Glitches within a cycle are not seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import kernel
from hwsim.cosim.synthesis import library, output, pin_loads
from hwsim.cosim.waveform import Bits
from hwsim.errors import HwsimError

Nets = NDArray[np.int64]

#: Y of every combination of the inputs A, B, C (or S): bit a + 2 b + 4 c.
_TABLES = {
    "INV": 0x55,
    "BUF": 0xAA,
    "NAND2": 0x77,
    "NOR2": 0x11,
    "AOI21": 0x15,
    "OAI21": 0x57,
    "XOR2": 0x66,
    "XNOR2": 0x99,
    "MUX2": 0xCA,
}
_ZERO, _ONE = 0, 1  # nets of the constants


class ActivityError(HwsimError):
    """A mapped module does not do what the RTL did."""


@dataclass(frozen=True)
class Switching:
    """Of a run: cycles after reset; energy of all transitions, of one clock of all registers."""

    cycles: int
    transitions: int
    switched_J: float
    clock_J: float


@kernel
def run_gates(
    gates: Nets,
    registers: Nets,
    inputs: Bits,
    ports: Nets,
    checks: Nets,
    expected: Bits,
    nets: int,
    first: int,
) -> tuple[Nets, int]:
    """Transitions of every net from cycle `first`, and when an output then differs (or -1).

    gates: (n, 5) truth table, three nets, output, in topological order; registers: (n, 3) D, Q
    and the net of the active-low clear (1: none); inputs: (cycles, bits) put on nets `ports`;
    expected: (cycles, bits) compared with nets `checks`.
    """
    state = np.zeros(nets, np.int64)
    before = np.zeros(nets, np.int64)
    count = np.zeros(nets, np.int64)
    stored = np.zeros(registers.shape[0], np.int64)
    state[1] = 1
    for t in range(inputs.shape[0]):
        for i in range(ports.size):
            state[ports[i]] = inputs[t, i]
        for i in range(registers.shape[0]):
            state[registers[i, 1]] = stored[i] if state[registers[i, 2]] else 0
        for i in range(gates.shape[0]):
            a, b, c = state[gates[i, 1]], state[gates[i, 2]], state[gates[i, 3]]
            state[gates[i, 4]] = (gates[i, 0] >> (a + 2 * b + 4 * c)) & 1
        for i in range(checks.size):
            if t >= first and state[checks[i]] != expected[t, i]:
                return count, t
        for n in range(nets):
            count[n] += t > first and state[n] != before[n]
            before[n] = state[n]
        for i in range(registers.shape[0]):
            stored[i] = state[registers[i, 0]]
    return count, -1


def switching(
    name: str, mapped: Mapping[str, Any], traces: Mapping[str, Bits], first: int
) -> Switching:
    """Run a mapped module on the port values of the RTL.

    Args:
        mapped: Yosys' JSON of the module.
        traces: (cycles, width) of every port but the clock.
        first: cycle from which outputs are compared and transitions count: reset is over and
            everything that reset leaves unknown has been written.
    Raises:
        ActivityError: an output differs from the RTL's.
    """
    cells = list(mapped["cells"].values())
    numbers = _numbers(mapped)
    gates, registers = _arrays(cells, numbers)
    ports, inputs = _bundle(mapped, traces, numbers, "input")
    checks, expected = _bundle(mapped, traces, numbers, "output")
    nets = len(numbers) + 2
    count, bad = run_gates(gates, registers, inputs, ports, checks, expected, nets, first)
    if bad >= 0:
        raise ActivityError(f"{name}: gates and RTL: expected equal outputs, differ in cycle {bad}")
    loads, cell_library = pin_loads(cells), library()
    switched = 0.0
    kinds: dict[str, int] = {}
    for cell in cells:
        net = output(cell)
        each = cell_library.transition_J(cell["type"], *loads.get(net, (0.0, 0)))
        switched += count[numbers[net]] * each
        kinds[cell["type"]] = kinds.get(cell["type"], 0) + 1
    return Switching(
        cycles=inputs.shape[0] - first,
        transitions=int(sum(count[numbers[output(cell)]] for cell in cells)),
        switched_J=float(switched),
        clock_J=cell_library.clock_J(kinds),
    )


def _numbers(mapped: Mapping[str, Any]) -> dict[int, int]:
    """Nets by their number in the arrays; 0 and 1 are the constants."""
    found: dict[int, int] = {}
    bits = [port["bits"] for port in mapped["ports"].values()]
    bits += [net for cell in mapped["cells"].values() for net in cell["connections"].values()]
    for bit in (bit for group in bits for bit in group):
        if isinstance(bit, int):
            found.setdefault(bit, len(found) + 2)
    return found


def _net(bit: int | str, numbers: Mapping[int, int]) -> int:
    return numbers[bit] if isinstance(bit, int) else _ONE if bit == "1" else _ZERO


def _arrays(cells: list[Mapping[str, Any]], numbers: Mapping[int, int]) -> tuple[Nets, Nets]:
    """Gates in topological order, and registers."""
    gates, registers = [], []
    for cell in cells:
        pins = {pin: _net(bits[0], numbers) for pin, bits in cell["connections"].items()}
        if cell["type"] in _TABLES:
            nets = [pins[name] for name in library().cells[cell["type"]].inputs]
            nets += [_ZERO] * (3 - len(nets))
            gates.append((_TABLES[cell["type"]], *nets, pins["Y"]))
        else:
            registers.append((pins["D"], pins["Q"], pins.get("RN", _ONE)))
    ordered = np.array(_sorted(gates), np.int64).reshape(-1, 5)
    return ordered, np.array(registers, np.int64).reshape(-1, 3)


def _sorted(gates: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Drivers before what they drive."""
    driver = {gate[4]: gate for gate in gates}
    done: set[int] = set()
    order: list[tuple[int, ...]] = []
    for gate in gates:
        stack = [gate]
        while stack:
            top = stack[-1]
            waits = [driver[n] for n in top[1:4] if n in driver and n not in done]
            if waits and top[4] not in done:
                stack += waits
                continue
            stack.pop()
            if top[4] not in done:
                done.add(top[4])
                order.append(top)
    return order


def _bundle(
    mapped: Mapping[str, Any],
    traces: Mapping[str, Bits],
    numbers: Mapping[int, int],
    direction: str,
) -> tuple[Nets, Bits]:
    """Nets of all ports of a direction, and their values (cycles, nets)."""
    nets: list[int] = []
    columns: list[Bits] = []
    for name, port in mapped["ports"].items():
        if port["direction"] != direction or name not in traces:
            continue
        for i, bit in enumerate(port["bits"]):
            if isinstance(bit, int):
                nets.append(numbers[bit])
                columns.append(traces[name][:, i])
    cycles = next(iter(traces.values())).shape[0]
    values = np.stack(columns, axis=1) if columns else np.zeros((cycles, 0), np.uint8)
    return np.array(nets, np.int64), np.ascontiguousarray(values)
