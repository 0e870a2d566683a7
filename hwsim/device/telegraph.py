"""Two-state detection, cell by cell: a hidden Markov model against a single state.

A read of a cell is y = G (t / t0)^-nu + a s + noise: s in {-1, +1} switches with the rates
`leave_high` and `leave_low` in continuous time, so that reads may come at any times and states
missed between two reads are accounted for (P(dt) = exp(Q dt)); the noise is normal.  All cells
are fitted at once by expectation maximisation: forward and backward passes over (T, cells)
arrays (Rabiner, Proc. IEEE 77 (1989) 257), then weighted least squares for G, a and nu.
A cell fluctuates if two states beat one by more than BIC_MARGIN in the Bayesian information
criterion (Kass and Raftery, J. Am. Stat. Assoc. 90 (1995) 773: above 10 is very strong).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.device.hidden import Batch, Guess, States, improve_rates, infer_states
from hwsim.device.reads import SMALLEST_S, CellReads

BIC_MARGIN = 10.0
MIN_READS = 20  # fewer do not tell two states from noise
ITERATIONS = 200
FIRST_ITERATIONS = 20  # of every start; only the best goes on, where it is not hopeless by then
HOPELESS = -10.0  # BIC gain
STARTS = (0.5, 0.15, 0.85)  # share of reads that begin in the low state
CHUNK = 400_000  # reads fitted at once, to bound memory

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CellFit:
    """One cell at one level."""

    reads: CellReads
    centre_S: float  # G, midway between the states, at t0
    centre_error_S: float
    exponent: float  # nu; zero where drift was not fitted
    exponent_error: float
    amplitude_S: float  # a; zero where one state is enough
    amplitude_error_S: float
    noise_S: float  # standard deviation of what is left
    bic_gain: float  # of two states over one; -inf where two were not tried
    evidence: float  # log-likelihood of the better model; ln(reads) / 2 off for each estimate more
    residual: FloatArray  # (T,) in standard deviations of the noise
    high: FloatArray  # (T,) probability of s = +1; 0.5 where one state is enough
    pairs: FloatArray  # (4, T - 1) as in `States`

    @property
    def fluctuates(self) -> bool:
        """Whether two states were seen."""
        return self.amplitude_S > 0

    def average_S(self, high_share: float) -> float:
        """Mean over time at t0 of a cell that is high for `high_share` of it."""
        return self.centre_S + self.amplitude_S * (2 * high_share - 1)


def fit_cells(cells: Sequence[CellReads], start_s: float, drift: bool) -> list[CellFit]:
    """Fit every cell.

    Args:
        start_s: t0, the time at which G is stated.
        drift: fit an exponent nu per cell; else nu = 0.
    """
    fits: list[CellFit] = []
    longest = max(cell.time_s.size for cell in cells)
    count = max(1, CHUNK // longest)
    for first in range(0, len(cells), count):
        fits += _fit_chunk(cells[first : first + count], start_s, drift)
    return fits


def _fit_chunk(cells: Sequence[CellReads], start_s: float, drift: bool) -> list[CellFit]:
    batch, scale = _batch(cells, start_s)
    one, one_likelihood = _one_state(batch, drift)
    two, states = _two_states(batch, one, one_likelihood, drift)
    gain = _bic_gain(batch, states, one_likelihood)
    evidence = (
        one_likelihood + (np.maximum(gain, 0.0) - drift * np.log(batch.weight.sum(axis=0))) / 2
    )
    gain[(batch.weight.sum(axis=0) < MIN_READS) | (two.amplitude <= 0)] = -np.inf
    fluctuates = gain > BIC_MARGIN
    half = np.full_like(states.high, 0.5)
    high = np.where(fluctuates, states.high, half)
    best = Guess(
        *(np.where(fluctuates, getattr(two, name), getattr(one, name)) for name in Guess.names())
    )
    errors = _errors(batch, best, high, drift)
    residual = (batch.value - _expected(batch, best, high)) / best.sigma
    fits = []
    for c, cell in enumerate(cells):
        size = cell.time_s.size
        fits.append(
            CellFit(
                cell,
                centre_S=float(best.centre[c] * scale[c]),
                centre_error_S=float(errors[c, 0] * scale[c]),
                exponent=float(best.exponent[c]),
                exponent_error=float(errors[c, 2]),
                amplitude_S=float(best.amplitude[c] * scale[c]),
                amplitude_error_S=float(errors[c, 1] * scale[c]),
                noise_S=float(best.sigma[c] * scale[c]),
                bic_gain=float(gain[c]),
                evidence=float(evidence[c]),
                residual=residual[:size, c],
                high=high[:size, c],
                pairs=states.pairs[:, : size - 1, c],
            )
        )
    return fits


def _batch(cells: Sequence[CellReads], start_s: float) -> tuple[Batch, FloatArray]:
    """Padded reads, and each cell's unit of conductance in S."""
    shape = (max(cell.time_s.size for cell in cells), len(cells))
    value, log_time, weight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    step_s = np.ones((shape[0] - 1, shape[1]))
    regular = np.zeros(len(cells), np.bool_)
    scale = np.ones(len(cells))
    for c, cell in enumerate(cells):
        size = cell.time_s.size
        scale[c] = max(float(cell.conductance_S.mean()), SMALLEST_S)
        value[:size, c] = cell.conductance_S / scale[c]
        log_time[:size, c] = np.log(cell.time_s / start_s)
        weight[:size, c] = 1.0
        steps = np.diff(cell.time_s)
        step_s[: size - 1, c] = steps
        regular[c] = np.ptp(steps) < 1e-2 * steps.mean()
        if regular[c]:
            step_s[: size - 1, c] = steps.mean()
    return Batch(value, log_time, step_s, weight, regular), scale


