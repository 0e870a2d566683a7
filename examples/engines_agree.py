"""Codes of one column by the engines `exact` and `moments`: histograms, moments, tails.

    .venv/bin/python examples/engines_agree.py [--reads 40000] [--figure FILE.svg]

One phase, one slice of 2-bit cells, pairs subtracted in the array, 7-bit converter.  Prints a
table, draws a figure.  Of two samples of n reads from one distribution the Kolmogorov-Smirnov
distance stays below 1.95 / sqrt(n / 2) in 999 of 1000 cases (less, as codes are discrete).
"""

import argparse
from pathlib import Path

import altair
import numpy as np
from scipy import stats

from hwsim.chip.load import load_arch
from hwsim.device.spec import Device, Fluctuation
from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision

ARCH = load_arch("emt")
#: (law, duty, traps, driven rows, log2 of the least significant bit)
CASES = (
    ("absolute", 0.5, 1, 128, 3),
    ("relative", 0.5, 1, 128, 3),
    ("absolute", 0.9, 1, 128, 3),
    ("relative", 0.9, 1, 128, 3),
    ("relative", 0.9, 4, 128, 3),
    ("relative", 0.9, 1, 8, 0),
)
AMPLITUDE = 0.2


def device_of(law: str, duty: float, traps: int) -> Device:
    """The device of `emt` with this fluctuation."""
    changes = {
        "law": law,
        "amplitude": AMPLITUDE,
        "duty": duty,
        "traps": traps,
        "source": "example",
    }
    return ARCH.device.replace(fluctuation=Fluctuation.model_validate(changes))


def weights_of(rows: int) -> np.ndarray:
    """(rows,) levels 1, 2, 3 in turn, all in the positive column."""
    return 1 + np.arange(rows) % 3


def codes(device: Device, rows: int, shift: int, engine: Engine, reads: int) -> np.ndarray:
    """(reads,) codes of the column, every row driven."""
    geometry = Geometry(ARCH.tile, Precision(weight_bits=3, input_bits=2))
    place = (0, int(engine is Engine.EXACT))
    matrix = ProgrammedMatrix(
        weights_of(rows)[None, :, None], geometry, Converter(7, shift, True), device, place, engine
    )
    return matrix.multiply(np.ones((reads, rows), np.int16)).values[:, 0] >> shift


def main() -> None:
    """Draw, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reads", type=int, default=40_000)
    parser.add_argument("--figure", type=Path, default=Path("out/engines_agree.svg"))
    asked = parser.parse_args()
    asked.figure.parent.mkdir(parents=True, exist_ok=True)
    print("| law, duty, traps, rows | mean | sigma | skew | KS | upper 1 % |")
    print("|---|---|---|---|---|---|")
    bars = []
    for law, duty, traps, rows, shift in CASES:
        device = device_of(law, duty, traps)
        exact = codes(device, rows, shift, Engine.EXACT, asked.reads)
        drawn = codes(device, rows, shift, Engine.MOMENTS, asked.reads)
        end = np.quantile(exact, 0.99)
        pairs = [(f(exact), f(drawn)) for f in (np.mean, np.std, stats.skew)]
        title = f"{law}, {duty}, {traps}, {rows}"
        print(
            f"| {title} | " + " | ".join(f"{a:.3f} / {b:.3f}" for a, b in pairs) + " | "
            f"{stats.ks_2samp(exact, drawn).statistic:.4f} | "
            f"{(exact > end).mean():.2%} / {(drawn > end).mean():.2%} |"
        )  # fmt: skip
        for engine, seen in (("exact", exact), ("moments", drawn)):
            for code, count in zip(*np.unique(seen, return_counts=True), strict=True):
                share = count / asked.reads
                bars.append({"case": title, "engine": engine, "code": int(code), "share": share})
    base = altair.Chart().encode(
        x=altair.X("code:O", title="code"),
        y=altair.Y("share:Q", title="share of reads", axis=altair.Axis(format="%")),
        color=altair.Color("engine:N", title="engine"),
    )
    exact = base.mark_bar(opacity=0.5).transform_filter("datum.engine == 'exact'")
    moments = base.mark_point(filled=True).transform_filter("datum.engine == 'moments'")
    grid = altair.layer(exact, moments, data=altair.Data(values=bars))
    grid = grid.properties(width=220, height=120).facet(
        altair.Facet("case:N", title="law, duty, traps, driven rows"), columns=3
    )
    grid.resolve_scale(x="independent", y="independent").save(str(asked.figure))


if __name__ == "__main__":
    main()
