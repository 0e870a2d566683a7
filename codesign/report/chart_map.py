"""The chip seen from above: clusters on their mesh, every tile coloured by its layer's numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import altair as alt

from codesign.report.chart import LEGEND_HEIGHT, Chart, Row, Spec, amount_label, drawn, rows_of, tip
from codesign.report.palette import OUTLINE, SEQUENTIAL
from codesign.report.quantities import grouped, percent, si
from codesign.report.result import ChipResult, LayerResult, Result
from codesign.report.table import Cell, Table
from mapping.place import Mesh

MAX_TILES = 5000  # beyond, a square is a cluster
_GAP = 1.6  # between clusters, in tiles
_USE, _ENERGY = "cells in use", "energy"


@final
@dataclass(frozen=True)
class Floor:
    """Where squares lie: `rows` by `cols` of them in each cluster, clusters by their routers."""

    mesh: Mesh
    per_cluster: int

    @property
    def rows(self) -> int:
        """Squares along a cluster's height: the most nearly square grid without a gap."""
        root = math.isqrt(self.per_cluster)
        divisor = max(d for d in range(1, root + 1) if self.per_cluster % d == 0)
        # A prime count would lie in one line.
        return divisor if 3 * divisor >= root else root

    @property
    def cols(self) -> int:
        """Squares along a cluster's width."""
        return -(-self.per_cluster // self.rows)

    def corner(self, cluster: int) -> tuple[float, float]:
        """(x, y) of a cluster; those of one router lie side by side."""
        shared = self.mesh.clusters_per_router
        row, col = self.mesh.position(cluster)
        across = col * shared + cluster % shared
        return across * (self.cols + _GAP), row * (self.rows + _GAP)

    def place(self, square: int) -> tuple[float, float]:
        """(x, y) of a square."""
        x, y = self.corner(square // self.per_cluster)
        row, col = divmod(square % self.per_cluster, self.cols)
        return x + col, y + row


def tile_map(result: Result) -> Chart | None:
    """Every tile of the clusters in use; None: the result does not say where layers lie."""
    placed = [layer for layer in result.layers if layer.tiles and layer.first_tile is not None]
    if result.chip is None or not placed:
        return None
    chip = result.chip
    mesh = Mesh(result.clusters, chip.clusters_per_router)
    by_cluster = result.clusters * chip.tiles_per_cluster > MAX_TILES
    floor = Floor(mesh, 1 if by_cluster else chip.tiles_per_cluster)
    tiles = _cluster_rows(placed, floor, chip) if by_cluster else _tile_rows(placed, floor, mesh)
    spare = result.clusters * chip.tiles_per_cluster - result.tiles
    what = "cluster" if by_cluster else "tile"
    summary = (
        f"{grouped(result.tiles)} tiles in use and {grouped(spare)} spare, in "
        f"{grouped(result.clusters)} cluster{'s' * (result.clusters > 1)}; each square is a {what}."
    )
    return Chart(
        "tile-map",
        "Tile map",
        summary,
        _map_spec(tiles, _outlines(floor, mesh), f"Tile map. {summary}"),
        _place_table(placed, chip),
    )


def _tile_rows(placed: Sequence[LayerResult], floor: Floor, mesh: Mesh) -> list[Row]:
    rows = [
        _square(floor, tile, tile, layer.name, layer.utilization, layer.energy_J / layer.tiles)
        for layer in placed
        for tile in _tiles(layer)
    ]
    used = {row["tile"] for row in rows}
    every = range(mesh.clusters * floor.per_cluster)
    return rows + [_square(floor, t, t, "spare", None, None) for t in every if t not in used]


def _cluster_rows(placed: Sequence[LayerResult], floor: Floor, chip: ChipResult) -> list[Row]:
    rows = []
    for cluster in range(floor.mesh.clusters):
        first = cluster * chip.tiles_per_cluster
        here = [(layer, _overlap(layer, first, chip.tiles_per_cluster)) for layer in placed]
        here = [(layer, tiles) for layer, tiles in here if tiles]
        use = sum((layer.utilization or 0.0) * tiles for layer, tiles in here)
        joules = sum(layer.energy_J * tiles / layer.tiles for layer, tiles in here)
        more = f" and {len(here) - 1} more" if len(here) > 1 else ""
        name = f"{here[0][0].name}{more}" if here else "spare"
        rows.append(_square(floor, cluster, first, name, use / chip.tiles_per_cluster, joules))
    return rows


def _tiles(layer: LayerResult) -> range:
    first = layer.first_tile or 0
    return range(first, first + layer.tiles)


def _overlap(layer: LayerResult, first: int, count: int) -> int:
    tiles = _tiles(layer)
    return max(0, min(tiles.stop, first + count) - max(tiles.start, first))


def _square(
    floor: Floor, place: int, tile: int, layer: str, use: float | None, joules: float | None
) -> Row:
    x, y = floor.place(place)
    return {
        "tile": tile,
        "cluster": place // floor.per_cluster,
        "layer": layer,
        "x": round(x, 3),
        "y": round(y, 3),
        _USE: use,
        _ENERGY: joules,
        "reads": "none" if use is None else percent(use, 1),
        "amount": "none" if joules is None else si(joules, "J"),
    }


def _outlines(floor: Floor, mesh: Mesh) -> list[Row]:
    return [
        {
            "x": x - 0.3,
            "y": y - 0.3,
            "x2": x + floor.cols + 0.2,
            "y2": y + floor.rows + 0.2,
        }
        for cluster in range(mesh.clusters)
        for x, y in [floor.corner(cluster)]
    ]


def _map_spec(tiles: list[Row], outlines: list[Row], description: str) -> Spec:
    """Squares over outlines; a choice of what the colour shows; a hovered layer stands out."""
    shown = alt.param(
        name="shown",
        value=_USE,
        bind=alt.binding_radio(options=[_USE, _ENERGY], name="Colour shows "),
    )
    hovered = alt.selection_point(
        fields=["layer"], on="pointerover", clear="pointerout", name="hovered"
    )
    clusters = (
        alt.Chart(rows_of(outlines))
        .mark_rect(fill=None, stroke=OUTLINE, strokeWidth=1, cornerRadius=4, aria=False)
        .encode(x=_flat("x"), y=_down("y"), x2="x2:Q", y2="y2:Q")
    )
    squares = (
        alt.Chart(rows_of(tiles))
        .transform_calculate(
            x2="datum.x + 0.9",
            y2="datum.y + 0.9",
            amount_shown=f"shown === '{_USE}' ? datum['{_USE}'] : datum['{_ENERGY}']",
        )
        .mark_rect(cornerRadius=1.5, stroke=OUTLINE, strokeWidth=0.4, invalid="show")
        .encode(
            x=_flat("x"),
            y=_down("y"),
            x2="x2:Q",
            y2="y2:Q",
            color=_map_colour(),
            opacity=alt.when(hovered).then(alt.value(1)).otherwise(alt.value(0.25)),
            tooltip=[
                tip("layer"),
                tip("tile"),
                tip("cluster"),
                tip("reads", "cells in use"),
                tip("amount", "energy per inference"),
            ],
        )
    )
    layered = alt.layer(clusters, squares.add_params(hovered)).add_params(shown)
    across = max(row["x2"] for row in outlines) + 0.3
    down = max(row["y2"] for row in outlines) + 0.3
    # The page and the figures set the height from the width, so that squares stay square.
    return drawn(
        layered,
        description,
        width="container",
        usermeta={"aspect": down / across, "legend_height": LEGEND_HEIGHT},
    )


def _flat(field: str) -> alt.X:
    return alt.X(f"{field}:Q", axis=None, scale=alt.Scale(nice=False, zero=False))


def _down(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", axis=None, scale=alt.Scale(reverse=True, nice=False, zero=False))


def _map_colour() -> alt.Color:
    label = f"shown === '{_USE}' ? format(100 * datum.value, 'd') + ' %' : {amount_label('J')}"
    return alt.Color(
        "amount_shown:Q",
        scale=alt.Scale(scheme=SEQUENTIAL, domainMin=0),
        legend=alt.Legend(
            labelExpr=label, gradientLength=180, tickCount=4, symbolType="square", columns=1
        ),
    )


def _place_table(placed: Sequence[LayerResult], chip: ChipResult) -> Table:
    return Table(
        "tile-map",
        "Where layers lie; use and energy are means over a layer's tiles.",
        ("layer", "first tile", "tiles", "clusters", "cells in use", "energy per tile"),
        tuple(_place(layer, chip) for layer in placed),
        frozenset(("layer", "clusters")),
    )


def _place(layer: LayerResult, chip: ChipResult) -> tuple[Cell, ...]:
    tiles = _tiles(layer)
    clusters = [tiles.start // chip.tiles_per_cluster, (tiles.stop - 1) // chip.tiles_per_cluster]
    each = layer.energy_J / layer.tiles
    return (
        Cell(layer.name, layer.name),
        Cell(grouped(tiles.start), tiles.start),
        Cell(grouped(layer.tiles), layer.tiles),
        Cell(" to ".join(dict.fromkeys(map(str, clusters))), clusters[0]),
        Cell("" if layer.utilization is None else percent(layer.utilization, 1), layer.utilization),
        Cell(si(each, "J"), each),
    )
