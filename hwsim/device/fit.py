"""A device from measured reads: levels, programming error, fluctuation, dwell times, drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwsim.device.drift import cells_differ, drift_note, falls, pooled_drift
from hwsim.device.dwell import fit_states
from hwsim.device.fit_report import DriftFit, FitReport, Goodness, LawFit, LevelFit, StateFit
from hwsim.device.laws import (
    AmplitudeFit,
    SpreadFit,
    fit_amplitude,
    fit_line,
    fit_spread,
    holds,
)
from hwsim.device.normality import normal_programming, rejected_residuals
from hwsim.device.reads import Measurement
from hwsim.device.spec import (
    AmplitudeLaw,
    Device,
    ProgrammingError,
    States,
)
from hwsim.device.telegraph import CellFit, fit_cells
from hwsim.errors import DataError
from hwsim.spec import validate

MIN_SPAN = 2.0  # last over first time; less says nothing about drift
MANY_REJECTED = 0.1  # share of cells whose residuals are not normal

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DeviceFit:
    """A fit, and the cells it was made from."""

    report: FitReport
    cells: tuple[CellFit, ...]


@dataclass(frozen=True)
class _Window:
    """The ends of the conductance window and how evenly levels lie between them."""

    low_S: float
    high_S: float
    even: bool
    goodness: Goodness


def fit_device(measured: Measurement, name: str) -> DeviceFit:
    """Fit a device.

    Args:
        name: of the device.

    Raises:
        DataError: conductance does not rise with the level.
        SpecError: a figure lies outside what devices have.
    """
    start_s = min(float(cell.time_s[0]) for cell in measured.cells)
    cells, drift = _fit_with_drift(measured, start_s)
    states = fit_states(cells) if any(cell.fluctuates for cell in cells) else None
    high_share = states.high_share if states else 0.5
    levels = tuple(_level(level, cells, high_share) for level in measured.levels)
    _check_order(measured.file, levels)
    window = _window(levels)
    spread = _spread_law(levels, window)
    amplitude = _amplitude_law(levels, window) if states else None
    rejected = rejected_residuals(cells)
    origin = f"Fitted from {measured.file} (sha256 {measured.sha256}): {len(cells)} cells, "
    origin += f"{measured.reads} reads."
    report = FitReport(
        file=measured.file,
        sha256=measured.sha256,
        cells=len(cells),
        reads=measured.reads,
        levels=levels,
        spacing=window.goodness,
        programming=LawFit(law=spread.law, goodness=spread.goodness),
        programming_normal=normal_programming(cells, levels, high_share),
        fluctuation=amplitude and LawFit(law=amplitude.law.value, goodness=amplitude.goodness),
        states=states,
        drift=drift,
        residuals_rejected=rejected,
        notes=tuple(_notes(cells, levels, window, states, drift, rejected)),
        device=_device(
            measured.file,
            name,
            window,
            fluctuation=_fluctuation(levels, window, amplitude, states, origin),
            programming=_programming(levels, window, spread, origin),
            drift=_drift(drift, origin),
            source=origin,
        ),
    )
    return DeviceFit(report, tuple(cells))


def _device(file: str, name: str, window: _Window, **parts: object) -> Device:
    """The device of these parts; one line if a figure lies outside what devices have."""
    low_S, high_S = _short(window.low_S), _short(window.high_S)
    ends = {"name": name, "conductance_min_S": low_S, "conductance_max_S": high_S}
    return validate(Device, ends | parts, file)


def _short(value: float) -> float:
    """Six digits are more than any measurement has."""
    return float(f"{value:.6g}")


def _fit_with_drift(measured: Measurement, start_s: float) -> tuple[list[CellFit], DriftFit | None]:
    """Cells with the drift they have, if any can be seen: a trend left in would pass for states."""
    spans = np.array([cell.time_s[-1] / cell.time_s[0] for cell in measured.cells])
    if np.median(spans) < MIN_SPAN:
        return fit_cells(measured.cells, start_s, drift=False), None
    cells = fit_cells(measured.cells, start_s, drift=True)
    drift = pooled_drift(cells, start_s)
    if drift.significant:
        return cells, drift
    still = fit_cells(measured.cells, start_s, drift=False)
    if cells_differ(cells, still, drift):
        return cells, drift.replace(significant=True)
    return still, drift


def _level(level: int, cells: Sequence[CellFit], high_share: float) -> LevelFit:
    """One level of a device whose cells all fluctuate, with the reads' mean and variance."""
    own = [cell for cell in cells if cell.reads.level == level]
    count, lean = len(own), 2 * high_share - 1
    average = np.array([cell.average_S(high_share) for cell in own])
    # G and a come from the same reads: their errors are correlated by -lean.
    blur = np.mean([cell.centre_error_S**2 - (lean * cell.amplitude_error_S) ** 2 for cell in own])
    total = float(average.var(ddof=1))
    # Squares of amplitudes are what column variances are made of; their mean over all cells.
    square = np.array([cell.amplitude_S**2 - cell.amplitude_error_S**2 for cell in own])
    power = max(float(square.mean()), 0.0)
    # Its mean is that of the averages less lean * sqrt(power); its scatter has the errors of both.
    centre = average - lean * (power + square) / (2 * power**0.5) if power else average
    noise = float(np.median([cell.noise_S for cell in own]))
    moving = sum(cell.fluctuates for cell in own)
    # Amplitudes below the noise go unseen: cells without states may hide half its square.
    hidden = (1 - moving / count) * noise**2 / 2
    error = float(np.hypot(square.std(ddof=1) / count**0.5, hidden))
    return LevelFit(
        level=level,
        cells=count,
        reads=sum(cell.reads.time_s.size for cell in own),
        mean_S=float(centre.mean()),
        mean_error_S=float(centre.std(ddof=1)) / count**0.5,
        spread_S=max(total - float(blur), 0.0) ** 0.5,
        spread_error_S=(total / (2 * (count - 1))) ** 0.5,
        fluctuating_cells=moving,
        amplitude_S=power**0.5,
        amplitude_error_S=min(error / (2 * power**0.5), error**0.5) if power else error**0.5,
        noise_S=noise,
    )


