"""From measured reads to the accuracy of a network: fit a device, build it in, simulate.

    python examples/devices/fit_and_simulate.py out

reads.csv (synthetic, see write_reads.py) becomes out/device.yaml and out/device.svg; out/fresh.yaml
and out/month.yaml are architectures with this device, right after programming and a month later;
the embedded network of handwritten digits runs on both (engine `exact`, which follows states
whose dwell times are known from read to read).
"""

import sys
from importlib.resources import as_file, files
from pathlib import Path

from codesign.device_figure import write_figure
from codesign.device_table import fit_table
from codesign.flow import simulate
from codesign.simulation import Simulation
from hwsim.device.fit import fit_device
from hwsim.device.reads import load_reads
from hwsim.tile.spec import Engine

READS = Path(__file__).with_name("reads.csv")
MONTH_S = 30 * 24 * 3600


def fit(out: Path) -> None:
    """Write the fitted device and its picture; the same as
    `hwsim device fit reads.csv --out out/device.yaml --figure out/device.svg`."""
    fitted = fit_device(load_reads(READS), "example")
    out.mkdir(parents=True, exist_ok=True)
    (out / "device.yaml").write_text(fitted.report.device.to_yaml(), encoding="utf-8")
    write_figure(fitted, out / "device.svg")
    print(fit_table(fitted.report))


def accuracy(out: Path, name: str, more: str, samples: int, chips: int) -> float:
    """Accuracy of the digits network on `emt` built with the fitted device."""
    arch = out / f"{name}.yaml"
    arch.write_text(f"extends: emt\nname: {name}\ndevice: device.yaml\n{more}", encoding="utf-8")
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        asked = Simulation(
            network,
            "digits",
            arch=arch,
            samples=samples,
            device_samples=chips,
            engine=Engine.EXACT,
        )
        result = simulate(asked)
    assert result.accuracy is not None
    mean, (low, high) = result.accuracy.mean, result.accuracy.ci95
    print(f"{name:6} {100 * mean:.1f} % right ({100 * low:.1f} .. {100 * high:.1f} %)")
    return mean


def main(out: Path, samples: int = 500, chips: int = 3) -> dict[str, float]:
    """Fit, then simulate right after programming and a month later."""
    fit(out)
    print()
    return {
        "fresh": accuracy(out, "fresh", "", samples, chips),
        "month": accuracy(out, "month", f"scenario: {{time_s: {MONTH_S}}}\n", samples, chips),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
