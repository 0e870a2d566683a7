"""One array's bit lines are the same bits as the whole row block's."""

import numpy as np
import pytest

from hwsim.device.spec import States
from hwsim.errors import MappingError
from hwsim.tile.columns import SAMPLE_BITS, ArrayColumns
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.encoding import phase_weights, slice_weights, weight_offset
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, make_device, make_tile
from tests.reference import tile as twin


@pytest.mark.parametrize("encoding", ["differential", "offset", "twos_complement"])
@pytest.mark.parametrize("subtraction", ["analog", "digital"])
@pytest.mark.parametrize(("dac_bits", "law"), [(1, "absolute"), (2, "relative"), (3, "sqrt")])
@pytest.mark.parametrize("cells", ["ideal", "fresh", "frozen", "exact"])
def test_codes_of_an_arrays_columns_fold_to_the_matrix_products(
    encoding, subtraction, dac_bits, law, cells
):
    stream = np.random.default_rng(1)
    rows, outputs, vectors = 40, 70, 3
    tile = make_tile(encoding=encoding, subtraction=subtraction, dac_bits=dac_bits)
    geometry = Geometry(tile, Precision(weight_bits=6, input_bits=5, input_signed=True))
    weights = stream.integers(-31, 32, (rows, outputs))
    codes = stream.integers(-16, 16, (vectors, rows)).astype(np.int16)
    states = States.FROZEN if cells == "frozen" else States.INDEPENDENT
    noise = None if cells == "ideal" else fluctuation(law, 0.2, states=states, duty=0.7)
    device = make_device(fluctuation=noise)
    converter = Converter(7, 1, converts_differences(geometry))
    engine = Engine.EXACT if cells == "exact" else Engine.MOMENTS
    matrix = ProgrammedMatrix(weights[None], geometry, converter, device, (5,), engine)
    expected = matrix.multiply(codes, first=11).values
    scales = slice_weights(geometry)
    found = np.zeros((vectors, outputs), np.int64)
    for block in range(2):
        part = matrix.block_rows(block)
        for picked in (range(0, 30), range(30, 70)):
            columns = ArrayColumns(matrix, block, picked)
            pairs = columns.shape[0]
            for v in range(vectors):
                for t, weight in enumerate(phase_weights(geometry)):
                    digits = np.array(
                        [twin.digits(int(code), 5, dac_bits, True)[t][0] for code in codes[v, part]]
                    )
                    samples = columns.samples(digits, 11 + v, t).reshape(pairs, -1, len(picked))
                    half = 1 << (converter.shift + SAMPLE_BITS - 1)
                    code = (samples + half) >> (converter.shift + SAMPLE_BITS)
                    code = np.clip(code, converter.low, converter.high)
                    folded = np.einsum("cs,csn->n", scales[:pairs], code) << converter.shift
                    found[v, picked.start : picked.stop] += int(weight) * folded
    found -= weight_offset(geometry) * codes.sum(axis=1, dtype=np.int64)[:, None]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("duty", [0.5, 0.8])
@pytest.mark.parametrize("subtraction", ["analog", "digital"])
def test_an_array_of_one_line_reads_it_as_the_matrix_does(subtraction, duty):
    """One output in one slice: noise still depends on its levels."""
    stream = np.random.default_rng(2)
    tile = make_tile(subtraction=subtraction, cell_bits=3)
    geometry = Geometry(tile, Precision(weight_bits=4, input_bits=4))
    device = make_device(fluctuation=fluctuation("relative", 0.3, duty=duty))
    converter = Converter(8, 0, converts_differences(geometry))
    matrix = ProgrammedMatrix(stream.integers(-7, 8, (1, 20, 3)), geometry, converter, device, (5,))
    codes = stream.integers(0, 16, 20)
    every = ArrayColumns(matrix, 0, range(3))
    for phase in range(4):
        digits = codes >> phase & 1
        together = every.samples(digits, 7, phase)
        for n in range(3):
            alone = ArrayColumns(matrix, 0, range(n, n + 1)).samples(digits, 7, phase)
            np.testing.assert_array_equal(alone[:, 0], together[:, n])


def test_arrays_of_correlated_states_are_refused():
    noise = fluctuation(states=States.MARKOV, high_dwell_s=1e-7, low_dwell_s=1e-7)
    geometry = Geometry(make_tile(), Precision())
    matrix = ProgrammedMatrix(
        np.ones((1, 4, 2), int), geometry, Converter(8, 0, False), make_device(fluctuation=noise),
        engine=Engine.EXACT,
    )  # fmt: skip
    with pytest.raises(MappingError, match=r"^states: expected none 'markov' for single arrays, "):
        ArrayColumns(matrix, 0, range(2))
