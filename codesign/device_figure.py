"""The picture of a fitted device: data and fit in four panels, as SVG or PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import altair as alt
import numpy as np
import vl_convert

from codesign.report.files import write_bytes_whole
from hwsim.device.fit import DeviceFit
from hwsim.device.fluctuation import amplitude_at, sigma_at
from hwsim.device.spec import Device
from hwsim.device.telegraph import CellFit
from hwsim.errors import SpecError

SUFFIXES = (".svg", ".png")
# Okabe and Ito (2008), distinguishable with every common colour blindness.
DATA, FIT, OTHER = "#0072B2", "#D55E00", "#8C8C8C"
MAX_TRACE = 200  # reads shown of one cell
MAX_CELLS = 400  # shown per panel
WIDTH, HEIGHT = 340, 210
Rows = list[dict[str, Any]]
Panel: TypeAlias = alt.LayerChart | alt.FacetChart


def check_suffix(path: Path) -> None:
    """Refuse a picture that would be neither SVG nor PNG.

    Raises:
        SpecError: the file's name says so.
    """
    if path.suffix not in SUFFIXES:
        raise SpecError(f"{path}: expected a name that ends in .svg or .png, found {path.suffix!r}")


def write_figure(fit: DeviceFit, path: Path) -> None:
    """Write the picture.

    Raises:
        SpecError: neither SVG nor PNG, or the file cannot be written.
    """
    check_suffix(path)
    chart = figure(fit)
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    if path.suffix == ".svg":
        content = vl_convert.vegalite_to_svg(chart, vl_version=version).encode("utf-8")
    else:
        content = vl_convert.vegalite_to_png(chart, vl_version=version, scale=2)
    write_bytes_whole(path, content)


def figure(fit: DeviceFit) -> dict[str, Any]:
    """The Vega-Lite specification."""
    device = fit.report.device
    chart = alt.vconcat(
        alt.hconcat(_levels(fit), _amplitudes(fit.cells, device)),
        alt.hconcat(_trace(fit.cells), _drift(fit)),
        title=f"{device.name}: {fit.report.cells} cells, {fit.report.reads} reads",
    ).configure_view(stroke=None)
    document: dict[str, Any] = chart.to_dict()
    return document


def _panel(*layers: alt.Chart, title: str) -> Panel:
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=title)


def _rows(rows: Rows) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _some(cells: Sequence[CellFit]) -> Sequence[CellFit]:
    return cells[:: max(1, -(-len(cells) // MAX_CELLS))]


def _levels(fit: DeviceFit) -> Panel:
    """Every cell's average over time less that of its level in the device, with one sigma."""
    device, levels = fit.report.device, [level.level for level in fit.report.levels]
    window = device.conductance_max_S - device.conductance_min_S
    level_S = device.conductance_min_S + window * np.array(levels) / levels[-1]
    high_share = device.fluctuation.high_share if device.fluctuation else 0.5
    average_S = level_S + (2 * high_share - 1) * amplitude_at(device, level_S)
    cells = [
        {"level": str(own), "error": (cell.average_S(high_share) - average_S[place]) * 1e6}
        for cell in _some(fit.cells)
        for place, own in enumerate(levels)
        if own == cell.reads.level
    ]
    fitted = [
        {"level": str(level), "low": -float(one), "high": float(one)}
        for level, one in zip(levels, sigma_at(device, level_S) * 1e6, strict=True)
    ]
    x = alt.X("level:N", title="level", sort=None, axis=alt.Axis(labelAngle=0))
    title = "cell less level (µS)"
    data = (
        alt.Chart(_rows(cells))
        .mark_point(size=14, color=DATA, opacity=0.5)
        .encode(x=x, y=alt.Y("error:Q", title=title))
    )
    bars = (
        alt.Chart(_rows(fitted))
        .mark_errorbar(color=FIT, ticks={"size": 24, "color": FIT}, thickness=2)
        .encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q")
    )
    return _panel(data, bars, title="Programming error of the cells, and one sigma")


