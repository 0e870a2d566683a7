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
from optim.evaluate import Evaluator
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


def sensitivity(evaluator: Evaluator, layer: str, grid: Grid, dac_bits: int) -> Sensitivity:
    """Measure one layer's law.

    Args:
        grid: a grid `on` the tile.
        dac_bits: bits of a digit of all measurements.
    """
    best = grid.best.replace(dac_bits=dac_bits, conductance_scale=1.0)

    def measured(**knobs: float | None) -> float:
        return evaluator.layer(layer, best.replace(**knobs)).damage

    most, finest = max(grid.redundancies), max(grid.adc_bits)
    least = measured(redundancy=most)
    cells = {float(k): measured(redundancy=k) for k in _ends_and_powers(grid.redundancies)}
    single = measured(redundancy=1)
    signal = {
        volt: max(0.0, measured(redundancy=1, read_voltage_V=volt) - single)
        for volt in _ends_and_middle(grid.read_voltages_V)
    }
    bits = {b: max(0.0, measured(adc_bits=b) - least) for b in grid.adc_bits if b < finest}
    return Sensitivity(_curve(cells), _curve(signal), {**bits, finest: 0.0})


def _curve(points: Mapping[float, float]) -> Curve:
    places = sorted(points)
    return Curve(tuple(map(float, places)), tuple(points[place] for place in places))


def _ends_and_powers(values: Sequence[int]) -> tuple[int, ...]:
    """The ends, and powers of two between them."""
    return tuple(v for v in values if v in (values[0], values[-1]) or v & (v - 1) == 0)


def _ends_and_middle(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(sorted({values[0], values[len(values) // 2], values[-1]}))
