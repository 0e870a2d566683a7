"""One weight matrix programmed on its arrays, and its matrix-vector products.

    y[j] = sum_i W[i, j] x[i], read phase by phase, slice by slice, row block by row block:
    code = clip(floor(A / lsb + 1/2), low, high),  A = sum_i x_t[i] g_s[i, j]
    y[j] = sum over blocks, phases, slices, columns of the pair of sign * code << shifts

With an ideal device and a range in which nothing clips or rounds, y is the integer product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from hwsim.device.spec import Device, Scenario
from hwsim.errors import MappingError
from hwsim.tile import _kernels, _telegraph_kernels
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.converter_errors import NO_ERRORS, ConverterErrors
from hwsim.tile.disturbance import FRACTION_BITS, Noise, Telegraph
from hwsim.tile.dummy import NO_DUMMY, DummyReads
from hwsim.tile.encoding import (
    Levels,
    encode,
    heavy_columns,
    phase_weights,
    slice_weights,
    weight_offset,
)
from hwsim.tile.gated import read_block
from hwsim.tile.geometry import Geometry, ceil_div
from hwsim.tile.line_error import BlockLines, LineError
from hwsim.tile.planes import digit_planes, unsigned
from hwsim.tile.programming import ProgrammedCopy, Programming, StuckLevels
from hwsim.tile.spec import Engine

IntArray = NDArray[np.int64]
_WORK_BYTES = 1 << 20  # accumulators of one pass: about the second-level cache


class AdcWords(NamedTuple):
    """The converter in the kernels' integer type."""

    half: Any
    shift: Any
    low: Any
    high: Any
    subtract: bool
    errors: ConverterErrors
    dummy: DummyReads


@dataclass(frozen=True)
class _Block:
    """One row block: what its arrays hold and how its codes are folded."""

    rows: slice
    copies: tuple[ProgrammedCopy, ...]  # those that are converted by themselves
    lane_scales: IntArray  # (converted columns of a pair, L)
    input_scales: IntArray  # (outputs,) what one unit of the block's input sum adds
    offset_scales: IntArray  # (outputs,) and of all groups' inputs, 2^FRACTION_BITS times


@dataclass(frozen=True)
class Products:
    """Results of a batch and what it took."""

    values: IntArray  # (vectors, outputs), the sum over digitally averaged copies
    row_pulses: IntArray  # (rows,) unit pulses driven on each input
    row_swings: IntArray  # (rows,) digits that are not 0: how often each input's line is charged