def _expected(batch: Batch, guess: Guess, high: FloatArray) -> FloatArray:
    """(T, cells) G (t / t0)^-nu + a E[s]."""
    decay: FloatArray = np.exp(-guess.exponent * batch.log_time)
    return guess.centre * decay + guess.amplitude * (2 * high - 1)


def _normal_matrix(
    batch: Batch, guess: Guess, high: FloatArray, drift: bool
) -> tuple[FloatArray, FloatArray]:
    """(cells, 3, 3) and (cells, 3): least squares for steps in G, a and nu.

    E[s^2] = 1, so that the diagonal of a counts every read whole however unsure its state is.
    """
    decay = np.exp(-guess.exponent * batch.log_time)
    sign = 2 * high - 1
    slopes = np.stack([decay, sign, -guess.centre * decay * batch.log_time])
    if not drift:
        slopes[2] = 0.0
    weighted = slopes * batch.weight
    matrix = np.einsum("itc,jtc->cij", weighted, slopes)
    matrix[:, 1, 1] = batch.weight.sum(axis=0)
    level = batch.value - guess.centre * decay
    right = np.einsum("itc,tc->ci", weighted, level)
    # The step in a starts from zero: `right` holds all of it, and G and nu see E[s] a too.
    matrix[:, range(3), range(3)] += 1e-12
    if not drift:
        matrix[:, 2, 2] = 1.0
    return matrix, right


def _least_squares(batch: Batch, guess: Guess, high: FloatArray, drift: bool, two: bool) -> None:
    """Improve G, nu, sigma, and a if there are two states, in place."""
    matrix, right = _normal_matrix(batch, guess, high, drift)
    if not two:
        matrix[:, 1, :] = matrix[:, :, 1] = right[:, 1:2] = 0.0
        matrix[:, 1, 1] = 1.0
    step = np.linalg.solve(matrix, right[:, :, None])[:, :, 0].astype(np.float64)
    guess.centre = guess.centre + step[:, 0]
    guess.amplitude = step[:, 1]
    guess.exponent = np.minimum(np.maximum(guess.exponent + step[:, 2], -2.0), 2.0)
    sign = 2 * high - 1
    rest = batch.value - guess.centre * np.exp(-guess.exponent * batch.log_time)
    square = rest**2 - 2 * guess.amplitude * sign * rest + guess.amplitude**2
    variance: FloatArray = (square * batch.weight).sum(axis=0) / batch.weight.sum(axis=0)
    guess.sigma = np.maximum(variance, 1e-12) ** 0.5


