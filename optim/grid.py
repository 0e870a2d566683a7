"""Which knobs an optimiser may turn, and how far."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, Any

from pydantic import Field

from hwsim.chip.spec import Arch
from hwsim.errors import HwsimError
from hwsim.spec import Spec
from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.knobs import device_with, tile_with
from hwsim.tile.programming import Programming
from hwsim.tile.spec import Engine, Knobs, ReadVoltage, TileSpec
from hwsim.units import Bit, Ratio

NonEmpty = Field(min_length=1)
#: Lists of which hardware may not have all values, and the knob of each.
_LIMITED = {"redundancies": "redundancy", "conductance_scales": "conductance_scale"}


class Grid(Spec):
    """Values of each knob; empty: those of the tile (its list of voltages, its own bits)."""

    read_voltages_V: tuple[ReadVoltage, ...] = ()
    redundancies: Annotated[tuple[Annotated[int, Field(ge=1, le=8)], ...], NonEmpty] = (
        *(1, 2, 3, 4, 6, 8),
    )
    adc_bits: tuple[Annotated[Bit, Field(ge=1, le=16)], ...] = ()
    conductance_scales: Annotated[tuple[Annotated[Ratio, Field(ge=1e-3, le=1)], ...], NonEmpty] = (
        0.5,
        1.0,
    )
    dac_bits: tuple[Annotated[Bit, Field(ge=1, le=4)], ...] = ()

    def on(self, arch: Arch) -> "Grid":
        """The grid with what the hardware offers where it names nothing, each in rising order.

        The converter may have up to four bits less than the tile's, a digit up to four bits;
        copies and parts of the window that cannot be had are left out.
        """
        tile, bits = arch.tile, arch.tile.adc.bits

        def offered(name: str) -> tuple[Any, ...]:
            values = sorted(getattr(self, name))
            if name in self.model_fields_set:
                return tuple(values)
            knobs = {value: Knobs(**{_LIMITED[name]: value}) for value in values}
            return tuple(v for v in values if v == 1 or refusal(arch, knobs[v]) is None)

        voltages = self.read_voltages_V or tile.read_voltages_V or (tile.read_voltage_V,)
        return Grid(
            read_voltages_V=tuple(sorted(voltages)),
            redundancies=offered("redundancies"),
            adc_bits=tuple(sorted(self.adc_bits or range(max(1, bits - 4), bits + 1))),
            conductance_scales=offered("conductance_scales"),
            dac_bits=tuple(sorted(self.dac_bits or {tile.dac_bits, 2, 4})),
        )

    def named(self) -> Iterator[tuple[str, Knobs]]:
        """Copies and parts of the window that were asked for, each by itself, with their key."""
        for name, key in _LIMITED.items():
            for value in getattr(self, name) if name in self.model_fields_set else ():
                yield name, Knobs(**{key: value})

    def copies_alone(self, tile: TileSpec) -> "Grid":
        """Redundancy alone is chosen, all else is as the tile has it."""
        return Grid(
            read_voltages_V=(tile.read_voltage_V,),
            redundancies=self.redundancies,
            adc_bits=(tile.adc.bits,),
            conductance_scales=(1.0,),
            dac_bits=(tile.dac_bits,),
        )

    def settings(self) -> tuple[Knobs, ...]:
        """Every combination."""
        return tuple(
            Knobs(
                read_voltage_V=volt,
                redundancy=copies,
                adc_bits=bits,
                conductance_scale=scale,
                dac_bits=dac,
            )
            for volt, copies, bits, scale, dac in product(
                self.read_voltages_V,
                self.redundancies,
                self.adc_bits,
                self.conductance_scales,
                self.dac_bits,
            )
        )

    @property
    def best(self) -> Knobs:
        """The setting with the least damage."""
        return self.settings()[-1].replace(dac_bits=self.dac_bits[0])


def refusal(arch: Arch, knobs: Knobs) -> str | None:
    """Why a layer cannot have these knobs on this hardware; None: it can."""
    try:
        geometry = Geometry(tile_with(arch.tile, knobs), arch.precision, knobs.redundancy)
        converter = Converter(geometry.tile.adc.bits, 0, True)
        device = device_with(arch.device, knobs)
        engine = Engine.fitting(device)
        Programming.of(geometry, converter, device, engine, arch.scenario, faulty=False)
        _ = geometry.inputs_per_array
    except HwsimError as error:
        return str(error)
    return None
