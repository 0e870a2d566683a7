"""The accumulator: partial sums of row blocks and copies, added beat by beat (golden model)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SUM_BITS = 38  # of a sum, signed; the requantizer takes no more
SUM_LIMIT = 1 << (SUM_BITS - 1)


def total(
    own: NDArray[np.integer[Any]], partial: NDArray[np.integer[Any]] | None
) -> NDArray[np.int64]:
    """Sums of a tile in a chain; partial: those of the tile before, None for the first one.

    Raises:
        ValueError: a sum does not fit SUM_BITS.
    """
    sums = own.astype(np.int64) + (0 if partial is None else partial.astype(np.int64))
    if sums.size and not (sums.min() >= -SUM_LIMIT and sums.max() < SUM_LIMIT):
        raise ValueError(f"sums: expected {SUM_BITS} bits, found {sums.min()}..{sums.max()}")
    return sums
