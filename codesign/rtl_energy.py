"""Energy of one operation of each module, from a real layer's run through the RTL.

One layer of the embedded digits network runs through the emitted tile (Icarus); the port values
of every module then drive its mapped gates, whose transitions are priced.  The clock is counted
for the cycles in which a module works (clock gating is assumed, its own energy left out).

    python -m codesign.rtl_energy [--write]
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from codesign.flow import prepare
from codesign.simulation import Simulation
from hwsim.chip.load import load_arch
from hwsim.cosim.activity import switching
from hwsim.cosim.emit import BENCH, emit_tile
from hwsim.cosim.golden import Golden, golden
from hwsim.cosim.instances import Instance, instances
from hwsim.cosim.simulators import MissingSimulator, icarus
from hwsim.cosim.synthesis import LIBRARY, Synthesis, library, load_table, netlist
from hwsim.cosim.waveform import Bits, read_ports
from hwsim.cosim.yosys import PINNED, MissingYosys, missing_tool
from hwsim.cost.technology import ShiftAddSharing
from hwsim.tile.geometry import Geometry
from mapping.execute import IdealBackend, LayerKernel, run
from mapping.execute_tiles import layer_weights

ARCH, LAYER, VECTORS = "emt", "conv2", 24
TABLE = Path(__file__).resolve().parents[1] / "docs" / "rtl" / "activity.json"
TECHNOLOGY = Path(__file__).resolve().parents[1] / "hwsim/cost/technology/emt-32nm-rtl.yaml"
#: Where a module stands in the testbench, what one operation is, and the ports that say so.
_PLACES = {
    "row_driver": ("u_row_driver", "digit vector", ("digits_valid_o", "digits_ready_i")),
    "tile_controller": ("u_tile_controller", "busy cycle", ("busy_o",)),
    "column_mux": ("u_column_mux", "connected cycle", ("enable_i",)),
    "sar_adc": ("g_adc[0].g_sar.u_sar_adc", "conversion", ("start_valid_i", "start_ready_o")),
    "shift_add": ("g_adc[0].u_shift_add", "code", ("code_valid_i",)),
    "output_register": ("u_output_register", "result", ("result_valid_o", "result_ready_i")),
    "accumulator": ("u_accumulator", "sum", ("sum_valid_i", "sum_ready_o")),
    "requantizer": ("u_requantizer", "value", ("acc_valid_i", "acc_ready_o")),
}
_DESCRIPTION = (
    "As emt-32nm, but shift-adders, the clusters' adders and requantisers are priced from this "
    "project's RTL, mapped to standard cells and switched by a real layer. Short-circuit "
    "currents, glitches, clock tree and wiring between modules are not included."
)


@dataclass(frozen=True)
class OperationEnergy:
    """One module: operations seen, energies of one at 45 nm and 1.1 V."""

    module: str
    operation: str
    operations: int
    cycles: int
    activity: float  # transitions per gate output and clocked cycle
    switched_J: float
    clock_J: float

    @property
    def total_J(self) -> float:
        """Of one operation."""
        return self.switched_J + self.clock_J


class _Recorder:
    """The ideal backend, keeping the codes that one layer multiplies."""

    def __init__(self, inner: IdealBackend, layer: str) -> None:
        self._inner, self._layer = inner, layer
        self.codes: list[NDArray[np.int16]] = []

    def layer(self, name: str) -> LayerKernel:
        kernel = self._inner.layer(name)
        return _RecordedLayer(kernel, self.codes) if name == self._layer else kernel


@dataclass(frozen=True)
class _RecordedLayer:
    kernel: LayerKernel
    codes: list[NDArray[np.int16]]

    @property
    def copies(self) -> int:
        return self.kernel.copies

    def __call__(self, codes: NDArray[np.int16], first_vector: int) -> NDArray[np.int64]:
        self.codes.append(codes.copy())
        return self.kernel(codes, first_vector)


def real_layer() -> Golden:
    """The first array of a layer of the digits network, with the codes of one image."""
    arch = load_arch(ARCH)
    geometry = Geometry(arch.tile, arch.precision)
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        case = prepare(Simulation(network, "digits", arch=ARCH, samples=1))
    recorder = _Recorder(IdealBackend(case.network), LAYER)
    run(case.network, case.images.test.images[:1], recorder)
    seen = recorder.codes[0][:, 0]
    middle = len(seen) // 2
    part = seen[middle - VECTORS // 2 : middle + VECTORS // 2, : geometry.inputs_per_array]
    weight = layer_weights(case.network, LAYER)[0]
    weight = weight[: geometry.inputs_per_array, : geometry.weights_per_row]
    weights = np.zeros((geometry.inputs_per_array, geometry.weights_per_row), np.int64)
    weights[: weight.shape[0], : weight.shape[1]] = weight
    codes = np.zeros((len(part), geometry.inputs_per_array), np.int64)
    codes[:, : part.shape[1]] = part
    return golden(geometry, weights, codes, device=arch.device, chained=True)


def measure() -> list[OperationEnergy]:
    """Run the layer, then every module's gates.

    Raises:
        MissingSimulator, MissingYosys: Icarus or Yosys is not installed.
        ActivityError: gates and RTL differ.
    """
    run_of = real_layer()
    chosen = [one for one in instances(run_of.geometry) if one.module in _PLACES]
    mapped = {one.module: netlist(one) for one in chosen}
    with tempfile.TemporaryDirectory(prefix="hwsim-activity-") as scratch:
        vcd = simulate(run_of, Path(scratch))
        scopes = {
            f"{BENCH}.dut.u_tile.{_PLACES[name][0]}": [p for p in m["ports"] if p != "clk_i"]
            for name, m in mapped.items()
        }
        traces = read_ports(vcd, {**scopes, BENCH: ["step"]})
    steps = traces.pop(BENCH)["step"]
    first = int(np.argmax((steps @ np.array([1, 2, 4])) == 3))  # all is configured
    by_module = dict(zip(mapped, traces.values(), strict=True))
    return [_priced(one, mapped[one.module], by_module[one.module], first) for one in chosen]


def simulate(run_of: Golden, folder: Path) -> Path:
    """The waveforms of a run of the emitted tile.

    Raises:
        MissingSimulator: Icarus is not installed.
    """
    emit_tile(run_of, folder, "activity")
    build = [str(icarus()), "-g2001", "-o", "t.vvp", "-f", "files.f", "-s", BENCH]
    subprocess.run(build, cwd=folder, check=True)
    said = subprocess.run(
        ["vvp", "-n", "t.vvp", "+waves"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout
    if "PASS" not in said:
        raise AssertionError(f"the emitted tile does not pass its own bench: {said}")
    return folder / f"{BENCH}.vcd"


def _priced(
    instance: Instance, mapped: dict[str, Any], traces: dict[str, Bits], first: int
) -> OperationEnergy:
    module = instance.module
    _, operation, ports = _PLACES[module]
    found = switching(module, mapped, traces, first)
    busy = np.all([traces[port][first:, 0] == 1 for port in ports], axis=0)
    operations = int(busy.sum())
    clocks = instance.parameters["ADC_BITS"] + 1 if module == "sar_adc" else 1
    return OperationEnergy(
        module=module,
        operation=operation,
        operations=operations,
        cycles=found.cycles,
        activity=found.transitions / len(mapped["cells"]) / (operations * clocks),
        switched_J=found.switched_J / operations,
        clock_J=found.clock_J * clocks,
    )


def energy_scale() -> tuple[float, float, str]:
    """Factors of energy and area from the cells' process to 32 nm at 0.9 V, and in words."""
    cells = library()
    shrink = 32e-9 / cells.feature_size.value
    lower = 0.9 / cells.supply.value
    words = "scaled from 45 nm and 1.1 V to 32 nm and 0.9 V: capacitance with the length, C V^2"
    return shrink * lower**2, shrink**2, words


