"""Slow twin of mapping.place.balance: every combination of replicas is tried."""

import itertools
from collections.abc import Sequence

from mapping.place import Demand


def bottleneck(demands: Sequence[Demand], replicas: Sequence[int]) -> int:
    """Cycles per inference of the slowest layer."""
    return max(-(-d.mvms // r) * d.interval for d, r in zip(demands, replicas, strict=True))


def tiles(demands: Sequence[Demand], replicas: Sequence[int]) -> int:
    """Tiles that all replicas take."""
    return sum(d.arrays * r for d, r in zip(demands, replicas, strict=True))


def best(demands: Sequence[Demand], budget: int) -> tuple[int, int]:
    """(bottleneck, tiles) of the best plan: smallest bottleneck, then fewest tiles."""
    choices = [range(1, min(d.mvms, budget // d.arrays) + 1) for d in demands]
    fitting = (r for r in itertools.product(*choices) if tiles(demands, r) <= budget)
    return min((bottleneck(demands, r), tiles(demands, r)) for r in fitting)
