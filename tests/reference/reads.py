"""Reads of cells whose truth is known: of a device, or drawn jump by jump."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwsim.device.reads import CellReads, Measurement
from hwsim.device.spec import Device

Array = NDArray[np.float64]
BITS = 2
NOISE_S = 0.2e-6
MARKOV = {"states": "markov", "high_dwell_s": 8.0, "low_dwell_s": 4.0}
SLOW = {"states": "markov", "high_dwell_s": 40.0, "low_dwell_s": 40.0}
UNEQUAL = {"states": "markov", "high_dwell_s": 20.0, "low_dwell_s": 2.0}
FAST = {"states": "independent", "duty": 0.3}
DRIFT = {"nu_mean": 0.04, "nu_sigma": 0.01, "start_s": 1.0, "source": "truth"}


def built(fluctuation: dict[str, object] | None, drift: bool = True) -> Device:
    """A device that fluctuates so, or not at all."""
    law = {"law": "sqrt", "amplitude": 0.03, "source": "truth"}
    return Device.model_validate(
        {
            "name": "truth",
            "conductance_min_S": 2e-6,
            "conductance_max_S": 40e-6,
            "programming": {"sigma_absolute": 0.01, "sigma_relative": 0.03, "source": "truth"},
            "fluctuation": None if fluctuation is None else law | fluctuation,
            "drift": DRIFT if drift else None,
            "source": "truth",
        }
    )


TRUTHS = {
    "telegraph": built(MARKOV),
    "no telegraph": built(None),
    "no drift": built(MARKOV, drift=False),
    "slow": built(SLOW),
    "unequal duty": built(UNEQUAL),
    "fast": built(FAST | {"law": "absolute"}),
    "relative": built(MARKOV | {"law": "relative", "amplitude": 0.05}),
}


def measured(cells: tuple[CellReads, ...]) -> Measurement:
    """Cells as if read from a file."""
    return Measurement("reads.csv", "0" * 64, cells)


def jumping(random: np.random.Generator, time_s: Array, high_s: float, low_s: float) -> Array:
    """States drawn jump by jump, as a clock sees them; nothing in common with the fit."""
    high = bool(random.random() < high_s / (high_s + low_s))
    now, state = time_s[0], np.empty(time_s.size)
    ends = now + random.exponential(high_s if high else low_s)
    for t, at in enumerate(time_s):
        while ends <= at:
            high = not high
            ends += random.exponential(high_s if high else low_s)
        state[t] = 1.0 if high else -1.0
    return state


def cells_of(
    make: Callable[[np.random.Generator, int], tuple[Array, Array]], per_level: int, seed: int = 0
) -> tuple[CellReads, ...]:
    """Two levels of cells; `make(random, level)` gives times and conductances."""
    random = np.random.default_rng(seed)
    return tuple(
        CellReads(f"{level}.{index}", level, *make(random, level))
        for level in (0, 1)
        for index in range(per_level)
    )
