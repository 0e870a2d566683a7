"""Wire resistance: what reaches the sense ends of an array whose lines are not ideal.

A passive array is linear: I = V T.  T is found exactly, once per programmed array, by joining
blocks of cells two by two.  A block is known by what it does at its four sides,

    inputs   V of the word lines on its left, I they pass on to its right,
             I the bit lines bring in at its top, V at its bottom
    outputs  I taken in on the left, V on the right, V at the top, I given out at the bottom

in which no wire's conductance occurs, so that wires and ends of zero ohms need no special case.
Joining two blocks eliminates the lines between them (m of them, m x m equations).  The area
doubles with every join: about 60 n^3 operations for n x n cells, where the elimination row by
row (dense n x n blocks) takes 2 n^4.  Word lines are driven on the left; bit lines are sensed
below the last row.

In an array whose cells are gated by the input bits (1T1R) only driven rows connect, so the
answer depends on the bits: `gated_columns` is exact for given bits.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import MappingError
from hwsim.tile import _wire_kernels
from hwsim.tile.geometry import ceil_div
from hwsim.tile.spec import Wires

FloatArray = NDArray[np.float64]
_GRID = 12  # blocks along the longer side that are joined one by one, with their own edges
_COMPILED = 8  # cells along a side up to which compiled loops beat calls of the linear algebra


class _Side(Enum):
    LEFT = 0  # in: V of the word lines; out: I they take in
    RIGHT = 1  # in: I the word lines pass on; out: their V
    TOP = 2  # in: I the bit lines bring; out: their V
    BOTTOM = 3  # in: V of the bit lines; out: I they give


_Ports = dict[_Side, NDArray[np.int64]]


class _Blocks(NamedTuple):
    """Equal blocks: outputs = response @ inputs, and where each side's ports are."""

    response: FloatArray  # (blocks, outputs, inputs)
    inputs: _Ports
    outputs: _Ports


def transfer_matrix(conductance_S: FloatArray, wires: Wires) -> FloatArray:
    """Currents at the sense ends per volt on each word line, of a passive array.

    Args:
        conductance_S: (rows, cols) of the cells; row 0 is farthest from the sense ends, column 0
            nearest to the drivers.
        wires: `source_line_ohm` has no part in a passive array.
    Returns:
        (rows, cols) siemens: T of I = V T, exact but for rounding.
    Raises:
        MappingError: a conductance is negative or not finite, or there is no cell.
    """
    _check(conductance_S)
    rows, cols = conductance_S.shape
    side = _batched_side(max(rows, cols))
    high, wide = ceil_div(rows, side), ceil_div(cols, side)
    # Cells of zero conductance fill up the first rows and the last columns: they change nothing.
    cells = np.zeros((high * side, wide * side))
    cells[-rows:, :cols] = conductance_S
    word = np.full(cells.shape, wires.word_line_ohm)
    word[:, 0] += wires.source_ohm
    bit = np.full(cells.shape, wires.bit_line_ohm)
    bit[-1] += wires.sense_ohm
    blocks = _square_blocks(cells, word, bit, side)
    whole = _join_grid(_edged_grid(blocks, high, wide))
    below, left = whole.outputs[_Side.BOTTOM], whole.inputs[_Side.LEFT]
    transfer = whole.response[0][np.ix_(below, left)].T
    return np.ascontiguousarray(transfer[-rows:, :cols])


def read(voltages_V: FloatArray, transfer_S: FloatArray) -> FloatArray:
    """Currents (vectors, cols) in ampere of word line voltages (vectors, rows)."""
    currents: FloatArray = voltages_V @ transfer_S
    return currents


