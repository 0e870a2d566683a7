"""A weight matrix whose slices use different parts of the conductance window.

A fluctuation that does not depend on the level weighs 1 / c^2 on a slice in the part c, and
4^shift in the product: the same noise takes the least energy when the slices that weigh less use
less of the window (docs/model/tile.md).  The reference of a converter follows the column that it
converts, so that codes count level steps as ever and the digital hardware is the same.

Columns of different slices share nothing but their word lines: each slice is a programmed matrix
of its own digits, and products are summed with the slices' weights.
"""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from hwsim.device.spec import Device, Scenario
from hwsim.errors import MappingError
from hwsim.tile.converter import Converter
from hwsim.tile.geometry import Geometry
from hwsim.tile.line_error import LineError
from hwsim.tile.matrix import IntArray, Products, ProgrammedMatrix
from hwsim.tile.programming import StuckLevels
from hwsim.tile.spec import Compensation, Encoding, Engine


@final
class SlicedMatrix:
    """A matrix of one layer, slice by slice; as `ProgrammedMatrix` otherwise."""

    def __init__(
        self,
        weights: NDArray[np.integer[Any]],
        geometry: Geometry,
        converter: Converter,
        devices: Sequence[Device],
        place: Sequence[int] = (0,),
        engine: Engine = Engine.MOMENTS,
        scenario: Scenario = Scenario(),  # noqa: B008  frozen
        stuck: StuckLevels | None = None,
    ) -> None:
        """Program the cells; arguments as of `ProgrammedMatrix`.

        Args:
            devices: the cell as each slice uses it, the least significant first.
        Raises:
            MappingError: a weight does not fit its bits, or the tile's slices cannot differ.
        """
        check_slices(geometry, len(devices))
        slices = geometry.slices
        self._shifts = slices.shifts
        self._matrices = []
        for index, (shift, device) in enumerate(zip(slices.shifts, devices, strict=True)):
            bits = min(slices.bits, slices.magnitude_bits - shift)
            digits = np.sign(weights) * ((np.abs(weights) >> shift) & ((1 << bits) - 1))
            own = geometry.precision.replace(weight_bits=bits + 1, narrow_weights=True)
            held = None if stuck is None else stuck[:, :, :, index : index + 1]
            self._matrices.append(
                ProgrammedMatrix(
                    digits,
                    Geometry(geometry.tile, own, geometry.redundancy),
                    converter,
                    device,
                    (*place, index),
                    engine,
                    scenario,
                    held,
                )
            )

    @property
    def row_levels(self) -> IntArray:
        """(slices, rows) sum of the stored levels along each word line, one copy."""
        return np.concatenate([matrix.row_levels for matrix in self._matrices])

    def multiply(self, codes: NDArray[np.int16], first: int = 0) -> Products:
        """Products of a batch; see `ProgrammedMatrix.multiply`."""
        parts = [matrix.multiply(codes, first) for matrix in self._matrices]
        values = sum(
            (part.values << shift for part, shift in zip(parts, self._shifts, strict=True)),
            start=np.zeros_like(parts[0].values),
        )
        return Products(values, parts[0].row_pulses, parts[0].row_swings)

    def column_sum_histogram(self, codes: NDArray[np.int16]) -> IntArray:
        """As of `ProgrammedMatrix`, over all slices."""
        first, *others = (matrix.column_sum_histogram(codes) for matrix in self._matrices)
        return sum(others, start=first)

    def line_error(self, codes: NDArray[np.int16]) -> LineError:
        """As of `ProgrammedMatrix`, of all slices; in steps of each slice's own."""
        return LineError.joined(matrix.line_error(codes) for matrix in self._matrices)


def check_slices(geometry: Geometry, count: int) -> None:
    """Refuse windows by slice where a tile's slices are not that many or cannot differ.

    Raises:
        MappingError: one line that names `slice_scales`.
    """
    tile, slices = geometry.tile, geometry.slices.count
    if count != slices:
        bits = geometry.precision.weight_bits
        raise MappingError(
            f"slice_scales: expected {slices} (slices of weights of {bits} bits), found {count}"
        )
    if tile.encoding is not Encoding.DIFFERENTIAL:
        raise MappingError(
            f"slice_scales: expected none with encoding {tile.encoding.value!r}, found {count}"
        )
    if tile.compensation is Compensation.DUMMY or tile.adc.errors is not None:
        raise MappingError(
            "slice_scales: expected none with dummy columns or errors of converters (whose "
            f"references are those of whole arrays), found {count}"
        )