def _amplitudes(cells: Sequence[CellFit], device: Device) -> Panel:
    """Amplitude of every cell against its conductance, with the device's law."""
    x = alt.X("uS:Q", title="conductance (µS)")
    y = alt.Y("amplitude:Q", title="amplitude a (µS)")
    rows = [
        {"uS": cell.centre_S * 1e6, "amplitude": cell.amplitude_S * 1e6} for cell in _some(cells)
    ]
    data = alt.Chart(_rows(rows)).mark_point(size=14, color=DATA, opacity=0.5).encode(x=x, y=y)
    place = np.linspace(device.conductance_min_S, device.conductance_max_S, 60)
    curve = [
        {"uS": float(g) * 1e6, "amplitude": float(a) * 1e6}
        for g, a in zip(place, amplitude_at(device, place), strict=True)
    ]
    line = alt.Chart(_rows(curve)).mark_line(color=FIT).encode(x=x, y=y)
    return _panel(data, line, title="Telegraph amplitude (0: no two states seen)")


def _trace(cells: Sequence[CellFit]) -> Panel:
    """Reads of the cell whose two states are clearest, and the states found."""
    cell = max(cells, key=lambda one: one.amplitude_S / one.noise_S)
    time_s = cell.reads.time_s[:MAX_TRACE]
    fitted = (cell.reads.conductance_S - cell.residual * cell.noise_S)[:MAX_TRACE]
    rows = [
        {"s": float(t), "read": float(read) * 1e6, "fit": float(fit) * 1e6}
        for t, read, fit in zip(time_s, cell.reads.conductance_S, fitted, strict=False)
    ]
    x = alt.X("s:Q", title="time (s)", scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("read:Q", title="conductance (µS)", scale=alt.Scale(zero=False))
    base = alt.Chart(_rows(rows)).encode(x=x)
    points = base.mark_point(size=10, color=DATA).encode(y=y)
    line = base.mark_line(color=FIT, interpolate="step-after", strokeWidth=1).encode(y="fit:Q")
    found = "two states" if cell.fluctuates else "one state"
    name = f"Cell {cell.reads.cell} at level {cell.reads.level}: {found}"
    return _panel(points, line, title=name)


def _drift(fit: DeviceFit) -> Panel:
    """Conductance over that at t0, states taken out, averaged in bins of time; and the law."""
    drift = fit.report.drift if fit.report.drift and fit.report.drift.significant else None
    time_s = np.concatenate([cell.reads.time_s for cell in fit.cells])
    ratio = np.concatenate([_ratio(cell) for cell in fit.cells])
    weight = np.concatenate([_weight(cell) for cell in fit.cells])
    edges = np.geomspace(time_s.min(), time_s.max() * (1 + 1e-9), 25)
    place = np.digitize(time_s, edges)
    rows: Rows = []
    for index in np.unique(place):
        own = place == index
        total = float(weight[own].sum())
        mean = float((ratio[own] * weight[own]).sum() / total)
        error = total**-0.5
        rows.append(
            {
                "s": float(np.exp(np.log(time_s[own]).mean())),
                "ratio": mean,
                "low": mean - error,
                "high": mean + error,
            }
        )
    start = drift.start_s if drift else float(time_s.min())
    nu = drift.nu_mean if drift else 0.0
    curve = [{"s": float(t), "ratio": float((t / start) ** -nu)} for t in edges]
    x = alt.X("s:Q", title="time (s)", scale=alt.Scale(type="log", nice=False))
    y = alt.Y("ratio:Q", title="G / G(t0)", scale=alt.Scale(zero=False))
    data = alt.Chart(_rows(rows)).mark_point(size=18, color=DATA).encode(x=x, y=y)
    bars = alt.Chart(_rows(rows)).mark_rule(color=DATA).encode(x=x, y="low:Q", y2="high:Q")
    line = alt.Chart(_rows(curve)).mark_line(color=FIT).encode(x=x, y=y)
    title = f"Drift: nu = {nu:.4g}" if drift else "Drift: none seen"
    if drift and not fit.report.device.drift:
        title += ", not in the device file"
    return _panel(bars, data, line, title=title)


def _ratio(cell: CellFit) -> np.ndarray[Any, Any]:
    shift = cell.amplitude_S * (2 * cell.high - 1)
    ratio: np.ndarray[Any, Any] = (cell.reads.conductance_S - shift) / max(cell.centre_S, 1e-30)
    return ratio


def _weight(cell: CellFit) -> np.ndarray[Any, Any]:
    """One over the variance of a ratio."""
    weight = (max(cell.centre_S, 0.0) / cell.noise_S) ** 2
    return np.full(cell.reads.time_s.size, weight)
