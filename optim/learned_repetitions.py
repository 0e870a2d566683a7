"""Repetitions per layer learned by gradient, as a way to choose designs to compare ours with.

After Garg et al., Dynamic precision analog computing for neural networks (arXiv 2102.06365), by
its description: every layer has a number of repetitions k_l, made continuous; gradients of

    loss + weight * energy

move their logarithms, with the noise of a layer falling as it is repeated; then they are rounded
to integers.  The loss is ours: the damage that the layers' laws predict, which fall with k as
measured; so is the energy.  Larger weights of the energy are tried first, until the rounded
design is accepted.  No other knob is turned.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hwsim.tile.spec import Knobs
from mapping.design import Design
from optim.search import Candidate, Judge
from optim.tables import TableMaker

FloatArray = NDArray[np.float64]
#: Weights of the energy, in units of the damage without repetitions, and how finely at the end.
WEIGHTS = np.geomspace(1e2, 1e-6, 13)
_BISECTIONS = 4


@final
@dataclass(frozen=True)
class Relaxation:
    """Damage and energy as functions of continuous repetitions, layer by layer.

    places: (settings,) repetitions at which both are known, from one on; damages, energies:
    (layers, settings), straight between them in the logarithms, and straight.
    """

    places: FloatArray
    damages: FloatArray
    energies: FloatArray

    def learned(self, weight: float) -> FloatArray:
        """(layers,) repetitions between the first and the last place, not rounded.

        Args:
            weight: of the energy: its unit is that without repetitions, of the damage likewise.
        """
        found = minimize(
            self._loss,
            np.full(len(self.damages), math.log(self.places.mean())),
            args=(weight,),
            jac=True,
            method="L-BFGS-B",
            bounds=[(math.log(self.places[0]), math.log(self.places[-1]))] * len(self.damages),
        )
        repetitions: FloatArray = np.exp(found.x)
        return repetitions

    def _loss(self, logs: FloatArray, weight: float) -> tuple[float, FloatArray]:
        """The loss and its gradient with respect to the logarithms of the repetitions."""
        units = self.damages[:, 0].sum(), self.energies[:, 0].sum()
        value, slope = 0.0, np.empty_like(logs)
        for layer, at in enumerate(logs):
            left = int(np.clip(np.searchsorted(self._logs, at) - 1, 0, len(self.places) - 2))
            pair = slice(left, left + 2)
            width, part = np.diff(self._logs[pair])[0], at - self._logs[left]
            heights = np.log(self.damages[layer, pair])
            fall = (heights[1] - heights[0]) / width
            damage = math.exp(heights[0] + fall * part)
            joules = self.energies[layer, pair]
            per_copy = (joules[1] - joules[0]) / np.diff(self.places[pair])[0]
            energy = joules[0] + per_copy * (math.exp(at) - self.places[left])
            value += damage / units[0] + weight * energy / units[1]
            slope[layer] = damage * fall / units[0] + weight * per_copy * math.exp(at) / units[1]
        return value, slope

    @property
    def _logs(self) -> FloatArray:
        logs: FloatArray = np.log(self.places)
        return logs


def learned_repetitions(judge: Judge, maker: TableMaker) -> Candidate | None:
    """The cheapest accepted design that it finds."""
    tile = judge.evaluator.problem.arch.tile
    base = Knobs(read_voltage_V=tile.read_voltage_V, adc_bits=tile.adc.bits, dac_bits=tile.dac_bits)
    grid = maker.grid.copies_alone(tile)
    own = replace(maker, grid=grid)
    names, relaxation = list(own.laws), _relaxation(own, base)
    seen: dict[tuple[int, ...], Candidate] = {}

    def tried(weight: float) -> Candidate:
        rounded = tuple(np.rint(relaxation.learned(weight)).astype(int).tolist())
        if rounded not in seen:
            knobs = {
                name: base.replace(redundancy=k) for name, k in zip(names, rounded, strict=True)
            }
            seen[rounded] = judge.candidate(Design(layers=knobs))
        return seen[rounded]

    refused = None
    for weight in WEIGHTS:
        if tried(weight).accepted:
            _bisect(tried, weight, refused)
            break
        refused = weight
    accepted = [found for found in seen.values() if found.accepted]
    return min(accepted, key=lambda found: found.price.energy_J, default=None)


def _bisect(tried: Callable[[float], Candidate], accepted: float, refused: float | None) -> None:
    """Come nearer to the largest weight that is accepted."""
    for _ in range(0 if refused is None else _BISECTIONS):
        middle = math.sqrt(accepted * (refused or accepted))
        if tried(middle).accepted:
            accepted = middle
        else:
            refused = middle


def _relaxation(maker: TableMaker, base: Knobs) -> Relaxation:
    copies = sorted(maker.grid.redundancies)
    settings = [base.replace(redundancy=k) for k in copies]
    laws = maker.laws
    return Relaxation(
        np.array(copies, float),
        np.array([[next(iter(law.values())).damage(k) for k in settings] for law in laws.values()]),
        np.array([[maker.prices[k].by_layer_J[name] for k in settings] for name in laws]),
    )
