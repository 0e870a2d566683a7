"""What `--data` says: which set, where its files are, how pixels become network inputs."""

from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from hwsim.errors import DataError
from hwsim.spec import Spec, read_yaml, unknown, validate
from hwsim.units import Ratio


class DataName(Enum):
    """The sets that can be read."""

    DIGITS = "digits"  # UCI handwritten digits, in the package
    FASHION_MNIST = "fashion-mnist"  # IDX files, gzipped or not
    MNIST = "mnist"  # IDX files, gzipped or not
    CIFAR10 = "cifar10"  # python batches in a folder or a tar archive
    CIFAR100 = "cifar100"  # python batches in a folder or a tar archive
    NPZ = "npz"  # a NumPy archive with arrays x and y


class Split(Enum):
    """Which part of a set."""

    TEST = "test"
    TRAIN = "train"


#: Pixel value that becomes 1.0 where the description does not say otherwise.
FULL_SCALE: dict[DataName, float] = {
    DataName.DIGITS: 16.0,
    DataName.FASHION_MNIST: 255.0,
    DataName.MNIST: 255.0,
    DataName.CIFAR10: 255.0,
    DataName.CIFAR100: 255.0,
    DataName.NPZ: 1.0,
}


#: What single precision holds with room for pixels.
Scale = Annotated[Ratio, Field(gt=0, le=1e30)]
Shift = Annotated[Ratio, Field(ge=-1e30, le=1e30)]


class DataDescription(Spec):
    """x = (pixel / divide_by - mean) / std, per channel; `path` is relative to the YAML file."""

    dataset: DataName
    path: Annotated[str, Field(min_length=1)] | None = None
    split: Split = Split.TEST
    divide_by: Scale | None = None
    mean: Annotated[tuple[Shift, ...], Field(min_length=1)] = (0.0,)
    std: Annotated[tuple[Scale, ...], Field(min_length=1)] = (1.0,)

    @model_validator(mode="after")
    def _path_goes_with_files(self) -> "DataDescription":
        embedded = self.dataset is DataName.DIGITS
        if embedded and self.path is not None:
            raise ValueError("path: 'digits' lies in the package, no path must be given")
        if not embedded and self.path is None:
            raise ValueError(f"path: missing; {self.dataset.value!r} needs one")
        return self

    @property
    def full_scale(self) -> float:
        """Pixel value that becomes 1.0."""
        return FULL_SCALE[self.dataset] if self.divide_by is None else self.divide_by

    @property
    def location(self) -> Path:
        """Folder or file of the set (the package's own for `digits`)."""
        return Path("digits" if self.path is None else self.path)

    def files(self) -> list[Path]:
        """Files outside the package that images may be read from; in folders two levels deep."""
        if self.path is None:
            return []
        if not self.location.is_dir():
            return [self.location]
        found = (*self.location.glob("*"), *self.location.glob("*/*"))
        return sorted(path for path in found if path.is_file())


def read_description(text: str) -> DataDescription:
    """The description that `text` is or names: `digits`, `NAME:PATH` or a YAML file.

    Raises:
        DataError: `text` has none of these forms.
        SpecError: the YAML file is wrong.
    """
    if text.endswith((".yaml", ".yml")):
        file = Path(text)
        description = validate(DataDescription, read_yaml(file), str(file))
        if description.path is None:
            return description
        return description.replace(path=str((file.parent / description.path).resolve()))
    name, separator, path = text.partition(":")
    names = {member.value: member for member in DataName}
    if name not in names:
        raise DataError(f"--data: {unknown(name, names)}; or a YAML file")
    member = names[name]
    if member is DataName.DIGITS and separator:
        raise DataError(f"--data: expected 'digits' without a path, found {text!r}")
    if member is not DataName.DIGITS and not path:
        raise DataError(f"--data: expected {name}:PATH, found {text!r}")
    return DataDescription(dataset=member, path=path or None)
