"""A sequential test of an accuracy: certain as soon as the data allow, at a stated error.

Observations x_1, x_2, ... in [0, 1] are shares of right images, each of fresh images on a
device instance of its own: independent, with the mean that is asked about, images and devices
both at random.  Against "the mean is at most m" one bets a part f of a capital on x / m:

    K_n = mean over f of  prod_i (1 - f + f x_i / m)

If that hypothesis holds, K is a non-negative supermartingale that starts at one, so it ever
reaches 1 / error with probability at most `error` (Ville, 1939): one may look after every
observation and stop at will, with no assumption on the distribution.  The mixture over f needs
no tuning (Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting,
JRSS-B 86, 2024).  Against "at least m" one bets on (1 - x) / (1 - m).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from hwsim.errors import DataError

FloatArray = NDArray[np.float64]
#: Parts of the capital that the mixture bets.
BETS: FloatArray = 0.99 * 0.5 ** np.arange(10.0)
_BISECTIONS = 40


class Verdict(Enum):
    """What a sequential test has found so far."""

    REACHED = "reached"  # the mean is above the threshold
    MISSED = "missed"  # the mean is below it
    OPEN = "open"  # not certain yet


@final
@dataclass(frozen=True)
class SequentialTest:
    """Is a mean above `threshold`?  `error`: largest probability of each wrong verdict."""

    threshold: float
    error: float
    observations: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("threshold", "error"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise DataError(f"{name}: expected a number between 0 and 1, found {value}")

    def after(self, shares: Sequence[float]) -> "SequentialTest":
        """The test with further observations."""
        return SequentialTest(self.threshold, self.error, (*self.observations, *shares))

    @property
    def verdict(self) -> Verdict:
        """The first certain answer over all looks; later data do not take it back."""
        seen = np.asarray(self.observations)
        certain = -math.log(self.error)
        above = _first(log_capital(seen, self.threshold), certain)
        below = _first(log_capital(1 - seen, 1 - self.threshold), certain)
        if above == below:  # neither was ever certain
            return Verdict.OPEN
        return Verdict.REACHED if above < below else Verdict.MISSED

    def hopeless(self, planned: int) -> bool:
        """Whether `planned` observations at the rate so far would leave the answer open by far.

        To stop for that is no error: it gives no certificate.
        """
        seen = np.asarray(self.observations)
        if len(seen) < planned / 5:
            return False
        final = log_capital(seen, self.threshold)[-1] * planned / len(seen)
        return bool(final < -math.log(self.error) / 2)


def log_capital(observations: FloatArray, mean: float) -> FloatArray:
    """(n,) logarithm of the capital after each observation, against "the mean is at most `mean`".

    Args:
        observations: (n,) in [0, 1].
    """
    with np.errstate(over="ignore"):  # against a mean of almost nothing, any gain is certain
        gain = np.log1p(BETS[:, None] * (observations / mean - 1.0))
    capital: FloatArray = logsumexp(np.cumsum(gain, axis=1), axis=0) - math.log(BETS.size)
    return capital


def confidence_bounds(observations: Sequence[float], error: float) -> tuple[float, float]:
    """An interval that covers the mean at every look, but for the probability `error`.

    All means whose hypotheses were never rejected at error / 2 on either side.
    """
    seen = np.asarray(observations)
    certain = -math.log(error / 2)
    return _lowest(seen, certain), 1.0 - _lowest(1.0 - seen, certain)


def _lowest(seen: FloatArray, certain: float) -> float:
    """The largest mean that is certainly too low; the capital falls as the mean rises."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        mean = (low + high) / 2
        if seen.size and log_capital(seen, mean).max() >= certain:
            low = mean
        else:
            high = mean
    return low


def _first(capital: FloatArray, certain: float) -> int:
    """The first look at which a capital is certain; their number where none is."""
    reached = capital >= certain
    return int(reached.argmax()) if reached.any() else reached.size