def gated_columns(conductance_S: FloatArray, driven: NDArray[np.bool_], wires: Wires) -> FloatArray:
    """Conductance (vectors, cols) of each column of a 1T1R array at its sense ends, exact.

    Bit line and source line of a column run side by side and end on the same side of the array,
    below the last row, so that only the sum of their resistances matters; the word lines are
    gates and carry no direct current.  Column current = read voltage times this conductance.

    Args:
        conductance_S: (rows, cols) of the cells.
        driven: (vectors, rows) which rows connect.
        wires: `word_line_ohm` has no part in a gated array.
    Raises:
        MappingError: a conductance is negative or not finite, or there is no cell.
    """
    _check(conductance_S)
    segment = wires.bit_line_ohm + wires.source_line_ohm
    end = wires.source_ohm + wires.sense_ohm
    out = np.empty((driven.shape[0], conductance_S.shape[1]))
    _wire_kernels.ladders(np.ascontiguousarray(conductance_S), driven, segment, end, out)
    return out


def _check(conductance_S: FloatArray) -> None:
    if conductance_S.ndim != 2 or conductance_S.size == 0:
        raise MappingError(
            f"conductance_S: expected (rows, cols) of at least one cell, "
            f"found the shape {conductance_S.shape}"
        )
    wrong = ~np.isfinite(conductance_S) | (conductance_S < 0)
    if wrong.any():
        row, col = np.argwhere(wrong)[0]
        raise MappingError(
            f"conductance_S[{row}, {col}]: expected a finite number, not negative, "
            f"found {conductance_S[row, col]}"
        )


def _batched_side(cells: int) -> int:
    """Side of the equal square blocks: a power of two, at most _GRID of them along the array."""
    side = 1
    while ceil_div(cells, side) > _GRID:
        side *= 2
    return side


