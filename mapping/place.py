"""Placement: how often each layer is replicated, and on which tiles it lies.

Replication balances the pipeline.  The rule, for layer l with `arrays` tiles per replica,
`mvms` products per inference and `interval` cycles per product:

    minimise  max_l ceil(mvms_l / replicas_l) * interval_l
    subject to  sum_l arrays_l * replicas_l <= tiles,   replicas_l >= 1

For a bottleneck T each layer needs at least replicas_l(T) = ceil(mvms_l / floor(T / interval_l)),
so the tiles needed fall as T grows and bisection over T is exact.  Of all plans with the best
bottleneck the one with the fewest tiles is taken.

Tiles are numbered through the chip: group = tile // tiles_per_group, cluster =
tile // tiles_per_cluster.  Layers follow each other without gaps.  Routers lie on a square mesh
in serpentine order, so that consecutive routers are neighbours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.chip.spec import ChipSpec
from hwsim.errors import MappingError
from hwsim.tile.geometry import ceil_div

#: More than any machine has, and few enough to be numbered.
MAX_TILES = 10**12


@dataclass(frozen=True)
class Demand:
    """What one layer asks of the placement."""

    name: str
    arrays: int  # tiles of one replica
    mvms: int  # products per inference
    interval: int  # cycles between two products


def replicas_for(demand: Demand, bottleneck: int) -> int:
    """Fewest replicas that finish within `bottleneck` >= `interval` cycles per inference."""
    return ceil_div(demand.mvms, bottleneck // demand.interval)


def balance(demands: Sequence[Demand], tiles: int, where: str = "tiles") -> list[int]:
    """Replicas per layer with the smallest bottleneck that `tiles` tiles permit.

    Args:
        where: the number's place, for messages.
    Raises:
        MappingError: one replica of every layer needs more than `tiles`, or than can be numbered.
    """
    needed = sum(d.arrays for d in demands)
    if needed > tiles:
        raise MappingError(
            f"{where}: expected at least {needed}, one replica of every layer, found {tiles}"
        )
    if needed > MAX_TILES:
        raise MappingError(f"network: expected at most {MAX_TILES} arrays, found {needed}")
    low = max(d.interval for d in demands)
    high = max(d.mvms * d.interval for d in demands)
    while low < high:
        middle = (low + high) // 2
        if sum(d.arrays * replicas_for(d, middle) for d in demands) <= tiles:
            high = middle
        else:
            low = middle + 1
    return [replicas_for(d, high) for d in demands]


def default_tiles(demands: Sequence[Demand], chip: ChipSpec) -> int:
    """The tiles of one replica of every layer, rounded up to whole clusters."""
    clusters = ceil_div(sum(d.arrays for d in demands), chip.tiles_per_cluster)
    return clusters * chip.tiles_per_cluster


def check_capacity(tiles: int, chip: ChipSpec) -> int:
    """The clusters that hold `tiles` tiles.

    Raises:
        MappingError: the chip has fewer.
    """
    clusters = ceil_div(tiles, chip.tiles_per_cluster)
    if chip.max_clusters is not None and clusters > chip.max_clusters:
        raise MappingError(
            f"chip.max_clusters: expected at least {clusters} clusters for {tiles} tiles "
            f"({chip.tiles_per_cluster} per cluster), found {chip.max_clusters}"
        )
    return clusters


@dataclass(frozen=True)
class Mesh:
    """Routers on a square, each serving `clusters_per_router` clusters."""

    clusters: int
    clusters_per_router: int

    @property
    def side(self) -> int:
        """Routers along one edge."""
        routers = ceil_div(self.clusters, self.clusters_per_router)
        return math.isqrt(routers - 1) + 1

    def position(self, cluster: int) -> tuple[int, int]:
        """(row, column) of a cluster's router; every second row runs backwards."""
        row, col = divmod(cluster // self.clusters_per_router, self.side)
        return (row, col) if row % 2 == 0 else (row, self.side - 1 - col)

    def hops(self, source: int, sink: int) -> int:
        """Router hops between two clusters: Manhattan distance, at least 1 unless they are one."""
        if source == sink:
            return 0
        (row, col), (other_row, other_col) = self.position(source), self.position(sink)
        return max(1, abs(row - other_row) + abs(col - other_col))
