"""The bit lines of one physical array, phase by phase: what its converters see.

`ProgrammedMatrix` computes whole row blocks; a co-simulated tile is one array: one row block
and some of its outputs.  Its samples are the same bits: same cells, same arithmetic, same draws.
"""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import MappingError
from hwsim.rng import extend
from hwsim.tile import _kernels
from hwsim.tile._converter_kernels import distort
from hwsim.tile._telegraph_kernels import exact_strip
from hwsim.tile.converter import converts_differences
from hwsim.tile.disturbance import Noise, Telegraph
from hwsim.tile.gated import taken_by
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.planes import Bank, with_products
from hwsim.tile.spec import Compensation

SAMPLE_BITS = _kernels.SAMPLE_BITS


@final
class ArrayColumns:
    """The bit lines of the array that holds some outputs of one row block.

    Columns stand in the order (column of the pair if converted apart, slice, output).

    Attributes:
        bank, noise, errors: the array's own cells and converters, as kernels read them (one
            strip).
        subtract: whether a pair is subtracted before its conversion.
        shift: from exact sums to samples.
    """

    def __init__(self, matrix: ProgrammedMatrix, block: int, outputs: range, copy: int = 0) -> None:
        """The columns of `outputs` (positions among the matrix' outputs) in one copy.

        Raises:
            MappingError: states at successive reads are correlated, or the current of G_min is
                taken off by other than an ideal column.
        """
        held = matrix.programmed(block, copy)
        if matrix.chained:
            raise MappingError("states: expected none 'markov' for single arrays, found some")
        if matrix.geometry.tile.compensation is not Compensation.IDEAL:
            found = matrix.geometry.tile.compensation.value
            raise MappingError(
                f"tile.compensation: expected 'ideal' for single arrays, found {found!r}"
            )
        slices = range(matrix.geometry.slices.count)
        lanes = np.array([s * matrix.outputs + n for s in slices for n in outputs], np.int64)
        self.bank = _bank_of(held.bank, lanes)
        self.noise = _noise_of(held.noise, lanes) if isinstance(held.noise, Noise) else held.noise
        self.errors = held.errors.taken(lanes)
        self.subtract = converts_differences(matrix.geometry)
        self.shift = SAMPLE_BITS - matrix.fraction_bits
        self._held = held
        self._digit_bits = matrix.geometry.tile.dac_bits
        self._phases = matrix.geometry.phases.count
        self._width = held.bank.planes.shape[-1]
        self._lanes = lanes

    @property
    def shape(self) -> tuple[int, int]:
        """(columns of the pair that are converted apart, slices * outputs)."""
        return (1 if self.subtract else self.bank.planes.shape[1]), self._lanes.size

    def words(self, digits: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """(1, monomials, words) from the (rows,) digits of one phase, in unit pulses."""
        words = self.bank.planes.shape[3]
        word = self.bank.planes.dtype
        rows = np.zeros((self._digit_bits, 8 * word.itemsize * words), np.uint8)
        for u in range(self._digit_bits):
            rows[u, : digits.size] = digits >> u & 1
        return with_products(np.packbits(rows, axis=1, bitorder="little").view(word)[None])

    def addresses(self, vector: int, phase: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Key and number of the deviate of each column (C, n) in one phase of a vector."""
        strips = self._lanes // self._width
        by_strip = {strip: extend(self._held.key, vector, strip) for strip in np.unique(strips)}
        keys = np.array([by_strip[strip] for strip in strips], np.uint64)
        converted, _ = self.shape
        number = (np.arange(converted)[:, None] * self._phases + phase) * self._width
        return np.tile(keys, (converted, 1)), number + self._lanes % self._width

    def samples(
        self, digits: NDArray[np.integer[Any]], vector: int, phase: int
    ) -> NDArray[np.int32]:
        """Samples of one phase, `shape`, in units of 2^-SAMPLE_BITS level step.

        Args:
            digits: (rows,) unit pulses on each of the block's word lines.
            vector: number of the input vector in the run; with `phase` the draws' address.
        """
        out = np.empty(self.shape, np.int32)
        words = self.words(digits)
        if isinstance(self.noise, Telegraph):
            self._draw_states(words, vector, phase, out)
        elif self.noise is None:
            _kernels.sum_columns(words, self.bank, self.subtract, self.shift, out)
        else:
            keys, numbers = self.addresses(vector, phase)
            _kernels.sample_columns(words, self.bank, self.noise, self.subtract, keys, numbers, out)
        if self._held.lines is not None:
            out -= taken_by(self._held.lines, self.bank, words, self._digit_bits, self.subtract)
        distort(out[:, None], 0, self.errors)
        return out

    @property
    def plain(self) -> bool:
        """Whether samples are sums and at most Gaussian noise of its lanes alone."""
        return self._held.lines is None and not isinstance(self.noise, Telegraph)

    def _draw_states(
        self, words: NDArray[Any], vector: int, phase: int, out: NDArray[np.int32]
    ) -> None:
        """Samples in which every cell draws its state, as the whole strips of the block do."""
        bank = self._held.bank
        every = np.zeros((self._phases, *words.shape[1:]), words.dtype)
        every[phase] = words[0]
        strips, lanes = np.divmod(self._lanes, self._width)
        drawn = np.empty((self.shape[0], self._phases, self._width), np.int32)
        for strip in np.unique(strips):
            key = extend(self._held.key, vector, strip)
            exact_strip(every, strip, bank, self.noise, self.subtract, key, drawn)
            mine = strips == strip
            out[:, mine] = drawn[:, phase, lanes[mine]]


def _bank_of(bank: Bank, lanes: NDArray[np.int64]) -> Bank:
    """The bank with `lanes` alone, in one strip."""
    planes = _take(bank.planes, lanes)
    full = np.full((1, planes.shape[2]), lanes.size, np.int64)
    return Bank(planes, bank.weights, full)


def _noise_of(noise: Noise, lanes: NDArray[np.int64]) -> Noise:
    extra = _take(noise.extra, lanes)
    return noise._replace(extra=extra, extra_lanes=np.array([lanes.size], np.int64))


def _take(planes: NDArray[Any], lanes: NDArray[np.int64]) -> NDArray[Any]:
    """(1, C, P, W, lanes) of planes (strips, C, P, W, width)."""
    width = planes.shape[-1]
    picked = planes[lanes // width, :, :, :, lanes % width]  # (lanes, C, P, W)
    return np.ascontiguousarray(picked.transpose(1, 2, 3, 0)[None])