def _check_order(file: str, levels: Sequence[LevelFit]) -> None:
    for lower, upper in pairwise(levels):
        if upper.mean_S <= lower.mean_S:
            raise DataError(
                f"{file}: expected conductance to rise with the level, found "
                f"{lower.mean_S:.4g} S at level {lower.level} and {upper.mean_S:.4g} S at level "
                f"{upper.level}"
            )


def _column(levels: Sequence[LevelFit], name: str) -> FloatArray:
    return np.array([getattr(level, name) for level in levels], np.float64)


def _window(levels: Sequence[LevelFit]) -> _Window:
    """Ends of the line through the level means; the end levels' means if no line fits."""
    mean = _column(levels, "mean_S")
    error = np.maximum(_column(levels, "mean_error_S"), 1e-9 * mean.max())
    line, test = fit_line(_column(levels, "level"), mean, error)
    even = holds(test)
    ends = line if even else mean
    return _Window(max(float(ends[0]), 0.0), float(ends[-1]), even, test)


def _spread_law(levels: Sequence[LevelFit], window: _Window) -> SpreadFit:
    cells = np.array([level.cells for level in levels])
    return fit_spread(_places(levels, window), _column(levels, "spread_S") / window.high_S, cells)


def _amplitude_law(levels: Sequence[LevelFit], window: _Window) -> AmplitudeFit:
    return fit_amplitude(
        _places(levels, window),
        _column(levels, "amplitude_S") / window.high_S,
        _column(levels, "amplitude_error_S") / window.high_S,
        _column(levels, "mean_error_S") / window.high_S,
    )


def _places(levels: Sequence[LevelFit], window: _Window) -> FloatArray:
    """G / G_max that the device file gives the levels."""
    low = window.low_S / window.high_S
    return low + (1 - low) * _column(levels, "level") / levels[-1].level


