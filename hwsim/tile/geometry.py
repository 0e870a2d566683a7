"""How integers are cut into phases, slices, columns and blocks: shapes only, no data."""

from dataclasses import dataclass

from hwsim.errors import MappingError
from hwsim.tile.spec import Averaging, Encoding, Precision, TileSpec


def ceil_div(numerator: int, denominator: int) -> int:
    """The smallest integer not below numerator / denominator."""
    return -(-numerator // denominator)


@dataclass(frozen=True)
class Digits:
    """A binary number cut into digits of `bits` bits, least significant first.

    A signed number keeps its sign bit in a digit of its own: the last one, one bit wide,
    with a negative weight.  (A multi-bit digit that held the sign among other bits would
    need a bipolar DAC or a bipolar cell.)
    """

    total_bits: int
    bits: int
    signed: bool

    @property
    def magnitude_bits(self) -> int:
        """Bits without the sign bit."""
        return self.total_bits - 1 if self.signed else self.total_bits

    @property
    def count(self) -> int:
        """Number of digits."""
        return ceil_div(self.magnitude_bits, self.bits) + (1 if self.signed else 0)

    @property
    def shifts(self) -> tuple[int, ...]:
        """log2 of the absolute weight of each digit."""
        unsigned = tuple(range(0, self.magnitude_bits, self.bits))
        return (*unsigned, self.total_bits - 1) if self.signed else unsigned

    @property
    def signs(self) -> tuple[int, ...]:
        """Sign of each digit: -1 for the digit of the sign bit, else +1."""
        return (1,) * (self.count - 1) + (-1 if self.signed else 1,)


@dataclass(frozen=True)
class Geometry:
    """A layer's integers on one kind of tile."""

    tile: TileSpec
    precision: Precision
    redundancy: int = 1

    @property
    def phases(self) -> Digits:
        """Input digits, one per read."""
        p = self.precision
        return Digits(p.input_bits, self.tile.dac_bits, p.input_signed)

    @property
    def slices(self) -> Digits:
        """Weight digits, one cell (or pair of cells) each."""
        p = self.precision
        c = self.tile.cell_bits
        if self.tile.encoding is Encoding.TWOS_COMPLEMENT:
            return Digits(p.weight_bits, c, signed=True)
        narrow = self.tile.encoding is Encoding.DIFFERENTIAL and p.narrow_weights
        return Digits(p.weight_bits - 1 if narrow else p.weight_bits, c, signed=False)

    @property
    def columns_per_weight(self) -> int:
        """Cell columns that hold one weight."""
        return self.slices.count * self.tile.pair_cols

    @property
    def weights_per_row(self) -> int:
        """Logical outputs of one array.

        Raises:
            MappingError: one weight needs more columns than the array has.
        """
        outputs = self.tile.cols // self.columns_per_weight
        if outputs == 0:
            raise MappingError(
                f"tile.cols: one {self.precision.weight_bits}-bit weight needs "
                f"{self.columns_per_weight} columns, found {self.tile.cols}"
            )
        return outputs

    @property
    def inputs_per_array(self) -> int:
        """Distinct inputs of one array; copies averaged in the array lie on further rows.

        Raises:
            MappingError: the copies of one row do not fit the array.
        """
        copies = self.redundancy if self.tile.averaging is Averaging.ANALOG else 1
        if copies > self.tile.rows:
            raise MappingError(f"redundancy: {copies} copies exceed tile.rows = {self.tile.rows}")
        return self.tile.rows // copies

    @property
    def array_copies(self) -> int:
        """Arrays that hold the same block: the redundancy where averaging is digital."""
        return self.redundancy if self.tile.averaging is Averaging.DIGITAL else 1

    @property
    def max_level(self) -> int:
        """Highest cell level."""
        return (1 << self.tile.cell_bits) - 1

    @property
    def max_digit(self) -> int:
        """Highest digit of the DAC, in unit pulses."""
        return (1 << self.tile.dac_bits) - 1
