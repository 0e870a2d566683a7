"""Reads that a laboratory would take of a device's cells: a truth for fits, data for examples."""

import numpy as np
from numpy.typing import NDArray

from hwsim.device.fluctuation import (
    fluctuation_amplitude,
    level_conductance,
    level_step,
    programming_sigma,
)
from hwsim.device.reads import CellReads
from hwsim.device.spec import Device, States

FloatArray = NDArray[np.float64]


def synthetic_reads(
    device: Device,
    cell_bits: int,
    cells_per_level: int,
    time_s: FloatArray,
    noise_S: float,
    seed: int,
) -> tuple[CellReads, ...]:
    """Reads of cells programmed to every level, disturbed as the device says.

    Args:
        time_s: (T,) since programming, rising; drift starts at the first read.
        noise_S: standard deviation of the instrument's noise, fresh at every read.
        seed: of NumPy's generator.
    """
    random = np.random.default_rng(seed)
    step = level_step(device, cell_bits)
    level_S = level_conductance(device, cell_bits)
    sigma_S = programming_sigma(device, cell_bits) * step
    amplitude_S = fluctuation_amplitude(device, cell_bits) * step
    cells = []
    for level in range(1 << cell_bits):
        for cell in range(cells_per_level):
            start_S = level_S[level] + sigma_S[level] * random.standard_normal()
            value = max(start_S, 0.0) * _decay(device, time_s, random)
            value += amplitude_S[level] * _states(device, time_s, random)
            value += noise_S * random.standard_normal(time_s.size)
            name = f"{level}.{cell}"
            cells.append(CellReads(name, level, time_s, np.maximum(value, 0.0)))
    return tuple(cells)


def _decay(device: Device, time_s: FloatArray, random: np.random.Generator) -> FloatArray:
    if device.drift is None:
        return np.ones_like(time_s)
    nu = max(0.0, random.normal(device.drift.nu_mean, device.drift.nu_sigma))
    decay: FloatArray = (time_s / time_s[0]) ** -nu
    return decay


def _states(device: Device, time_s: FloatArray, random: np.random.Generator) -> FloatArray:
    """(T,) sum of the traps' states at the reads; a chain jumps at exponential times."""
    total = np.zeros(time_s.size)
    fluctuation = device.fluctuation
    if fluctuation is None:
        return total
    for _ in range(fluctuation.traps):
        match fluctuation.states:
            case States.INDEPENDENT:
                high = random.random(time_s.size) < fluctuation.high_share
            case States.FROZEN:
                high = np.full(time_s.size, random.random() < fluctuation.high_share)
            case States.MARKOV:
                dwell_s = (fluctuation.low_dwell_s or 1.0, fluctuation.high_dwell_s or 1.0)
                high = _chain(dwell_s, fluctuation.high_share, time_s, random)
        total += np.where(high, 1.0, -1.0)
    return total


def _chain(
    dwell_s: tuple[float, float], share: float, time_s: FloatArray, random: np.random.Generator
) -> NDArray[np.bool_]:
    """State at each read: conditional on the state before, exact for any distance of reads."""
    rate = 1 / dwell_s[0] + 1 / dwell_s[1]
    high = np.empty(time_s.size, np.bool_)
    now = bool(random.random() < share)
    high[0] = now
    uniform = random.random(time_s.size)
    for t, left in enumerate(np.exp(-rate * np.diff(time_s)), start=1):
        now = bool(uniform[t] < share + (left * (1 - share) if now else -left * share))
        high[t] = now
    return high
