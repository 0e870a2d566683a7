"""IDX files (MNIST and sets in its form), gzipped or not.

Format: two zero bytes, a type (8: unsigned byte), the number of axes, one big-endian 32-bit
length per axis, then the bytes (http://yann.lecun.com/exdb/mnist).
"""

import gzip
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
MAX_LENGTH = 1 << 26  # of one axis; a longer one is a broken header, not a data set
READ_BYTES = 1 << 20


def read_idx_pair(
    folder: Path, train: bool, samples: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (samples, 1, rows, cols) and labels (samples,) of one split.

    Raises:
        DataError: a file is missing, cut short, not IDX, or the two do not fit together.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of IDX files, found none there")
    prefix = "train" if train else "t10k"
    image_file = _find(folder, f"{prefix}-images", "idx3-ubyte")
    label_file = _find(folder, f"{prefix}-labels", "idx1-ubyte")
    images, image_count = read_idx(image_file, 3, samples)
    labels, label_count = read_idx(label_file, 1, samples)
    if image_count != label_count:
        raise DataError(
            f"{label_file}: expected {image_count} labels, one for each image of "
            f"{image_file.name}, found {label_count}"
        )
    return images[:, None], labels.astype(np.int64)


def _find(folder: Path, stem: str, kind: str) -> Path:
    for separator in "-.":
        for suffix in ("", ".gz"):
            path = folder / f"{stem}{separator}{kind}{suffix}"
            if path.is_file():
                return path
    raise DataError(f"{folder}: expected {stem}-{kind} or {stem}-{kind}.gz, found neither")


def read_idx(path: Path, axes: int, samples: int | None) -> tuple[NDArray[np.uint8], int]:
    """The first `samples` entries of the file, and how many it holds.

    The whole file is read through, so that a cut or damaged one is noticed; only what is
    asked for is kept.

    Raises:
        DataError: as above.
    """
    try:
        with _open(path) as file:
            shape = _shape(file, path, axes)
            count = shape[0] if samples is None else min(samples, shape[0])
            entry = int(np.prod(shape[1:], dtype=np.int64))
            kept = file.read(count * entry)
            size = len(kept)
            while part := file.read(READ_BYTES):
                size += len(part)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, is it cut short? {error}") from None
    if size != shape[0] * entry:
        raise DataError(f"{path}: expected {shape[0] * entry} bytes after the header, found {size}")
    return np.frombuffer(kept, np.uint8).reshape(count, *shape[1:]), shape[0]


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    # The caller's `with` closes it.
    return gzip.open(path) if zipped else path.open("rb")  # type: ignore[return-value]


def _shape(file: IO[bytes], path: Path, axes: int) -> tuple[int, ...]:
    magic = file.read(4)
    expected = bytes((0, 0, 8, axes))
    if magic != expected:
        raise DataError(f"{path}: expected IDX magic {expected.hex()}, found {magic.hex()!r}")
    header = file.read(4 * axes)
    if len(header) != 4 * axes:
        raise DataError(f"{path}: expected a header of {axes} lengths, found the end of the file")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    if not all(0 < n <= MAX_LENGTH for n in shape) or np.prod(shape, dtype=float) > 1 << 36:
        raise DataError(f"{path}: expected lengths from 1 to {MAX_LENGTH}, found {shape}")
    return shape
