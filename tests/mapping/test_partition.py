import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.errors import MappingError
from hwsim.peripherals.spec import Adc
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Averaging, Encoding, Precision, TileSpec
from mapping.partition import Block, Partition, partition


def tile(**changes: object) -> TileSpec:
    adc = Adc(bits=8, columns_per_adc=1)
    base = TileSpec(
        rows=16,
        cols=24,
        cell_bits=2,
        encoding=Encoding.DIFFERENTIAL,
        adc=adc,
        clock_Hz=1e9,
        read_cycles=10,
        read_voltage_V=0.2,
    )
    return base.replace(**changes)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    spec = tile(
        rows=draw(st.integers(4, 20)),
        cols=draw(st.integers(16, 40)),
        cell_bits=draw(st.integers(1, 4)),
        encoding=draw(st.sampled_from(Encoding)),
        averaging=draw(st.sampled_from(Averaging)),
    )
    precision = Precision(weight_bits=draw(st.integers(2, 8)), narrow_weights=draw(st.booleans()))
    return Geometry(spec, precision, draw(st.integers(1, 4)))


@st.composite
def grids(draw: st.DrawFn) -> Partition:
    groups = draw(st.sampled_from([1, 1, 2, 3, 7, 16]))
    rows, cols = draw(st.integers(1, 40)), draw(st.integers(1, 30))
    return partition(groups, rows, cols, draw(geometries()))


@given(grids())
def test_blocks_cover_every_weight_exactly_once(grid: Partition) -> None:
    holders = np.zeros((grid.groups, grid.rows, grid.cols), np.int64)
    for array in range(grid.arrays):
        b = grid.block(array)
        part = np.ix_(list(b.groups), list(b.rows), list(b.cols))
        holders[part] += 1
    assert (holders == 1).all()


@given(grids())
def test_no_block_is_empty_or_larger_than_its_array(grid: Partition) -> None:
    for array in range(grid.arrays):
        b = grid.block(array)
        assert 1 <= b.inputs <= grid.inputs_per_array
        assert 1 <= b.outputs <= grid.outputs_per_array


def on_arrays(grid: Partition, weight: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """The product array by array: dense arrays, zeros between packed groups, sums of rows."""
    result = np.zeros((grid.groups, grid.cols), np.int64)
    for i in range(grid.arrays):
        b = grid.block(i)
        cells = np.zeros((grid.inputs_per_array, grid.outputs_per_array), np.int64)
        lines = np.zeros(grid.inputs_per_array, np.int64)
        for p, g in enumerate(b.groups):
            down, across = p * len(b.rows), p * len(b.cols)
            own = weight[g, b.rows.start : b.rows.stop, b.cols.start : b.cols.stop]
            cells[down : down + len(b.rows), across : across + len(b.cols)] = own
            lines[down : down + len(b.rows)] = vector[g, b.rows.start : b.rows.stop]
        sums = lines @ cells
        for p, g in enumerate(b.groups):
            across = p * len(b.cols)
            result[g, b.cols.start : b.cols.stop] += sums[across : across + len(b.cols)]
    return result


@given(grids(), st.integers(0, 100))
def test_the_product_over_arrays_equals_the_untiled_product(grid: Partition, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(-127, 128, (grid.groups, grid.rows, grid.cols))
    vector = rng.integers(0, 256, (grid.groups, grid.rows))
    expected = np.einsum("gk,gkn->gn", vector, weight)
    np.testing.assert_array_equal(on_arrays(grid, weight, vector), expected)


@given(grids())
def test_sums_in_closed_form_equal_sums_over_the_blocks(grid: Partition) -> None:
    blocks = [grid.block(i) for i in range(grid.arrays)]
    assert grid.weights == sum(b.weights for b in blocks)
    assert grid.crossings == sum(b.inputs * b.outputs for b in blocks)


def test_a_matrix_that_fits_needs_one_array_and_one_weight_more_needs_two() -> None:
    assert Partition(1, 16, 3, 16, 3).arrays == 1
    assert Partition(1, 17, 3, 16, 3).arrays == 2
    assert Partition(1, 16, 4, 16, 3).arrays == 2


def test_depthwise_groups_share_an_array_as_rows_and_columns_permit() -> None:
    by_rows = Partition(groups=64, rows=9, cols=1, inputs_per_array=128, outputs_per_array=32)
    assert (by_rows.groups_per_array, by_rows.arrays) == (14, 5)
    by_cols = Partition(groups=64, rows=9, cols=4, inputs_per_array=128, outputs_per_array=32)
    assert (by_cols.groups_per_array, by_cols.arrays) == (8, 8)
    assert by_rows.block(4).groups == range(56, 64)  # the last array holds what is left


def test_groups_larger_than_an_array_are_cut_one_by_one() -> None:
    grid = Partition(groups=2, rows=20, cols=5, inputs_per_array=16, outputs_per_array=3)
    assert (grid.groups_per_array, grid.arrays) == (1, 8)
    # Row blocks fastest: the arrays whose sums are added are neighbours.
    assert grid.block(0) == Block(range(1), range(16), range(3))
    assert grid.block(1) == Block(range(1), range(16, 20), range(3))
    assert grid.block(2) == Block(range(1), range(16), range(3, 5))
    assert grid.block(4) == Block(range(1, 2), range(16), range(3))


def test_copies_averaged_in_the_array_take_its_rows() -> None:
    precision = Precision(weight_bits=5)
    analog = Geometry(tile(averaging=Averaging.ANALOG), precision, 3)
    digital = Geometry(tile(averaging=Averaging.DIGITAL), precision, 3)
    assert partition(1, 16, 6, analog).arrays == 4  # 5 inputs per array
    assert partition(1, 16, 6, digital).arrays == 1


def test_an_array_that_does_not_exist_is_named() -> None:
    with pytest.raises(IndexError, match="array: expected 0 to 3, found 4"):
        Partition(1, 20, 5, 16, 3).block(4)


def test_a_weight_wider_than_the_array_is_named() -> None:
    with pytest.raises(MappingError, match="one 8-bit weight needs 8 columns, found 4"):
        partition(1, 4, 4, Geometry(tile(cols=4), Precision()))
