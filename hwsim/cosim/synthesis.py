"""The RTL mapped to standard cells by Yosys: cells by type, area, leakage, switched energy.

`docs/rtl/synthesis.json` holds the table, `docs/rtl/synthesis.md` the same for readers.

    python -m hwsim.cosim.synthesis [--write]
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hwsim.chip.load import load_arch
from hwsim.cosim.instances import Instance, instances
from hwsim.cosim.simulators import RTL
from hwsim.cosim.yosys import PINNED, MissingYosys, missing_tool, yosys
from hwsim.cost.standard_cells import CellLibrary, liberty, load_cells
from hwsim.tile.geometry import Geometry

LIBRARY = "nangate45"
TABLE = Path(__file__).resolve().parents[2] / "docs" / "rtl" / "synthesis.json"
#: Mapping without a timing model; Yosys' own script needs one.
_MAP = "+strash;scorr;dc2;strash;map"
WORKERS = 2


@dataclass(frozen=True)
class Synthesis:
    """One module at one set of parameters.

    cells: how many of each type; area_m2, leakage_W: of all, placed without gaps;
    switched_J: energy if the output of every cell makes one transition;
    clock_J: of one clock cycle in which every flip-flop is clocked.
    """

    module: str
    parameters: dict[str, int]
    cells: dict[str, int]
    area_m2: float
    leakage_W: float
    switched_J: float
    clock_J: float

    @property
    def registers(self) -> int:
        """Flip-flops."""
        return sum(count for name, count in self.cells.items() if name.startswith("DFF"))


@cache
def library() -> CellLibrary:
    """The cells that everything is mapped to."""
    return load_cells(LIBRARY)


def netlist(instance: Instance, rtl: Path = RTL) -> dict[str, Any]:
    """The mapped module as Yosys' JSON: ports, cells, nets.

    Raises:
        MissingYosys, YosysError: Yosys is not installed, or fails.
    """
    module = instance.module
    sets = "".join(f" -set {name} {value}" for name, value in instance.parameters.items())
    script = "\n".join(
        (
            f"read_verilog {module}.v",
            f"chparam{sets} {module}" if sets else "",
            f"synth -noabc -flatten -top {module}",
            "dfflibmap -liberty cells.lib",
            f"abc -liberty cells.lib -script {_MAP}",
            "opt_clean -purge",
            "write_json netlist.json",
            "",
        )
    )
    with tempfile.TemporaryDirectory(prefix="hwsim-synthesis-") as scratch:
        work = Path(scratch)
        (work / f"{module}.v").write_text((rtl / f"{module}.v").read_text(), encoding="utf-8")
        (work / "cells.lib").write_text(liberty(library()), encoding="utf-8")
        yosys(script, work)
        found = json.loads((work / "netlist.json").read_text())["modules"]
    [mapped] = found.values()
    return dict(mapped)


def synthesize(instance: Instance, rtl: Path = RTL) -> Synthesis:
    """Map a module and add up its cells.

    Raises:
        MissingYosys, YosysError: Yosys is not installed, or fails.
    """
    cells = netlist(instance, rtl)["cells"].values()
    counts: dict[str, int] = {}
    for cell in cells:
        counts[cell["type"]] = counts.get(cell["type"], 0) + 1
    counts = dict(sorted(counts.items()))
    cell_library = library()
    loads = pin_loads(cells)
    switched = sum(
        cell_library.transition_J(cell["type"], *loads.get(output(cell), (0.0, 0)))
        for cell in cells
    )
    return Synthesis(
        module=instance.module,
        parameters=dict(instance.parameters),
        cells=counts,
        area_m2=cell_library.area_m2(counts),
        leakage_W=cell_library.leakage_W(counts),
        switched_J=switched,
        clock_J=cell_library.clock_J(counts),
    )


def output(cell: Mapping[str, Any]) -> int:
    """The net that a cell drives."""
    pins = cell["connections"]
    return int((pins.get("Y") or pins["Q"])[0])


def pin_loads(cells: Any) -> dict[int, tuple[float, int]]:
    """Capacitance and number of the data pins on each net."""
    loads: dict[int, tuple[float, int]] = {}
    for cell in cells:
        kind = library().cells[cell["type"]]
        for pin in kind.inputs:
            [net] = cell["connections"][pin]
            if isinstance(net, int):  # else a constant
                farads, count = loads.get(net, (0.0, 0))
                loads[net] = farads + kind.capacitance.value, count + 1
    return loads


def grid() -> list[Instance]:
    """What is synthesized: every module of two presets' tiles, converters of other resolutions."""
    chosen: list[Instance] = []
    for name in ("emt", "isaac"):
        arch = load_arch(name)
        chosen += instances(Geometry(arch.tile, arch.precision))
    chosen += [Instance("sar_adc", {"ADC_BITS": bits, "CODE_SIGNED": 1}) for bits in (4, 6, 10, 12)]
    chosen += [Instance("flash_adc", {"ADC_BITS": bits, "CODE_SIGNED": 0}) for bits in (4, 6)]
    unique: list[Instance] = []
    for instance in chosen:
        same = [one for one in unique if one.same(instance)]
        if not same:
            unique.append(instance)
    return unique