def _points(
    levels: Sequence[LevelFit], name: str, window: _Window
) -> tuple[tuple[float, float], ...]:
    """A figure of each level at the conductance that the level has in the device."""
    figures = np.minimum(_column(levels, name) / window.high_S, 1.0)
    places = _places(levels, window)
    return tuple((_short(x), _short(y)) for x, y in zip(places, figures, strict=True))


def _programming(
    levels: Sequence[LevelFit], window: _Window, spread: SpreadFit, origin: str
) -> ProgrammingError:
    if not spread.holds:
        return ProgrammingError(points=_points(levels, "spread_S", window), source=origin)
    return ProgrammingError(
        sigma_absolute=_short(min(spread.sigma_absolute, 1.0)),
        sigma_relative=_short(min(spread.sigma_relative, 1.0)),
        source=origin,
    )


def _fluctuation(
    levels: Sequence[LevelFit],
    window: _Window,
    fit: AmplitudeFit | None,
    states: StateFit | None,
    origin: str,
) -> dict[str, object] | None:
    if fit is None or states is None:
        return None
    moving = sum(level.fluctuating_cells for level in levels)
    share = f"{moving} of {sum(level.cells for level in levels)} cells fluctuate"
    source = f"{origin} Root mean square over all cells; {share}."
    keys: dict[str, object] = {"law": fit.law, "duty": _short(states.high_share)}
    if fit.law is AmplitudeLaw.POINTS:
        keys["points"] = _points(levels, "amplitude_S", window)
    else:
        keys["amplitude"] = _short(min(max(fit.amplitude, 0.0), 1.0))
    if states.resolved:
        keys |= {
            "states": States.MARKOV,
            "high_dwell_s": _short(states.high_dwell_s),
            "low_dwell_s": _short(states.low_dwell_s),
        }
    else:
        source += " States change faster than they were read: dwell times are not known."
    return {**keys, "source": source}


def _drift(fit: DriftFit | None, origin: str) -> dict[str, object] | None:
    if fit is None or not falls(fit):
        return None
    return {
        "nu_mean": _short(fit.nu_mean),
        "nu_sigma": _short(fit.nu_sigma),
        "start_s": fit.start_s,
        "source": origin,
    }


def _notes(
    cells: Sequence[CellFit],
    levels: Sequence[LevelFit],
    window: _Window,
    states: StateFit | None,
    drift: DriftFit | None,
    rejected: float,
) -> list[str]:
    """What the device file cannot say, or what the reads do not tell."""
    notes = []
    if not window.even:
        notes.append(_uneven(levels, window))
    if states is None:
        notes.append("no cell was seen to fluctuate: the device has no fluctuation")
    elif not states.resolved:
        notes.append(
            f"states change faster than reads come: dwell times are below about "
            f"{min(float(np.diff(c.reads.time_s).min()) for c in cells):.3g} s, and reads that "
            "follow each other faster are modelled as independent"
        )
    else:
        length = np.median([cell.reads.time_s[-1] - cell.reads.time_s[0] for cell in cells])
        if max(states.high_dwell_s, states.low_dwell_s) > length / 5:
            notes.append(
                f"dwell times are near the length of the measurement ({length:.3g} s): cells "
                "that never switched count as programming error, dwell times are too short"
            )
    if states and states.runs and not holds(states.runs):
        notes.append("runs in a state are not those of one chain: cells differ, or have more traps")
    if rejected > MANY_REJECTED:
        notes.append(
            f"what is left of {100 * rejected:.0f} % of cells is not normal: more than one trap, "
            "or noise of another kind"
        )
    if drift is None:
        notes.append("times span less than a factor of two: drift was not looked for")
    elif text := drift_note(drift):
        notes.append(text)
    return notes


def _uneven(levels: Sequence[LevelFit], window: _Window) -> str:
    top = levels[-1].level
    step = (window.high_S - window.low_S) / top
    gaps = [(level.mean_S - window.low_S) / step - level.level for level in levels]
    worst = max(range(len(gaps)), key=lambda index: abs(gaps[index]))
    return (
        f"levels are not evenly spaced, the device file's are: level {levels[worst].level} lies "
        f"{gaps[worst]:+.2f} steps off"
    )
