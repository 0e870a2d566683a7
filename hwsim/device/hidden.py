"""Hidden two-state chains of many cells at once: inference and switching rates.

Forward and backward passes over (T, cells) arrays (Rabiner, Proc. IEEE 77 (1989) 257); the
chain runs in continuous time, P(dt) = exp(Q dt), so that states missed between two reads are
accounted for.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MIN_CORRELATION = 1e-3  # of states at neighbouring reads; below, rates cannot be told

FloatArray = NDArray[np.float64]


class Batch(NamedTuple):
    """Reads of many cells side by side; columns of cells with fewer reads are padded."""

    value: FloatArray  # (T, cells) in units of the cell's mean
    log_time: FloatArray  # (T, cells) ln(t / t0)
    step_s: FloatArray  # (T - 1, cells); 1 where padded
    weight: FloatArray  # (T, cells) one for a read, zero for padding
    regular: NDArray[np.bool_]  # (cells,) reads at equal distances

    def pick(self, chosen: NDArray[np.int64]) -> "Batch":
        """The reads of some cells."""
        value, log_time, step_s, weight = (part[:, chosen] for part in self[:4])
        return Batch(value, log_time, step_s, weight, self.regular[chosen])


@dataclass
class Guess:
    """Estimates of many cells, in units of the cell's mean; amplitude 0: one state."""

    centre: FloatArray  # (cells,)
    amplitude: FloatArray
    exponent: FloatArray
    sigma: FloatArray
    leave_high: FloatArray  # rate per s
    leave_low: FloatArray

    @staticmethod
    def names() -> tuple[str, ...]:
        """Names of the estimates."""
        return tuple(Guess.__dataclass_fields__)

    def pick(self, chosen: NDArray[np.int64]) -> "Guess":
        """The estimates of some cells."""
        return Guess(*(getattr(self, name)[chosen] for name in self.names()))


class States(NamedTuple):
    """What the reads say about the states."""

    high: FloatArray  # (T, cells) probability of s = +1
    pairs: FloatArray  # (4, T - 1, cells) of high-high, high-low, low-high, low-low
    log_likelihood: FloatArray  # (cells,)


def infer_states(batch: Batch, guess: Guess) -> States:
    """Forward filter and backward smoother (Kim 1994), all cells at once."""
    high_odds = _likelihoods(batch, guess)
    stay_high, rise = _transitions(batch.step_s, guess.leave_high, guess.leave_low)
    reads, cells = batch.value.shape
    predicted, filtered = np.empty((reads, cells)), np.empty((reads, cells))
    likelihood = np.zeros(cells)
    ahead = guess.leave_low / (guess.leave_high + guess.leave_low)
    for t in range(reads):
        predicted[t] = ahead
        up = ahead * high_odds[0, t]
        total = up + (1 - ahead) * high_odds[1, t]
        likelihood += np.log(total)
        filtered[t] = up / total
        if t + 1 < reads:
            ahead = filtered[t] * stay_high[t] + (1 - filtered[t]) * rise[t]
    pairs = np.empty((4, reads - 1, cells))
    high = filtered
    for t in range(reads - 2, -1, -1):
        if_high, if_low = high[t + 1] / predicted[t + 1], (1 - high[t + 1]) / (1 - predicted[t + 1])
        now = filtered[t]
        pairs[0, t] = now * stay_high[t] * if_high
        pairs[1, t] = now * (1 - stay_high[t]) * if_low
        pairs[2, t] = (1 - now) * rise[t] * if_high
        pairs[3, t] = (1 - now) * (1 - rise[t]) * if_low
        high[t] = pairs[0, t] + pairs[1, t]
    offset = -np.log(guess.sigma) - 0.5 * np.log(2 * np.pi)
    likelihood += (high_odds[2] + offset * batch.weight).sum(axis=0)
    return States(high, pairs * batch.weight[1:], likelihood)


def _likelihoods(batch: Batch, guess: Guess) -> FloatArray:
    """(3, T, cells) likelihood if high, if low, over the greater, whose logarithm is last."""
    level = guess.centre * np.exp(-guess.exponent * batch.log_time)
    upper = -0.5 * ((batch.value - level - guess.amplitude) / guess.sigma) ** 2 * batch.weight
    lower = -0.5 * ((batch.value - level + guess.amplitude) / guess.sigma) ** 2 * batch.weight
    greater = np.maximum(upper, lower)
    odds = np.stack([np.exp(upper - greater), np.exp(lower - greater), greater])
    odds[:2] = np.maximum(odds[:2], 1e-300)
    return odds


def _transitions(
    step_s: FloatArray, leave_high: FloatArray, leave_low: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Probabilities of high after a step, from high and from low."""
    total = leave_high + leave_low
    share = leave_low / total
    left = np.exp(-total * step_s)
    tiny = 1e-12
    stay_high = np.clip(share + (1 - share) * left, tiny, 1 - tiny)
    return stay_high, np.clip(share * (1 - left), tiny, 1 - tiny)


def improve_rates(batch: Batch, guess: Guess, states: States) -> None:
    """Improve the rates, in place: exactly for equal steps, by one step of EM for others."""
    counts = states.pairs.sum(axis=1) + 1e-9
    fall = counts[1] / (counts[0] + counts[1])
    rise = counts[2] / (counts[2] + counts[3])
    correlation = np.clip(1 - fall - rise, MIN_CORRELATION, 1 - 1e-9)
    total = -np.log(correlation) / batch.step_s[0]
    share = rise / (fall + rise)
    high, low = _rates_of_paths(batch.step_s, guess, states.pairs)
    guess.leave_high = np.where(batch.regular, total * (1 - share), high)
    guess.leave_low = np.where(batch.regular, total * share, low)


def _rates_of_paths(
    step_s: FloatArray, guess: Guess, pairs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rates from expected jumps over expected times between reads, given both ends.

    int_0^T P_ih(u) P_hj(T - u) du in closed form for two states; P_ab(u) = share_b + c_ab
    exp(-rate u).
    """
    rate = guess.leave_high + guess.leave_low
    up = guess.leave_low / rate
    share = (up, 1 - up)
    left = np.exp(-rate * step_s)
    c = ((1 - up, up - 1), (-up, up))
    chance = [[share[j] + c[i][j] * left for j in (0, 1)] for i in (0, 1)]
    gone = (1 - left) / rate
    time = [np.zeros_like(rate), np.zeros_like(rate)]
    jumps = [np.zeros_like(rate), np.zeros_like(rate)]
    leave = (guess.leave_high, guess.leave_low)

    def between(i: int, k: int, m: int, j: int) -> FloatArray:
        straight = share[k] * share[j] * step_s
        mixed = (c[i][k] * share[j] + share[k] * c[m][j]) * gone
        integral: FloatArray = straight + mixed + c[i][k] * c[m][j] * step_s * left
        return integral

    for i in (0, 1):
        for j in (0, 1):
            odds = pairs[2 * i + j] / np.maximum(chance[i][j], 1e-12)
            for k in (0, 1):
                time[k] += (odds * between(i, k, k, j)).sum(axis=0)
                jumps[k] += leave[k] * (odds * between(i, k, 1 - k, j)).sum(axis=0)
    fastest = -np.log(MIN_CORRELATION) / step_s.min(axis=0)
    high, low = (np.maximum(jumps[k], 1e-6) / np.maximum(time[k], 1e-12) for k in (0, 1))
    slower = np.minimum(1.0, fastest / (high + low))
    return high * slower, low * slower