def technology(found: Sequence[OperationEnergy], cells: Mapping[str, Synthesis]) -> str:
    """A technology file that prices digital units from synthesis.

    As everywhere, `energy` is that of an event in a unit that is always busy, leakage included.
    """
    energy, area, words = energy_scale()
    tile = load_arch(ARCH).tile
    measured = {one.module: one for one in found}
    document: dict[str, Any] = {"extends": "emt-32nm", "name": "emt-32nm-rtl"}
    document["description"] = _DESCRIPTION
    for key, module, cycles in (
        ("shift_add", "shift_add", tile.adc.conversion_cycles),
        ("adder", "accumulator", 1),
        ("requantizer", "requantizer", 1),
    ):
        one = measured[module]
        dynamic_J = one.total_J * energy
        # Leakage per area is taken as that of 45 nm.
        static_J = cells[module].leakage_W * area * cycles / tile.clock_Hz
        source = f"synthesis of rtl/{module}.v: Yosys {PINNED}, cells {LIBRARY}"
        document[key] = {
            "energy": {
                "value": _short(dynamic_J + static_J),
                "unit": "J",
                "source": f"{source}; switched by layer {LAYER} of the digits network on {ARCH}",
                "conditions": f"per {one.operation}; {words}",
                "uncertainty": _range(0.5, 2.0, "what the description says is not included"),
            },
            "area": {
                "value": _short(cells[module].area_m2 * area),
                "unit": "m2",
                "source": source,
                "conditions": f"placed without gaps; {words}",
                "uncertainty": _range(1.0, 1.6, "cells fill 60 to 100 % of the area"),
            },
            "static_share": {
                "value": _short(static_J / (dynamic_J + static_J)),
                "unit": "1",
                "source": f"{source}; leakage over the {cycles} cycles of one {one.operation}",
                "uncertainty": _range(0.3, 3.0, "leakage depends on thresholds and temperature"),
            },
        }
    document["shift_add"]["area_per"] = ShiftAddSharing.CONVERTER.value  # as in rtl/tile.v
    header = "# Written by `make rtl-synth` (codesign.rtl_energy); do not edit.\n"
    return header + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=96)


