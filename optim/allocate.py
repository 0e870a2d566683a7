"""Which setting every layer gets: a multiple-choice knapsack, solved to proven optimality.

Each layer l has options o with energy e[l, o] and damage d[l, o].  Chosen is one per layer:

    minimise sum_l e[l, o_l]   such that   sum_l d[l, o_l] <= budget

as a mixed-integer linear program (HiGHS by way of scipy) whose gap is closed to zero.

Continuous relaxation, used as a check.  With a share rho_l of energy, e_l(rho) = e_l * rho and
d_l(rho) = s_l / rho, Lagrange's condition e_l = lambda s_l / rho_l^2 gives

    rho_l = sqrt(s_l / e_l) * (sum_m sqrt(s_m e_m)) / budget
    energy = (sum_m sqrt(s_m e_m))^2 / budget
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array, csr_array, vstack

from hwsim.errors import MappingError
from hwsim.tile.spec import Knobs

FloatArray = NDArray[np.float64]


class Unreachable(MappingError):
    """No setting keeps the damage within the budget."""


@final
@dataclass(frozen=True)
class Option:
    """One setting of one layer: energy of an inference in J, damage in nats per image."""

    knobs: Knobs
    energy_J: float
    damage: float
    tiles: int = 0


@final
@dataclass(frozen=True)
class Allocation:
    """One option per layer, by name."""

    options: Mapping[str, Option]

    @property
    def energy_J(self) -> float:
        """Energy of one inference, all layers."""
        return sum(option.energy_J for option in self.options.values())

    @property
    def damage(self) -> float:
        """Sum over layers."""
        return sum(option.damage for option in self.options.values())


def efficient(options: Sequence[Option]) -> tuple[Option, ...]:
    """Options that no other beats in energy, damage and tiles at once, by rising energy."""
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: (o.energy_J, o.damage, o.tiles)):
        if not any(k.damage <= option.damage and k.tiles <= option.tiles for k in kept):
            kept.append(option)
    return tuple(kept)


def allocate(
    layers: Mapping[str, Sequence[Option]], budget: float, max_tiles: int | None = None
) -> Allocation:
    """The cheapest choice within the budget, proven so.

    Args:
        layers: options by layer.
        budget: largest sum of damages.
        max_tiles: largest sum of tiles; None: any.

    Raises:
        Unreachable: there is no choice within the budget.
    """
    program = _Program.of(layers, budget, max_tiles)
    found = milp(
        program.energy,
        integrality=np.ones(program.energy.size),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(program.matrix, program.low, program.high),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        least = sum(min(option.damage for option in options) for options in layers.values())
        raise Unreachable(
            f"damage budget: expected at least {least:.4g}, the sum of every layer's least"
            f"{'' if max_tiles is None else f' within {max_tiles} tiles'}, found {budget:.4g}"
        )
    chosen = found.x.round().astype(bool)
    return Allocation(
        {name: option for take, (name, option) in zip(chosen, program.columns, strict=True) if take}
    )


def lower_bound_J(layers: Mapping[str, Sequence[Option]], budget: float) -> float:
    """Energy of the linear relaxation, in J: no choice within the budget is cheaper.

    Raises:
        Unreachable: there is no choice within the budget.
    """
    program = _Program.of(layers, budget, None)
    picks = len(layers)
    found = linprog(
        program.energy,
        A_ub=program.matrix[picks:],
        b_ub=program.high[picks:],
        A_eq=program.matrix[:picks],
        b_eq=program.high[:picks],
        bounds=(0, 1),
    )
    if found.fun is None:
        raise Unreachable(f"damage budget: expected a reachable one, found {budget:.4g}")
    return float(found.fun) * program.unit_J


def relaxed_shares(sensitivity: FloatArray, cost_J: FloatArray, budget: float) -> FloatArray:
    """rho of every layer where damage is sensitivity / rho and energy cost * rho (module text).

    Args:
        sensitivity, cost_J: (layers,), positive.
    """
    shares: FloatArray = np.sqrt(sensitivity / cost_J) * np.sqrt(sensitivity * cost_J).sum()
    return shares / budget


@dataclass(frozen=True)
class _Program:
    """One column per option of a layer; rows: one pick per layer, damage, tiles."""

    columns: list[tuple[str, Option]]
    energy: FloatArray  # in units of the dearest option's
    unit_J: float
    matrix: csr_array
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(
        cls, layers: Mapping[str, Sequence[Option]], budget: float, max_tiles: int | None
    ) -> "_Program":
        columns = [(name, option) for name, options in layers.items() for option in options]
        row_of = {name: row for row, name in enumerate(layers)}
        rows = [row_of[name] for name, _ in columns]
        picks = coo_array((np.ones(len(columns)), (rows, range(len(columns)))))
        limits = [([option.damage for _, option in columns], budget)]
        if max_tiles is not None:
            limits.append(([option.tiles for _, option in columns], max_tiles))
        # Each row in units of its limit: the solver's tolerance is absolute.
        scaled = [np.asarray(row) / (limit or 1.0) for row, limit in limits]
        high = [1.0 if limit else 0.0 for _, limit in limits]
        energy = np.array([option.energy_J for _, option in columns])
        unit_J = float(energy.max(initial=0.0)) or 1.0
        return cls(
            columns,
            energy / unit_J,
            unit_J,
            csr_array(vstack([picks, *(coo_array(row[None]) for row in scaled)])),
            np.array([1.0] * len(layers) + [-np.inf] * len(limits)),
            np.array([1.0] * len(layers) + high),
        )
