"""Labelled images for accuracy: read from common files, checked, prepared as network inputs."""

from codesign.datasets.dataset import Dataset, load_dataset
from codesign.datasets.description import DataDescription, DataName, Split, read_description
from codesign.datasets.npz import NoTrainingPartError

__all__ = [
    "DataDescription",
    "DataName",
    "Dataset",
    "NoTrainingPartError",
    "Split",
    "load_dataset",
    "read_description",
]
