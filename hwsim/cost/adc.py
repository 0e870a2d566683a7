"""Price of a conversion: a table by resolution, or a fit to a survey of published converters.

The fit (Andrulis et al., arXiv 2404.06553, to Murmann's survey), for b effective bits at f
samples per second on a node of l nanometres, in decibels, joules and square metres,
e for E in picojoules:

    SNDR = 20 b log10(2) + 10 log10(1.5)
    FoM  = min(fom_intercept - fom_slope ln f, cap_intercept + cap_slope b)
    E    = scale * l^node_exponent * b^-bits_exponent * 10^((SNDR - FoM) / 10) / 2
    area = area_scale * l^area_node_exponent * f^area_rate_exponent * e^area_energy_exponent

FoM is Schreier's figure of merit: flat in rate for slow converters, falling for fast ones.  No
conversion costs less than 8 kT SNR: sampling limited by kT/C, charged by a class-B stage.
"""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from hwsim.cost.figure import (
    AreaFigure,
    DecibelFigure,
    EnergyFigure,
    FactorFigure,
    LengthFigure,
    ShareFigure,
)
from hwsim.spec import Spec
from hwsim.units import Bit

BOLTZMANN_J_PER_K = 1.380649e-23
ROOM_K = 300.0
#: The survey's fit starts here; converters of fewer bits cost in proportion to their bits.
SURVEY_BITS = 4


def signal_to_noise(bits: float) -> float:
    """Power ratio of a full-scale sine to the quantisation noise of `bits` effective bits."""
    return float(1.5 * 4.0**bits)


def conversion_bound_J(bits: float) -> float:
    """8 kT SNR at 300 K: no converter that samples on a capacitor needs less."""
    return 8 * BOLTZMANN_J_PER_K * ROOM_K * signal_to_noise(bits)


class AdcPoint(Spec):
    """A converter of one resolution."""

    bits: Annotated[Bit, Field(ge=1, le=16)]
    energy: EnergyFigure
    area: AreaFigure


class AdcSurvey(Spec):
    """Coefficients of the fit; bits are effective ones."""

    feature_size: LengthFigure
    fom_intercept: DecibelFigure
    fom_slope: DecibelFigure  # per factor e of the rate
    cap_intercept: DecibelFigure
    cap_slope: DecibelFigure  # per bit
    scale: FactorFigure
    node_exponent: FactorFigure
    bits_exponent: FactorFigure
    area_scale: AreaFigure
    area_node_exponent: FactorFigure
    area_rate_exponent: FactorFigure
    area_energy_exponent: FactorFigure

    def conversion_J(self, bits: float, rate_Hz: float) -> float:
        """Energy of one conversion."""
        if bits < SURVEY_BITS:
            return self.conversion_J(SURVEY_BITS, rate_Hz) * bits / SURVEY_BITS
        fast_dB = self.fom_intercept.value - self.fom_slope.value * math.log(rate_Hz)
        cap_dB = self.cap_intercept.value + self.cap_slope.value * bits
        fom = 10 ** (min(fast_dB, cap_dB) / 10)
        node = self._nanometres**self.node_exponent.value
        shape = self.scale.value * node * bits**-self.bits_exponent.value
        return float(max(shape * signal_to_noise(bits) / fom / 2, conversion_bound_J(bits)))

    def area_m2(self, bits: float, rate_Hz: float) -> float:
        """Area of one converter."""
        picojoule = self.conversion_J(bits, rate_Hz) * 1e12
        return float(
            self.area_scale.value
            * self._nanometres**self.area_node_exponent.value
            * rate_Hz**self.area_rate_exponent.value
            * picojoule**self.area_energy_exponent.value
        )

    @property
    def _nanometres(self) -> float:
        return self.feature_size.value * 1e9


class AdcPrice(Spec):
    """Energy and area of converters: by `points`, or by `survey`.

    Points: above the table's range they grow by `growth` per bit; below it they fall in
    proportion to the bits (an assumption).  Their price holds for every rate.
    """

    points: tuple[AdcPoint, ...] = ()
    energy_growth: FactorFigure | None = None
    area_growth: FactorFigure | None = None
    survey: AdcSurvey | None = None
    static_share: ShareFigure
    assumption: str | None = None  # what a reader must know before believing these prices

    @model_validator(mode="after")
    def _is_priced_once(self) -> Self:
        table = bool(self.points)
        if table == (self.survey is not None):
            raise ValueError("points: one of points, survey must be given")
        if table != (self.energy_growth is not None) or table != (self.area_growth is not None):
            raise ValueError("energy_growth: energy_growth, area_growth belong to points")
        bits = [point.bits for point in self.points]
        if bits and bits != list(range(bits[0], bits[0] + len(bits))):
            raise ValueError(f"points: bits must rise by one, found {bits}")
        return self

    def covers(self, bits: int) -> bool:
        """Whether the table or the fit itself, not an extrapolation, gives the price."""
        if self.survey:
            return bits >= SURVEY_BITS
        return self.points[0].bits <= bits <= self.points[-1].bits

    @property
    def extrapolation(self) -> str:
        """Where prices outside the range come from."""
        if self.energy_growth:
            return self.energy_growth.source
        return "assumption: below the survey's range in proportion to the bits"

    def conversion_J(self, bits: int, rate_Hz: float) -> float:
        """Energy of one conversion, static part included, of a converter built for `rate_Hz`."""
        if self.survey:
            return self.survey.conversion_J(bits, rate_Hz)
        point, factor = self._nearest(bits, self.energy_growth)
        return point.energy.value * factor

    def area_m2(self, bits: int, rate_Hz: float) -> float:
        """Area of one converter built for `rate_Hz`."""
        if self.survey:
            return self.survey.area_m2(bits, rate_Hz)
        point, factor = self._nearest(bits, self.area_growth)
        return point.area.value * factor

    def _nearest(self, bits: int, growth: FactorFigure | None) -> tuple[AdcPoint, float]:
        first, last = self.points[0], self.points[-1]
        if bits < first.bits:
            return first, bits / first.bits
        if bits > last.bits and growth:
            return last, float(growth.value ** (bits - last.bits))
        return self.points[bits - first.bits], 1.0
