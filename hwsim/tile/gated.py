"""Gated cells (1T1R) behind lines with resistance, inside the bit-plane tile.

Bit line and source line of a column run side by side and end below the last row; the word
lines are gates and carry no direct current.  Cell i, of conductance g_i where its row is
driven, sees V - r * (sum over the rows between it and the end of the current through them), r
the resistance of both lines per segment.  To first order the column loses, of its conductance
y = sum g_i,

    Q = r * sum over rows i of (sum of g over rows 0..i)^2 + R y^2,  R that of both ends.

The kernels add the squares at the ends of segments of rows only (trapezoids, less what the
squares within an evenly loaded segment fall short of them) and take Q times a cubic of y: the
share that is lost of Q where the line is loaded evenly, to all orders.  A line of n rows then
lets through y f, f = tanh(q) / q, q^2 = 3 e, e = r n y / 3, and its ends y / (1 / f + R y).
`wires.gated_columns` is exact and the measure of it (`line_error`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.device.fluctuation import level_step
from hwsim.device.spec import Device
from hwsim.errors import MappingError
from hwsim.tile import _gated_kernels
from hwsim.tile._kernels import SAMPLE_BITS
from hwsim.tile.disturbance import Telegraph
from hwsim.tile.geometry import Geometry

FloatArray = NDArray[np.float64]
SEGMENT_ROWS = 32  # inputs between two squares
_TOP = 32000  # of a column's conductance and of all that is made of it, with room for rounding
_TINY = 1e-9
_LOADS = np.linspace(1 / 256, 1, 256)  # column conductances to which the cubic is fitted


class Ladder(NamedTuple):
    """One column's lines, as `_gated_kernels` read them; scalars in the lanes' type.

    A column's conductance is flow = (sum * unit >> fall) + offset of its driven rows, 15 bits.
    """

    segments: int
    words: int  # words of rows per segment
    offset: int  # G_min of a driven row, 16 fractional bits
    fraction_bits: int  # of what is let through
    unit: Any
    fall: Any
    every: Any  # weight of the squares at the ends of all segments
    last: Any  # what the square at the last end weighs more than that
    lift: Any
    curve: NDArray[Any]  # (4,) of the cubic, see `_gated_kernels._taken`
    coarse: Any


@dataclass(frozen=True)
class Line:
    """Resistances of one column times the conductance of a level step, and how it is loaded.

    segment: per row; end: of both ends; offset: G_min in level steps; copies: cells of one
    input on neighbouring rows, in whose currents' mean everything is counted.
    """

    segment: float
    end: float
    offset: float
    copies: int

    @staticmethod
    def of(device: Device, geometry: Geometry) -> "Line":
        """The lines of `geometry.tile.wires`, which must be given."""
        wires, copies = geometry.tile.wires, geometry.redundancy // geometry.array_copies
        assert wires is not None
        level = level_step(device, geometry.tile.cell_bits)
        return Line(
            segment=(wires.bit_line_ohm + wires.source_line_ohm) * level * copies,
            end=(wires.source_ohm + wires.sense_ohm) * level * copies,
            offset=device.conductance_min_S / level,
            copies=copies,
        )

    def weights(self, lengths: NDArray[np.int64]) -> tuple[float, float]:
        """Weights of the squares at the ends of all segments, and of the last one besides.

        Args:
            lengths: (segments,) inputs of each; all alike but for the last.
        """
        physical, shares = lengths * self.copies, lengths / lengths.sum()
        most, cut = physical[0], physical[0] - physical[-1]
        # Trapezoids: the last end counts half its segment; the end before it, which counts half
        # of both, is taken for the share of the whole that it has in a line loaded evenly.
        trapezoid = physical[-1] / 2 - most - cut / 2 * (1 - shares[-1]) ** 2
        within = ((1 / physical - physical) / 6 * shares**2).sum() + 0.5
        return self.segment * most, self.segment * float(trapezoid + within) + self.end

    def check(self, rows: int, conductance: float) -> None:
        """Refuse lines of which an even load of this conductance loses more than half."""
        first = self._first(rows) + self.end
        lost = float(first * conductance * self.lost_share(rows, np.array([conductance]))[0])
        if lost > 0.5:
            raise MappingError(
                f"tile.wires: expected lines that take at most half of a column's current, "
                f"found {lost:.0%} with all rows driven"
            )

    def _first(self, rows: int) -> float:
        """What the line of an evenly loaded column takes to first order, over its square."""
        physical = rows * self.copies
        return self.segment * (physical / 3 + 0.5 + 1 / (6 * physical))

    def lost_share(self, rows: int, conductance: FloatArray) -> FloatArray:
        """The loss of a column that is loaded evenly, divided by its first order Q."""
        line = self._first(rows)
        first = (line + self.end) * conductance
        root = np.sqrt(3 * line * conductance) + 1e-9
        through = 1 / (root / np.tanh(root) + self.end * conductance)
        share: FloatArray = np.where(first > 1e-6, (1 - through) / np.maximum(first, 1e-6), 1.0)
        return share


def ladder(
    line: Line, values: NDArray[np.int64], fraction_bits: int, max_digit: int, shift: int, lane: Any
) -> Ladder:
    """The lines of one row block, in the kernels' integers.

    Args:
        values: (columns of a pair, slices, rows, outputs) of the cells, in units of
            2^-fraction_bits level step; the last row lies next to the lines' ends.
        max_digit: unit pulses of a phase.
        shift: log2 of the converter's least significant bit in level steps.
        lane: the type of the kernels' sums, int16 or int32.
    Raises:
        MappingError: the lines would take more than half of the heaviest column's current; a
            cubic does not follow them there.
    """
    word_rows, rows = 8 * np.dtype(lane).itemsize, values.shape[2]
    size = max(SEGMENT_ROWS, word_rows)
    starts = np.arange(0, rows, size)
    lengths = np.minimum(size, rows - starts)
    every, last = line.weights(lengths)
    sums = np.cumsum(np.add.reduceat(values, starts, axis=2), axis=2) * 2.0**-fraction_bits
    flows = sums + (line.offset * np.cumsum(lengths))[:, None]
    # Every sum and square of the kernels is largest where all rows are driven.
    most = max(flows[:, :, -1].max(), _TINY)
    squares = max((flows**2).sum(axis=2).max(), _TINY)
    first = (every * (flows**2).sum(axis=2) + last * flows[:, :, -1] ** 2).max()
    line.check(rows, most)
    room = int(np.iinfo(lane).max) / (sums.max() * max_digit + (1 << shift))
    fits = (_TOP / most, np.sqrt(_TOP * 2**16 / squares), room, 2**SAMPLE_BITS)
    scale = _log2_floor(min(fits))
    top = most * 2.0**scale
    bits = max(scale, fraction_bits)
    reach = first * 2.0 ** (2 * scale - 32)
    gauge = _TOP / max(every, abs(last), reach, _TINY)
    lift = _log2_floor(_TOP / max(reach * gauge, 1.0))
    gain = 2.0 ** (32 - 2 * scale + bits + 16 - lift) / gauge
    cubic = np.polynomial.polynomial.polyfit(
        _LOADS, line.lost_share(rows, most * _LOADS), 3, w=_LOADS
    )
    cubic *= gain * (2**16 / top) ** np.arange(4)
    coarse = max(0, -_log2_floor(_TOP / max(np.abs(cubic).max(), 1.0)))
    return Ladder(
        segments=lengths.size,
        words=size // word_rows,
        offset=round(line.offset * 2.0 ** (scale + 16)),
        fraction_bits=bits,
        unit=lane(1 << (bits - fraction_bits)),
        fall=lane(bits - scale),
        every=lane(round(every * gauge)),
        last=lane(round(last * gauge)),
        lift=lane(lift),
        curve=np.rint(cubic / 2.0**coarse).astype(lane),
        coarse=lane(coarse),
    )


def _log2_floor(value: float) -> int:
    return int(np.floor(np.log2(value)))


def pulse_planes(words: NDArray[Any], digit_bits: int) -> NDArray[Any]:
    """The rows driven at each unit pulse of a phase: those whose digit is at least its number.

    Args:
        words: (vectors, phases, monomials, words) of `planes.digit_planes`; the first
            monomials are the digit's bits.
    Returns:
        (vectors, phases, 2^digit_bits - 1, words).
    """
    if digit_bits == 1:
        return words
    reached = [_at_least(number, words[:, :, :digit_bits]) for number in range(1, 1 << digit_bits)]
    return np.ascontiguousarray(np.stack(reached, axis=2))


def _at_least(number: int, bits: NDArray[Any]) -> NDArray[Any]:
    """Words of rows whose digit, of bits (..., digit bits, words), is at least `number` > 0."""
    top: NDArray[Any] = bits[..., -1, :]
    rest = bits[..., :-1, :]
    half = 1 << rest.shape[-2]
    if number == half:
        return top
    reached = _at_least(number % half, rest)
    words: NDArray[Any] = top & reached if number > half else top | reached
    return words


def read_block(
    words: NDArray[Any],
    digit_bits: int,
    held: Any,
    lines: Ladder,
    adc: Any,
    phase_scales: NDArray[np.int32],
    first: int,
    acc: NDArray[np.int32],
) -> None:
    """Codes of one row block behind its lines, folded over phases into `acc`.

    As the kernels of `_kernels` and `_telegraph_kernels`; held: `matrix.ProgrammedCopy`.
    """
    pulses = pulse_planes(words, digit_bits)
    if held.noise is None:
        _gated_kernels.wired_block(words, pulses, held.bank, lines, adc, phase_scales, acc)
        return
    cells = held.noise if isinstance(held.noise, Telegraph) else None
    moments = held.noise if cells is None else None
    _gated_kernels.wired_noisy_block(
        words, pulses, held.bank, lines, moments, cells, adc, phase_scales, held.key, first, acc
    )


def taken_by(
    lines: Ladder, bank: Any, words: NDArray[Any], digit_bits: int, subtract: bool
) -> NDArray[np.int32]:
    """(converted, lanes) what the lines take from the columns of one strip in one phase.

    Args:
        words: (1, monomials, words) of the phase.
    Returns:
        In units of 2^-SAMPLE_BITS level step, as `read_block` subtracts them from samples.
    """
    pairs, lanes = (1 if subtract else bank.planes.shape[1]), bank.planes.shape[-1]
    left = np.empty((1, 1, pairs, 1, lanes), bank.weights.dtype)
    _gated_kernels.pass_block(pulse_planes(words[None], digit_bits), bank, lines, subtract, 0, left)
    taken: NDArray[np.int32] = -left[0, 0, :, 0].astype(np.int32) << (
        SAMPLE_BITS - lines.fraction_bits
    )
    return taken
