"""Dwell times of all fluctuating cells together, from what reads say about their states.

The chain runs in continuous time, so that switches missed between two reads are accounted for:
for equal steps dt the correlation of neighbouring states is rho = 1 - p_fall - p_rise =
exp(-(1 / high_dwell + 1 / low_dwell) dt).  Standard errors come from leaving out cells one
(group) at a time, so they contain how much cells differ (the jackknife; Efron 1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.device.fit_report import Goodness, StateFit
from hwsim.device.hidden import MIN_CORRELATION
from hwsim.device.laws import goodness
from hwsim.device.telegraph import CellFit

MAX_GROUPS = 40  # of the jackknife
SIGNIFICANT = 3.0  # standard errors
LEAST_SHARE = 1e-6  # of time in a state that is ever left
MIN_EXPECTED = 5.0  # runs in a bin of the chi-square test

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class _Pairs:
    """Expected pairs of states, by cell and by distance of the reads."""

    step_s: FloatArray  # (U,)
    counts: FloatArray  # (cells, U, 4)
    high: FloatArray  # (cells,) reads in the high state
    reads: FloatArray  # (cells,)


def fit_states(cells: Sequence[CellFit]) -> StateFit:
    """Switching of the fluctuating cells among `cells`; there must be one."""
    moving = [cell for cell in cells if cell.fluctuates]
    pairs = _pairs(moving)
    whole = np.ones(len(moving))
    best = _figures(pairs, whole)
    groups = np.arange(len(moving)) % min(len(moving), MAX_GROUPS)
    count = int(groups.max()) + 1
    if count < 2:
        errors = np.full(4, np.inf)
        errors[:] = np.abs(best) / np.sqrt(max(1.0, float(pairs.counts[..., 1:3].sum()) / 2))
    else:
        left = np.array([_figures(pairs, (groups != g).astype(np.float64)) for g in range(count)])
        errors = np.sqrt((count - 1) / count * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    share, correlation, high_dwell_s, low_dwell_s = best
    resolved = bool(correlation > SIGNIFICANT * errors[1] and correlation > 5 * MIN_CORRELATION)
    return StateFit(
        cells=len(moving),
        reads=int(pairs.reads.sum()),
        switches=float(pairs.counts[..., 1:3].sum()),
        high_share=share,
        high_share_error=errors[0],
        resolved=resolved,
        correlation=correlation,
        correlation_error=errors[1],
        high_dwell_s=high_dwell_s,
        high_dwell_error_s=errors[2],
        low_dwell_s=low_dwell_s,
        low_dwell_error_s=errors[3],
        runs=_runs(moving, high_dwell_s, low_dwell_s) if resolved else None,
    )


def _pairs(cells: Sequence[CellFit]) -> _Pairs:
    steps = [_rounded(np.diff(cell.reads.time_s)) for cell in cells]
    step_s = np.unique(np.concatenate(steps))
    counts = np.zeros((len(cells), step_s.size, 4))
    for c, cell in enumerate(cells):
        place = np.searchsorted(step_s, steps[c])
        for pair in range(4):
            counts[c, :, pair] = np.bincount(place, cell.pairs[pair], step_s.size)
    high = np.array([cell.high.sum() for cell in cells])
    return _Pairs(step_s, counts, high, np.array([float(cell.high.size) for cell in cells]))


def _rounded(steps: FloatArray) -> FloatArray:
    """Distances to three digits, so that equal ones are equal; all of them if nearly so."""
    if np.ptp(steps) < 1e-2 * steps.mean():
        return np.full_like(steps, float(f"{steps.mean():.6g}"))
    scale = 10.0 ** (np.floor(np.log10(steps)) - 2)
    rounded: FloatArray = np.round(steps / scale) * scale
    return rounded


def _figures(pairs: _Pairs, weight: FloatArray) -> FloatArray:
    """(4,) share of time in the high state, correlation, dwell times; cells by weight."""
    counts = np.einsum("c,cup->up", weight, pairs.counts) + 1e-9
    if pairs.step_s.size == 1:
        fall = counts[0, 1] / (counts[0, 0] + counts[0, 1])
        rise = counts[0, 2] / (counts[0, 2] + counts[0, 3])
        correlation = min(max(1 - fall - rise, MIN_CORRELATION), 1 - 1e-9)
        rate = -np.log(correlation) / pairs.step_s[0]
        share = rise / (fall + rise)
        if not LEAST_SHARE < share < 1 - LEAST_SHARE:  # one way only: no chain says how often
            share = (weight * pairs.high).sum() / (weight * pairs.reads).sum()
    else:
        rate, share = _likeliest(pairs.step_s, counts)
        correlation = float(np.exp(-rate * pairs.step_s[0]))
    return np.array([share, correlation, 1 / (rate * (1 - share)), 1 / (rate * share)])


def _likeliest(step_s: FloatArray, counts: FloatArray) -> tuple[float, float]:
    """Rate and share of time in the high state that make the pairs likeliest."""
    from scipy.optimize import minimize  # noqa: PLC0415 - only fitting needs scipy

    def cost(place: FloatArray) -> float:
        rate, share = np.exp(place[0]), 1 / (1 + np.exp(-place[1]))
        left = np.exp(-rate * step_s)
        fall, rise = (1 - share) * (1 - left), share * (1 - left)
        chances = np.stack([1 - fall, fall, rise, 1 - rise], axis=1)
        return -float((counts * np.log(np.maximum(chances, 1e-300))).sum())

    fastest = -np.log(MIN_CORRELATION) / step_s.min()
    slowest = 1e-6 / step_s.max()
    first = [np.log(np.sqrt(fastest / step_s.max())), 0.0]
    bounds = [(np.log(slowest), np.log(fastest)), (-9.0, 9.0)]
    found = minimize(cost, first, bounds=bounds, method="L-BFGS-B").x
    return float(np.exp(found[0])), float(1 / (1 + np.exp(-found[1])))


def _runs(cells: Sequence[CellFit], high_s: float, low_s: float) -> Goodness | None:
    """Lengths of runs in a state against the chain's, where reads come at equal steps.

    A run is counted if its first read could be followed for `span` reads, and is cut there, so
    that the end of the measurement takes no long runs away.
    """
    steps = {float(step) for cell in cells for step in _rounded(np.diff(cell.reads.time_s))}
    if len(steps) != 1:
        return None
    step_s = steps.pop()
    rate = 1 / high_s + 1 / low_s
    chi2, degrees = 0.0, 0
    for state, leave in ((True, 1 / high_s), (False, 1 / low_s)):
        stay = 1 - leave / rate * (1 - np.exp(-rate * step_s))
        span = int(min(50, max(2, 2 / max(1 - stay, 1e-9))))
        lengths = np.concatenate([_lengths(cell.high > 0.5, state, span) for cell in cells])
        chances = np.append(stay ** np.arange(span - 1) * (1 - stay), stay ** (span - 1))
        seen = np.bincount(lengths, minlength=span + 1)[1:].astype(np.float64)
        one = _chi2(seen, chances * seen.sum())
        chi2, degrees = chi2 + one[0], degrees + one[1]
    return goodness(chi2, max(degrees, 0))


def _lengths(high: NDArray[np.bool_], state: bool, span: int) -> NDArray[np.int64]:
    """Lengths, at most `span`, of the runs of `state` that begin after the first read."""
    begins = np.flatnonzero(np.diff(high.astype(np.int8))) + 1
    ends = np.append(begins[1:], high.size)
    chosen = (high[begins] == state) & (begins + span <= high.size)
    lengths: NDArray[np.int64] = np.minimum((ends - begins)[chosen], span)
    return lengths


def _chi2(seen: FloatArray, expected: FloatArray) -> tuple[float, int]:
    """Chi-square with neighbouring bins joined until each expects enough; one parameter."""
    joined: list[list[float]] = [[0.0, 0.0]]
    for one, other in zip(seen, expected, strict=True):
        joined[-1][0] += one
        joined[-1][1] += other
        if joined[-1][1] >= MIN_EXPECTED:
            joined.append([0.0, 0.0])
    last = joined.pop()
    if joined:
        joined[-1] = [joined[-1][0] + last[0], joined[-1][1] + last[1]]
    chi2 = sum((one - other) ** 2 / other for one, other in joined)
    return chi2, len(joined) - 2
