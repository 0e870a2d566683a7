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
    """Of undisturbed column sums, in level steps."""

    conversions: int  # how many were looked at
    lost_mean: float  # what the lines take, exactly
    lost_max: float
    error_rms: float  # of what the tile's kernels take instead
    error_max: float

    @staticmethod
    def joined(parts: Iterable["LineError"]) -> "LineError":
        """That of all row blocks from that of each."""
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
        )


def line_error(
    words: NDArray[Any], digit_bits: int, bank: Any, lines: Ladder, line: Line, rows: int
) -> LineError:
    """The error of one row block for a batch of inputs.

    Args:
        words: (vectors, phases, monomials, words) input monomials of the block.
        bank: `matrix.Bank` of the cells; lanes that fill up a strip count as columns of level
            zero.
        rows: inputs of the block.
    """
    pulses = pulse_planes(words, digit_bits)
    found = _found(pulses, bank, lines)
    exact = _exact(pulses, bank, lines, line, rows)
    off = found - exact
    return LineError(
        conversions=off.size,
        lost_mean=float(exact.mean()),
        lost_max=float(exact.max()),
        error_rms=float(np.sqrt((off**2).mean())),
        error_max=float(np.abs(off).max()),
    )


def _found(pulses: NDArray[Any], bank: Any, lines: Ladder) -> FloatArray:
    """(vectors, strips, pair, phases, width) what the kernels take, in level steps."""
    strips, pairs, _, _, width = bank.planes.shape
    samples = np.empty((pairs, pulses.shape[1], width), bank.weights.dtype)
    sums, squares = np.empty_like(samples[0]), np.empty_like(samples[0])
    offsets, spared = _gated_kernels.level_zero(pulses, lines, samples)
    signs = _gated_kernels.signs_of(False, 0, samples)
    found = np.empty((pulses.shape[0], strips, *samples.shape))
    for v in range(pulses.shape[0]):
        for strip in range(strips):
            _gated_kernels.pass_strip(
                pulses[v], offsets[v], spared[v], strip, bank, lines, signs, sums, squares, samples
            )
            found[v, strip] = -samples * 2.0**-lines.fraction_bits
    return found


def _exact(pulses: NDArray[Any], bank: Any, lines: Ladder, line: Line, rows: int) -> FloatArray:
    """The same by exact ladders, cell by cell."""
    strips, pairs, _, _, width = bank.planes.shape
    vectors, phases = pulses.shape[:2]
    unit = int(lines.unit) * 2.0**-lines.fraction_bits
    levels = (_bits(bank.planes) * (bank.weights[0] * unit)[:, None, None]).sum(axis=2)
    cells = levels[..., :rows].reshape(-1, rows).T  # (rows, strips * pairs * width)
    cells = np.hstack([cells, np.zeros((rows, 1))])  # and the dummy column
    cells = np.repeat((cells + line.offset) / line.copies, line.copies, axis=0)
    lost = np.zeros((vectors * phases, cells.shape[1]))
    for number in range(pulses.shape[2]):
        driven = _bits(pulses[:, :, number])[..., :rows].reshape(vectors * phases, rows)
        driven = np.repeat(driven.astype(bool), line.copies, axis=1)
        out = np.empty_like(lost)
        _wire_kernels.ladders(np.ascontiguousarray(cells), driven, line.segment, line.end, out)
        lost += driven @ cells - out
    columns = (lost[:, :-1] - lost[:, -1:]).reshape(vectors, phases, strips, pairs, width)
    return columns.transpose(0, 2, 3, 1, 4)


def _bits(words: NDArray[Any]) -> NDArray[np.uint8]:
    """Words of rows (..., W[, width]) as bits; the planes' words lie before their lanes."""
    if words.ndim == 5:
        words = np.ascontiguousarray(words.transpose(0, 1, 2, 4, 3))
    little = words.astype(words.dtype.newbyteorder("<"), copy=False)
    octets = np.ascontiguousarray(little).view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little")
