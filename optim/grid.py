"""Which knobs an optimiser may turn, and how far."""

from itertools import product
from typing import Annotated

from pydantic import Field

from hwsim.spec import Spec
from hwsim.tile.spec import Knobs, ReadVoltage, TileSpec
from hwsim.units import Bit, Ratio

NonEmpty = Field(min_length=1)


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

    def on(self, tile: TileSpec) -> "Grid":
        """The grid with the tile's values where it names none, each in rising order.

        The converter may have up to four bits less than the tile's, a digit up to four bits.
        """
        bits = tile.adc.bits
        voltages = self.read_voltages_V or tile.read_voltages_V or (tile.read_voltage_V,)
        return Grid(
            read_voltages_V=tuple(sorted(voltages)),
            redundancies=tuple(sorted(self.redundancies)),
            adc_bits=tuple(sorted(self.adc_bits or range(max(1, bits - 4), bits + 1))),
            conductance_scales=tuple(sorted(self.conductance_scales)),
            dac_bits=tuple(sorted(self.dac_bits or {tile.dac_bits, 2, 4})),
        )

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
