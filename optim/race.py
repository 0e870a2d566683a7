"""When a design need not see the remaining tuning images: it is clearly below the needed share.

Images are met in an order that has nothing to do with them.  x_1, x_2, ... in [0, 1] are losses
against the reference; "the mean of all N is at most m" is bet against as in `certify`, without
replacement: given what was seen, the mean of what is left is at most

    m_i = (N m - x_1 - ... - x_(i-1)) / (N - i + 1),

so that K_n = mean over f of prod_i (1 - f + f x_i / m_i) is a non-negative supermartingale under
the hypothesis (Waudby-Smith and Ramdas, JRSS-B 86, 2024, section 5): a design that would be
accepted is dropped with a probability of at most ERROR.  Once m_i is below zero, it is certain.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from optim.certify import BETS

#: Probability at most to drop a design that all images would accept, each.
ERROR = 1e-3


def clearly_above(losses: NDArray[np.float64], count: int, mean: float) -> bool:
    """Whether the mean of all `count` values, of which `losses` are seen, is above `mean`.

    Args:
        losses: (n,) in [0, 1], n <= count.
    """
    seen = np.concatenate([[0.0], np.cumsum(losses)])
    left = count * mean - seen
    if left[-1] < -1e-9 * count:  # even if no other image shows any loss
        return True
    means = np.maximum(left[:-1], 0.0) / (count - np.arange(len(losses)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(losses > 0, losses / means, 0.0)
    gain = np.log1p(BETS[:, None] * (ratio - 1.0))
    capital = logsumexp(np.cumsum(gain, axis=1), axis=0) - math.log(BETS.size)
    return bool(capital.max(initial=-math.inf) >= -math.log(ERROR))
