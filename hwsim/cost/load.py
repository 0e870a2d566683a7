"""Technology files read: `extends` for files, for their sections, and scaling to another node.

`extends: NAME` at the top takes another technology; under a section (`buffer: {extends: NAME}`)
it takes a component of `hwsim/cost/parts` in place of the whole section, the keys beside it put
over the component's.  `scale_to: {feature_size_m: .., supply_V: ..}` scales what the file
extends (hwsim.cost.scaling); the file's own keys are at the new node already.  A figure with a
new value needs its own source: nothing but the unit is inherited.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hwsim.chip.spec import Arch
from hwsim.cost.activity import peak_power
from hwsim.cost.area import area
from hwsim.cost.part import part
from hwsim.cost.scaling import scaled
from hwsim.cost.switch import power_switch
from hwsim.cost.technology import Technology
from hwsim.errors import SpecError
from hwsim.spec import Spec, extends_chain, unknown, validate
from hwsim.units import Metre, Volt

_TECHNOLOGIES = Path(__file__).parent / "technology"


class ScaleTo(Spec):
    """The node that a technology is scaled to."""

    feature_size_m: Annotated[Metre, Field(gt=0)]
    supply_V: Annotated[Volt, Field(gt=0)]


def technologies() -> dict[str, Path]:
    """Technology files by name."""
    return {path.stem: path for path in sorted(_TECHNOLOGIES.glob("*.yaml"))}


def load_technology(name_or_path: str | Path, where: str = "technology") -> Technology:
    """The technology of that name, or of a YAML file.

    Args:
        where: what names it, for messages.
    Raises:
        SpecError: no such technology or component; or a figure has no source or a wrong unit,
            by key; or a node lies outside the scaling rule.
    """
    known = technologies()
    if isinstance(name_or_path, str) and name_or_path in known:
        path = known[name_or_path]
    else:
        path = Path(name_or_path)
        if path.suffix not in (".yaml", ".yml"):
            raise SpecError(f"{where}: {unknown(str(name_or_path), known)}, or a YAML file")
    merged: dict[str, Any] = {}
    for file, content in extends_chain(path, known):
        target = content.pop("scale_to", None)
        if target is not None:
            merged = _scaled(merged, target, file)
        for key, section in content.items():
            if isinstance(section, dict) and "extends" in section:
                content[key] = _component(section, f"{file}: {key}")
                merged.pop(key, None)
        merged = _over(merged, content)
    return validate(Technology, merged, str(path))


def technology_of(arch: Arch) -> Technology:
    """The technology that an architecture names, with a price for all that the chip has.

    Raises:
        SpecError: as `load_technology`, or as `power_switch`; or a price is not finite, where
            its growth is a power that overflows.
    """
    technology = load_technology(arch.technology, f"{arch.name}: technology")
    power_switch(arch, technology)
    try:
        prices = [*area(arch, technology).values(), *peak_power(arch, technology).values()]
    except ArithmeticError:
        prices = [math.inf]
    if not all(map(math.isfinite, prices)):
        raise SpecError(
            f"{arch.name}: technology: expected finite prices of this chip, found figures of "
            f"{technology.name!r} that overflow"
        )
    return technology


def _scaled(below: dict[str, Any], target: object, file: Path) -> dict[str, Any]:
    if not isinstance(target, dict):
        raise SpecError(f"{file}: scale_to: expected a mapping, found {target!r}")
    if not below:
        raise SpecError(f"{file}: scale_to: expected a technology to extend, found none")
    to = validate(ScaleTo, target, f"{file}: scale_to")
    technology = validate(Technology, below, str(file))
    try:
        return scaled(technology, to.feature_size_m, to.supply_V).model_dump(mode="json")
    except SpecError as error:
        raise SpecError(f"{file}: scale_to: {error}") from None


def _component(section: dict[str, Any], where: str) -> dict[str, Any]:
    keys = dict(section)
    return _over(part(str(keys.pop("extends")), f"{where}.extends"), keys)


def _over(below: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with `keys` put over it; a new value keeps nothing of the old figure but its unit."""
    if "value" in below and "value" in keys:
        return {"unit": below.get("unit"), **keys}
    merged = dict(below)
    for key, value in keys.items():
        old = merged.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merged[key] = _over(old, value)
        else:
            merged[key] = value
    return merged
