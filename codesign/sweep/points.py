"""From the values of a point to a simulation, and to the question that its result answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from codesign.simulation import Simulation
from codesign.sweep.question import question_of
from codesign.sweep.sample import Values
from codesign.sweep.spec import NESTED, PointSettings, SweepSpec, nested_keys
from hwsim.chip.load import arch_presets, extended_arch
from hwsim.chip.spec import Arch
from hwsim.errors import HwsimError, SpecError
from hwsim.spec import merge, read_yaml, validate
from mapping.design import Design
from optim.store import Question, content_key

Layers = list[dict[str, Any]]  # contents of files, each over those before it


@final
@dataclass(frozen=True)
class Task:
    """One simulation; `question` holds all that its result depends on, by content."""

    question: Question
    simulation: Simulation

    @cached_property
    def key(self) -> str:
        """The question's, in the store."""
        return content_key(self.question)


@final
@dataclass(frozen=True)
class Point:
    """A point: its task, or why there is none."""

    values: Values
    task: Task | None = None
    reason: str = ""


@final
@dataclass(frozen=True)
class Resolver:
    """Makes tasks of points."""

    spec: SweepSpec
    file: Path  # the sweep's
    seed: int

    def check_base(self) -> None:
        """Refuse a sweep whose base is wrong in itself.

        Raises:
            HwsimError: what is wrong, in one line.
        """
        base = self.spec.base.model_dump()
        first = self.spec.grid.get("network")
        if base["network"] is None and first is not None:
            base["network"] = first[0]
        if base["network"] is not None:
            try:
                self._task(base, {})
            except HwsimError as error:
                raise SpecError(f"{self.file}: base: {error}") from None

    def point(self, values: Values) -> Point:
        """The point, with the reason if it can be seen already that it cannot be simulated."""
        whole = {key: value for key, value in values.items() if "." not in key}
        below = {key: value for key, value in values.items() if "." in key}
        try:
            return Point(values, self._task({**self.spec.base.model_dump(), **whole}, below))
        except HwsimError as error:
            return Point(values, reason=str(error))

    @property
    def folder(self) -> Path:
        """That names of files are relative to."""
        return self.file.parent

    def _task(self, settings: Mapping[str, Any], below: Values) -> Task:
        asked = validate(PointSettings, settings, "point")
        if asked.network is None:
            raise SpecError("network: expected an ONNX file, found none")
        layers = {name: _layers(getattr(asked, name), below, name) for name in NESTED}
        simulation = Simulation(
            network=(self.folder / asked.network).resolve(),
            data=self._data(asked.data),
            arch=self._arch(layers["arch"]),
            design=self._design(layers["design"]),
            scheme=None if asked.scheme is None else (self.folder / asked.scheme).resolve(),
            samples=asked.samples,
            device_samples=asked.device_samples,
            backend=asked.backend,
            engine=asked.engine,
            tiles=asked.tiles,
            seed=self.seed if asked.seed is None else asked.seed,
        )
        return Task(question_of(simulation), simulation)

    def _data(self, text: str) -> str:
        """`--data`, its path seen from the sweep's file."""
        if text.endswith((".yaml", ".yml")):
            return str((self.folder / text).resolve())
        name, separator, path = text.partition(":")
        return f"{name}:{(self.folder / path).resolve()}" if path else name + separator

    def _arch(self, layers: Layers) -> Arch:
        changes = [dict(layer) for layer in layers]
        parent = changes[0].pop("extends", None)
        if not isinstance(parent, str):
            raise SpecError(f"arch.extends: expected a preset's name or a file, found {parent!r}")
        if parent not in arch_presets() and parent.endswith((".yaml", ".yml")):
            return extended_arch(self.folder / parent, changes, self.file)
        return extended_arch(parent, changes, self.file)

    def _design(self, layers: Layers) -> Design:
        content: dict[str, Any] = {}
        for layer in layers:
            own = dict(layer)
            file = own.pop("extends", None)
            content = merge(content, {} if file is None else read_yaml(self.folder / file))
            content = merge(content, own)
        return validate(Design, content, "design")


def _layers(base: Any, below: Values, name: str) -> Layers:
    """What the base says, then every changed key, those nearest to the root first."""
    first = {"extends": base} if isinstance(base, str) else dict(base or {})
    keys = sorted((key for key in below if key.partition(".")[0] == name), key=_depth)
    return [first, *(_nested(nested_keys(key), below[key]) for key in keys)]


def _depth(key: str) -> int:
    return len(nested_keys(key))


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    return dict(value)
