"""From a description to arrays: read, check, prepare; never more images than asked for."""

import hashlib
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from codesign.datasets.cifar import read_cifar
from codesign.datasets.description import DataDescription, DataName, Split
from codesign.datasets.idx import read_idx_pair
from codesign.datasets.npz import read_npz
from hwsim.errors import DataError

CLASSES = {
    DataName.DIGITS: 10,
    DataName.FASHION_MNIST: 10,
    DataName.MNIST: 10,
    DataName.CIFAR10: 10,
    DataName.CIFAR100: 100,
}
#: Images that are converted to float32 at a time.
CHUNK = 1000


@dataclass(frozen=True)
class Dataset:
    """Prepared network inputs and their classes, in the order of the files.

    images: (samples, channels, rows, cols) float32 (`npz`: any axes after the first);
    labels: (samples,) int64;
    where: the files, for messages;
    sha256: of the pixels and labels as read, before preparation.
    """

    name: str
    split: Split
    where: str
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    sha256: str

    def fitted(self, shape: tuple[int, ...], classes: int, tensor: str) -> "Dataset":
        """The same images in a network's input shape (batch axis first, -1 where free).

        Axes of length one may be missing or too many, and a flat input takes flat pixels.

        Raises:
            DataError: an image has another size, or a label no class in the network.
        """
        ours, theirs = self.images.shape[1:], tuple(shape[1:])
        known = [n for n in theirs if n > 0]
        same = [n for n in ours if n != 1] == [n for n in known if n != 1]
        flat = len(theirs) == 1 and known == [int(np.prod(ours))]
        if len(known) != len(theirs) or not (same or flat):
            raise DataError(
                f"{self.where}: expected images of shape {_by(theirs)} for the network's input "
                f"{tensor!r}, found {_by(ours)}"
            )
        highest = int(self.labels.max())
        if highest >= classes:
            raise DataError(
                f"{self.where}: expected labels below the network's {classes} outputs, "
                f"found {highest}"
            )
        return replace(self, images=self.images.reshape(len(self.images), *theirs))


def _by(shape: tuple[int, ...]) -> str:
    return "x".join("?" if n <= 0 else str(n) for n in shape) or "scalar"


def load_dataset(
    description: DataDescription, split: Split | None = None, samples: int | None = None
) -> Dataset:
    """The first `samples` images (all: None) of `split` (None: the description's own).

    Raises:
        DataError: a file is missing, cut short or not what it should be.
    """
    chosen = description.split if split is None else split
    pixels, labels = _read(description, chosen, samples)
    where = str(description.location)
    _check_labels(labels, CLASSES.get(description.dataset), where)
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data)
    digest.update(np.ascontiguousarray(labels).data)
    return Dataset(
        name=description.dataset.value,
        split=chosen,
        where=where,
        images=prepare(pixels, description, where),
        labels=labels,
        sha256=digest.hexdigest(),
    )


def _read(
    description: DataDescription, split: Split, samples: int | None
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    where = description.location
    match description.dataset:
        case DataName.DIGITS:
            return _read_digits(split, samples)
        case DataName.MNIST | DataName.FASHION_MNIST:
            return read_idx_pair(where, split is Split.TRAIN, samples)
        case DataName.CIFAR10:
            return read_cifar(where, 10, split is Split.TRAIN, samples)
        case DataName.CIFAR100:
            return read_cifar(where, 100, split is Split.TRAIN, samples)
        case DataName.NPZ:
            return read_npz(where, split is Split.TRAIN, samples)


def _read_digits(
    split: Split, samples: int | None
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    stored_file = files("codesign.demo").joinpath("digits.npz")
    with stored_file.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        pixels = stored[f"{split.value}_images"][:samples, None]
        return pixels, stored[f"{split.value}_labels"][:samples].astype(np.int64)


def _check_labels(labels: NDArray[np.int64], classes: int | None, where: str) -> None:
    if len(labels) == 0:
        raise DataError(f"{where}: expected at least one image, found none")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (classes is not None and high >= classes):
        below = "" if classes is None else f" and below {classes}"
        found = low if low < 0 else high
        raise DataError(f"{where}: expected labels from 0{below}, found {found}")


def prepare(
    pixels: NDArray[np.generic], description: DataDescription, where: str
) -> NDArray[np.float32]:
    """(pixel / divide_by - mean) / std in float32, per channel (axis 1).

    Raises:
        DataError: `mean` or `std` has another length than there are channels, or an input is
            beyond single precision.
    """
    channels = pixels.shape[1]
    factors = []
    for key, values in (("mean", description.mean), ("std", description.std)):
        if len(values) not in (1, channels):
            raise DataError(
                f"{where}: {key}: expected one figure for each of {channels} channels, "
                f"found {len(values)}"
            )
        column = np.asarray(values, np.float32)
        factors.append(column.reshape(-1, *[1] * (pixels.ndim - 2)))
    mean, std = factors
    scale = np.float32(description.full_scale)
    prepared = np.empty(pixels.shape, np.float32)
    for start in range(0, len(pixels), CHUNK):
        part = prepared[start : start + CHUNK]
        with np.errstate(all="ignore"):
            np.divide(pixels[start : start + CHUNK], scale, out=part, casting="unsafe")
            part -= mean
            part /= std
        if not np.isfinite(part).all():
            raise DataError(
                f"{where}: expected inputs within single precision after divide_by, mean and std, "
                f"found larger ones"
            )
    return prepared
