"""What the converters and drivers around an array are."""

from enum import Enum
from typing import Annotated

from pydantic import Field

from hwsim.spec import Spec
from hwsim.units import Bit, Lsb, Ratio


class AdcKind(Enum):
    """How a converter works; it sets the cycles of one conversion."""

    SAR = "sar"  # one comparison per bit, plus one cycle to sample: bits + 1 cycles
    FLASH = "flash"  # all comparisons at once: 1 cycle


class AdcRange(Enum):
    """How a layer's least significant bit is chosen, in units of the ideal column sum."""

    FULL = "full"  # the smallest power of two at which nothing can clip
    CALIBRATED = "calibrated"  # from the layer's own column sums on calibration data


class AdcErrors(Spec):
    """Static errors of the converters (hwsim.tile._converter_kernels has the formula).

    Offset and gain are drawn once per converter and device sample, normal with these standard
    deviations.  The bends of the characteristic (integral nonlinearity) come from how a
    converter is built and are the same in all: a bow (even order, single-ended circuits) and an
    S (odd order, differential ones), both zero at the ends of the range, negative ones the
    other way.
    """

    offset_sigma_lsb: Annotated[Lsb, Field(ge=0, le=64)] = 0.0
    gain_sigma: Annotated[Ratio, Field(ge=0, le=0.5)] = 0.0
    bow_lsb: Annotated[Lsb, Field(ge=-64, le=64)] = 0.0  # peak
    cubic_lsb: Annotated[Lsb, Field(ge=-64, le=64)] = 0.0  # peak
    source: Annotated[str, Field(min_length=1)]


class Adc(Spec):
    """One converter, shared by `columns_per_adc` columns."""

    kind: AdcKind = AdcKind.SAR
    bits: Annotated[Bit, Field(ge=1, le=16)]
    columns_per_adc: Annotated[int, Field(ge=1, le=4096)]
    range: AdcRange = AdcRange.FULL
    # CALIBRATED: the share of column sums seen in calibration that must fit without clipping.
    coverage: Annotated[Ratio, Field(gt=0, le=1)] = 0.9999
    errors: AdcErrors | None = None  # None: ideal but for its rounding and range

    @property
    def conversion_cycles(self) -> int:
        """Clock cycles of one conversion (the RTL states the same number)."""
        return self.bits + 1 if self.kind is AdcKind.SAR else 1
