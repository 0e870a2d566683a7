"""A file of stuck cells: for each layer that it names, the level at which every cell is stuck.

A NumPy archive (.npz) with an array of integers per layer, of the shape (redundancy, groups,
columns of a pair, slices, rows, outputs): the layer's cells as they are programmed, least
significant slice first.  -1 is a free cell.  Cells of layers without an array are free; shares
of stuck cells in the device file are drawn among the free ones.
"""

import difflib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hwsim.errors import DataError
from hwsim.tile.programming import StuckLevels
from hwsim.tile.spec import TileSpec
from mapping.plan import LayerPlan, Plan

FaultMap = Mapping[str, StuckLevels]


def load_fault_map(path: Path, plan: Plan, tile: TileSpec) -> FaultMap:
    """The stuck cells of a file for the layers of `plan`.

    Raises:
        DataError: no archive, an unknown layer, a shape or a level that the layer's cells do
            not have.
    """
    layers = {layer.name: layer for layer in plan.layers}
    found: dict[str, StuckLevels] = {}
    for name, array in _arrays(path).items():
        if name not in layers:
            near = difflib.get_close_matches(name, layers, 1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise DataError(f"{path}: expected layers of the network, found {name!r}{hint}")
        found[name] = _checked(array, layers[name], tile, f"{path}: {name}")
    return found


def cell_shape(layer: LayerPlan, tile: TileSpec) -> tuple[int, ...]:
    """(redundancy, groups, columns of a pair, slices, rows, outputs) of a layer's cells."""
    geometry = layer.geometry(tile)
    pair, slices = geometry.tile.pair_cols, geometry.slices.count
    return (geometry.redundancy, layer.groups, pair, slices, layer.rows, layer.cols)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in stored.files}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, EOFError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        problem = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as a NumPy archive: {problem}") from None


def _checked(array: np.ndarray, layer: LayerPlan, tile: TileSpec, where: str) -> StuckLevels:
    shape = cell_shape(layer, tile)
    if array.shape != shape or array.dtype.kind not in "ui":
        raise DataError(
            f"{where}: expected integers of shape {shape} (redundancy, groups, columns of a "
            f"pair, slices, rows, outputs), found {array.dtype} {array.shape}"
        )
    top = layer.geometry(tile).max_level
    if array.size and (array.min() < -1 or array.max() > top):
        raise DataError(
            f"{where}: expected levels 0..{top}, -1 for a free cell, "
            f"found {array.min()}..{array.max()}"
        )
    return array.astype(np.int8)
