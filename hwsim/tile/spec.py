"""What one tile is: an array of cells with its drivers, converters and shift-add."""

from enum import Enum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from hwsim.device.spec import Device, States
from hwsim.peripherals.spec import Adc, AdcRange
from hwsim.spec import Spec
from hwsim.units import Ampere, Bit, Hertz, Ohm, Ratio, Volt


class Encoding(Enum):
    """How a signed weight W of Bw bits is held by unsigned cell levels."""

    DIFFERENTIAL = "differential"  # W = P - N on a pair of columns
    OFFSET = "offset"  # W + 2^(Bw-1), corrected digitally by the sum of the inputs
    TWOS_COMPLEMENT = "twos_complement"  # the sign bit in a slice of its own, weighing -2^(Bw-1)


class Subtraction(Enum):
    """Where the two columns of a differential pair are subtracted."""

    ANALOG = "analog"  # in the array, before one signed conversion
    DIGITAL = "digital"  # after two unsigned conversions


class Engine(Enum):
    """How fresh fluctuation enters a column sum."""

    MOMENTS = "moments"  # drawn once per conversion, with the mean and variance of the cells
    EXACT = "exact"  # every cell draws its own state at every read

    @staticmethod
    def fitting(device: Device) -> "Engine":
        """The fast one, where it holds the device's states: chains are followed cell by cell."""
        law = device.fluctuation
        chains = law is not None and law.states is States.MARKOV
        return Engine.EXACT if chains else Engine.MOMENTS


class Averaging(Enum):
    """Where the k copies of a weight are averaged."""

    ANALOG = (
        "analog"  # their currents share one bit line, its range k times as wide: one conversion
    )
    DIGITAL = "digital"  # every copy is converted; the codes are summed


class Compensation(Enum):
    """What takes off a column the current of G_min that every driven cell adds."""

    IDEAL = "ideal"  # a column of cells at G_min that nothing disturbs but their mean drift
    DUMMY = "dummy_column"  # one column in each array, of cells like all others (hwsim.tile.dummy)
    DIGITAL = "digital"  # it is converted too; digitally, by the sum of the inputs


#: Noise is counted in steps of a cell's current, which vanish with the voltage.
ReadVoltage = Annotated[Volt, Field(ge=1e-6, le=5)]


class ReadNoise(Spec):
    """Gaussian noise of every conversion (hwsim.tile.noise)."""

    thermal: bool = True  # of the driven cells
    shot: bool = True
    converter_A: Annotated[Ampere, Field(ge=0, le=1)] = 0.0  # rms, input-referred
    source: Annotated[str, Field(min_length=1)]


class Wires(Spec):
    """Resistances of the lines, per segment from cell to cell, and of their ends."""

    word_line_ohm: Annotated[Ohm, Field(ge=0)] = 0.0  # passive arrays: a gate carries no current
    bit_line_ohm: Annotated[Ohm, Field(ge=0)] = 0.0
    source_line_ohm: Annotated[Ohm, Field(ge=0)] = 0.0  # gated cells: beside the bit line
    source_ohm: Annotated[Ohm, Field(ge=0)] = 0.0  # of the driver
    sense_ohm: Annotated[Ohm, Field(ge=0)] = 0.0  # of the input that senses a bit line
    source: Annotated[str, Field(min_length=1)]


class TileSpec(Spec):
    """One array and its periphery: what the mapper fills."""

    rows: Annotated[int, Field(ge=1, le=4096)]
    cols: Annotated[int, Field(ge=1, le=4096)]  # cell columns (bit lines), not weights
    cell_bits: Annotated[Bit, Field(ge=1, le=4)]
    dac_bits: Annotated[Bit, Field(ge=1, le=4)] = 1
    encoding: Encoding
    subtraction: Subtraction = Subtraction.DIGITAL
    flipped_columns: bool = False  # OFFSET only: heavy columns are stored complemented (ISAAC)
    averaging: Averaging = Averaging.ANALOG
    compensation: Compensation = Compensation.IDEAL
    adc: Adc
    noise: ReadNoise | None = None  # None: neither thermal, shot nor converter noise
    wires: Wires | None = None  # of gated cells (1T1R, hwsim.tile.gated); None: no resistance
    clock_Hz: Annotated[Hertz, Field(ge=1, le=1e12)]
    read_cycles: Annotated[int, Field(ge=1, le=10**9)]  # cycles word lines are driven per phase
    read_voltage_V: ReadVoltage
    read_voltages_V: tuple[ReadVoltage, ...] = ()  # what drivers can make

    @model_validator(mode="after")
    def _options_fit_together(self) -> "TileSpec":
        if self.flipped_columns and self.encoding is not Encoding.OFFSET:
            raise ValueError("flipped_columns: needs encoding 'offset'")
        self._check_compensation()
        if self.adc.columns_per_adc > self.cols:
            raise ValueError(
                f"adc.columns_per_adc: must be at most cols = {self.cols}, "
                f"found {self.adc.columns_per_adc}"
            )
        if self.read_voltages_V and self.read_voltage_V not in self.read_voltages_V:
            raise ValueError("read_voltage_V: must be one of read_voltages_V")
        return self

    def _check_compensation(self) -> None:
        if self.compensation is Compensation.IDEAL:
            return
        if self.pair_cols == 2 and self.subtraction is Subtraction.ANALOG:
            raise ValueError("compensation: must be 'ideal' for pairs subtracted in the array")
        if self.wires is not None:
            raise ValueError("compensation: must be 'ideal' where wires have resistance")
        if self.compensation is Compensation.DIGITAL and self.adc.range is not AdcRange.FULL:
            raise ValueError("compensation: 'digital' needs adc.range 'full'")

    @property
    def unit_pulse_s(self) -> float:
        """Length of a unit pulse: the highest digit drives a row all through a read."""
        return self.read_cycles / self.clock_Hz / ((1 << self.dac_bits) - 1)

    @property
    def pair_cols(self) -> int:
        """Cell columns per weight slice: 2 for a differential pair, else 1."""
        return 2 if self.encoding is Encoding.DIFFERENTIAL else 1


class Knobs(Spec):
    """What may be set per layer; None keeps the tile's own value."""

    read_voltage_V: ReadVoltage | None = None
    redundancy: Annotated[int, Field(ge=1, le=8)] = 1
    adc_bits: Annotated[Bit, Field(ge=1, le=16)] | None = None
    conductance_scale: Annotated[Ratio, Field(ge=1e-3, le=1)] = 1.0  # part of the window in use
    dac_bits: Annotated[Bit, Field(ge=1, le=4)] | None = None  # of a digit; unit pulses as before
    #: Part of `conductance_scale` that each slice of a weight uses, the least significant first:
    #: noise of a slice counts for the square of its weight.  None: all of it.
    slice_scales: tuple[Annotated[Ratio, Field(ge=1e-3, le=1)], ...] | None = None

    @field_validator("slice_scales")
    @classmethod
    def _one_slice_uses_all(cls, scales: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if scales is not None and max(scales, default=0.0) != 1:
            raise ValueError(f"must hold a 1, found {list(scales)}")
        return scales


class Precision(Spec):
    """Bits of one layer's integers."""

    weight_bits: Annotated[Bit, Field(ge=2, le=8)] = 8
    input_bits: Annotated[Bit, Field(ge=2, le=8)] = 8
    input_signed: bool = False
    # No weight equals -2^(Bw-1): a differential pair then needs one bit less.
    narrow_weights: bool = True
