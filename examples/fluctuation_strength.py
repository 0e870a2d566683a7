"""Accuracy against fluctuation strength, for states that are fresh, correlated and frozen.

    .venv/bin/python examples/fluctuation_strength.py [--network NET.onnx --data DATA]
        [--samples 200] [--devices 3] [--figure FILE.svg]

Prints a table and draws a figure.  Without a network, the embedded digits.  The chain's mean
dwell times are eight read cycles in each state: it stays correlated over the phases of an input.
"""

import argparse
from importlib.resources import files
from pathlib import Path

import altair

from codesign.flow import simulate
from codesign.simulation import Simulation
from hwsim.chip.load import load_arch
from hwsim.tile.geometry import Geometry
from hwsim.tile.schedule import phase_cycles
from hwsim.tile.spec import Engine

AMPLITUDES = (0.005, 0.01, 0.02, 0.04, 0.08)


def architecture(folder: Path, amplitude: float, states: str) -> Path:
    """A YAML file: `emt` with this fluctuation and no other noise."""
    arch = load_arch("emt")
    cycle_s = phase_cycles(Geometry(arch.tile, arch.precision)) / arch.tile.clock_Hz
    dwell = f", high_dwell_s: {8 * cycle_s}, low_dwell_s: {8 * cycle_s}"
    path = folder / f"emt-{states}-{amplitude}.yaml"
    path.write_text(
        f"extends: emt\nname: emt-{states}-{amplitude}\ntile: {{noise: null}}\n"
        f"device: {{fluctuation: {{amplitude: {amplitude}, states: {states}"
        f"{dwell if states == 'markov' else ''}}}}}\n"
    )
    return path


def main() -> None:
    """Simulate, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default=str(files("codesign.demo") / "digits.onnx"))
    parser.add_argument("--data", default="digits")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--devices", type=int, default=3)
    parser.add_argument("--figure", type=Path, default=Path("out/fluctuation_strength.svg"))
    asked = parser.parse_args()
    asked.figure.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    print("| amplitude (of G_max) | states | accuracy | 95 % interval |\n|---|---|---|---|")
    for amplitude in AMPLITUDES:
        for states in ("independent", "markov", "frozen"):
            result = simulate(
                Simulation(
                    Path(asked.network),
                    asked.data,
                    arch=architecture(asked.figure.parent, amplitude, states),
                    samples=asked.samples,
                    device_samples=asked.devices,
                    engine=Engine.EXACT,
                )
            )
            low, high = result.accuracy.ci95
            mean = result.accuracy.mean
            print(f"| {amplitude} | {states} | {mean:.1%} | {low:.1%} to {high:.1%} |", flush=True)
            rows.append(
                {"amplitude": amplitude, "states": states, "mean": mean, "low": low, "high": high}
            )
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("amplitude:Q", scale=altair.Scale(type="log"), title="amplitude / G_max"),
        color=altair.Color("states:N"),
    )
    line = base.mark_line(point=True).encode(
        y=altair.Y("mean:Q", axis=altair.Axis(format="%"), title="accuracy")
    )
    interval = base.mark_errorbar().encode(y=altair.Y("low:Q", title="accuracy"), y2="high:Q")
    (line + interval).properties(width=480, height=300).save(str(asked.figure))


if __name__ == "__main__":
    main()
