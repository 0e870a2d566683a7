"""How much each layer suffers from each setting: few measurements, then a law between them.

Fluctuation and programming error of k averaged cells in a part c of the window weigh, in level
steps squared, as 1 / (k c^2); noise of converter and current at a read voltage V falls with the
signal k c V; coarser codes add their own error.  So a layer's damage is taken as

    D = A(k c^2) + B(k c V) + C(bits)

with A measured over redundancies, B over voltages (what is added to the highest), C over bits
(what is added to the most), and straight lines between the logarithms.  The law only proposes:
settings that it finds efficient are measured themselves before any is allocated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from hwsim.tile.spec import Knobs
from optim.grid import Grid

_LEAST = 1e-9  # nats: below any damage that images could show


@final
@dataclass(frozen=True)
class Curve:
    """Positive values at rising places, straight in the logarithms, 1 / place beyond the ends."""

    places: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, place: float) -> float:
        """The value at a place."""
        at, low, high = np.log(place), *np.log((self.places[0], self.places[-1]))
        inside = min(max(at, low), high)
        logs = np.log(np.maximum(self.values, _LEAST))
        return float(np.exp(np.interp(inside, np.log(self.places), logs) + inside - at))


@final
@dataclass(frozen=True)
class Sensitivity:
    """The law of one layer and number of bits per digit."""

    cells: Curve  # over k c^2
    signal: Curve  # over k c V
    bits: Mapping[int, float]

    def damage(self, knobs: Knobs) -> float:
        """Expected damage of a full setting, in nats per image."""
        assert knobs.read_voltage_V is not None
        assert knobs.adc_bits is not None
        k, c = knobs.redundancy, knobs.conductance_scale
        noisy = self.signal(k * c * knobs.read_voltage_V)
        return self.cells(k * c * c) + noisy + self.bits[knobs.adc_bits]


@final
@dataclass(frozen=True)
class Probes:
    """The settings that a law is measured at: the best one, and one knob after the other worse."""

    best: Knobs
    single: Knobs  # the best with one copy
    cells: Mapping[int, Knobs]
    signal: Mapping[float, Knobs]
    bits: Mapping[int, Knobs]

    @classmethod
    def of(cls, grid: Grid, dac_bits: int) -> "Probes":
        """Of a grid `on` the tile, for one number of bits of a digit."""
        best = grid.best.replace(dac_bits=dac_bits, conductance_scale=1.0)
        single = best.replace(redundancy=1)
        copies, volts = _ends_and_powers(grid.redundancies), _ends_and_middle(grid.read_voltages_V)
        return cls(
            best,
            single,
            {k: best.replace(redundancy=k) for k in copies},
            {volt: single.replace(read_voltage_V=volt) for volt in volts},
            {bits: best.replace(adc_bits=bits) for bits in grid.adc_bits},
        )

    @property
    def settings(self) -> tuple[Knobs, ...]:
        """Each once."""
        all_ = (self.best, self.single, *self.cells.values(), *self.signal.values())
        return tuple(dict.fromkeys((*all_, *self.bits.values())))


def sensitivity(probes: Probes, measured: Mapping[Knobs, float]) -> Sensitivity:
    """One layer's law.

    Args:
        measured: damage of every setting of the probes.
    """
    least, single = measured[probes.best], measured[probes.single]
    return Sensitivity(
        _curve({k: measured[knobs] for k, knobs in probes.cells.items()}),
        _curve({volt: max(0.0, measured[k] - single) for volt, k in probes.signal.items()}),
        {bits: max(0.0, measured[knobs] - least) for bits, knobs in probes.bits.items()},
    )


def _curve(points: Mapping[float, float]) -> Curve:
    places = sorted(points)
    return Curve(tuple(map(float, places)), tuple(points[place] for place in places))


def _ends_and_powers(values: Sequence[int]) -> tuple[int, ...]:
    """The ends, and powers of two between them."""
    return tuple(v for v in values if v in (values[0], values[-1]) or v & (v - 1) == 0)


def _ends_and_middle(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted({values[0], values[len(values) // 2], values[-1]}))
