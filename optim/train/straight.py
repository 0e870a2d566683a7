"""Straight-through estimators: exact values forward, a smooth slope backward.

(Bengio, Leonard and Courville, arXiv 1308.3432, 2013.)
"""

from typing import Any

from mapping.network import QuantParams
from optim.train._torch import Tensor, torch
from optim.train.layout import at


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


class _Saturated(torch.autograd.Function):
    """A slope of 1 on codes within their range; that of `clamp` takes eleven times as long."""

    @staticmethod
    def forward(context: Any, x: Tensor, low: float, high: float) -> Tensor:
        whole = x.round()
        context.save_for_backward(whole)
        context.between = low - 0.5, high + 0.5
        return whole.clamp(low, high)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (whole,) = context.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, whole, *context.between), None, None


def saturated(x: Tensor, held: QuantParams) -> Tensor:
    """Codes of x, in units of a step: nearest, ties to even, and within their range."""
    whole: Tensor = _Saturated.apply(x, held.low - held.zero_point, held.high - held.zero_point)
    return whole + held.zero_point if held.zero_point else whole


def rounded(x: Tensor) -> Tensor:
    """Nearest integers, ties to even, with the gradient of x."""
    return straight_through(x.detach().round(), x)


def places(codes: Tensor, table: Tensor) -> Tensor:
    """Where codes stand in a table of (2^bits,), negative ones counted from the end."""
    # In 16 bits, which hold codes of up to 8: the mask takes four times as long in 32.
    return (codes.detach().to(torch.int16) & (table.numel() - 1)).int()


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
