"""Devices and fits as plain tables."""

from collections.abc import Sequence
from typing import Any

from codesign.report.quantities import percent, si
from hwsim.device.fit_report import FitReport, Goodness
from hwsim.device.spec import Device, Fluctuation

HEADER = ("device", "window", "fluctuation", "states", "programming error", "drift")
SOURCE_WIDTH = 90


def summary(device: Device) -> dict[str, Any]:
    """What `hwsim device list --json` says about one device."""
    fluctuation, drift = device.fluctuation, device.drift
    return {
        "name": device.name,
        "conductance_min_S": device.conductance_min_S,
        "conductance_max_S": device.conductance_max_S,
        "law": fluctuation.law.value if fluctuation else None,
        "amplitude": _largest(fluctuation) if fluctuation else 0.0,
        "states": fluctuation.states.value if fluctuation else None,
        "high_share": fluctuation.high_share if fluctuation else None,
        "programming_error": device.programming is not None,
        "nu_mean": drift.nu_mean if drift else 0.0,
        "source": " ".join(device.source.split()),
    }


def _largest(fluctuation: Fluctuation) -> float:
    """The greatest amplitude over levels, as a share of G_max."""
    figures = (fluctuation.amplitude, *fluctuation.table, *(y for _, y in fluctuation.points))
    return max(figures)


def table(devices: Sequence[Device]) -> str:
    """One line per device; under each its source."""
    rows = [HEADER, *(_row(device) for device in devices)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER))]
    lines = [
        "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    sources = [f"{device.name:{widths[0]}}  {_begin(device.source)}" for device in devices]
    return "\n".join([*lines, "", f"{HEADER[0]:{widths[0]}}  source", *sources])


def _begin(source: str) -> str:
    """What fits a line."""
    line = " ".join(source.split())
    return line if len(line) <= SOURCE_WIDTH else f"{line[: SOURCE_WIDTH - 3].rstrip()}..."


def _row(device: Device) -> tuple[str, ...]:
    low, high = device.conductance_min_S, device.conductance_max_S
    fluctuation, drift = device.fluctuation, device.drift
    law, states = "-", "-"
    if fluctuation:
        law = f"{fluctuation.law.value}, {percent(_largest(fluctuation))} of G_max"
        states = fluctuation.states.value
    decay = "-" if drift is None else f"nu {drift.nu_mean:g}, sigma {drift.nu_sigma:g}"
    return (device.name, f"{si(low, 'S')} .. {si(high, 'S')}", law, states, _spread(device), decay)


def _spread(device: Device) -> str:
    error = device.programming
    if error is None:
        return "-"
    if error.polynomial:
        return f"polynomial of degree {len(error.polynomial) - 1}"
    if error.points:
        return f"{len(error.points)} points"
    parts = [
        f"{percent(sigma)} of {base}"
        for sigma, base in ((error.sigma_absolute, "G_max"), (error.sigma_relative, "G"))
        if sigma > 0
    ]
    return ", ".join(parts) or "none"


def fit_table(report: FitReport) -> str:
    """What was fitted, with standard errors and tests."""
    lines = [
        f"{report.device.name}: {report.cells} cells, {report.reads} reads of {report.file}",
        "",
        f"{'level':>5} {'cells':>5} {'mean (µS)':>20} {'spread (µS)':>17} "
        f"{'with states':>11} {'amplitude (µS)':>19} {'noise (µS)':>10}",
    ]
    for level in report.levels:
        lines.append(
            f"{level.level:5d} {level.cells:5d} "
            f"{_uS(level.mean_S, level.mean_error_S):>20} "
            f"{_uS(level.spread_S, level.spread_error_S):>17} "
            f"{level.fluctuating_cells:11d} "
            f"{_uS(level.amplitude_S, level.amplitude_error_S):>19} "
            f"{level.noise_S * 1e6:10.4g}"
        )
    lines += ["", f"levels      evenly spaced: {_test(report.spacing)}"]
    lines.append(
        f"programming {report.programming.law}: {_test(report.programming.goodness)}; "
        f"normal: p = {report.programming_normal:.2g} (Kolmogorov-Smirnov)"
    )
    lines += _states(report) + _drift(report)
    share = percent(report.residuals_rejected)
    return "\n".join([*lines, f"residuals   {share} of cells not normal at p < 0.01"])


def _uS(value: float, error: float) -> str:
    return f"{value * 1e6:.4g} ± {error * 1e6:.2g}"


def _test(test: Goodness) -> str:
    if test.p_value is None:
        return "as many figures as parameters"
    return f"chi2 = {test.chi2:.3g} on {test.degrees}, p = {test.p_value:.2g}"


def _states(report: FitReport) -> list[str]:
    states = report.states
    if states is None or report.fluctuation is None:
        return ["fluctuation none seen"]
    lines = [
        f"fluctuation {report.fluctuation.law}: {_test(report.fluctuation.goodness)}"
        f"{'' if report.fluctuation.law != 'points' else ' for the best law, rejected'}",
        f"states      high {states.high_share:.3f} ± {states.high_share_error:.2g} of the time; "
        f"{states.switches:.0f} switches in {states.cells} cells",
    ]
    if states.resolved:
        lines.append(
            f"dwell       high {states.high_dwell_s:.3g} ± {states.high_dwell_error_s:.2g} s, "
            f"low {states.low_dwell_s:.3g} ± {states.low_dwell_error_s:.2g} s; "
            f"runs: {_test(states.runs) if states.runs else 'not tested'}"
        )
    return lines


def _drift(report: FitReport) -> list[str]:
    drift = report.drift
    if drift is None:
        return ["drift       not looked for"]
    seen = "" if drift.significant else " (none seen)"
    return [
        f"drift       nu = {drift.nu_mean:.4g} ± {drift.nu_mean_error:.2g}, over cells "
        f"{drift.nu_sigma:.2g} ± {drift.nu_sigma_error:.2g}; R2 = {drift.r2:.3f}{seen}"
    ]
