"""A NumPy archive with arrays `x` (samples first) and `y` (classes).

Images to train on and to calibrate with are `x_train` and `y_train`, where it has them.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError


class NoTrainingPartError(DataError):
    """An archive has no images to train on."""


def read_npz(
    path: Path, train: bool, samples: int | None
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """The first `samples` entries of x and y, or of x_train and y_train; no pickled objects.

    Raises:
        DataError: no such file, not an archive, cut short, or arrays that do not fit.
    """
    part = "_train" if train else ""
    x = _member(path, "x", part)
    y = _member(path, "y", part)
    if x.ndim < 2 or x.dtype.kind not in "uif":
        raise DataError(
            f"{path}: x{part}: expected numbers of shape (samples, ...), found {x.dtype} {x.shape}"
        )
    if y.dtype.kind not in "ui" or y.shape[1:] not in ((), (1,)):
        raise DataError(
            f"{path}: y{part}: expected integers of shape (samples,), found {y.dtype} {y.shape}"
        )
    if len(y) != len(x):
        raise DataError(
            f"{path}: y{part}: expected {len(x)} labels, one for each of x{part}, found {len(y)}"
        )
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{path}: x{part}: expected finite numbers, found NaN or infinity")
    if y.size and int(y.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{path}: y{part}: expected classes, found {y.max()}")
    return x[:samples], y.reshape(-1)[:samples].astype(np.int64)


def _member(path: Path, letter: str, part: str) -> NDArray[np.generic]:
    name = letter + part
    try:
        with zipfile.ZipFile(path) as archive:
            names = [Path(entry).stem for entry in archive.namelist()]
        if name not in names:
            kind = NoTrainingPartError if part else DataError
            wanted, found = f"x{part} and y{part}", ", ".join(names) or "none"
            raise kind(f"{path}: expected arrays {wanted}, found {found}")
        with np.load(path, allow_pickle=False) as stored:
            array: NDArray[np.generic] = stored[name]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, EOFError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        problem = " ".join(str(error).split())
        raise DataError(f"{path}: {name}: cannot be read as a NumPy archive: {problem}") from None
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        raise DataError(f"{path}: {name}: expected an array, found a single value")
    return array
