"""Labelled images for accuracy: read from common files, checked, prepared as network inputs."""

from codesign.datasets.dataset import Dataset, load_dataset
from codesign.datasets.description import DataDescription, DataName, Split, read_description

__all__ = [
    "DataDescription",
    "DataName",
    "Dataset",
    "Split",
    "load_dataset",
    "read_description",
]
