"""A programmed matrix whose products run through the RTL, array by array.

Row blocks and copies averaged digitally are a chain of tiles: each adds the sums of the one
before in its own accumulator.  Results, cells and draws are those of the `ProgrammedMatrix`,
bit for bit; the cycles of every array are held against `hwsim.tile.schedule`.
"""

import threading
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hwsim.cosim.analog import ArrayAnswer
from hwsim.cosim.verilated import (
    CosimulationError,
    TileRun,
    VerilatedTile,
    scheduled_cycles,
    tile_library,
)
from hwsim.errors import MappingError
from hwsim.tile.matrix import Products, ProgrammedMatrix
from hwsim.tile.schedule import mvm_interval_cycles
from hwsim.tile.spec import Encoding

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class CycleCount:
    """What tiles took: products of single arrays, cycles that the RTL counted, the schedule's."""

    products: int = 0
    rtl: int = 0
    schedule: int = 0

    def __add__(self, other: "CycleCount") -> "CycleCount":
        """Both together."""
        return CycleCount(
            self.products + other.products, self.rtl + other.rtl, self.schedule + other.schedule
        )


class Late(NamedTuple):
    """A product whose cycles are not the schedule's: its number in the run, and what differs."""

    product: int
    text: str


@final
class VerilatedMatrix:
    """One matrix on Verilated tiles; several threads may multiply at once.

    Attributes:
        row_levels: as of the programmed matrix.
        arrays: arrays that hold it, copies included.
    """

    def __init__(self, matrix: ProgrammedMatrix, where: str, *, strict: bool = True) -> None:
        """Build the tile for the matrix' geometry, or take it from the cache.

        Args:
            where: what messages call the matrix.
            strict: cycles that differ from the schedule are an error; else they are noted.
        Raises:
            MappingError: the RTL is not built for this matrix.
            MissingSimulator, BuildError: the tile cannot be built.
        """
        geometry = matrix.geometry
        if matrix.groups > 1 and geometry.tile.encoding is Encoding.OFFSET:
            raise MappingError(
                f"{where}: RTL: expected one group per array with encoding 'offset' (one sum of "
                f"inputs corrects all outputs), found {matrix.groups}"
            )
        self._matrix = matrix
        self._where = where
        self._strict = strict
        self._library = tile_library(geometry)
        step = geometry.weights_per_row
        starts = range(0, matrix.outputs, step)
        self._columns = [range(s, min(s + step, matrix.outputs)) for s in starts]
        self._links = list(product(range(matrix.row_blocks), range(matrix.copies)))
        inputs = geometry.inputs_per_array
        self._answers = {
            (outputs, block, copy): ArrayAnswer(matrix, block, outputs, copy, inputs)
            for outputs in self._columns
            for block, copy in self._links
        }
        self.row_levels = matrix.row_levels
        self.arrays = len(self._answers)
        self._lock = threading.Lock()
        self._cycles = CycleCount()
        self._late: list[Late] = []

    @property
    def cycles(self) -> CycleCount:
        """Of all products so far."""
        return self._cycles

    @property
    def late(self) -> Late | None:
        """The first product so far whose cycles are not the schedule's; None: all are."""
        return min(self._late, default=None)

    @property
    def modules(self) -> set[str]:
        """Modules of the RTL that its products go through."""
        return self._library.modules

    def multiply(self, codes: NDArray[np.int16], first: int = 0) -> Products:
        """Products of a batch; as `ProgrammedMatrix.multiply`.

        Raises:
            CosimulationError: the RTL breaks its protocol or (strict) its schedule.
        """
        values = np.empty((codes.shape[0], self._matrix.outputs), np.int64)
        with self._library.tile() as tile:
            for outputs in self._columns:
                sums = self._chain(tile, codes, outputs, first)
                values[:, outputs.start : outputs.stop] = sums[:, : len(outputs)]
        return Products(values, *self._matrix.row_drive(codes))

    def record(self, codes: NDArray[np.int16], first: int, waves: Path) -> None:
        """Products of the first array alone, with the waveforms of the whole tile in a file."""
        tile = VerilatedTile(self._library, waves)
        self._link(tile, codes, (self._columns[0], *self._links[0]), first, None)
        tile.close()

    def _chain(
        self, tile: VerilatedTile, codes: NDArray[np.int16], outputs: range, first: int
    ) -> IntArray:
        """(vectors, outputs of a tile): all row blocks and copies of some outputs."""
        partial: IntArray | None = None
        for block, copy in self._links:
            run = self._link(tile, codes, (outputs, block, copy), first, partial)
            self._count(run, first)
            partial = run.sums
        if partial is None:
            raise AssertionError("a matrix has at least one row block and one copy")
        return partial

    def _link(
        self,
        tile: VerilatedTile,
        codes: NDArray[np.int16],
        place: tuple[range, int, int],
        first: int,
        partial: IntArray | None,
    ) -> TileRun:
        """One array of a chain."""
        matrix = self._matrix
        outputs, block, _ = place
        flips = None
        if matrix.geometry.tile.flipped_columns:
            flips = matrix.flipped(block)[:, outputs.start : outputs.stop]
        shift, chain = matrix.converter.shift, partial is not None
        tile.configure(matrix.geometry, shift, chain=chain, flips=flips)
        mine = codes[:, matrix.block_rows(block)]
        return tile.run(mine, self._answers[place], len(outputs), first, partial)

    def _count(self, run: TileRun, first: int) -> None:
        vectors = len(run.finished)
        expected = scheduled_cycles(self._matrix.geometry, vectors)
        late = self._lateness(run, expected, first)
        with self._lock:
            self._cycles += CycleCount(vectors, run.cycles, expected)
            self._late += late
        if self._strict and late:
            raise CosimulationError(f"{self._where}: {late[0].text}")

    def _lateness(self, run: TileRun, expected: int, first: int) -> list[Late]:
        """What differs from the schedule in a batch whose first product has the number `first`."""
        late = []
        if run.cycles != expected:
            text = (
                f"cycles of {len(run.finished)} products: expected {expected} by the schedule, "
                f"the RTL counted {run.cycles}"
            )
            late.append(Late(first, text))
        interval = mvm_interval_cycles(self._matrix.geometry)
        apart = np.diff(run.finished)
        wrong = np.flatnonzero(apart != interval)
        if wrong.size:
            text = (
                f"cycles between two products: expected {interval} by the schedule, the RTL "
                f"took {apart[wrong[0]]}"
            )
            late.append(Late(first + 1 + int(wrong[0]), text))
        return late
