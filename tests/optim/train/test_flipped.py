"""Columns that tiles store complemented, as training sees them."""

import numpy as np
import pytest

from hwsim.chip.load import load_arch
from hwsim.tile.encoding import encode, heavy_columns
from hwsim.tile.geometry import Geometry

torch = pytest.importorskip("torch", reason="needs the torch extra")

from optim.train.flipped import Flips, every_way, ways  # noqa: E402 - it needs torch

pytestmark = pytest.mark.torch
ISAAC = load_arch("isaac")
TILE = Geometry(ISAAC.tile, ISAAC.precision)
ROWS, OUTPUTS, BLOCK = 30, 5, 8


def levels(seed=0):
    """(slices, rows, outputs) levels of random weights."""
    weights = np.random.default_rng(seed).integers(-128, 128, (ROWS, OUTPUTS))
    return encode(weights, TILE)[0]


def by_blocks(of_levels, rows):
    """What the tile flips, row block by row block."""
    blocks = [of_levels[None, :, start : start + rows] for start in range(0, ROWS, rows)]
    heavy = [heavy_columns(block, TILE.max_level)[0] for block in blocks]
    return np.concatenate(
        [np.repeat(one[:, None], it.shape[2], 1) for one, it in zip(heavy, blocks, strict=True)], 1
    )


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("op", ["linear", "conv"])
def test_heavy_columns_are_those_of_the_tile(op, copies):
    held = levels()
    flips = Flips(TILE.max_level, (BLOCK, BLOCK // 2))
    expected = by_blocks(held, BLOCK // copies)
    assert 0 < expected.mean() < 1
    given = torch.from_numpy(held.astype(np.float32))
    axis = -1
    if op == "conv":  # (slices, out, in, kernel)
        given, axis = given.transpose(1, 2).reshape(len(held), OUTPUTS, 10, 3), 0
    flipped, stored = flips.of(given, axis, copies), flips.stored(given, axis, copies)
    assert flipped.shape == given.shape
    if op == "conv":
        flipped, stored = (x.reshape(len(held), OUTPUTS, ROWS).mT for x in (flipped, stored))
    np.testing.assert_array_equal(flipped.numpy(), expected)
    np.testing.assert_array_equal(stored, np.where(expected, TILE.max_level - held, held))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_table_of_every_way_is_that_of_the_levels_stored(sign):
    """Any function of a slice's level, for all codes, the most negative one as well."""
    codes = np.concatenate([np.arange(128), np.arange(-128, 0)])
    held = encode(codes[None], TILE)[0][:, 0]  # (slices, codes)
    of_level = np.random.default_rng(1).random((len(held), TILE.max_level + 1))
    tables = np.take_along_axis(of_level, held.astype(int), axis=1)
    found = every_way(torch.from_numpy(tables), sign).numpy().reshape(-1, 256)
    for way, row in enumerate(found):
        flipped = (way >> np.arange(len(held)))[:, None] & 1
        stored = np.where(flipped, TILE.max_level - held, held).astype(int)
        signs = np.where(flipped, sign, 1)
        expected = (signs * np.take_along_axis(of_level, stored, axis=1)).sum(axis=0)
        np.testing.assert_allclose(row, expected)


def test_ways_are_numbered_from_the_lowest_slice():
    flipped = torch.tensor([[True, False], [False, False], [True, True]])
    assert ways(flipped).tolist() == [5, 4]