def _square_blocks(cells: FloatArray, word: FloatArray, bit: FloatArray, side: int) -> _Blocks:
    """Blocks of side x side cells, all joined at once, level by level; row-major order."""
    response = np.empty((cells.size, 4, 4))
    _wire_kernels.single_cells(cells.ravel(), word.ravel(), bit.ravel(), response)
    ports = {s: np.array([s.value]) for s in _Side}
    blocks = _Blocks(response, ports, ports)
    high, wide = cells.shape
    size = 1
    while size < side:
        blocks = _join(_every_second(blocks, 0), _every_second(blocks, 1), _Side.RIGHT)
        wide //= 2
        grid = blocks.response.reshape(high // 2, 2, wide, *blocks.response.shape[1:])
        upper, lower = (
            blocks._replace(response=grid[:, half].reshape(-1, *grid.shape[3:]))
            for half in range(2)
        )
        blocks = _join(upper, lower, _Side.BOTTOM)
        high //= 2
        size *= 2
    return blocks


def _every_second(blocks: _Blocks, first: int) -> _Blocks:
    return blocks._replace(response=blocks.response[first::2])


def _edged_grid(blocks: _Blocks, high: int, wide: int) -> list[list[_Blocks]]:
    """The blocks one by one, without the ports at the edges of the array that nothing needs.

    At the edges the word lines pass no current to the right, the bit lines bring none at the
    top and are at ground below; only the voltages on the left and the currents below are asked.
    """
    grid = []
    for i in range(high):
        row = []
        for j in range(wide):
            inputs, outputs = dict(blocks.inputs), dict(blocks.outputs)
            if j == 0:
                del outputs[_Side.LEFT]
            if j == wide - 1:
                del inputs[_Side.RIGHT], outputs[_Side.RIGHT]
            if i == 0:
                del inputs[_Side.TOP], outputs[_Side.TOP]
            if i == high - 1:
                del inputs[_Side.BOTTOM]
            index = i * wide + j
            row.append(_Blocks(blocks.response[index : index + 1], inputs, outputs))
        grid.append(row)
    return grid


def _join_grid(grid: list[list[_Blocks]]) -> _Blocks:
    """One block of all, joining along the direction in which there are more."""
    while len(grid) > 1 or len(grid[0]) > 1:
        if len(grid[0]) > len(grid):
            grid = [_join_neighbours(row, _Side.RIGHT) for row in grid]
        else:
            columns = [_join_neighbours(column, _Side.BOTTOM) for column in zip(*grid, strict=True)]
            grid = [list(row) for row in zip(*columns, strict=True)]
    return grid[0][0]


def _join_neighbours(line: Sequence[_Blocks], side: _Side) -> list[_Blocks]:
    pairs = [_join(*pair, side) for pair in zip(line[::2], line[1::2], strict=False)]
    return pairs + list(line[len(pairs) * 2 :])


def _join(first: _Blocks, second: _Blocks, side: _Side) -> _Blocks:
    """Blocks of which `side` of the first meets the opposite side of the second.

    There, y = output of the second = input of the first, x = output of the first = input of the
    second; e are the other inputs:  x = A_e e_A + A_y y,  y = B_e e_B + B_x x, hence
    (1 - B_x A_y) y = B_e e_B + B_x A_e e_A, well conditioned for any passive network.
    """
    other = _Side.LEFT if side is _Side.RIGHT else _Side.TOP
    kept = tuple(
        _all_but(ports, s)
        for ports, s in (
            (first.inputs, side),
            (second.inputs, other),
            (first.outputs, side),
            (second.outputs, other),
        )
    )
    met = (first.inputs[side], first.outputs[side], second.inputs[other], second.outputs[other])
    if met[0].size < _COMPILED:
        shape = (len(first.response), kept[2].size + kept[3].size, kept[0].size + kept[1].size)
        response = np.empty(shape)
        _wire_kernels.join_small(first.response, second.response, met, kept, response)
    else:
        response = _join_large(first.response, second.response, met, kept)
    return _Blocks(
        response,
        _merged(first.inputs, second.inputs, side, other),
        _merged(first.outputs, second.outputs, side, other),
    )


def _join_large(
    first: FloatArray, second: FloatArray, met: tuple[Any, ...], kept: tuple[Any, ...]
) -> FloatArray:
    """The response (blocks, outputs, inputs) of joined pairs."""
    a_in, a_out, b_in, b_out = met
    a_kept_in, b_kept_in, a_kept_out, b_kept_out = kept
    pass_on, back = _pick(first, a_out, a_in), _pick(second, b_out, b_in)
    from_a = _pick(first, a_out, a_kept_in)
    right = np.concatenate([back @ from_a, _pick(second, b_out, b_kept_in)], axis=2)
    # Three times as fast as solving for that many right sides, and as exact: well conditioned.
    y = np.linalg.inv(np.eye(a_in.size) - back @ pass_on) @ right
    x = pass_on @ y
    inputs = a_kept_in.size
    x[:, :, :inputs] += from_a
    upper = _pick(first, a_kept_out, a_in) @ y
    upper[:, :, :inputs] += _pick(first, a_kept_out, a_kept_in)
    lower = _pick(second, b_kept_out, b_in) @ x
    lower[:, :, inputs:] += _pick(second, b_kept_out, b_kept_in)
    return np.concatenate([upper, lower], axis=1)


def _pick(blocks: FloatArray, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> FloatArray:
    """(blocks, rows, cols) of responses; three times as fast as index arrays."""
    picked = np.empty((len(blocks), rows.size, cols.size))
    _wire_kernels.pick(blocks, rows, cols, picked)
    return picked


def _all_but(ports: _Ports, side: _Side) -> NDArray[np.int64]:
    """Ports of all sides but one, in the order of the sides."""
    kept = [index for s, index in ports.items() if s is not side]
    return np.concatenate(kept) if kept else np.empty(0, np.int64)


def _merged(first: _Ports, second: _Ports, side: _Side, other: _Side) -> _Ports:
    """Where the ports of joined blocks are: the kept ones of the first, then of the second."""
    found: dict[_Side, list[NDArray[np.int64]]] = {s: [] for s in _Side}
    start = 0
    for ports, met in ((first, side), (second, other)):
        for s, index in ports.items():
            if s is not met:
                found[s].append(np.arange(start, start + index.size))
                start += index.size
    return {s: np.concatenate(parts) for s, parts in found.items() if parts}
