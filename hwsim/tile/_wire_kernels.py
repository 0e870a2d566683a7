"""Loops of `hwsim.tile.wires`: single cells, joins of small blocks, ladders."""

import numpy as np

from hwsim._jit import kernel


@kernel
def single_cells(conductance, word, bit, response):
    """response[k] (outputs, inputs), sides in the order left, right, top, bottom, of one cell.

    The cell's wires lie on its left (word ohms) and below it (bit ohms): its current is
    g (V_left - word * I_right - V_bottom - bit * I_top) / (1 + g (word + bit)).
    """
    for k in range(conductance.shape[0]):
        g, r, s = conductance[k], word[k], bit[k]
        current = g / (1 + g * (r + s))
        reach = (current, -current * r, -current * s, -current)
        for i in range(4):
            response[k, 0, i] = reach[i]
            response[k, 1, i] = -r * reach[i]
            response[k, 2, i] = s * reach[i]
            response[k, 3, i] = reach[i]
        response[k, 0, 1] += 1
        response[k, 1, 0] += 1
        response[k, 1, 1] -= r
        response[k, 2, 2] += s
        response[k, 2, 3] += 1
        response[k, 3, 2] += 1


@kernel
def join_small(first, second, met, kept, response):
    """As `wires._join_large`, by elimination with loops; m lines meet."""
    a_in, a_out, b_in, b_out = met
    a_kept_in, b_kept_in, a_kept_out, b_kept_out = kept
    m, split, upper = a_in.shape[0], a_kept_in.shape[0], a_kept_out.shape[0]
    pass_on, back = np.empty((m, m)), np.empty((m, m))
    system = np.empty((m, m + response.shape[2]))
    x = np.empty((m, response.shape[2]))
    for k in range(response.shape[0]):
        a, b, out = first[k], second[k], response[k]
        _gather(a, a_out, a_in, pass_on)
        _gather(b, b_out, b_in, back)
        x[:] = 0
        _gather(a, a_out, a_kept_in, x[:, :split])
        system[:] = 0
        _add_product(back, pass_on, -1.0, system[:, :m])
        for i in range(m):
            system[i, i] += 1
        _add_product(back, x, 1.0, system[:, m:])
        _gather(b, b_out, b_kept_in, system[:, m + split :])
        _eliminate(system)
        y = system[:, m:]
        _add_product(pass_on, y, 1.0, x)
        out[:] = 0
        _gather(a, a_kept_out, a_kept_in, out[:upper, :split])
        _gather(b, b_kept_out, b_kept_in, out[upper:, split:])
        for i in range(m):
            for j in range(upper):
                _add_scaled(y[i], a[a_kept_out[j], a_in[i]], out[j])
            for j in range(out.shape[0] - upper):
                _add_scaled(x[i], b[b_kept_out[j], b_in[i]], out[upper + j])


@kernel
def pick(blocks, rows, cols, out):
    """out[k] = blocks[k][rows][:, cols]."""
    for k in range(blocks.shape[0]):
        _gather(blocks[k], rows, cols, out[k])


@kernel
def _gather(block, rows, cols, out):
    """out = block[rows][:, cols]."""
    for i in range(rows.shape[0]):
        for j in range(cols.shape[0]):
            out[i, j] = block[rows[i], cols[j]]


@kernel
def _add_product(left, right, sign, out):
    """out += sign * left @ right."""
    for i in range(left.shape[0]):
        for h in range(left.shape[1]):
            _add_scaled(right[h], sign * left[i, h], out[i])


@kernel
def _add_scaled(row, factor, out):
    """out += factor * row."""
    for j in range(out.shape[0]):
        out[j] += factor * row[j]


@kernel
def _eliminate(system):
    """Solve (m, m + n) [matrix | right sides] in place by Gauss and Jordan with pivots."""
    m = system.shape[0]
    for p in range(m):
        best = p
        for i in range(p + 1, m):
            if abs(system[i, p]) > abs(system[best, p]):
                best = i
        scale = 1 / system[best, p]
        for j in range(p, system.shape[1]):
            held = system[p, j]
            system[p, j] = system[best, j] * scale
            if best != p:
                system[best, j] = held
        for i in range(m):
            if i != p:
                factor = system[i, p]
                for j in range(p, system.shape[1]):
                    system[i, j] -= factor * system[p, j]


@kernel
def ladders(conductance, driven, segment_ohm, end_ohm, out):
    """Conductance of every column of gated cells, seen from its end below the last row.

    conductance (rows, cols) and out (vectors, cols) float64; driven (vectors, rows) bool.
    """
    rows, cols = conductance.shape
    for v in range(out.shape[0]):
        out[v] = 0
        for i in range(rows):
            if driven[v, i]:
                for j in range(cols):
                    out[v, j] += conductance[i, j]
            ohm = segment_ohm if i < rows - 1 else segment_ohm + end_ohm
            for j in range(cols):
                out[v, j] /= 1 + ohm * out[v, j]
