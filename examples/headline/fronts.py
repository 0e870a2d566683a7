"""What the headline experiment shows: points, the least energies, a figure."""

import csv
from dataclasses import dataclass
from pathlib import Path

import altair

OURS = ("A+B+C", "A+B+C, one-bit cells")


@dataclass(frozen=True)
class Point:
    """One method at one energy."""

    strength: str
    states: str
    ledger: str
    volt: float | None  # None: chosen layer by layer
    method: str
    factor: float
    accuracy: float
    low: float
    high: float
    cells_J: float
    tiles_J: float


def least(found: list[Point], wanted: float) -> Point | None:
    """The least energy of the cells at which the wanted accuracy is kept, a step above or not."""
    kept = [point for point in found if point.accuracy >= wanted]
    return min(kept, key=lambda point: point.cells_J) if kept else None


def figure(found: list[Point], file: Path) -> None:
    """Fronts of all methods at the lowest voltage: a panel per hardware and ledger."""
    lowest = min(point.volt for point in found if point.volt)
    rows = [
        vars(point) | {"accuracy": 100 * point.accuracy, "on": f"{point.strength}, {point.states}"}
        for point in found
        if point.volt == lowest
    ]
    chart = altair.Chart(altair.Data(values=rows)).mark_line(point=True, clip=True)
    chart = chart.encode(
        x=altair.X(
            "cells_J:Q",
            scale=altair.Scale(type="log"),
            axis=altair.Axis(format="~s", tickCount=4),
            title="energy of the cells (J)",
        ),
        y=altair.Y("accuracy:Q", scale=altair.Scale(zero=False), title="accuracy (%)"),
        color=altair.Color("method:N", title=None),
        order="cells_J:Q",
    )
    panels = chart.properties(width=360, height=260).facet(
        row=altair.Row("on:N", title=None), column=altair.Column("ledger:N", title=None)
    )
    panels.save(file)


def report(found: list[Point], wanted: float) -> None:
    """Print the least energy of every method, and against it that of ours at the same voltage."""
    print(f"Least cell energy at an accuracy of {wanted:.2%}; none: not within the sweep.")
    print("| hardware | ledger | volts | method | accuracy | cells | whole tiles | against ours |")
    print("|---|---|---|---|---|---|---|---|")
    for key in dict.fromkeys((p.strength, p.states, p.ledger, p.volt) for p in found):
        own = [p for p in found if (p.strength, p.states, p.ledger, p.volt) == key]
        ours = least([p for p in own if p.method in OURS], wanted)
        head = f"| {key[0]}, {key[1]} | {key[2]} | {key[3] or 'by layer'} "
        for method in dict.fromkeys(p.method for p in own):
            best = least([p for p in own if p.method == method], wanted)
            if best is None:
                print(f"{head}| {method} | none | | | |")
                continue
            ratio = f"{best.cells_J / ours.cells_J:.2f}" if ours else ""
            print(
                f"{head}| {method} | {best.accuracy:.2%} | {best.cells_J * 1e9:.2f} nJ | "
                f"{best.tiles_J * 1e6:.2f} uJ | {ratio} |"
            )


def write(found: list[Point], file: Path) -> None:
    """All points as CSV."""
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(vars(found[0])))
        writer.writeheader()
        writer.writerows(vars(point) for point in found)
