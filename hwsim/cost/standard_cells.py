"""Standard cells: what each occupies, leaks and switches, each figure with its source."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from hwsim.cost.figure import (
    AreaFigure,
    CapacitanceFigure,
    FactorFigure,
    LengthFigure,
    PowerFigure,
    VoltageFigure,
)
from hwsim.errors import SpecError
from hwsim.spec import Spec, read_yaml, unknown, validate

_FOLDER = Path(__file__).parent / "cells"


class StandardCell(Spec):
    """One cell; its output is Y, a flip-flop's Q."""

    inputs: tuple[str, ...]
    function: str | None = None  # of Y, as Liberty writes it; None: a flip-flop
    clock: str | None = None
    clear: str | None = None  # active low, asynchronous
    area: AreaFigure
    leakage: PowerFigure
    capacitance: CapacitanceFigure  # of one input
    parasitic: FactorFigure  # of the output and inner nodes, in inverter inputs


class CellLibrary(Spec):
    """A set of cells that logic is mapped to."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    feature_size: LengthFigure
    supply: VoltageFigure
    inverter_capacitance: CapacitanceFigure
    wire_capacitance: CapacitanceFigure  # per driven pin
    clock_capacitance: CapacitanceFigure  # inside a flip-flop, moved at each clock edge
    cells: dict[str, StandardCell]

    def area_m2(self, counts: dict[str, int]) -> float:
        """Area of numbers of cells by name."""
        return sum(count * self.cells[name].area.value for name, count in counts.items())

    def leakage_W(self, counts: dict[str, int]) -> float:
        """Power that cells draw at rest."""
        return sum(count * self.cells[name].leakage.value for name, count in counts.items())

    def clock_J(self, counts: dict[str, int]) -> float:
        """Energy of one clock cycle: two edges inside every flip-flop."""
        registers = sum(n for name, n in counts.items() if self.cells[name].clock)
        return registers * self.clock_capacitance.value * self.supply.value**2

    def transition_J(self, cell: str, driven_F: float, pins: int) -> float:
        """Energy of one transition of a cell's output.

        Args:
            driven_F: capacitance of the inputs it drives; pins: their number.
        """
        own_F = self.cells[cell].parasitic.value * self.inverter_capacitance.value
        total_F = own_F + driven_F + pins * self.wire_capacitance.value
        return total_F * self.supply.value**2 / 2


def cell_libraries() -> dict[str, Path]:
    """Files of cells by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def load_cells(name: str) -> CellLibrary:
    """The cells of that name.

    Raises:
        SpecError: there are none; or a figure has no source or a wrong unit.
    """
    known = cell_libraries()
    if name not in known:
        raise SpecError(f"cells: {unknown(name, known)}")
    return validate(CellLibrary, read_yaml(known[name]), str(known[name]))


def liberty(library: CellLibrary) -> str:
    """The cells as Yosys reads them: functions and areas in square micrometres."""
    cells = [_cell(name, cell) for name, cell in library.cells.items()]
    return f"library({library.name}) {{\n" + "".join(cells) + "}\n"


def _cell(name: str, cell: StandardCell) -> str:
    pins = "".join(f"    pin({pin}) {{ direction: input; }}\n" for pin in cell.inputs)
    if cell.clock is None:
        pins += f'    pin(Y) {{ direction: output; function: "{cell.function}"; }}\n'
        state = ""
    else:
        clear = f'clear: "!{cell.clear}"; ' if cell.clear else ""
        state = f'    ff(IQ, IQN) {{ clocked_on: "{cell.clock}"; next_state: "D"; {clear}}}\n'
        pins += f"    pin({cell.clock}) {{ direction: input; clock: true; }}\n"
        pins += f"    pin({cell.clear}) {{ direction: input; }}\n" if cell.clear else ""
        pins += '    pin(Q) { direction: output; function: "IQ"; }\n'
    area = cell.area.value * 1e12
    return f"  cell({name}) {{\n    area: {area:.4f};\n{state}{pins}  }}\n"
