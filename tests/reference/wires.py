"""Slow twins of hwsim.tile.wires: Kirchhoff's laws written out, wire by wire."""

import numpy as np


class Circuit:
    """Modified nodal analysis: voltages of nodes and currents of wires, which may be 0 ohm."""

    def __init__(self):
        self.nodes, self.wires, self.cells = {}, [], []

    def node(self, name):
        """Number of a node; names that are numbers are fixed potentials (volt)."""
        return self.nodes.setdefault(name, len(self.nodes))

    def wire(self, start, end, ohm):
        """A current that flows from `start` to `end` (a node's name or a fixed potential)."""
        self.wires.append((start, end, ohm))

    def cell(self, start, end, siemens):
        self.cells.append((start, end, siemens))

    def solve(self):
        """({node: volt}, [ampere of each wire])."""
        for start, end, _ in self.wires + self.cells:
            for name in (start, end):
                if not isinstance(name, float):
                    self.node(name)
        n = len(self.nodes)
        matrix = np.zeros((n + len(self.wires),) * 2)
        right = np.zeros(len(matrix))
        for start, end, siemens in self.cells:
            a, b = self.node(start), self.node(end)
            for here, there in ((a, b), (b, a)):
                matrix[here, here] += siemens
                matrix[here, there] -= siemens
        for k, (start, end, ohm) in enumerate(self.wires, start=n):
            matrix[k, k] = -ohm
            for name, sign in ((start, 1.0), (end, -1.0)):
                if isinstance(name, float):
                    right[k] -= sign * name
                else:
                    matrix[k, self.node(name)] += sign
                    matrix[self.node(name), k] += sign
        found = np.linalg.solve(matrix, right)
        return {name: found[i] for name, i in self.nodes.items()}, found[n:]


def passive_circuit(conductance, voltages, wires):
    """A passive array; the sense wires are those that end at 0.0."""
    rows, cols = conductance.shape
    circuit = Circuit()
    for i in range(rows):
        for j in range(cols):
            before = ("word", i, j - 1) if j else float(voltages[i])
            extra = 0 if j else wires.source_ohm
            circuit.wire(before, ("word", i, j), wires.word_line_ohm + extra)
            circuit.cell(("word", i, j), ("bit", i, j), float(conductance[i, j]))
            after = ("bit", i + 1, j) if i < rows - 1 else 0.0
            extra = 0 if i < rows - 1 else wires.sense_ohm
            circuit.wire(("bit", i, j), after, wires.bit_line_ohm + extra)
    return circuit


def gated_circuit(conductance, driven, wires):
    """A 1T1R array read with one volt: both rails of every column in full."""
    rows, cols = conductance.shape
    circuit = Circuit()
    for j in range(cols):
        for i in range(rows):
            last = i == rows - 1
            ends = (1.0, 0.0) if last else (("supply", i + 1, j), ("bit", i + 1, j))
            source, sense = (wires.source_ohm, wires.sense_ohm) if last else (0, 0)
            circuit.wire(ends[0], ("supply", i, j), wires.source_line_ohm + source)
            circuit.wire(("bit", i, j), ends[1], wires.bit_line_ohm + sense)
            on = float(conductance[i, j]) if driven[i] else 0.0
            circuit.cell(("supply", i, j), ("bit", i, j), on)
    return circuit


def passive_currents(conductance, voltages, wires):
    """(currents at the sense ends, currents of the drivers) of a passive array."""
    _, currents = passive_circuit(conductance, voltages, wires).solve()
    pairs = currents.reshape(*conductance.shape, 2)
    return pairs[-1, :, 1], pairs[:, 0, 0]


def transfer_matrix(conductance, wires):
    """(rows, cols) currents per volt, one word line at a time."""
    return np.array(
        [passive_currents(conductance, volts, wires)[0] for volts in np.eye(len(conductance))]
    )


def gated_conductance(conductance, driven, wires):
    """(cols,) sense current per volt of a 1T1R array."""
    rows, cols = conductance.shape
    _, currents = gated_circuit(conductance, driven, wires).solve()
    return currents.reshape(cols, rows, 2)[:, -1, 1]


def deck(circuit, title):
    """The circuit for SPICE, which prints the current of every wire that ends at 0.0."""
    numbers = {}

    def name(node):
        return "0" if node == 0.0 else f"n{numbers.setdefault(node, len(numbers))}"

    lines, meters = [f"* {title}"], []
    for k, (start, end, ohm) in enumerate(circuit.wires):
        here, there = name(start), name(end)
        if end == 0.0:
            meters.append(f"i(vm{k})")
            lines.append(f"vm{k} m{k} 0 0")
            there = f"m{k}"
        lines.append(f"r{k} {here} {there} {ohm!r}" if ohm else f"vw{k} {here} {there} 0")
    for k, (start, end, siemens) in enumerate(circuit.cells):
        if siemens:
            lines.append(f"rc{k} {name(start)} {name(end)} {1 / siemens!r}")
    fixed = [node for node in numbers if isinstance(node, float)]
    lines += [f"vs{k} {name(node)} 0 {node!r}" for k, node in enumerate(fixed)]
    control = [".control", "set numdgt=14", "op", f"print {' '.join(meters)}", "quit 0", ".endc"]
    return "\n".join([*lines, *control, ".end", ""])
