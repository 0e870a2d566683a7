"""Partition: which weights of a layer lie on which array.  Ranges only, no weights.

A matrix (K, N) is cut into row blocks of `inputs_per_array` rows and column blocks of
`outputs_per_array` columns; the last block of each axis may be smaller.  Groups of a grouped
convolution that are smaller than an array share it, block-diagonally: each group has its own
rows and its own columns, and the cells between them stay at level zero.
"""

from dataclasses import dataclass

from hwsim.tile.geometry import Geometry, ceil_div


@dataclass(frozen=True)
class Block:
    """What one array holds: the weights (g, k, n) with g, k and n in these ranges.

    Group number p of the array (p = 0 for `groups[0]`) owns its inputs p*len(rows) .. and its
    outputs p*len(cols) ..; a pair of groups that differ has no weight in common.
    """

    groups: range
    rows: range  # of each group's K
    cols: range  # of each group's N

    @property
    def inputs(self) -> int:
        """Distinct inputs of the array."""
        return len(self.groups) * len(self.rows)

    @property
    def outputs(self) -> int:
        """Logical outputs of the array (one partial sum each)."""
        return len(self.groups) * len(self.cols)

    @property
    def weights(self) -> int:
        """Weights that the array holds."""
        return len(self.groups) * len(self.rows) * len(self.cols)


@dataclass(frozen=True)
class Partition:
    """A regular grid of blocks over `groups` matrices of `rows` x `cols`."""

    groups: int
    rows: int
    cols: int
    inputs_per_array: int
    outputs_per_array: int

    @property
    def groups_per_array(self) -> int:
        """Groups that share an array: as many as its inputs and its outputs permit."""
        fit = min(self.inputs_per_array // self.rows, self.outputs_per_array // self.cols)
        return max(1, min(fit, self.groups))

    @property
    def group_blocks(self) -> int:
        """Arrays along the groups."""
        return ceil_div(self.groups, self.groups_per_array)

    @property
    def row_blocks(self) -> int:
        """Arrays along K, whose partial sums are added."""
        return ceil_div(self.rows, self.inputs_per_array)

    @property
    def col_blocks(self) -> int:
        """Arrays along N."""
        return ceil_div(self.cols, self.outputs_per_array)

    @property
    def arrays(self) -> int:
        """Arrays that hold the layer once."""
        return self.group_blocks * self.col_blocks * self.row_blocks

    def block(self, array: int) -> Block:
        """The block of the `array`-th array, row blocks fastest, then columns, then groups.

        Raises:
            IndexError: `array` is not in 0 .. arrays - 1.
        """
        if not 0 <= array < self.arrays:
            raise IndexError(f"array: expected 0 to {self.arrays - 1}, found {array}")
        grid, row_block = divmod(array, self.row_blocks)
        group_block, col_block = divmod(grid, self.col_blocks)
        return Block(
            _part(group_block, self.groups_per_array, self.groups),
            _part(row_block, self.inputs_per_array, self.rows),
            _part(col_block, self.outputs_per_array, self.cols),
        )

    @property
    def weights(self) -> int:
        """Weights of the layer."""
        return self.groups * self.rows * self.cols

    @property
    def crossings(self) -> int:
        """Sum over arrays of inputs * outputs: weights, and the zeros between packed groups."""
        full, rest = divmod(self.groups, self.groups_per_array)
        squares = full * self.groups_per_array**2 + rest**2
        return squares * self.rows * self.cols


def _part(index: int, size: int, total: int) -> range:
    return range(index * size, min((index + 1) * size, total))


def partition(groups: int, rows: int, cols: int, geometry: Geometry) -> Partition:
    """The blocks of `groups` matrices of `rows` x `cols` weights.

    Raises:
        MappingError: not even one weight fits the array.
    """
    return Partition(groups, rows, cols, geometry.inputs_per_array, geometry.weights_per_row)
