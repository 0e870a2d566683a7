"""Options of every layer: proposed by its law, then measured, priced by the cost model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.allocate import Option, efficient
from optim.evaluate import Evaluator
from optim.grid import Grid
from optim.price import Price, Pricing
from optim.sensitivity import Probes, Sensitivity, sensitivity

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
        proposed = {name: list(self._proposed(name)) for name in self.laws}
        if also is not None:
            for name, options in proposed.items():
                if also not in [option.knobs for option in options]:
                    options.append(self._priced(name, also))
        measured = self._damages(
            "layers",
            {name: [option.knobs for option in options] for name, options in proposed.items()},
        )
        # A layer that harms nothing still counts: logarithms of budgets are taken.
        known = {
            name: [replace(o, damage=max(measured[name][o.knobs], 1e-9)) for o in options]
            for name, options in proposed.items()
        }
        return {name: _kept(options, also) for name, options in known.items()}

    def predicted(self, knobs: Knobs) -> float:
        """Damage of all layers alike, by their laws: what to try first, nothing more."""
        return sum(laws[self._digit(knobs)].damage(knobs) for laws in self.laws.values())

    @cached_property
    def laws(self) -> Mapping[str, Mapping[int, Sensitivity]]:
        """The law of every layer and number of bits of a digit, measured."""
        probes = {bits: Probes.of(self.grid, bits) for bits in self.grid.dac_bits}
        settings = [knobs for own in probes.values() for knobs in own.settings]
        names = [shape.name for shape in self.evaluator.problem.shapes]
        measured = self._damages("laws", dict.fromkeys(names, settings))
        return {
            name: {bits: sensitivity(own, measured[name]) for bits, own in probes.items()}
            for name in names
        }

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

    def _damages(
        self, what: str, wanted: Mapping[str, Sequence[Knobs]]
    ) -> Mapping[str, Mapping[Knobs, float]]:
        """Measured damages, by layer and setting."""
        found = {}
        for done, (name, settings) in enumerate(wanted.items()):
            self.progress(what, done, len(wanted))
            outcomes = self.evaluator.layers([(name, knobs) for knobs in settings])
            found[name] = {k: o.damage for k, o in zip(settings, outcomes, strict=True)}
        self.progress(what, len(wanted), len(wanted))
        return found

    def _proposed(self, layer: str) -> Sequence[Option]:
        laws = self.laws[layer]
        options = efficient(
            [self._priced(layer, k, laws[self._digit(k)].damage(k)) for k in self.prices]
        )
        if len(options) <= MEASURED:
            return options
        damages = np.log([option.damage for option in options])
        wanted = np.linspace(damages.min(), damages.max(), MEASURED)
        near = {int(np.abs(damages - level).argmin()) for level in wanted}
        return [options[i] for i in sorted(near)]

    def _digit(self, knobs: Knobs) -> int:
        return knobs.dac_bits or self.grid.dac_bits[0]

    def _priced(self, layer: str, knobs: Knobs, damage: float = 0.0) -> Option:
        price = self.prices[knobs]
        return Option(knobs, price.by_layer_J[layer], damage, price.arrays[layer])


def _kept(options: Sequence[Option], also: Knobs | None) -> Sequence[Option]:
    """The efficient options, and `also`."""
    found = efficient(options)
    return (*found, *(o for o in options if o.knobs == also and o not in found))
