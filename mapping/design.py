"""A design: the knobs of every layer, as YAML.

    default: {redundancy: 1}
    layers:
      conv1: {read_voltage_V: 0.3, redundancy: 2}
    tiles: 192

A layer keeps the default's value of every knob that it does not name.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from hwsim.errors import MappingError
from hwsim.spec import Spec, merge, read_yaml, validate
from hwsim.tile.spec import Knobs, TileSpec


class Design(Spec):
    """Knobs for a whole network: `layers` where a layer is named, else `default`.

    tiles: those that may be used in all, for replicas of layers that others wait for; None: what
        one replica of every layer needs, in whole clusters.
    """

    default: Knobs = Knobs()
    layers: dict[str, Knobs] = Field(default_factory=dict)
    tiles: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _layers_start_from_the_default(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        default, layers = content.get("default"), content.get("layers")
        if not isinstance(default, dict) or not isinstance(layers, dict):
            return content
        full = {
            name: merge(default, knobs) if isinstance(knobs, dict) else knobs
            for name, knobs in layers.items()
        }
        return {**content, "layers": full}

    def knobs(self, layer: str) -> Knobs:
        """The knobs of one layer."""
        return self.layers.get(layer, self.default)

    def windowed(self, windows: Mapping[str, tuple[float, ...]]) -> "Design":
        """The design with these parts of the window in the slices of the layers named."""
        if not windows:
            return self
        own = {name: self.knobs(name).replace(slice_scales=own) for name, own in windows.items()}
        return self.replace(layers=self.layers | own)


def load_design(path: Path) -> Design:
    """The design of a YAML file.

    Raises:
        SpecError: one line that names file, key, and what was expected.
    """
    return validate(Design, read_yaml(path), str(path))


def check_design(design: Design, layers: Iterable[str], tile: TileSpec, where: str) -> None:
    """Refuse a design that names what does not exist: layers, voltages, bits of converters.

    Args:
        layers: names of the network's layers.
        where: the file that the message names.
    Raises:
        MappingError: an unknown layer, a voltage that the drivers cannot make, or more bits than
            the converters have.
    """
    known = list(layers)
    for name in design.layers:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise MappingError(
                f"{where}: layers.{name}: expected a layer of the network, found {name!r}{hint}"
            )
    settings = {"default": design.default}
    settings |= {f"layers.{name}": knobs for name, knobs in design.layers.items()}
    for key, knobs in settings.items():
        voltages, volt = tile.read_voltages_V, knobs.read_voltage_V
        if volt is not None and voltages and volt not in voltages:
            listed = ", ".join(str(v) for v in voltages)
            raise MappingError(
                f"{where}: {key}.read_voltage_V: expected one of {listed}, found {volt}"
            )
        if knobs.adc_bits is not None and knobs.adc_bits > tile.adc.bits:
            raise MappingError(
                f"{where}: {key}.adc_bits: expected at most the converter's {tile.adc.bits}, "
                f"found {knobs.adc_bits}"
            )
