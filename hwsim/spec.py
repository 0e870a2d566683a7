"""Specs: frozen, validated descriptions, and how they are read from YAML.

One declaration is type, check and JSON schema (pydantic).  Every mistake in a file is
one line: file, key path, what was expected, what was found.
"""

import difflib
import re
from collections.abc import Mapping
from copy import deepcopy
from enum import Enum
from functools import cache, partial
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from hwsim.errors import SpecError
from hwsim.file_memory import FileMemory

S = TypeVar("S", bound="Spec")
MAX_EXTENDS = 16


class Spec(BaseModel):
    """A frozen value; unknown keys are errors; `replace` gives a checked copy."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_enum_values=False, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads `yes` and `on` as true, which pydantic would take for 1."""
        kind: Any = cls.model_fields[str(info.field_name)].annotation
        if _holds_bool(value) and not _has_room_for_bool(kind):
            raise ValueError(f"expected no truth value (yes, on, true), found {value!r}")
        return value

    def replace(self, **changes: Any) -> Self:
        """A copy with `changes`, validated again.

        Raises:
            SpecError: a change names no field or breaks a check.
        """
        return validate(type(self), {**self.model_dump(), **changes}, type(self).__name__)

    def to_yaml(self) -> str:
        """YAML that loads back to an equal spec."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _holds_bool(value: Any) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, list | tuple) and any(map(_holds_bool, value))
    )


@cache
def _has_room_for_bool(annotation: Any) -> bool:
    """Whether a field's type allows a truth value."""
    return annotation in (bool, Any) or any(map(_has_room_for_bool, get_args(annotation)))


#: What PyYAML lets through: 2024-13-45, !!set [1], "\UFFFFFFFF", !!bool maybe, !!timestamp now.
_YAML_FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)


class _Loader(yaml.SafeLoader):
    """Safe YAML 1.1, but numbers as people write them, and no key twice.

    PyYAML reads `1e-5`, `25e-6` and `1.0e5` as strings; here they are floats.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(value)  # hexadecimal ones may have more digits than can be shown
        except _YAML_FAULTS as error:
            raise yaml.constructor.ConstructorError(
                None, None, str(error), node.start_mark
            ) from None
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # `<<: *anchor`
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$|^[-+]?\.\d[\d_]*[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


_contents: FileMemory[dict[str, Any]] = FileMemory()


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping a YAML file holds, a new one for every caller.

    A file that is as it was is not parsed again: that takes a hundred times as long as a copy.

    Raises:
        SpecError: the file is missing, unreadable, not YAML, unsafe, or not a mapping.
    """
    return deepcopy(_contents.get(path, [path], partial(_parsed, path)))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read as text: {error}") from None
    try:
        # _Loader derives from SafeLoader: tags that would build objects are refused.
        content = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, *_YAML_FAULTS) as error:
        raise SpecError(f"{path}: {_yaml_problem(error)}") from None
    except RecursionError:
        raise SpecError(f"{path}: nested too deeply") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        found = "nothing" if content is None else type(content).__name__
        raise SpecError(f"{path}: expected a mapping of named keys, found {found}")
    return content


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    return f"{where}not valid YAML here: {problem}"


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `override` put over it, mapping by mapping."""
    merged = dict(base)
    for key, value in override.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def extends_chain(
    path: Path, presets: Mapping[str, Path]
) -> tuple[tuple[Path, dict[str, Any]], ...]:
    """The files that `extends: NAME` links, the farthest ancestor first, each with its content.

    `NAME` is a preset's name or a path relative to the file that names it; the key itself is
    taken out of the contents.

    Raises:
        SpecError: a file of the chain is bad, or the chain is circular.
    """
    chain: list[tuple[Path, dict[str, Any]]] = []
    seen: list[Path] = []
    current: Path | None = path
    while current is not None:
        if current.resolve() in seen or len(seen) >= MAX_EXTENDS:
            raise SpecError(f"{path}: extends: circular through {current.name}")
        seen.append(current.resolve())
        content = read_yaml(current)
        parent = content.pop("extends", None)
        chain.append((current, content))
        current = _parent(current, parent, presets)
    return tuple(reversed(chain))


def read_extended(path: Path, presets: Mapping[str, Path]) -> dict[str, Any]:
    """The mapping of a YAML file with its chain of `extends: NAME` resolved.

    Raises:
        SpecError: a file of the chain is bad, or the chain is circular.
    """
    merged: dict[str, Any] = {}
    for _, content in extends_chain(path, presets):
        merged = merge(merged, content)
    return merged


def _parent(path: Path, name: object, presets: Mapping[str, Path]) -> Path | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise SpecError(f"{path}: extends: expected a preset's name or a file, found {name!r}")
    if name in presets:
        return presets[name]
    if name.endswith((".yaml", ".yml")):
        return path.parent / name
    raise SpecError(f"{path}: extends: {unknown(name, presets)}")


def unknown(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """`NAME is not one of a, b, c`, with a suggestion where one is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"expected one of {', '.join(names)}, found {name!r}{hint}"


