"""Straight-through estimators: exact values forward, a smooth slope backward.

(Bengio, Leonard and Courville, arXiv 1308.3432, 2013.)
"""

from typing import Any

from optim.train._torch import Tensor, torch


class _StraightThrough(torch.autograd.Function):
    """Nothing is kept for the way back, which three operations with `detach` would do."""

    @staticmethod
    def forward(_: Any, value: Tensor, smooth: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, gradient


def straight_through(value: Tensor, smooth: Tensor) -> Tensor:
    """`value` forward; the gradient goes to `smooth`."""
    found: Tensor = _StraightThrough.apply(value.detach(), smooth)
    return found


def rounded(x: Tensor) -> Tensor:
    """Nearest integers, ties to even, with the gradient of x."""
    return straight_through(x.detach().round(), x)


def places(codes: Tensor, table: Tensor) -> Tensor:
    """Where codes stand in a table of (2^bits,), negative ones counted from the end."""
    return (codes.detach().int() & (table.numel() - 1)).long()


def at(table: Tensor, where: Tensor) -> Tensor:
    """table[where], several times faster than by indexing."""
    return table.index_select(0, where.flatten()).view_as(where)


def looked_up(table: Tensor, codes: Tensor) -> Tensor:
    """table[code], the gradient that of the mean slope over |code|.

    Args:
        table: (2^bits,), negative codes counted from the end.
        codes: integers as floats, any shape.
    """
    values = at(table, places(codes, table))
    size = codes.abs()
    still = size.detach()
    slope = (values * still).sum() / (still * still).sum().clamp(min=1.0)
    return straight_through(values, slope * size)
