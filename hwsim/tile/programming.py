"""How the cells of row blocks are programmed, and what their reads and conversions add."""

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.device.spec import Device, Scenario
from hwsim.errors import MappingError
from hwsim.rng import address
from hwsim.tile.converter import Converter, converted_offset, converts_differences
from hwsim.tile.converter_errors import NO_ERRORS, ConverterErrors, converter_errors
from hwsim.tile.disturbance import (
    FRACTION_BITS,
    Disturbance,
    Noise,
    Telegraph,
    cell_values,
)
from hwsim.tile.dummy import DUMMIES, DummyColumns, array_of_lane, arrays_of
from hwsim.tile.encoding import Levels
from hwsim.tile.fresh import moments_of, telegraph_of
from hwsim.tile.gated import Ladder, Line, ladder
from hwsim.tile.geometry import Geometry
from hwsim.tile.noise import ColumnNoise, column_noise
from hwsim.tile.planes import Bank, bank_of
from hwsim.tile.spec import Compensation, Engine

#: (copies, columns of a pair, slices, rows, outputs): level at which a cell is stuck, -1: free.
StuckLevels = NDArray[np.int8]


@dataclass(frozen=True)
class ProgrammedCopy:
    """Cells of one row block in one copy, and the key of its reads; strips of lanes."""

    bank: Bank
    noise: Noise | Telegraph | None  # None: samples are exact sums
    key: np.uint64
    lines: Ladder | None = None  # None: without resistance
    errors: ConverterErrors = NO_ERRORS  # of the converters
    dummy: DummyColumns | None = None


@final
@dataclass(frozen=True)
class Programming:
    """All about a matrix' cells but their levels and their address.

    faulty: whether a map of stuck cells is given; line: None without resistance; offset: of
    every cell, to be taken off digitally, in units of 2^-FRACTION_BITS level step.
    """

    geometry: Geometry
    converter: Converter
    disturbance: Disturbance
    column: ColumnNoise
    engine: Engine
    line: Line | None
    faulty: bool
    offset: int = 0

    @classmethod
    def of(
        cls,
        geometry: Geometry,
        converter: Converter,
        device: Device | None,
        engine: Engine,
        scenario: Scenario,
        faulty: bool,
    ) -> "Programming":
        """The programming of `device`; None: ideal cells.

        Raises:
            MappingError: the engine or the lines cannot be had with the device's states.
        """
        tile = geometry.tile
        if device is None:
            still = Disturbance.none(geometry.max_level + 1)
            return cls(geometry, converter, still, ColumnNoise(), engine, None, faulty)
        followed = tile.compensation is Compensation.IDEAL or converts_differences(geometry)
        disturbance = Disturbance.of(device, tile.cell_bits, scenario, followed)
        if disturbance.refresh_rate_Hz and engine is Engine.MOMENTS:
            raise MappingError(
                "engine: expected 'exact' for states 'markov' (reads are correlated), "
                "found 'moments'"
            )
        if disturbance.refresh_rate_Hz and tile.wires is not None:
            raise MappingError("tile.wires: expected none for states 'markov', found some")
        if disturbance.refresh_rate_Hz and tile.compensation is Compensation.DUMMY:
            raise MappingError(
                "tile.compensation: expected 'ideal' or 'digital' for states 'markov', found "
                "'dummy_column'"
            )
        column = column_noise(device, tile, scenario, geometry.redundancy // geometry.array_copies)
        line = None if tile.wires is None else Line.of(device, geometry)
        offset = round(converted_offset(geometry, device) * (1 << FRACTION_BITS))
        return cls(geometry, converter, disturbance, column, engine, line, faulty, offset)

    @property
    def fraction_bits(self) -> int:
        """Bits of the cells' values below one level step."""
        return FRACTION_BITS if self.disturbance.deviates or self.faulty or self.offset else 0

    def lane_type(self, rows: int) -> Any:
        """int16 where neither a sum over `rows` nor its rounding can leave it, else int32."""
        geometry = self.geometry
        bound = rows * geometry.max_level * geometry.max_digit + (1 << self.converter.shift)
        return np.int16 if bound <= 32767 and self.fraction_bits == 0 else np.int32

    def copy(
        self, levels: Levels, place: tuple[int, ...], lane: Any, stuck: StuckLevels | None
    ) -> ProgrammedCopy:
        """One copy of a row block.

        Args:
            levels: (columns of a pair, slices, rows, outputs).
            place: address of the block and copy.
            lane: type of the sums, of `lane_type`.
            stuck: of the cells that are averaged on one bit line.
        """
        analog = self.geometry.redundancy // self.geometry.array_copies
        values = levels.astype(np.int64)
        if self.fraction_bits:
            values = cell_values(levels, self.disturbance, place, analog, stuck) + self.offset
        bank = bank_of(values, lane, self.geometry.tile.dac_bits)
        width = bank.planes.shape[-1]
        return ProgrammedCopy(
            bank=bank,
            noise=self._noise(levels, lane, self.column),
            key=address(*place, 0),
            lines=self._lines(values, lane),
            errors=converter_errors(self.geometry, self.converter, place, levels.shape[3], width),
            dummy=self._dummy(levels.shape, place, lane, width),
        )

    def _noise(self, levels: Levels, lane: Any, column: ColumnNoise) -> Noise | Telegraph | None:
        """What a read of one copy of a block adds to its samples."""
        fluctuates = self.disturbance.fluctuates
        if not (fluctuates or column.present or self._sampled):
            return None
        draw = telegraph_of if fluctuates and self.engine is Engine.EXACT else moments_of
        return draw(levels, self.disturbance, column, self.geometry, lane, self.fraction_bits)

    @property
    def _sampled(self) -> bool:
        """Whether something stands between columns and converters that takes samples."""
        tile = self.geometry.tile
        return tile.adc.errors is not None or tile.compensation is Compensation.DUMMY

    def _dummy(
        self, shape: tuple[int, ...], place: tuple[int, ...], lane: Any, width: int
    ) -> DummyColumns | None:
        """The dummy columns beside cells of `shape` (columns of a pair, slices, rows, outputs)."""
        geometry = self.geometry
        if geometry.tile.compensation is not Compensation.DUMMY:
            return None
        _, _, rows, outputs = shape
        levels = np.zeros((1, 1, rows, arrays_of(geometry, outputs)), np.uint8)
        place = (*place, DUMMIES)
        values = levels.astype(np.int64)
        if self.fraction_bits:
            analog = geometry.redundancy // geometry.array_copies
            values = cell_values(levels, self.disturbance, place, analog)
        # A conversion has one converter's noise, not that of the column it is compared with.
        noise = self._noise(levels, lane, replace(self.column, floor=0.0))
        assert noise is not None
        return DummyColumns(
            bank=bank_of(values, lane, geometry.tile.dac_bits),
            noise=noise,
            key=address(*place, 0),
            array=array_of_lane(geometry, outputs, width),
        )

    def _lines(self, values: NDArray[np.int64], lane: Any) -> Ladder | None:
        """The lines of the columns of one copy of a block, from its cells' values."""
        if self.line is None:
            return None
        digit, shift = self.geometry.max_digit, self.converter.shift
        return ladder(self.line, values, self.fraction_bits, digit, shift, lane)