def validate(kind: type[S], content: Mapping[str, Any], where: str) -> S:
    """`content` as a spec of type `kind`; `where` names the file in messages.

    Raises:
        SpecError: one line that names the first mistake and counts the others.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = _faults(error)
        first = _problem(kind, problems[0])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise SpecError(f"{where}: {first}{more}") from None


def _faults(error: ValidationError) -> list[Any]:
    """One entry per key, the innermost: a list with a wrong entry is not one too short as well.

    pydantic names the arms of a union as parts of the path; they are no keys.
    """
    found: dict[tuple[Any, ...], Any] = {}
    for problem in error.errors(include_url=False):
        path = tuple(part for part in problem["loc"] if not _is_arm(part))
        found.setdefault(path, {**problem, "loc": path})
    return [
        problem
        for path, problem in found.items()
        if not any(other[: len(path)] == path for other in found if other != path)
    ]


def _is_arm(part: str | int) -> bool:
    return isinstance(part, str) and part.endswith("]") and "[" in part


def _problem(kind: type[BaseModel], problem: Any) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    found = problem["input"]
    if problem["type"] == "extra_forbidden":
        hint = _near_key(kind, problem["loc"])
        return f"{path}: unknown key{hint}"
    if problem["type"] == "missing":
        return f"{path}: missing; it must be given"
    shown = repr(found) if not isinstance(found, dict | list) else type(found).__name__
    if len(shown) > 60:
        shown = shown[:57] + "..."
    if isinstance(found, Enum):
        shown = repr(found.value)
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    prefix = f"{path}: " if path else ""
    if problem["type"] == "value_error":
        return f"{prefix}{message}"
    if problem["type"] == "too_short":
        return f"{prefix}expected at least one entry, found none"
    for bound in problem.get("ctx", {}).values():
        if isinstance(bound, float):  # 1e-12, where pydantic writes 0.000000000001
            message = f"{message.rpartition(' ')[0]} {bound:g}"
    expected = message.replace("input should be", "expected").replace("valid tuple", "list")
    return f"{prefix}{expected}, found {shown}"


def _near_key(kind: Any, location: tuple[Any, ...]) -> str:
    """A suggestion for a misspelt key, found by walking the models along its path."""
    for part in location[:-1]:
        fields = getattr(kind, "model_fields", {})
        if part not in fields:
            return ""
        kind = _model(fields[part].annotation)
    names = list(getattr(kind, "model_fields", {}))
    near = difflib.get_close_matches(str(location[-1]), names, 1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(names)}"


def _model(annotation: Any) -> Any:
    """The model of `Model | None`; anything else as it is."""
    return next((a for a in get_args(annotation) if hasattr(a, "model_fields")), annotation)