def _range(low: float, high: float, why: str) -> dict[str, float | str]:
    return {"low": low, "high": high, "source": f"assumption: {why}"}


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def report(found: Sequence[OperationEnergy]) -> str:
    """The table as Markdown."""
    energy, _, words = energy_scale()
    lines = [
        "# Energy per operation",
        "",
        f"Written by `make rtl-synth`. Layer `{LAYER}` of the embedded digits network, {VECTORS}",
        f"vectors of one image on one tile of `{ARCH}`, fluctuating, partial sums added, results",
        "requantized. The emitted tile runs in Icarus; the port values of every module drive its",
        "mapped gates, whose outputs equal the RTL's in every cycle and whose transitions are",
        "priced. Activity: transitions per gate output and clocked cycle. The clock is counted",
        "for the cycles in which a module works (clock gating assumed); glitches, clock tree and",
        f"wiring between modules are not included. Last column: {words}.",
        "",
        "| module | operation | seen | activity | switched | clock | 45 nm | 32 nm |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        figures = (one.switched_J, one.clock_J, one.total_J, one.total_J * energy)
        text = " | ".join(f"{figure * 1e15:.1f} fJ" for figure in figures)
        lines.append(
            f"| {one.module} | {one.operation} | {one.operations} | {one.activity:.3f} | {text} |"
        )
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str]) -> int:
    """Measure; write the tables and the technology file if asked to."""
    try:
        found = measure()
    except (MissingSimulator, MissingYosys) as missing:
        return missing_tool(missing)
    sys.stdout.write(report(found))
    if "--write" in arguments:
        cells = {one.module: one for one in reversed(load_table())}  # the first: ARCH's
        shown = [rounded(one) for one in found]
        TABLE.write_text(json.dumps([asdict(one) for one in shown], indent=1) + "\n")
        TABLE.with_suffix(".md").write_text(report(shown), encoding="utf-8")
        TECHNOLOGY.write_text(technology(shown, cells), encoding="utf-8")
    return 0


def rounded(one: OperationEnergy) -> OperationEnergy:
    """Figures to five digits, as the committed tables hold them."""
    figures = {k: _short(v) for k, v in asdict(one).items() if isinstance(v, float)}
    return OperationEnergy(**(asdict(one) | figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
