"""How far the tile's account of resistive lines is from the exact one, on its own column sums."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.tile import _gated_kernels, _wire_kernels
from hwsim.tile.gated import FloatArray, Ladder, Line, pulse_planes


@dataclass(frozen=True)
class LineError:
    """Of undisturbed column sums, in level steps, and of the cells' power."""

    conversions: int  # how many were looked at
    lost_mean: float  # what the lines take, exactly
    lost_max: float
    error_rms: float  # of what the tile's kernels take instead
    error_max: float
    current: float  # of all conversions, in level steps, G_min included: exact
    ideal_current: float  # the same without resistance

    @property
    def power_share(self) -> float:
        """Power of cells and lines together, over that of the cells on ideal lines.

        Both are read voltage times current: the sense ends are at ground.
        """
        return self.current / self.ideal_current if self.ideal_current else 1.0

    @staticmethod
    def joined(parts: Iterable["LineError"]) -> "LineError":
        """That of several from that of each."""
        every = tuple(parts)
        total = sum(part.conversions for part in every)
        shares = [part.conversions / total for part in every]
        weighted = list(zip(shares, every, strict=True))
        return LineError(
            conversions=total,
            lost_mean=sum(share * part.lost_mean for share, part in weighted),
            lost_max=max(part.lost_max for part in every),
            error_rms=math.sqrt(sum(share * part.error_rms**2 for share, part in weighted)),
            error_max=max(part.error_max for part in every),
            current=sum(part.current for part in every),
            ideal_current=sum(part.ideal_current for part in every),
        )


@dataclass(frozen=True)
class BlockLines:
    """The columns of one row block and their lines.

    digit_bits: of an input digit; rows: inputs; lanes: in use, those that fill up the last strip
    are left out.
    """

    bank: Any  # `matrix.Bank`
    ladder: Ladder
    line: Line
    digit_bits: int
    rows: int
    lanes: int

    def error(self, words: NDArray[Any]) -> LineError:
        """The error for a batch of inputs, words (vectors, phases, monomials, words)."""
        pulses = pulse_planes(words, self.digit_bits)
        found = self._lost(pulses)
        current, ideal = self._exact(pulses)
        exact = ideal - current
        exact = exact[..., :-1] - exact[..., -1:]
        off = found - exact
        return LineError(
            conversions=off.size,
            lost_mean=float(exact.mean()),
            lost_max=float(exact.max()),
            error_rms=float(np.sqrt((off**2).mean())),
            error_max=float(np.abs(off).max()),
            current=float(current[..., :-1].sum()),
            ideal_current=float(ideal[..., :-1].sum()),
        )

    def count(self, words: NDArray[Any], subtract: bool, counts: NDArray[np.int64]) -> None:
        """counts[ceil |A|] += 1 for what the lines let through of every column sum A."""
        pulses = pulse_planes(words, self.digit_bits)
        _gated_kernels.passed_histogram(
            pulses, self.bank, self.ladder, subtract, self.lanes, counts
        )

    def _lost(self, pulses: NDArray[Any]) -> FloatArray:
        """(vectors, phases, columns) what the kernels take, in level steps."""
        strips, pairs, _, _, width = self.bank.planes.shape
        shape = (len(pulses), strips, pairs, pulses.shape[1], width)
        left = np.empty(shape, self.bank.weights.dtype)
        _gated_kernels.pass_block(pulses, self.bank, self.ladder, False, 0, left)
        return -self._in_use(left) * 2.0**-self.ladder.fraction_bits

    def _in_use(self, columns: NDArray[Any]) -> NDArray[Any]:
        """(vectors, phases, converted * lanes) of (vectors, strips, converted, phases, width)."""
        vectors, _, converted, phases, _ = columns.shape
        in_order = columns.transpose(0, 3, 2, 1, 4).reshape(vectors, phases, converted, -1)
        return in_order[..., : self.lanes].reshape(vectors, phases, -1)

    def _exact(self, pulses: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """(vectors, phases, columns + 1) currents with lines, and without; last the dummy column.

        By exact ladders, cell by cell.
        """
        line, (vectors, phases) = self.line, pulses.shape[:2]
        cells = np.repeat((self._levels() + line.offset) / line.copies, line.copies, axis=0)
        current = np.zeros((vectors * phases, cells.shape[1]))
        ideal, out = np.zeros_like(current), np.empty_like(current)
        for number in range(pulses.shape[2]):
            driven = _bits(pulses[:, :, number])[..., : self.rows].reshape(-1, self.rows)
            driven = np.repeat(driven.astype(bool), line.copies, axis=1)
            _wire_kernels.ladders(cells, driven, line.segment, line.end, out)
            current += out
            ideal += driven @ cells
        shape = (vectors, phases, -1)
        return current.reshape(shape), ideal.reshape(shape)

    def _levels(self) -> FloatArray:
        """(rows, columns + 1) level of every cell, the last column's zero."""
        unit = int(self.ladder.unit) * 2.0**-self.ladder.fraction_bits
        planes = self.bank.planes.transpose(0, 1, 4, 2, 3)  # (strips, pair, width, P, W)
        weighted = _bits(planes) * (self.bank.weights[0] * unit)[:, None]
        levels = weighted.sum(axis=3)[..., : self.rows]  # (strips, pair, width, rows)
        columns = self._in_use(levels.transpose(3, 0, 1, 2)[:, :, :, None])[:, 0]
        return np.hstack([columns, np.zeros((self.rows, 1))])


def _bits(words: NDArray[Any]) -> NDArray[np.uint8]:
    """Words of rows (..., W) as bits (..., rows)."""
    little = np.ascontiguousarray(words.astype(words.dtype.newbyteorder("<"), copy=False))
    return np.unpackbits(little.view(np.uint8), axis=-1, bitorder="little")
