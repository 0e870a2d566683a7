"""Static errors of a row block's converters, drawn once per converter, as kernels read them.

An array's converted lines stand in the order output, slice, column of the pair (the RTL's);
`columns_per_adc` neighbours share a converter, and so its errors.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.tile._kernels import SAMPLE_BITS
from hwsim.tile.converter import Converter, converts_differences
from hwsim.tile.disturbance import normals
from hwsim.tile.geometry import Geometry, ceil_div

#: Continues the address of a copy of a block to its converters: beyond any copy's number.
_CONVERTERS = 0x434F4E56
_OFFSET, _GAIN = 1, 2


class ConverterErrors(NamedTuple):
    """Errors per line, in units of a sample (2^-SAMPLE_BITS level step); see `distort`."""

    offset: NDArray[np.float32]  # (strips, C converted, width); no strips: no errors at all
    gain: NDArray[np.float32]
    low: np.float32  # sample of the lowest code
    per_range: np.float32  # 1 / (samples from the lowest code to the highest)
    bow: np.float32
    cubic: np.float32

    def taken(self, lanes: NDArray[np.int64]) -> "ConverterErrors":
        """Those of some lanes, in one strip."""
        if not self.offset.size:
            return self
        width = self.offset.shape[2]
        offset, gain = (
            np.ascontiguousarray(error[lanes // width, :, lanes % width].T[None])
            for error in (self.offset, self.gain)
        )
        return self._replace(offset=offset, gain=gain)


_NONE = np.zeros((0, 0, 0), np.float32)
NO_ERRORS = ConverterErrors(_NONE, _NONE, *(np.float32(0),) * 4)


def converter_of_line(geometry: Geometry, outputs: int) -> NDArray[np.int64]:
    """(C converted, slices * outputs) number of the converter, counted on over all arrays."""
    slices, per_array = geometry.slices.count, geometry.weights_per_row
    converted = _converted(geometry)
    array, position = np.divmod(np.arange(outputs), per_array)
    line = (position * slices + np.arange(slices)[:, None]) * converted
    own = (line + np.arange(converted)[:, None, None]) // geometry.tile.adc.columns_per_adc
    numbers: NDArray[np.int64] = array * _converters(geometry) + own
    return numbers.reshape(converted, -1)


def converter_errors(
    geometry: Geometry, converter: Converter, place: tuple[int, ...], outputs: int, width: int
) -> ConverterErrors:
    """Errors of all lines of one copy of a row block, in strips of `width` lanes.

    Args:
        place: address of the copy.
    """
    errors = geometry.tile.adc.errors
    if errors is None:
        return NO_ERRORS
    number = converter_of_line(geometry, outputs)
    lanes = number.shape[1]
    drawn = np.empty(ceil_div(outputs, geometry.weights_per_row) * _converters(geometry))
    per_lsb = float(1 << (converter.shift + SAMPLE_BITS))

    def in_strips(sigma: float, part: int) -> NDArray[np.float32]:
        lines = (sigma * normals(drawn, (*place, _CONVERTERS, part)))[number]
        padded = np.pad(lines.astype(np.float32), ((0, 0), (0, -lanes % width)))
        return np.ascontiguousarray(padded.reshape(len(lines), -1, width).transpose(1, 0, 2))

    return ConverterErrors(
        offset=in_strips(errors.offset_sigma_lsb * per_lsb, _OFFSET),
        gain=in_strips(errors.gain_sigma, _GAIN),
        low=np.float32(converter.low * per_lsb),
        per_range=np.float32(1 / ((converter.high - converter.low) * per_lsb)),
        bow=np.float32(errors.bow_lsb * per_lsb),
        cubic=np.float32(errors.cubic_lsb * per_lsb),
    )


def _converted(geometry: Geometry) -> int:
    """Columns of a pair that are converted apart."""
    return 1 if converts_differences(geometry) else geometry.tile.pair_cols


def _converters(geometry: Geometry) -> int:
    """Converters of one array."""
    lines = geometry.weights_per_row * geometry.slices.count * _converted(geometry)
    return ceil_div(lines, geometry.tile.adc.columns_per_adc)
