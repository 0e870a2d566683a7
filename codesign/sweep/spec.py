"""What a sweep file says: what all points share, and the axes along which they differ.

    base: {network: net.onnx, data: digits, samples: 100, arch: emt}
    grid:
      arch.tile.adc.bits: [4, 6, 8]
    sampling:
      method: sobol
      points: 16
      axes:
        design.default.read_voltage_V: {low: 0.1, high: 0.4}

An axis is a key of `base`, or with dots a key below `arch` or `design`.
"""

import difflib
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Self, Union, get_args, get_origin

from pydantic import BaseModel, Field, field_validator, model_validator

from codesign.simulation import BackendName
from hwsim.chip.spec import Arch
from hwsim.errors import SpecError
from hwsim.spec import Spec, read_yaml, validate
from hwsim.tile.spec import Engine
from hwsim.units import Ratio
from mapping.design import Design

MAX_POINTS = 100_000
#: Keys of a point that hold keys of their own.
NESTED: dict[str, type[Spec]] = {"arch": Arch, "design": Design}

Content = str | dict[str, Any]  # a preset's name or a file, or what a file would say


class Method(Enum):
    """How points are drawn (scipy.stats.qmc, numpy)."""

    RANDOM = "random"  # independent, uniform
    LATIN_HYPERCUBE = "latin_hypercube"  # every axis in as many equal parts as there are points
    SOBOL = "sobol"  # scrambled sequence of low discrepancy


class Scale(Enum):
    """How a range is filled."""

    LINEAR = "linear"
    LOG = "log"  # equal ratios; low must be positive


class Range(Spec):
    """Numbers from `low` to `high`, in the unit of their key."""

    low: Ratio
    high: Ratio
    scale: Scale = Scale.LINEAR
    whole: bool = False  # integers, both ends among them

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"expected low below high, found {self.low:g} and {self.high:g}")
        if self.scale is Scale.LOG and self.low <= 0:
            raise ValueError(f"low: expected a positive number on a log scale, found {self.low:g}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"expected whole ends, found {self.low:g} and {self.high:g}")
        return self


Choices = Annotated[tuple[Any, ...], Field(min_length=1)]


class Sampling(Spec):
    """Points drawn from the product of axes; each a range, or values to choose from."""

    method: Method
    points: Annotated[int, Field(ge=1, le=MAX_POINTS)]
    axes: Annotated[dict[str, Range | Choices], Field(min_length=1)]


class PointSettings(Spec):
    """What a simulation is asked, in files' words; files are relative to the sweep's file.

    A mapping under `arch` or `design` is what a file would say.
    """

    network: str | None = None  # ONNX; missing only where it is an axis
    data: str  # as `--data` takes it
    samples: Annotated[int, Field(ge=1)] | None = None
    device_samples: Annotated[int, Field(ge=1, le=10_000)] = 3
    engine: Engine = Engine.MOMENTS
    backend: BackendName = BackendName.NUMBA
    arch: Content = "emt"
    design: Content | None = None
    scheme: str | None = None
    tiles: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] | None = None  # None: the command line's


class SweepSpec(Spec):
    """A sweep: every combination of `grid`, and of each with every drawn point of `sampling`."""

    #: Of the folder of results; of the file where it is empty.
    name: str = ""
    description: str = ""
    base: PointSettings
    grid: dict[str, Choices] = Field(default_factory=dict)
    sampling: Sampling | None = None

    @field_validator("name")
    @classmethod
    def _name_is_a_folder(cls, name: str) -> str:
        if name.startswith(".") or "/" in name:
            raise ValueError(f"expected the name of a folder, found {name!r}")
        return name

    @model_validator(mode="after")
    def _axes_are_keys(self) -> Self:
        drawn = {} if self.sampling is None else self.sampling.axes
        if not self.grid and not drawn:
            raise ValueError("grid, sampling: expected at least one axis, found none")
        for where, keys in (("grid", self.grid), ("sampling.axes", drawn)):
            for key in keys:
                _check_key(key, f"{where}.{key}")
        for key in drawn:
            if key in self.grid:
                raise ValueError(f"sampling.axes.{key}: expected each axis once, found it in grid")
        if self.base.network is None and "network" not in self.axes:
            raise ValueError("base.network: missing; it must be given, here or as an axis")
        return self

    @property
    def axes(self) -> tuple[str, ...]:
        """Keys that differ between points."""
        return (*self.grid, *(() if self.sampling is None else self.sampling.axes))


def load_sweep(file: Path) -> SweepSpec:
    """The sweep of a YAML file.

    Raises:
        SpecError: one line that names file, key, what was expected and found.
    """
    spec = validate(SweepSpec, read_yaml(file), str(file))
    return spec if spec.name else spec.replace(name=file.stem)


def _check_key(key: str, where: str) -> None:
    """Refuse an axis that is no key of a point, whatever its values."""
    first, *rest = key.split(".")
    _known(first, PointSettings, where)
    kind: Any = NESTED.get(first)
    for place, part in enumerate(rest):
        if kind is None:
            raise ValueError(f"{where}: {part}: unknown key; nothing lies below it")
        if get_origin(kind) is dict:  # names of layers have dots of their own: the knob is last
            _, kind = get_args(kind)
            if len(rest) - place > 1:
                _known(rest[-1], kind, where)
            return
        kind = _below(_known(part, kind, where))


def _known(part: str, kind: type[BaseModel], where: str) -> Any:
    """The annotation of a field."""
    fields = kind.model_fields
    if part not in fields:
        near = difflib.get_close_matches(part, fields, 1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
        raise ValueError(f"{where}: {part}: unknown key; {hint}")
    return fields[part].annotation


def _below(annotation: Any) -> Any:
    """The spec or mapping that an annotation allows; None: a plain value."""
    joined = get_origin(annotation) in (Union, UnionType)
    for option in get_args(annotation) if joined else (annotation,):
        if get_origin(option) is dict or (isinstance(option, type) and issubclass(option, Spec)):
            return option
    return None


def nested_keys(key: str) -> tuple[str, ...]:
    """The path of an axis below its first part; a layer's name is one step.

    Raises:
        SpecError: never for an axis of a `SweepSpec`.
    """
    first, *rest = key.split(".")
    if first == "design" and rest[:1] == ["layers"] and len(rest) > 2:
        return ("layers", ".".join(rest[1:-1]), rest[-1])
    if first not in NESTED and rest:
        raise SpecError(f"{key}: unknown key; nothing lies below {first}")
    return tuple(rest)
