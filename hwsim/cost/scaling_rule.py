"""How area and switching energy of digital CMOS change from node to node: published data."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from hwsim.errors import SpecError
from hwsim.spec import Spec, read_yaml, validate
from hwsim.units import Metre, Ratio, Volt

_FILE = Path(__file__).parent / "rules" / "stillmaker-baas-2017.yaml"


class ScalingNode(Spec):
    """One node: its area, and its energy as a polynomial in the supply, both relative."""

    feature_size_m: Annotated[Metre, Field(gt=0)]
    supply_V: Annotated[Volt, Field(gt=0)]  # nominal
    area: Annotated[Ratio, Field(gt=0)]
    energy_V2: Ratio
    energy_V1: Ratio
    energy_V0: Ratio

    def energy(self, supply_V: float) -> float:
        """Switching energy at `supply_V`.

        Raises:
            SpecError: the polynomial no longer rises with the supply, or is not positive.
        """
        value = (self.energy_V2 * supply_V + self.energy_V1) * supply_V + self.energy_V0
        if value <= 0 or 2 * self.energy_V2 * supply_V + self.energy_V1 <= 0:
            raise SpecError(
                f"supply_V: expected a supply inside the fit of {self.feature_size_m * 1e9:g} nm, "
                f"found {supply_V:g} V"
            )
        return value


class ScalingRule(Spec):
    """Nodes from the largest to the smallest."""

    source: Annotated[str, Field(min_length=1)]
    nodes: tuple[ScalingNode, ...]

    def area(self, feature_size_m: float) -> float:
        """Relative area; between nodes a power of the feature size."""
        return self._between(feature_size_m, lambda node: node.area)

    def nominal_V(self, feature_size_m: float) -> float:
        """Nominal supply; between nodes a power of the feature size."""
        return self._between(feature_size_m, lambda node: node.supply_V)

    def energy(self, feature_size_m: float, supply_V: float) -> float:
        """Relative switching energy; between nodes a power of the feature size.

        Raises:
            SpecError: size or supply lies outside the published range.
        """
        return self._between(feature_size_m, lambda node: node.energy(supply_V))

    def _between(self, feature_size_m: float, value: Callable[[ScalingNode], float]) -> float:
        for large, small in zip(self.nodes, self.nodes[1:], strict=False):
            if small.feature_size_m <= feature_size_m <= large.feature_size_m:
                width = math.log(large.feature_size_m / small.feature_size_m)
                share = math.log(feature_size_m / small.feature_size_m) / width
                if share in (0.0, 1.0):
                    return value(large if share else small)
                return float(value(large) ** share * value(small) ** (1 - share))
        first, last = self.nodes[0], self.nodes[-1]
        raise SpecError(
            f"feature_size_m: expected {last.feature_size_m:g} to {first.feature_size_m:g}, "
            f"found {feature_size_m:g}"
        )


@cache
def scaling_rule() -> ScalingRule:
    """The published rule in use."""
    return validate(ScalingRule, read_yaml(_FILE), str(_FILE))
