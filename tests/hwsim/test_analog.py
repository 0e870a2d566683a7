"""The compiled answer of an array is that of its columns, called as C++ calls it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hwsim.cosim.analog import SIGNATURE, ArrayAnswer, interpreted, plane_words
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Precision
from tests.hwsim.test_tile import fluctuation, make_device, make_tile

FIRST, BLOCK, OUTPUTS = 7, 1, range(10, 50)


COLUMN_NOISE = {"thermal": True, "shot": True, "converter_A": 1e-7, "source": "made up for tests"}
#: What disturbs a read -> (fluctuation of the cells, noise of the bit lines).
READS = {
    "undisturbed": (None, None),
    "fluctuating": (fluctuation("relative", 0.2), None),
    "noisy": (fluctuation("absolute", 0.05), COLUMN_NOISE),
}


def made(rows: int, cell_bits: int, reads: str, **changes) -> ArrayAnswer:
    cells, noise = READS[reads]
    stream = np.random.default_rng(rows)
    tile = make_tile(rows=rows, cell_bits=cell_bits, noise=noise, **changes)
    geometry = Geometry(tile, Precision(weight_bits=6, input_bits=5, input_signed=True))
    weights = stream.integers(-31, 32, (1, 2 * rows - 3, 70))
    device = make_device(fluctuation=cells)
    converter = Converter(7, 1, converts_differences(geometry))
    matrix = ProgrammedMatrix(weights, geometry, converter, device, (5,))
    return ArrayAnswer(matrix, BLOCK, OUTPUTS, 0, rows)


def driven(rows: int, dac_bits: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Random digits as the harness packs them, and as numbers."""
    digits = np.random.default_rng(seed).integers(0, 1 << dac_bits, rows)
    digits[rows - 3 :] = 0  # the block has fewer rows than the array
    bits = (digits[None] >> np.arange(dac_bits)[:, None] & 1).astype(np.uint8)
    padded = np.pad(bits, ((0, 0), (0, 32 * plane_words(rows) - rows)))
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint32), digits


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize(("rows", "cell_bits"), [(40, 2), (250, 4)])  # words of 16 and 32 bits
@pytest.mark.parametrize(
    ("dac_bits", "encoding", "subtraction"),
    [(1, "differential", "analog"), (2, "differential", "digital"), (3, "offset", "digital")],
)
def test_the_compiled_answer_equals_the_columns_samples(
    dac_bits, encoding, subtraction, rows, cell_bits, reads
):
    answer = made(
        rows, cell_bits, reads, encoding=encoding, subtraction=subtraction, dac_bits=dac_bits
    )
    compiled = SIGNATURE(answer.function)
    python = interpreted(answer.columns, rows)
    for phase in range(3):
        packed, digits = driven(rows, dac_bits, phase)
        expected = answer.columns.samples(digits[: rows - 3], FIRST, phase).reshape(-1)
        for call, record in ((compiled, answer.record), (python, 0)):
            found = np.zeros(answer.samples, np.int32)
            call(record, packed.ctypes.data, FIRST, phase, found.ctypes.data)
            np.testing.assert_array_equal(found, expected)


def test_phase_and_vector_address_the_draws():
    answer = made(40, 2, "fluctuating", encoding="differential", subtraction="analog")
    compiled = SIGNATURE(answer.function)
    packed, _ = driven(40, 1, 0)
    seen = []
    for vector, phase in ((FIRST, 0), (FIRST, 0), (FIRST, 1), (FIRST + 1, 0)):
        found = np.zeros(answer.samples, np.int32)
        compiled(answer.record, packed.ctypes.data, vector, phase, found.ctypes.data)
        seen.append(found)
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    assert not np.array_equal(seen[0], seen[3])
