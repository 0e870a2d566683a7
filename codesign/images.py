"""The images of a simulation: those it is judged by, and those that set its ranges."""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from codesign.datasets import (
    DataDescription,
    Dataset,
    NoTrainingPartError,
    Split,
    load_dataset,
    read_description,
)
from hwsim.errors import DataError
from hwsim.file_memory import FileMemory
from mapping.network import Network

#: Images that set the ranges of codes and converters.
CALIBRATION_IMAGES = 256

_digests: FileMemory[str] = FileMemory()


@dataclass(frozen=True)
class Images:
    """calibration: (samples, *input shape) float32, and where they are from, in words."""

    test: Dataset
    calibration: NDArray[np.float32]
    calibration_source: str


def load_images(data: str, network: Network, samples: int | None, calibrate: bool) -> Images:
    """Images in the shape of the network's input.

    Args:
        data: as `--data` takes it.
        samples: test images; None: all.
        calibrate: False spares the calibration images.

    Raises:
        DataError: a file is wrong, or the images do not fit the network.
    """
    description = read_description(data)
    test = _fitted(load_dataset(description, None, samples), network)
    if not calibrate:
        return Images(test, test.images[:0], "nothing")
    calibration, source = _calibration(description, test)
    return Images(test, _fitted(calibration, network).images, source)


def images_digest(data: str, samples: int | None) -> str:
    """SHA-256 of all that `load_images` reads for these arguments, wherever the files lie.

    Files that are as they were are not read again.

    Raises:
        DataError: a file is wrong.
    """
    description = read_description(data)
    make = partial(_digest, description, samples)
    return _digests.get((description, samples), description.files(), make)


def _digest(description: DataDescription, samples: int | None) -> str:
    test = load_dataset(description, None, samples)
    calibration, source = _calibration(description, test)
    how = description.model_dump_json(exclude={"path"})
    parts = (how, test.sha256, calibration.sha256, source)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _calibration(description: DataDescription, test: Dataset) -> tuple[Dataset, str]:
    """Training images where there are any, else the first of the test images; and which."""
    name = description.dataset.value
    try:
        dataset = load_dataset(description, Split.TRAIN, CALIBRATION_IMAGES)
    except NoTrainingPartError:
        why = ""
    except DataError as error:
        why = f"; training images cannot be read: {error}"
    else:
        return dataset, f"the first {len(dataset.labels)} training images of {name}"
    dataset = load_dataset(description, None, min(CALIBRATION_IMAGES, len(test.labels)))
    return dataset, f"the first {len(dataset.labels)} of the tested images of {name}{why}"


def _fitted(dataset: Dataset, network: Network) -> Dataset:
    tensor, output = network.inputs[0], network.outputs[0]
    shape = network.shapes[output]
    if len(network.inputs) != 1 or len(network.outputs) != 1 or len(shape) != 2:
        raise DataError(
            f"{network.name}: expected one input and one output of shape (images, classes), "
            f"found inputs {', '.join(network.inputs)} and outputs "
            f"{', '.join(f'{name} {network.shapes[name]}' for name in network.outputs)}"
        )
    return dataset.fitted(network.shapes[tensor], shape[1], tensor)
