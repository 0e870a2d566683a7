"""Straight-through estimators: exact values forward, a smooth slope backward.

(Bengio, Leonard and Courville, arXiv 1308.3432, 2013.)
"""

from optim.train._torch import Tensor


def straight_through(value: Tensor, smooth: Tensor) -> Tensor:
    """`value` forward; the gradient goes to `smooth`."""
    return smooth + (value - smooth).detach()


def rounded(x: Tensor) -> Tensor:
    """Nearest integers, ties to even, with the gradient of x."""
    return straight_through(x.round(), x)


def looked_up(table: Tensor, codes: Tensor) -> Tensor:
    """table[code], the gradient that of the mean slope over |code|.

    Args:
        table: (2^bits,), negative codes counted from the end.
        codes: integers as floats, any shape.
    """
    values = table[codes.detach().long() % table.numel()]
    size = codes.detach().abs()
    slope = (values * size).sum() / (size * size).sum().clamp(min=1.0)
    return straight_through(values, slope * codes.abs())
