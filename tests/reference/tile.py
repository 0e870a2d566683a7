"""Slow twin of hwsim.tile: one matrix-vector product, written from the model's definition."""

import numpy as np

from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Encoding, Subtraction


def digits(value, bits, width, signed):
    """[(digit, signed weight)] of an integer of `bits` bits in digits of `width` bits."""
    magnitude_bits = bits - 1 if signed else bits
    raw = value % (1 << bits)
    found = []
    for shift in range(0, magnitude_bits, width):
        span = min(width, magnitude_bits - shift)
        found.append(((raw >> shift) % (1 << span), 1 << shift))
    if signed:
        found.append((raw >> (bits - 1), -(1 << (bits - 1))))
    return found


def cells(weight, geometry: Geometry):
    """[[(level, signed weight) of each slice] of each column of the pair], and the offset."""
    precision, tile = geometry.precision, geometry.tile
    bits, width = precision.weight_bits, tile.cell_bits
    if tile.encoding is Encoding.OFFSET:
        return [digits(weight + (1 << (bits - 1)), bits, width, False)], 1 << (bits - 1)
    if tile.encoding is Encoding.TWOS_COMPLEMENT:
        return [digits(weight, bits, width, True)], 0
    bits -= 1 if precision.narrow_weights else 0
    positive = digits(max(weight, 0), bits, width, False)
    negative = [(level, -w) for level, w in digits(max(-weight, 0), bits, width, False)]
    return [positive, negative], 0


def convert(total, converter: Converter):
    """floor(total / lsb + 1/2), clipped."""
    code = int(np.floor(total / 2.0**converter.shift + 0.5))
    return min(max(code, converter.low), converter.high)


def multiply(weights, codes, geometry: Geometry, converter: Converter, disturb=None, bend=None):
    """(outputs,) result of one product of (rows,) codes with (rows, outputs) weights.

    disturb(levels, x, total, block, pair, phase, slice, output) may change a column sum;
    bend(total, block, pair, phase, slice, output) what one converter sees.
    """
    rows, outputs = weights.shape
    precision, tile = geometry.precision, geometry.tile
    step = geometry.inputs_per_array
    result = [0] * outputs
    for block, start in enumerate(range(0, rows, step)):
        part = range(start, min(start + step, rows))
        x = [
            digits(int(codes[i]), precision.input_bits, tile.dac_bits, precision.input_signed)
            for i in part
        ]
        for n in range(outputs):
            held = [cells(int(weights[i, n]), geometry) for i in part]
            offset = held[0][1]
            result[n] -= offset * sum(int(codes[i]) for i in part)
            for s in range(len(held[0][0][0])):
                columns = [[h[0][c][s] for h in held] for c in range(len(held[0][0]))]
                for t in range(len(x[0])):
                    drive = [d[t][0] for d in x]
                    result[n] += _column(
                        columns,
                        drive,
                        x[0][t][1],
                        geometry,
                        converter,
                        disturb,
                        bend,
                        (block, t, s, n),
                    )
    return result


def _column(columns, drive, phase_weight, geometry, converter, disturb, bend, place):
    tile = geometry.tile
    top = (1 << tile.cell_bits) - 1
    totals, weights, corrections = [], [], []
    for pair, column in enumerate(columns):
        levels = [level for level, _ in column]
        flip = tile.flipped_columns and 2 * sum(levels) > len(levels) * top
        if flip:
            levels = [top - level for level in levels]
        total = sum(d * level for d, level in zip(drive, levels, strict=True))
        if disturb is not None:
            total = disturb(levels, drive, total, pair, *place)
        totals.append(total)
        weights.append(-column[0][1] if flip else column[0][1])
        corrections.append(column[0][1] * top * sum(drive) if flip else 0)
    if tile.encoding is Encoding.DIFFERENTIAL and tile.subtraction is Subtraction.ANALOG:
        totals, weights = [totals[0] - totals[1]], weights[:1]
    if bend is not None:
        totals = [bend(total, pair, *place) for pair, total in enumerate(totals)]
    lsb = 1 << converter.shift
    folded = sum(w * lsb * convert(a, converter) for a, w in zip(totals, weights, strict=True))
    return phase_weight * (folded + sum(corrections))
