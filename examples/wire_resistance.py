"""Accuracy of a network against the resistance of its arrays' lines.

    .venv/bin/python examples/wire_resistance.py [--network NET.onnx --data DATA]
        [--samples 300] [--rows 64 128] [--ohm 0 0.5 2 5] [--figure FILE.svg]

Prints a table and draws a figure.  Without a network, the embedded digits.  Hardware: `emt`
without fluctuation or noise, so that nothing but the lines disturbs; ohms are those of bit line and
source line together, per cell.  Ranges of the converters are calibrated behind the lines.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import altair

from codesign.flow import Case, prepare
from codesign.interval import accuracy_interval
from codesign.measure import Measured, measure, right_in_integers
from codesign.simulation import Simulation, silent
from hwsim.chip.spec import Arch
from hwsim.errors import MappingError
from mapping.plan import plan
from mapping.shapes import layer_shapes

CALIBRATION_IMAGES = 64


def on_lines(arch: Arch, rows: int, ohm: float) -> Arch:
    """The architecture with square arrays of `rows` rows on lines of this resistance."""
    wires = {"bit_line_ohm": ohm, "source": "swept"}
    tile = arch.tile.replace(rows=rows, cols=rows, wires=wires, noise=None)
    return arch.replace(tile=tile, device=arch.device.replace(fluctuation=None))


def sweep(
    asked: Simulation, case: Case, rows: list[int], ohms: list[float]
) -> Iterator[tuple[int, float, Measured | None]]:
    """(rows, ohm, what was measured, or None where the lines take too much)."""
    images = replace(case.images, calibration=case.images.calibration[:CALIBRATION_IMAGES])
    in_integers = right_in_integers(case.network, images, silent)
    print(f"in integers: {in_integers.mean():.1%} of {in_integers.size} images\n")
    for size in rows:
        for ohm in ohms:
            arch = on_lines(case.arch, size, ohm)
            placed = plan(layer_shapes(case.network), arch)
            try:
                found = measure(asked, arch, case.network, placed, images, in_integers, silent)
            except MappingError as error:
                print(f"<!-- {size} rows, {ohm} ohm: {error} -->")
                found = None
            yield size, ohm, found


def main() -> None:
    """Simulate, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default=str(files("codesign.demo") / "digits.onnx"))
    parser.add_argument("--data", default="digits")
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--ohm", type=float, nargs="+", default=[0, 0.5, 1, 2, 5, 10])
    parser.add_argument("--figure", type=Path, default=Path("out/wire_resistance.svg"))
    given = parser.parse_args()
    asked = Simulation(Path(given.network), given.data, samples=given.samples, device_samples=1)
    shown: list[dict[str, object]] = []
    headings = "rows | ohm | accuracy | 95 % interval | lost, largest | error, rms | array power"
    for rows, ohm, found in sweep(asked, prepare(asked), given.rows, given.ohm):
        if not shown:
            print(f"| {headings} |\n|{'---|' * 7}")
        if found is None:
            continue
        accuracy = accuracy_interval(found.right)
        lost = max(line.lost_max_lsb for line in found.lines)
        error = max(line.error_rms_lsb for line in found.lines)
        power = min(line.array_power for line in found.lines)
        print(
            f"| {rows} | {ohm:g} | {accuracy.mean:.1%} | {accuracy.low:.1%} to "
            f"{accuracy.high:.1%} | {lost:.2g} | {error:.2g} | {power:.1%} |",
            flush=True,
        )
        shown.append(
            {"rows": f"{rows} x {rows}", "ohm": ohm, "mean": accuracy.mean}
            | {"low": accuracy.low, "high": accuracy.high}
        )
    draw(shown, given.figure)


def draw(rows: list[dict[str, object]], figure: Path) -> None:
    """Accuracy against resistance, a line per size of the arrays."""
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("ohm:Q", title="ohm per cell, bit and source line together"),
        color=altair.Color("rows:N", title="array"),
    )
    axis = altair.Axis(format="%")
    line = base.mark_line(point=True).encode(y=altair.Y("mean:Q", axis=axis, title="accuracy"))
    interval = base.mark_errorbar().encode(y=altair.Y("low:Q", title="accuracy"), y2="high:Q")
    figure.parent.mkdir(parents=True, exist_ok=True)
    (line + interval).properties(width=480, height=300).save(str(figure))


if __name__ == "__main__":
    main()