def synthesize_all(chosen: Sequence[Instance]) -> list[Synthesis]:
    """A few at a time, in order."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(synthesize, chosen))


def table(found: Sequence[Synthesis]) -> str:
    """The table as JSON."""
    document = {
        "yosys": PINNED,
        "cells": LIBRARY,
        "modules": [_rounded(asdict(one)) for one in found],
    }
    return json.dumps(document, indent=1) + "\n"


def load_table(path: Path = TABLE) -> list[Synthesis]:
    """The committed table."""
    return [Synthesis(**entry) for entry in json.loads(path.read_text())["modules"]]


def _rounded(entry: dict[str, Any]) -> dict[str, Any]:
    """Figures to six digits: nothing here is known better."""
    return {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in entry.items()}


def report(found: Sequence[Synthesis]) -> str:
    """The table as Markdown."""
    cells = load_cells(LIBRARY)
    lines = [
        "# Synthesis",
        "",
        f"Written by `make rtl-synth` with Yosys {PINNED}; figures of the cells, each with its",
        f"source, in `hwsim/cost/cells/{LIBRARY}.yaml`. {' '.join(cells.description.split())}",
        "Widths are those of one tile of presets `emt` and `isaac`, and of converters of other",
        "resolutions. *Switched* is the energy if every cell's output makes one transition,",
        "*clock* that of one cycle in which every flip-flop is clocked.",
        "",
        "| module | parameters | cells | flip-flops | area | leakage | switched | clock |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [row(one) for one in found]
    lines += ["", "## Cells by type", ""]
    types = sorted({name for one in found for name in one.cells})
    lines += [f"| module | {' | '.join(types)} |", f"|---|{'---:|' * len(types)}"]
    lines += [
        f"| {one.module} | {' | '.join(str(one.cells.get(name, 0)) for name in types)} |"
        for one in found
    ]
    return "\n".join([*lines, ""])


def row(one: Synthesis) -> str:
    """One line of the table."""
    parameters = ", ".join(f"{name} {value}" for name, value in one.parameters.items())
    return (
        f"| {one.module} | {parameters} | {sum(one.cells.values())} | {one.registers} "
        f"| {one.area_m2 * 1e12:.0f} µm² | {one.leakage_W * 1e6:.2f} µW "
        f"| {one.switched_J * 1e15:.0f} fJ | {one.clock_J * 1e15:.0f} fJ |"
    )


def main(arguments: Sequence[str]) -> int:
    """Synthesize the grid; write both tables if asked to; 2 without Yosys."""
    try:
        found = synthesize_all(grid())
    except MissingYosys as missing:
        return missing_tool(missing)
    if "--write" in arguments:
        TABLE.write_text(table(found), encoding="utf-8")
        TABLE.with_suffix(".md").write_text(report(load_table()), encoding="utf-8")
    sys.stdout.write("\n".join(row(one) for one in found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
