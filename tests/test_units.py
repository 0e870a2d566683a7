"""No figure without a unit: every float field of every spec says what it is measured in."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from hwsim.spec import Spec
from hwsim.units import Volt

PACKAGES = ("hwsim", "mapping", "optim", "codesign")


def specs() -> list[type[Spec]]:
    """Every spec of the project, found by importing every module that torch does not guard."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".train" not in module.name and ".write_" not in module.name:
                importlib.import_module(module.name)
    found: list[type[Spec]] = []
    pending = [Spec]
    while pending:
        below = pending.pop().__subclasses__()
        found += below
        pending += below
    return sorted(
        {kind for kind in found if kind.__module__.split(".")[0] in PACKAGES},
        key=lambda kind: kind.__qualname__,
    )


def numbers(schema: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    """Every JSON schema node of type number, with the name of the field it belongs to."""
    if isinstance(schema, dict):
        if schema.get("type") == "number":
            yield field, schema
        for name, below in schema.get("properties", {}).items():
            yield from numbers(below, name)
        for key in ("items", "additionalProperties"):
            yield from numbers(schema.get(key), field)
        for key in ("anyOf", "prefixItems"):
            for below in schema.get(key, ()):
                yield from numbers(below, field)


def complaints(kind: type[Spec]) -> list[str]:
    wrong = []
    for field, schema in numbers(kind.model_json_schema()):
        unit = schema.get("unit")
        if unit is None:
            wrong.append(f"{kind.__qualname__}.{field}: a bare float; use a type of hwsim.units")
        elif unit == "%":
            if "percent" not in field:
                wrong.append(f"{kind.__qualname__}.{field}: the name must say percent")
        elif unit != "1" and not field.endswith(f"_{unit}"):
            wrong.append(f"{kind.__qualname__}.{field}: the name must end in _{unit}")
    return wrong


def test_every_float_of_a_spec_has_a_unit_that_ends_its_name() -> None:
    kinds = specs()
    assert len(kinds) > 5
    assert not [line for kind in kinds for line in complaints(kind)]


def test_a_bare_float_and_a_name_without_unit_are_seen() -> None:
    class Wrong(Spec):
        gain: float = 1.0
        supply: Volt | None = None
        steps: tuple[float, ...] = ()
        supply_V: Volt = 1.0

    assert len(complaints(Wrong)) == 3
