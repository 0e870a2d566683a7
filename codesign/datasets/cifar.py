"""CIFAR-10 and CIFAR-100: the python batches, in a folder or in a tar archive.

A batch is a pickled dictionary: `data`, (images, 3072) bytes, red then green then blue planes
of 32x32; `labels` or `fine_labels`, a list (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from codesign.datasets.unpickle import read_batch
from hwsim.errors import DataError

CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE
MAX_BATCH_BYTES = 1 << 29
XZ_MAGIC, XZ_END = b"\xfd7zXZ\x00", b"YZ"  # https://tukaani.org/xz/xz-file-format.txt


@dataclass(frozen=True)
class Layout:
    """Where a set's images lie: batches in order, the images of each, the key of the labels."""

    folder: str
    test: tuple[str, ...]
    train: tuple[str, ...]
    train_images: int  # of each training batch
    labels: str


LAYOUTS = {
    10: Layout(
        "cifar-10-batches-py",
        ("test_batch",),
        tuple(f"data_batch_{n}" for n in range(1, 6)),
        10_000,
        "labels",
    ),
    100: Layout("cifar-100-python", ("test",), ("train",), 50_000, "fine_labels"),
}


def read_cifar(
    path: Path, classes: int, train: bool, samples: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (samples, 3, 32, 32) and labels (samples,) of one split.

    An archive is read as a stream, and only as far as the batches that are needed.

    Raises:
        DataError: a batch is missing, cut short, would run code, or is not CIFAR.
    """
    layout = LAYOUTS[classes]
    wanted = layout.train if train else layout.test
    if train and samples is not None:
        wanted = wanted[: -(-samples // layout.train_images)]
    batches: dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]] = {}
    source = _from_folder(path, layout, wanted) if path.is_dir() else _from_archive(path, wanted)
    for name, content in source:
        batches[name] = _arrays(content, layout.labels, f"{path}: {name}")
    missing = [name for name in wanted if name not in batches]
    if missing:
        raise DataError(f"{path}: expected the batch {missing[0]!r}, found no such file in it")
    images = np.concatenate([batches[name][0] for name in wanted])[:samples]
    labels = np.concatenate([batches[name][1] for name in wanted])[:samples]
    return images.reshape(-1, CHANNELS, SIDE, SIDE), labels


def _from_folder(
    path: Path, layout: Layout, wanted: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    inner = path / layout.folder
    folder = inner if inner.is_dir() else path
    for name in wanted:
        file = folder / name
        try:
            yield name, file.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}") from None


def _from_archive(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    left = set(wanted)
    try:
        _check_end(path)
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if name not in left or not member.isfile():
                    continue
                if member.size > MAX_BATCH_BYTES:
                    raise DataError(
                        f"{path}: {name}: expected a batch of at most {MAX_BATCH_BYTES} bytes, "
                        f"found {member.size}"
                    )
                file = archive.extractfile(member)
                assert file is not None
                yield name, file.read()
                left.discard(name)
                if not left:
                    return
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder") from None
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(
            f"{path}: cannot be read as a tar archive, is it cut short? {error}"
        ) from None


def _check_end(path: Path) -> None:
    """Notice a cut .xz file by its missing end: reading stops long before it."""
    with path.open("rb") as file:
        if file.read(len(XZ_MAGIC)) != XZ_MAGIC:
            return
        file.seek(-4, 2)
        end = file.read()
    if not end.endswith(XZ_END) and any(end):  # four zero bytes: padding is allowed
        raise DataError(f"{path}: expected the end of an .xz file, found it cut short")


def _arrays(
    content: bytes, label_key: str, where: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    batch = read_batch(content, where)
    images, labels = batch.get("data"), batch.get(label_key)
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise DataError(f"{where}: data: expected an array of bytes, found {_kind(images)}")
    if images.ndim != 2 or images.shape[1] != PIXELS:
        raise DataError(f"{where}: data: expected shape (images, {PIXELS}), found {images.shape}")
    integers = isinstance(labels, list) and all(type(label) is int for label in labels)
    if not integers and not isinstance(labels, np.ndarray):
        raise DataError(f"{where}: {label_key}: expected a list of integers, found {_kind(labels)}")
    try:
        classes = np.asarray(labels, np.int64)
    except OverflowError:
        raise DataError(f"{where}: {label_key}: expected classes, found huge integers") from None
    if classes.shape != (len(images),):
        raise DataError(
            f"{where}: {label_key}: expected {len(images)} labels, one for each image, "
            f"found {classes.size}"
        )
    return images, classes


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
