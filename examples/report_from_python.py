"""Reports from Python: two chips for one network, compared, drawn and read back.

    .venv/bin/python examples/report_from_python.py [--out FOLDER] [--samples 50]

Runs in seconds on the embedded digits.  Each `# %%` starts a cell for editors that know them.
"""

import argparse
import json
from importlib.resources import as_file, files
from pathlib import Path

from codesign.flow import simulate
from codesign.report import Result, compare, load_result, save_result, write_report
from codesign.report.charts import charts
from codesign.report.figures import FigureFormat, write_figures
from codesign.simulation import Simulation


def run(arch: str, samples: int) -> Result:
    """The embedded network on a preset."""
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        return simulate(
            Simulation(network, "digits", arch=arch, samples=samples, device_samples=1),
            command=f"examples/report_from_python.py, {arch}",
        )


# %% Where does the energy of one inference go?
def shares(result: Result) -> dict[str, float]:
    """The share of each component, the largest first."""
    parts = sorted(result.energy_J.by_component.items(), key=lambda part: part[1], reverse=True)
    return {name: joules / result.energy_J.total for name, joules in parts}


# %% A chart is a Vega-Lite specification: change it before you draw it.
def energy_chart(result: Result) -> str:
    """The stacked bars of the page, without grid, as JSON."""
    spec = charts(result)["energy-by-layer"].spec
    spec["config"]["axis"] = {**spec["config"]["axis"], "grid": False}
    return json.dumps(spec)


# %% All of it, into a folder.
def main() -> None:
    """Run, report, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/report_from_python"))
    parser.add_argument("--samples", type=int, default=50)
    asked = parser.parse_args()

    results = [run(arch, asked.samples) for arch in ("emt", "isaac")]
    for result in results:
        folder = asked.out / result.arch
        save_result(result, folder)
        for name in ("report.html", "layers.csv", "tables.tex"):
            write_report(result, folder / name)
        write_figures(result, folder / "figures", FigureFormat.SVG)
        first, share = next(iter(shares(result).items()))
        print(f"{result.arch}: {result.energy_J.total:.3g} J, {share:.0%} of it in {first}")
    (asked.out / "energy.vl.json").write_text(energy_chart(results[0]), encoding="utf-8")

    both = compare([load_result(asked.out / result.arch) for result in results])
    write_report(both, asked.out / "comparison.html")
    energy = next(quantity for quantity in both.quantities if quantity.key == "energy_J")
    print(f"{both.labels[1]} against {both.labels[0]}: {energy.changes[1]:+.1%} energy")


if __name__ == "__main__":
    main()
