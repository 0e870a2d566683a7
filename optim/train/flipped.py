"""Columns that tiles store complemented (`flipped_columns`, ISAAC), while weights are trained.

A heavy column of an array holds `top - level` and counts with the opposite sign
(`hwsim.tile.encoding.heavy_columns`).  Digits of offset codes are complemented by complementing
the code, so that a table of a flipped slice is the slice's own, read backwards.
"""

from typing import final

from optim.train._torch import Tensor, torch


@final
class Flips:
    """Which columns of a layer are flipped: one matrix, one set of weights at a time."""

    def __init__(self, top: int, rows: tuple[int, ...]) -> None:
        """Cells up to level `top`; `rows` of an array, by the number of copies."""
        self.top, self.rows = top, rows

    def of(self, levels: Tensor, outputs: int, copies: int) -> Tensor:
        """Where levels are stored complemented, as `heavy_columns` has it.

        Args:
            levels: (slices, *weights of the node's layout), whole numbers.
            outputs: axis of the weights' outputs: 0, or the last one of two.
        """
        columns = levels.flatten(2) if outputs == 0 else levels.transpose(1, 2)
        blocks = columns.split(self.rows[copies - 1], dim=-1)
        heavy = [2 * block.sum(-1, keepdim=True) > block.shape[-1] * self.top for block in blocks]
        whole = torch.cat([one.expand_as(it) for one, it in zip(heavy, blocks, strict=True)], -1)
        return whole.view_as(levels) if outputs == 0 else whole.transpose(1, 2)

    def stored(self, levels: Tensor, outputs: int, copies: int) -> Tensor:
        """Levels as cells hold them; arguments as of `of`."""
        return torch.where(self.of(levels.detach(), outputs, copies), self.top - levels, levels)


def ways(flipped: Tensor) -> Tensor:
    """(*weights) which slices of a weight are flipped: one bit each, the first one lowest."""
    bits = torch.arange(len(flipped)).reshape(-1, *[1] * (flipped.dim() - 1))
    return (flipped.int() << bits).sum(dim=0).int()


def every_way(tables: Tensor, sign: int) -> Tensor:
    """(2^slices * 2^bits,) the sum over slices of (slices, 2^bits) tables, for all `ways` in order.

    Args:
        sign: what a flipped column's opposite sign makes of the table: 1 or -1.
    """
    slices = len(tables)
    chosen = (torch.arange(1 << slices)[:, None] >> torch.arange(slices)) & 1
    flipped = chosen.to(tables.dtype)
    return ((1 - flipped) @ tables + flipped @ (sign * tables.flip(-1))).flatten()
