"""The analog array as a function that compiled code can call: digits in, samples out.

A Verilated tile drives digits; the array answers with the samples of its bit lines.  They are
those of `hwsim.tile.columns.ArrayColumns`, by the same kernels: same cells, same draws.  The
call costs no Python (a Numba `cfunc`) but for cells that draw their states one by one and for
lines with resistance; what an array holds is handed over as a record of
addresses, so that a few compiled functions serve every array.
"""

import ctypes
from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim._jit import JIT_DISABLED
from hwsim.cosim import _kernels
from hwsim.tile.columns import ArrayColumns
from hwsim.tile.disturbance import Noise
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.planes import input_monomials

#: answer(record, digits, vector, phase, samples); pointers but for the two numbers.
SIGNATURE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
)


def plane_words(inputs: int) -> int:
    """Words (32 bits) that one bit of the digits of a tile's `inputs` inputs fills."""
    return -(-inputs // 32)


@final
class ArrayAnswer:
    """The samples of one array, for C++.

    Attributes:
        columns: the array.
        function: address of `SIGNATURE`; it holds no lock and may run in any thread.
        record: address of its first argument.
        samples: int32 numbers that it writes, in the order of `ArrayColumns.shape`.
    """

    def __init__(
        self, matrix: ProgrammedMatrix, block: int, outputs: range, copy: int, inputs: int
    ) -> None:
        """The array that holds `outputs` of one row block and copy, on a tile of `inputs`."""
        self.columns = ArrayColumns(matrix, block, outputs, copy)
        converted, count = self.columns.shape
        self.samples = converted * count
        if JIT_DISABLED or not self.columns.plain:
            self._python = SIGNATURE(interpreted(self.columns, inputs))
            self.function = ctypes.cast(self._python, ctypes.c_void_p).value or 0
            self.record = 0
            return
        self._arrays = _arrays(self.columns, matrix, outputs)
        self._record = _record(self.columns, self._arrays, inputs)
        programmed = matrix.programmed(block, copy)
        self._record["key"] = programmed.key
        self._record["width"] = programmed.bank.planes.shape[-1]
        self.record = int(self._record.ctypes.data)
        noisy = self.columns.noise is not None
        self.function = int(
            _kernels.compiled(noisy, self.columns.bank.planes.dtype.itemsize).address
        )


def interpreted(columns: ArrayColumns, inputs: int) -> Callable[..., None]:
    """The same answer by Python's interpreter: the second opinion on the compiled one."""
    digit_bits = columns.bank.weights.shape[0]
    rows = columns.bank.planes.shape[3] * columns.bank.planes.dtype.itemsize * 8
    plane_bytes = 4 * plane_words(inputs)

    def answer(_record: int, digits: int, vector: int, phase: int, samples: int) -> None:
        packed = np.frombuffer(ctypes.string_at(digits, digit_bits * plane_bytes), np.uint8)
        packed = packed.reshape(digit_bits, plane_bytes)
        bits = np.unpackbits(packed, axis=1, bitorder="little")[:, :rows].astype(np.int64)
        pulses = (bits << np.arange(digit_bits)[:, None]).sum(axis=0)
        found = np.ascontiguousarray(columns.samples(pulses, vector, phase))
        ctypes.memmove(samples, found.ctypes.data, found.nbytes)

    return answer


def _arrays(
    columns: ArrayColumns, matrix: ProgrammedMatrix, outputs: range
) -> dict[str, NDArray[Any]]:
    """Everything that the record points to."""
    slices = matrix.geometry.slices.count
    lanes = np.array([s * matrix.outputs + n for s in range(slices) for n in outputs], np.int64)
    width = matrix.programmed(0).bank.planes.shape[-1]
    arrays = dict(zip(("planes", "weights", "lanes"), columns.bank, strict=True))
    arrays["strip"] = lanes // width
    arrays["number"] = columns.addresses(0, 0)[1]
    arrays["offset"], arrays["gain"] = columns.errors.offset, columns.errors.gain
    if isinstance(columns.noise, Noise):
        arrays |= {name: getattr(columns.noise, name) for name in _kernels.NOISE}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _record(columns: ArrayColumns, arrays: dict[str, NDArray[Any]], inputs: int) -> NDArray[Any]:
    """Addresses and sizes of one array; key and width are still missing."""
    record = np.zeros((), _kernels.RECORD)
    for name, array in arrays.items():
        record[name] = array.ctypes.data
    _, record["pairs"], record["cell_planes"], record["words"], record["columns"] = (
        columns.bank.planes.shape
    )
    digit_bits = columns.bank.weights.shape[0]
    record["digit_bits"] = digit_bits
    record["monomials"] = input_monomials(digit_bits)[0].size
    record["stride"] = 4 * plane_words(inputs) // columns.bank.planes.dtype.itemsize
    record["converted"] = columns.shape[0]
    record["subtract"] = columns.subtract
    record["shift"] = columns.shift
    record["strips"] = int(arrays["strip"].max()) + 1
    record["distorted"] = len(columns.errors.offset)
    for name in _kernels.BENDS:
        record[name] = getattr(columns.errors, name)
    if isinstance(columns.noise, Noise):
        record["extras"] = columns.noise.extra_weights.size
        record["unit"], record["floor"] = columns.noise.unit, columns.noise.floor
    return record