def _errors(batch: Batch, guess: Guess, high: FloatArray, drift: bool) -> FloatArray:
    """(cells, 3) standard errors of G, a and nu where the states are sure."""
    matrix, _ = _normal_matrix(batch, guess, high, drift)
    still = guess.amplitude <= 0
    matrix[still, 1, :] = matrix[still, :, 1] = 0.0
    matrix[still, 1, 1] = 1.0
    covariance = np.linalg.inv(matrix) * (guess.sigma**2)[:, None, None]
    errors: FloatArray = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    errors[still, 1] = 0.0
    if not drift:
        errors[:, 2] = 0.0
    return errors


def _one_state(batch: Batch, drift: bool) -> tuple[Guess, FloatArray]:
    """One state per cell, and its log-likelihood."""
    cells = batch.value.shape[1]
    zero, one = np.zeros(cells), np.ones(cells)
    guess = Guess(one.copy(), zero.copy(), zero.copy(), one.copy(), one.copy(), one.copy())
    half = np.full_like(batch.value, 0.5)
    for _ in range(20 if drift else 2):
        _least_squares(batch, guess, half, drift, two=False)
    reads = batch.weight.sum(axis=0)
    likelihood = -reads * (np.log(guess.sigma) + 0.5 * (1 + np.log(2 * np.pi)))
    return guess, likelihood


def _bic_gain(batch: Batch, states: States, one_likelihood: FloatArray) -> FloatArray:
    """Two states over one: they have an amplitude and two rates more."""
    reads = batch.weight.sum(axis=0)
    gain: FloatArray = 2 * (states.log_likelihood - one_likelihood) - 3 * np.log(reads)
    return gain


def _two_states(
    batch: Batch, one: Guess, one_likelihood: FloatArray, drift: bool
) -> tuple[Guess, States]:
    """The likeliest of several starts, run to its end where two states may win."""
    rest = batch.value - _expected(batch, one, np.full_like(batch.value, 0.5))
    starts = [
        _maximise(batch, _start(batch, one, rest, low), drift, FIRST_ITERATIONS) for low in STARTS
    ]
    best = np.argmax([states.log_likelihood for _, states in starts], axis=0)
    guess = Guess(
        *(np.choose(best, [getattr(start, name) for start, _ in starts]) for name in Guess.names())
    )
    states = infer_states(batch, guess)
    going = np.flatnonzero(_bic_gain(batch, states, one_likelihood) > HOPELESS)
    if going.size:
        part = batch.pick(going)
        better, seen = _maximise(part, guess.pick(going), drift, ITERATIONS)
        for name in Guess.names():
            getattr(guess, name)[going] = getattr(better, name)
        for whole, piece in zip(states, seen, strict=True):
            whole[..., going] = piece
    return guess, states


def _start(batch: Batch, one: Guess, rest: FloatArray, low: float) -> Guess:
    """A guess with the share `low` of reads, the lowest, in the low state."""
    hidden = np.where(batch.weight > 0, rest, np.nan)
    cut = np.nanquantile(hidden, low, axis=0)
    is_high = np.where(hidden > cut, 1.0, 0.0) * batch.weight
    is_low = batch.weight - is_high
    ups, downs = np.maximum(is_high.sum(axis=0), 1), np.maximum(is_low.sum(axis=0), 1)
    upper = (rest * is_high).sum(axis=0) / ups
    lower = (rest * is_low).sum(axis=0) / downs
    amplitude = np.maximum((upper - lower) / 2, 1e-6)
    sigma = np.sqrt(
        np.maximum(one.sigma**2 - amplitude**2 * 4 * low * (1 - low), 1e-2 * one.sigma**2)
    )
    switches = np.abs(np.diff(is_high, axis=0)) * batch.weight[1:]
    length = (batch.step_s * batch.weight[1:]).sum(axis=0)
    rate = np.maximum(switches.sum(axis=0), 1.0) / length
    centre = one.centre + (upper + lower) / 2
    return Guess(centre, amplitude, one.exponent.copy(), sigma, rate * low, rate * (1 - low))


def _maximise(batch: Batch, guess: Guess, drift: bool, iterations: int) -> tuple[Guess, States]:
    """Expectation maximisation until no cell gains any more."""
    states = infer_states(batch, guess)
    for _ in range(iterations):
        _least_squares(batch, guess, states.high, drift, two=True)
        improve_rates(batch, guess, states)
        before, states = states, infer_states(batch, guess)
        if np.max(states.log_likelihood - before.log_likelihood) < 1e-3:
            break
    return guess, states
