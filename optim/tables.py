"""Options of every layer: proposed by its law, then measured, priced by the cost model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.allocate import Option, efficient
from optim.evaluate import Evaluator
from optim.grid import Grid
from optim.price import Price, Pricing
from optim.sensitivity import sensitivity

#: Efficient settings of a layer that are measured, spread evenly over the law's front.
MEASURED = 12

Tables = Mapping[str, Sequence[Option]]
#: Called with what is under way, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


@final
@dataclass(frozen=True)
class TableMaker:
    """Measures and prices the settings of a grid `on` the tile."""

    evaluator: Evaluator
    pricing: Pricing
    grid: Grid
    progress: Progress

    def tables(self, also: Knobs | None = None) -> Tables:
        """Measured options of every layer; `also` is one of them even where others beat it."""
        names = [shape.name for shape in self.evaluator.problem.shapes]
        tables = {}
        for done, name in enumerate(names):
            self.progress("layers", done, len(names))
            found = efficient([self._measured(name, o) for o in self._proposed(name)])
            if also is not None and also not in [option.knobs for option in found]:
                found += (self._measured(name, self._priced(name, also)),)
            tables[name] = found
        self.progress("layers", len(names), len(names))
        return tables

    @cached_property
    def prices(self) -> Mapping[Knobs, Price]:
        """The whole chip under every uniform setting: what each layer costs there."""
        settings = self.grid.settings()
        prices = {}
        for done, knobs in enumerate(settings):
            self.progress("prices", done, len(settings))
            prices[knobs] = self.pricing.price(Design(default=knobs))
        self.progress("prices", len(settings), len(settings))
        return prices

    def _proposed(self, layer: str) -> Sequence[Option]:
        law = self._law(layer)
        options = efficient([self._priced(layer, knobs, law(knobs)) for knobs in self.prices])
        if len(options) <= MEASURED:
            return options
        damages = np.log([option.damage for option in options])
        wanted = np.linspace(damages.min(), damages.max(), MEASURED)
        near = {int(np.abs(damages - level).argmin()) for level in wanted}
        return [options[i] for i in sorted(near)]

    def _law(self, layer: str) -> Callable[[Knobs], float]:
        laws = {
            dac: sensitivity(self.evaluator, layer, self.grid, dac) for dac in self.grid.dac_bits
        }
        return lambda knobs: laws[knobs.dac_bits or self.grid.dac_bits[0]].damage(knobs)

    def _priced(self, layer: str, knobs: Knobs, damage: float = 0.0) -> Option:
        price = self.prices[knobs]
        return Option(knobs, price.by_layer_J[layer], damage, price.arrays[layer])

    def _measured(self, layer: str, option: Option) -> Option:
        damage = self.evaluator.layer(layer, option.knobs).damage
        # A layer that harms nothing still counts: logarithms of budgets are taken.
        return Option(option.knobs, option.energy_J, max(damage, 1e-9), option.tiles)