@final
class ProgrammedMatrix:
    """A matrix of one layer (or of groups packed block-diagonally) on its arrays.

    Attributes:
        groups: matrices that share the arrays block-diagonally.
        outputs: columns of results, all groups.
        row_levels: (slices, rows) int64, sum of the stored levels along each word line, one copy.
    """

    def __init__(
        self,
        weights: NDArray[np.integer[Any]],
        geometry: Geometry,
        converter: Converter,
        device: Device | None = None,
        place: Sequence[int] = (0,),
        engine: Engine = Engine.MOMENTS,
        scenario: Scenario = Scenario(),  # noqa: B008  frozen
        stuck: StuckLevels | None = None,
    ) -> None:
        """Program the cells.

        Args:
            weights: (groups, rows, outputs) integers; groups share arrays block-diagonally.
            geometry: how integers are cut.
            converter: range of the conversions.
            device: the cell; None for an ideal one.
            place: address of this matrix (seed, device sample, layer, ...): fixes every draw.
            engine: how fresh fluctuation is drawn.
            scenario: age and temperature.
            stuck: (redundancy, groups, columns of a pair, slices, rows, outputs) level at which
                a cell is stuck, -1 where it is not.
        Raises:
            MappingError: a weight does not fit its bits.
        """
        self.geometry = geometry
        self.converter = converter
        self.groups = weights.shape[0]
        self._phase_scales = phase_weights(geometry)
        self._cells = Programming.of(
            geometry, converter, device, engine, scenario, stuck is not None
        )
        levels = _block_diagonal([encode(w, geometry) for w in weights])
        self.outputs = levels.shape[3]
        self.row_levels = np.zeros((levels.shape[1], levels.shape[2]), np.int64)
        step = geometry.inputs_per_array
        if self.groups > 1 and levels.shape[2] > step:
            raise MappingError(f"{self.groups} packed groups exceed the {step} inputs of an array")
        self._lane_type = self._cells.lane_type(min(levels.shape[2], step))
        held = None if stuck is None else np.stack([_block_diagonal(list(s), -1) for s in stuck])
        self._blocks = tuple(
            self._program(levels, held, slice(start, start + step), (*place, index))
            for index, start in enumerate(range(0, levels.shape[2], step))
        )

    @property
    def copies(self) -> int:
        """Copies whose codes are summed: results are this many times the product."""
        return self.geometry.array_copies

    def programmed(self, block: int, copy: int = 0) -> ProgrammedCopy:
        """What the arrays of one row block hold."""
        return self._blocks[block].copies[copy]

    @property
    def row_blocks(self) -> int:
        """Row blocks whose partial sums are added."""
        return len(self._blocks)

    def block_rows(self, block: int) -> slice:
        """The rows of one row block."""
        return self._blocks[block].rows

    def flipped(self, block: int) -> NDArray[np.bool_]:
        """(slices, outputs) columns of a row block that are stored complemented."""
        scales = self._blocks[block].lane_scales[0].reshape(-1, self.outputs)
        flips: NDArray[np.bool_] = (scales < 0) != (slice_weights(self.geometry)[0][:, None] < 0)
        return flips

    def multiply(self, codes: NDArray[np.int16], first: int = 0) -> Products:
        """Products of a batch of input vectors.

        Args:
            codes: (vectors, groups * rows) integers of the precision's input bits.
            first: number of the first vector in the run: the address of its reads.
        Returns:
            values (vectors, groups * outputs); results of copies averaged digitally are summed.
        """
        values = np.zeros((codes.shape[0], self.outputs), np.int64)
        size = self._vectors_per_pass()
        for start in range(0, codes.shape[0], size):
            stop = start + size
            for block in self._blocks:
                self._read(codes[start:stop, block.rows], block, first + start, values[start:stop])
        return Products(values, *self.row_drive(codes))

    def column_sum_histogram(self, codes: NDArray[np.int16]) -> IntArray:
        """(bound + 1,) how often each magnitude of an undisturbed column sum occurs for `codes`.

        Where lines have resistance, of what they let through, rounded up.
        """
        rows = min(self.row_levels.shape[1], self.geometry.inputs_per_array)
        unflipped = rows * self.geometry.max_level * self.geometry.max_digit
        counts = np.zeros(unflipped + 1, np.int64)
        difference = converts_differences(self.geometry)
        for block in self._blocks:
            words, lines = self._pack(codes[:, block.rows]), self._block_lines(block)
            if lines is not None:
                lines.count(words, difference, counts)
            else:
                bank, lanes = block.copies[0].bank, block.lane_scales.shape[1]
                _kernels.histogram_block(words, bank, difference, lanes, counts)
        return counts

    def line_error(self, codes: NDArray[np.int16]) -> LineError:
        """How far the column sums of `codes` behind their lines are from the exact ones.

        Raises:
            MappingError: the lines have no resistance, or the cells no conductance.
        """
        errors = []
        for block in self._blocks:
            lines = self._block_lines(block)
            if lines is None:
                raise MappingError("tile.wires: expected resistances and a device, found none")
            errors.append(lines.error(self._pack(codes[:, block.rows])))
        return LineError.joined(errors)

    def _block_lines(self, block: _Block) -> BlockLines | None:
        """A block's columns in the first copy behind their lines; None: without resistance."""
        held, line = block.copies[0], self._cells.line
        if held.lines is None or line is None:
            return None
        rows, lanes = block.rows.stop - block.rows.start, block.lane_scales.shape[1]
        bits = self.geometry.tile.dac_bits
        return BlockLines(held.bank, held.lines, line, bits, rows, lanes)

    def _read(self, codes: NDArray[np.int16], block: _Block, first: int, values: IntArray) -> None:
        """Add one row block's part of the products to `values`."""
        words = self._pack(codes)
        converted = block.lane_scales.shape[0]
        strips, _, _, _, width = block.copies[0].bank.planes.shape
        acc = np.empty((codes.shape[0], strips, converted, width), np.int32)
        for copy in block.copies:
            if copy.lines is not None:
                adc = self._adc_words(self._lane_type, copy.lines.fraction_bits)
                if copy.noise is not None:
                    adc = self._adc_words(np.int32, _kernels.SAMPLE_BITS, copy.errors)
                dac_bits, scales = self.geometry.tile.dac_bits, self._phase_scales
                read_block(words, dac_bits, copy, copy.lines, adc, scales, first, acc)
            elif copy.noise is None:
                adc = self._adc_words(self._lane_type, self.fraction_bits)
                _kernels.ideal_block(words, copy.bank, adc, self._phase_scales, acc)
            else:
                adc = self._adc_words(np.int32, _kernels.SAMPLE_BITS, copy.errors)
                if copy.dummy is not None:
                    adc = adc._replace(dummy=copy.dummy.read(words, first))
                self._noisy_kernel(copy.noise)(
                    words, copy.bank, copy.noise, adc, self._phase_scales, copy.key, first, acc
                )
            _kernels.fold_block(acc, block.lane_scales, values)
        if block.input_scales.any():
            sums = codes.reshape(codes.shape[0], self.groups, -1).sum(axis=2, dtype=np.int64)
            per_output = np.repeat(sums, self.outputs // self.groups, axis=1)
            values += self.copies * block.input_scales * per_output
        if block.offset_scales.any():
            every = codes.sum(axis=1, dtype=np.int64)[:, None]
            offset = self.copies * block.offset_scales * every
            values -= (offset + (1 << FRACTION_BITS >> 1)) >> FRACTION_BITS

    def _program(
        self, levels: Levels, stuck: StuckLevels | None, rows: slice, place: tuple[int, ...]
    ) -> _Block:
        """Program one row block; levels and stuck are those of all rows."""
        geometry = self.geometry
        levels = levels[:, :, rows]
        scales = slice_weights(geometry)[:, :, None] * np.ones(levels.shape[3], np.int64)
        input_scales = np.full(levels.shape[3], -weight_offset(geometry), np.int64)
        if geometry.tile.flipped_columns and self.groups == 1:
            flip = heavy_columns(levels, geometry.max_level)
            levels = np.where(flip[:, :, None, :], geometry.max_level - levels, levels)
            input_scales += (scales * flip * geometry.max_level).sum(axis=(0, 1))
            scales = np.where(flip, -scales, scales)
        self.row_levels[:, rows] = levels.sum(axis=(0, 3), dtype=np.int64)
        if converts_differences(geometry):
            scales = scales[:1]
        return _Block(
            rows=slice(rows.start, rows.start + levels.shape[2]),
            copies=tuple(
                self._cells.copy(levels, (*place, copy), self._lane_type, held)
                for copy, held in enumerate(self._stuck_per_copy(stuck, rows))
            ),
            lane_scales=scales.reshape(scales.shape[0], -1) << self.converter.shift,
            input_scales=input_scales,
            offset_scales=scales.sum(axis=(0, 1)) * self._cells.offset,
        )

    def _stuck_per_copy(
        self, stuck: StuckLevels | None, rows: slice
    ) -> Sequence[StuckLevels | None]:
        """The stuck cells of one row block, for each copy that is converted by itself."""
        if stuck is None:
            return [None] * self.copies
        return np.split(stuck[:, :, :, rows], self.copies)

    def _noisy_kernel(self, noise: Noise | Telegraph) -> Any:
        if isinstance(noise, Noise):
            return _kernels.moments_block
        return _telegraph_kernels.markov_block if self.chained else _telegraph_kernels.exact_block

    @property
    def chained(self) -> bool:
        """Whether states at successive reads are correlated."""
        return self._cells.disturbance.refresh_rate_Hz > 0

    def _pack(self, codes: NDArray[np.int16]) -> NDArray[Any]:
        """(vectors, phases, monomials, words) bit planes of the input digits."""
        word_bytes = np.dtype(self._lane_type).itemsize
        width = ceil_div(codes.shape[1], 8 * word_bytes) * word_bytes
        plane_bytes = np.empty((codes.shape[0], 8, width), np.uint8)
        _kernels.pack_bits(codes, plane_bytes)
        planes = plane_bytes.view(unsigned(self._lane_type))
        return digit_planes(planes, self.geometry)

    def row_drive(self, codes: NDArray[np.int16]) -> tuple[IntArray, IntArray]:
        """(rows,) unit pulses and (rows,) swings over all phases and vectors of a batch."""
        pulses = self._counted(_kernels.count_pulses, codes)
        if self.geometry.tile.dac_bits == 1:
            return pulses, pulses
        return pulses, self._counted(_kernels.count_swings, codes)

    def _counted(self, kernel: Any, codes: NDArray[np.int16]) -> IntArray:
        counts = np.zeros(codes.shape[1], np.int64)
        phases = self.geometry.phases
        kernel(codes, np.uint16((1 << phases.magnitude_bits) - 1), phases.bits, counts)
        if phases.signed:
            kernel(codes, np.uint16(1 << phases.magnitude_bits), 1, counts)
        return counts

    def _adc_words(
        self, lane: Any, fraction_bits: int, errors: ConverterErrors = NO_ERRORS
    ) -> AdcWords:
        """The converter for sums of type `lane` with `fraction_bits` below a level step."""
        converter = self.converter
        shift = converter.shift + fraction_bits
        largest = int(np.iinfo(lane).max)
        return AdcWords(
            half=lane((1 << shift) >> 1),
            shift=lane(shift),
            low=lane(converter.low),
            high=lane(min(converter.high, largest)),
            subtract=converts_differences(self.geometry),
            errors=errors,
            dummy=NO_DUMMY,
        )

    @property
    def fraction_bits(self) -> int:
        """Bits of the cells' values below one level step."""
        return self._cells.fraction_bits

    def _vectors_per_pass(self) -> int:
        block = self._blocks[0]
        return int(np.clip(_WORK_BYTES // (4 * block.lane_scales.size), _kernels.GROUP, 1024))


def _block_diagonal(groups: list[NDArray[Any]], off: int = 0) -> NDArray[Any]:
    """Levels (C, S, groups * rows, groups * outputs) with `off` off the diagonal."""
    if len(groups) == 1:
        return groups[0]
    pair, slices, rows, outputs = groups[0].shape
    shape = (pair, slices, rows * len(groups), outputs * len(groups))
    packed = np.full(shape, off, groups[0].dtype)
    for g, levels in enumerate(groups):
        packed[:, :, g * rows : (g + 1) * rows, g * outputs : (g + 1) * outputs] = levels
    return packed
