"""Other ways to choose a design, to compare the search with: same simulations, same acceptance.

Each gets a judge and a number of images to simulate and returns the cheapest design that the
tuning images accept.  Optuna is an extra.
"""

import itertools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

from hwsim.errors import HwsimError
from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.grid import Grid
from optim.search import Candidate, Judge, PerLayer
from optim.tables import TableMaker, Tables

_TRIALS = 10_000  # far more than images allow
_KNOBS = ("read_voltage_V", "redundancy", "adc_bits", "conductance_scale", "dac_bits")


@final
@dataclass
class _Best:
    """The cheapest accepted design so far, within a number of simulated images."""

    judge: Judge
    images: int
    found: Candidate | None = None

    @property
    def spent(self) -> bool:
        """Whether all images are."""
        return self.judge.evaluator.images >= self.images

    def sees(self, design: Design) -> Candidate:
        """Simulate one more."""
        seen = self.judge.candidate(design)
        if seen.accepted:
            best = self.found
            if best is None or seen.price.energy_J < best.price.energy_J:
                self.found = seen
        return seen


def exhaustive(judge: Judge, tables: Tables) -> Candidate | None:
    """Every choice of one option per layer, by rising energy, until one is accepted."""
    designs = (
        Design(layers=dict(zip(tables, (option.knobs for option in options), strict=True)))
        for options in itertools.product(*tables.values())
    )
    for design in sorted(designs, key=lambda design: judge.pricing.price(design).energy_J):
        seen = judge.candidate(design)
        if seen.accepted:
            return seen
    return None


def greedy(judge: Judge, grid: Grid, images: int) -> Candidate | None:
    """From the safest setting, lower the knob that saves most energy for the damage it adds.

    Damage of a step is measured on its layer alone; each step then simulates the whole design.
    """
    names = [shape.name for shape in judge.evaluator.problem.shapes]
    best = _Best(judge, images)
    knobs = dict.fromkeys(names, grid.best)
    known: dict[tuple[str, Knobs], float] = {}

    def damage(name: str, setting: Knobs) -> float:
        if (name, setting) not in known:
            known[name, setting] = judge.evaluator.layer(name, setting).damage
        return known[name, setting]

    refused: set[tuple[str, Knobs]] = set()
    best.sees(Design(layers=knobs))
    while not best.spent:
        own = judge.pricing.price(Design(layers=knobs)).energy_J
        ratios = []
        for name, step in _steps(knobs, grid):
            if (name, step) in refused or best.spent:
                continue
            lower = judge.pricing.price(Design(layers={**knobs, name: step})).energy_J
            added = max(damage(name, step) - damage(name, knobs[name]), 1e-6)
            if lower < own:
                ratios.append(((own - lower) / added, name, step))
        if not ratios:
            break
        _, name, step = max(ratios, key=lambda ratio: ratio[0])
        if best.sees(Design(layers={**knobs, name: step})).accepted:
            knobs[name] = step
        else:
            refused.add((name, step))
    return best.found


def _steps(knobs: Mapping[str, Knobs], grid: Grid) -> Iterator[tuple[str, Knobs]]:
    """Each knob of each layer one value lower; bits per digit one higher."""
    ladders: dict[str, tuple[Any, ...]] = {
        "read_voltage_V": grid.read_voltages_V,
        "redundancy": grid.redundancies,
        "adc_bits": grid.adc_bits,
        "conductance_scale": grid.conductance_scales,
        "dac_bits": grid.dac_bits[::-1],
    }
    for name, own in knobs.items():
        for knob, values in ladders.items():
            place = values.index(getattr(own, knob))
            if place > 0:
                yield name, own.replace(**{knob: values[place - 1]})


def sampled(judge: Judge, grid: Grid, images: int, sampler: str, seed: int = 0) -> Candidate | None:
    """Optuna: least energy under the constraint of the accuracy.

    Args:
        sampler: "TPESampler" or "NSGAIISampler".
    Raises:
        HwsimError: optuna is not installed.
    """
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError:
        raise HwsimError("this referee needs optuna; install the [optuna] extra") from None

    names = [shape.name for shape in judge.evaluator.problem.shapes]
    values = grid.model_dump()
    ladders = dict(zip(_KNOBS, values.values(), strict=True))
    best = _Best(judge, images)

    def energy_J(trial: Any) -> float:
        design = Design(
            layers={
                name: Knobs(
                    **{
                        knob: trial.suggest_categorical(f"{name}.{knob}", list(ladder))
                        for knob, ladder in ladders.items()
                    }
                )
                for name in names
            }
        )
        seen = best.sees(design)
        trial.set_user_attr("lacks", judge.target.tuning_share - seen.outcome.share)
        return seen.price.energy_J

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    make = getattr(optuna.samplers, sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        rule = make(seed=seed, constraints_func=lambda trial: (trial.user_attrs["lacks"],))
    study = optuna.create_study(sampler=rule)
    best_settings = {f"{n}.{k}": getattr(grid.best, k) for n in names for k in _KNOBS}
    study.enqueue_trial(best_settings)  # it starts from what is safest, as greedy does
    # What it asks for again costs no simulation.
    stop = [lambda study, _trial: study.stop() if best.spent else None]
    study.optimize(energy_J, n_trials=_TRIALS, callbacks=stop)
    return best.found


def repetitions(judge: Judge, maker: TableMaker) -> Candidate | None:
    """Learned repetitions per layer at one voltage: redundancy alone, chosen by our allocation.

    After Garg et al., arXiv 2102.06365, by its description, under this cost model.
    """
    tile = judge.evaluator.problem.arch.tile
    grid = maker.grid.copies_alone(tile)
    return PerLayer(judge, replace(maker, grid=grid).tables()).cheapest(float("inf"))
