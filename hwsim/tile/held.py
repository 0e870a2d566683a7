"""What cells conduct on average over all devices: what energy is priced at.

A cell of level g conducts on average, over programming errors, drift, stuck cells and states of
its traps (drawn as `hwsim.tile.disturbance` does, conductances never below zero),

    m(g) = (1 - p) E max(N(g + G_min, sigma(g)), 0) d + p_on G_max + p_off G_min + E fluctuation,

in level steps, with p = p_on + p_off and d = E exp(-max(nu ln(t / t0), 0)), nu normal.  Events
count a layer's levels, not how often each occurs, so that m is taken as a line: exact at the
lowest level, which most cells have, and where cells have one bit; between the others, where
traps or cut off errors bend it, the line from there of the least squares.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import binom, log_ndtr, ndtr

from hwsim.device.fluctuation import level_step
from hwsim.device.spec import Device, Scenario
from hwsim.tile.disturbance import Disturbance

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class HeldConductance:
    """Mean conductance in S of a cell of the lowest level, and what a level adds."""

    lowest_S: float
    step_S: float


@lru_cache(maxsize=1024)
def held_conductance(device: Device, cell_bits: int, scenario: Scenario) -> HeldConductance:
    """The line through what cells of each level conduct on average."""
    mean = mean_conductance_S(device, cell_bits, scenario)
    levels, above = np.arange(mean.size), mean - mean[0]
    return HeldConductance(float(mean[0]), float(levels @ above / (levels @ levels)))


def mean_conductance_S(device: Device, cell_bits: int, scenario: Scenario) -> FloatArray:
    """(levels,) mean conductance in S of cells that should hold each level."""
    disturbance = Disturbance.of(device, cell_bits, scenario)
    decay, top = _mean_decay(disturbance), disturbance.amplitude.size - 1
    intended = np.arange(top + 1.0)
    on, off = disturbance.stuck_on, disturbance.stuck_off

    fresh = _fresh_mean(disturbance)

    def read(level: FloatArray, sigma: FloatArray, kept: float) -> FloatArray:
        return _lasting((level + disturbance.lowest) * kept, sigma * kept, disturbance)[0] + fresh

    still = np.zeros_like(intended)
    mean = (1 - on - off) * read(intended, disturbance.sigma, decay)
    mean += on * read(still + top, still, 1.0) + off * read(still, still, 1.0)
    return mean * level_step(device, cell_bits)


def deviation_moments(disturbance: Disturbance) -> tuple[FloatArray, FloatArray]:
    """(levels,) mean deviation and (levels,) variance of what lasts, in level steps.

    The mean is that of fresh fluctuation as well; without drift and stuck cells.
    """
    intended: FloatArray = np.arange(float(disturbance.amplitude.size)) + disturbance.lowest
    mean, square = _lasting(intended, disturbance.sigma, disturbance)
    return mean + _fresh_mean(disturbance) - intended, np.maximum(square - mean**2, 0.0)


def _fresh_mean(disturbance: Disturbance) -> FloatArray:
    return disturbance.fresh_amplitude * (2 * disturbance.duty - 1) * disturbance.traps


def _lasting(
    mean: FloatArray, sigma: FloatArray, disturbance: Disturbance
) -> tuple[FloatArray, FloatArray]:
    """(levels,) mean and mean square of normal conductances with frozen states, cut off at zero."""
    high = np.arange(disturbance.traps + 1)
    amplitude = disturbance.amplitude if disturbance.frozen else np.zeros_like(mean)
    duty, traps = disturbance.duty, disturbance.traps
    share = binom(traps, high) * duty**high * (1 - duty) ** (traps - high)
    states = [_positive(mean + amplitude * (2 * k - traps), sigma) for k in high]
    first, second = np.tensordot(share, np.array(states), 1)
    return first, second


def _positive(mean: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and mean square of max(N(mean, sigma), 0)."""
    away = mean / np.maximum(sigma, 1e-12)
    above, tail = ndtr(away), sigma * np.exp(-(away**2) / 2) / math.sqrt(2 * math.pi)
    return mean * above + tail, (mean**2 + sigma**2) * above + mean * tail


def _mean_decay(disturbance: Disturbance) -> float:
    """E exp(-max(N(mean, sigma), 0)) of the exponents of drift."""
    mean, sigma = disturbance.drift_mean, disturbance.drift_sigma
    if sigma == 0:
        return math.exp(-mean)
    ageing = sigma**2 / 2 - mean + log_ndtr((mean - sigma**2) / sigma)
    return float(ndtr(-mean / sigma)) + math.exp(ageing)
