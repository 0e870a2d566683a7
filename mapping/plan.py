"""The plan: which block of which layer lies on which tile, with which knobs.  Plain data.

Executors, the cost model, the RTL loop and the report only read it.  It holds shapes and
ranges, one record per layer, so that a network with billions of weights stays small.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hwsim.chip.spec import Arch
from hwsim.errors import MappingError, SpecError
from hwsim.spec import Spec, validate
from hwsim.tile.geometry import Geometry, ceil_div
from hwsim.tile.knobs import tile_with
from hwsim.tile.schedule import mvm_interval_cycles, mvm_latency_cycles
from hwsim.tile.sliced import check_slices
from hwsim.tile.spec import Knobs, Precision, TileSpec
from hwsim.units import Ratio
from mapping.design import Design, check_design
from mapping.partition import Block, Partition, partition
from mapping.place import Demand, balance, check_capacity, default_tiles
from mapping.shapes import LayerShape

Count = Annotated[int, Field(ge=1)]


class LayerPlan(Spec):
    """One layer on tiles first_tile .. first_tile + tiles - 1."""

    name: str
    op: str
    rows: Count  # K of each group
    cols: Count  # N of each group
    groups: Count
    mvms_per_inference: Count
    precision: Precision
    knobs: Knobs
    inputs_per_array: Count
    outputs_per_array: Count
    groups_per_array: Count
    group_blocks: Count
    row_blocks: Count
    col_blocks: Count
    array_copies: Count  # arrays with the same block, averaged digitally
    replicas: Count  # of the whole layer, each taking a share of the products
    first_tile: Annotated[int, Field(ge=0)]
    tiles: Count  # arrays * array_copies * replicas
    utilization: Annotated[Ratio, Field(gt=0, le=1)]  # programmed cells / cells of the arrays
    busy_cycles: Count  # per inference and tile: ceil(mvms / replicas) * interval
    cycles: Count  # per inference, first word line to last sum

    @model_validator(mode="after")
    def _blocks_follow_from_the_shape(self) -> Self:
        grid = self.partition
        for key in ("groups_per_array", "group_blocks", "row_blocks", "col_blocks"):
            if getattr(self, key) != getattr(grid, key):
                raise ValueError(
                    f"{key}: expected {getattr(grid, key)}, found {getattr(self, key)}"
                )
        expected = grid.arrays * self.array_copies * self.replicas
        if self.tiles != expected:
            raise ValueError(f"tiles: expected {expected}, found {self.tiles}")
        return self

    @property
    def partition(self) -> Partition:
        """The grid of blocks."""
        return Partition(
            self.groups, self.rows, self.cols, self.inputs_per_array, self.outputs_per_array
        )

    @property
    def arrays(self) -> int:
        """Arrays that hold the layer once, without copies and replicas."""
        return self.group_blocks * self.row_blocks * self.col_blocks

    @property
    def weights(self) -> int:
        """Weights of the layer."""
        return self.groups * self.rows * self.cols

    @property
    def macs(self) -> int:
        """Multiply-accumulates per inference."""
        return self.weights * self.mvms_per_inference

    def block(self, array: int) -> Block:
        """The block of the `array`-th array, 0 .. arrays - 1; equal in all copies and replicas.

        Raises:
            IndexError: there is no such array.
        """
        return self.partition.block(array)

    def tile(self, array: int, copy: int = 0, replica: int = 0) -> int:
        """The tile of one array: copies lie side by side, replicas one after the other.

        Raises:
            IndexError: there is no such array, copy or replica.
        """
        within = 0 <= copy < self.array_copies and 0 <= replica < self.replicas
        if not within or not 0 <= array < self.arrays:
            raise IndexError(
                f"tile: expected array < {self.arrays}, copy < {self.array_copies}, "
                f"replica < {self.replicas}, found {array}, {copy}, {replica}"
            )
        return self.first_tile + (replica * self.arrays + array) * self.array_copies + copy

    def geometry(self, tile: TileSpec) -> Geometry:
        """Phases, slices and copies of this layer on `tile`, its knobs applied."""
        return Geometry(tile_with(tile, self.knobs), self.precision, self.knobs.redundancy)


class Plan(Spec):
    """A network on an architecture."""

    version: Literal[1] = 1
    arch: str
    layers: Annotated[tuple[LayerPlan, ...], Field(min_length=1)]
    tiles: Count  # in use, all layers
    clusters: Count
    weights: Count
    macs: Count  # per inference
    utilization: Annotated[Ratio, Field(gt=0, le=1)]
    bottleneck_cycles: Count  # busy cycles of the slowest layer: the interval of the pipeline

    def layer(self, name: str) -> LayerPlan:
        """The layer called `name`.

        Raises:
            MappingError: the plan has no such layer.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise MappingError(f"plan: expected a layer named {name!r}, found none")

    def to_json(self) -> str:
        """JSON that `from_json` reads back to an equal plan."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "plan") -> "Plan":
        """A plan from JSON; `where` names the file in messages.

        Raises:
            SpecError: not JSON, or not a plan.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise SpecError(
                f"{where}: line {error.lineno}: expected JSON, found {error.msg}"
            ) from None
        except (ValueError, RecursionError) as error:
            raise SpecError(f"{where}: expected JSON, found {error}") from None
        if not isinstance(content, dict):
            raise SpecError(f"{where}: expected a plan, found {type(content).__name__}")
        return validate(cls, content, where)


def plan(
    layers: Sequence[LayerShape],
    arch: Arch,
    design: Design | None = None,
    *,
    tiles: int | None = None,
    replicas: int | None = None,
    where: str = "design",
) -> Plan:
    """Partition, replicate and place `layers`, in execution order, on `arch`.

    Args:
        design: knobs per layer; None keeps the tile's own.
        tiles: tiles that may be used in all; None: as the design says.
        replicas: this many replicas of every layer (at most its products), not balanced.
        where: the design's file, for messages.
    Raises:
        MappingError: the design does not fit the network, or the network not the chip.
    """
    _check_names(layers)
    design = design or Design()
    check_design(design, [layer.name for layer in layers], arch.tile, where)
    drafts = [_draft(layer, arch, design.knobs(layer.name)) for layer in layers]
    budget, budgeted = (design.tiles, f"{where}: tiles") if tiles is None else (tiles, "tiles")
    counts = _replicas([draft.demand for draft in drafts], arch, budget, replicas, budgeted)
    placed: list[LayerPlan] = []
    first = 0
    for draft, count in zip(drafts, counts, strict=True):
        placed.append(draft.place(count, first))
        first += placed[-1].tiles
    return _total(placed, arch)


def _replicas(
    demands: Sequence[Demand], arch: Arch, tiles: int | None, replicas: int | None, where: str
) -> list[int]:
    if replicas is None:
        budget = default_tiles(demands, arch.chip) if tiles is None else tiles
        return balance(demands, budget, where)
    if replicas < 1:
        raise MappingError(f"replicas: expected at least 1, found {replicas}")
    # More replicas than products would idle.
    return [min(replicas, demand.mvms) for demand in demands]


def _check_names(layers: Sequence[LayerShape]) -> None:
    if not layers:
        raise MappingError("network: expected at least one conv or linear layer, found none")
    name, times = Counter(layer.name for layer in layers).most_common(1)[0]
    if times > 1:
        raise MappingError(f"network: expected each layer name once, found {name!r} {times} times")


@dataclass(frozen=True)
class _Draft:
    """A layer cut into blocks, not yet replicated or placed."""

    shape: LayerShape
    geometry: Geometry
    knobs: Knobs
    grid: Partition

    @property
    def demand(self) -> Demand:
        return Demand(
            self.shape.name,
            self.grid.arrays * self.geometry.array_copies,
            self.shape.mvms_per_inference,
            mvm_interval_cycles(self.geometry),
        )

    def place(self, replicas: int, first_tile: int) -> LayerPlan:
        shape, grid = self.shape, self.grid
        products = ceil_div(shape.mvms_per_inference, replicas)
        demand, latency = self.demand, mvm_latency_cycles(self.geometry)
        return LayerPlan(
            name=shape.name,
            op=shape.op,
            rows=shape.rows,
            cols=shape.cols,
            groups=shape.groups,
            mvms_per_inference=shape.mvms_per_inference,
            precision=self.geometry.precision,
            knobs=self.knobs,
            inputs_per_array=grid.inputs_per_array,
            outputs_per_array=grid.outputs_per_array,
            groups_per_array=grid.groups_per_array,
            group_blocks=grid.group_blocks,
            row_blocks=grid.row_blocks,
            col_blocks=grid.col_blocks,
            array_copies=self.geometry.array_copies,
            replicas=replicas,
            first_tile=first_tile,
            tiles=demand.arrays * replicas,
            utilization=programmed_cells(grid, self.geometry) / _cells(grid, self.geometry),
            busy_cycles=products * demand.interval,
            cycles=(products - 1) * demand.interval + latency,
        )


def _draft(shape: LayerShape, arch: Arch, knobs: Knobs) -> _Draft:
    precision = shape.precision or arch.precision
    geometry = Geometry(tile_with(arch.tile, knobs), precision, knobs.redundancy)
    try:
        if knobs.slice_scales is not None:
            check_slices(geometry, len(knobs.slice_scales))
        grid = partition(shape.groups, shape.rows, shape.cols, geometry)
    except MappingError as error:
        raise MappingError(f"layer {shape.name!r}: {error}") from None
    return _Draft(shape, geometry, knobs, grid)


def programmed_cells(grid: Partition, geometry: Geometry) -> int:
    """Cells that hold a digit of a weight, in one replica and one digital copy of a layer."""
    analog_copies = geometry.redundancy // geometry.array_copies
    return grid.weights * geometry.columns_per_weight * analog_copies


def _cells(grid: Partition, geometry: Geometry) -> int:
    return grid.arrays * geometry.tile.rows * geometry.tile.cols


def _total(layers: Sequence[LayerPlan], arch: Arch) -> Plan:
    tiles = sum(layer.tiles for layer in layers)
    return Plan(
        arch=arch.name,
        layers=tuple(layers),
        tiles=tiles,
        clusters=check_capacity(tiles, arch.chip),
        weights=sum(layer.weights for layer in layers),
        macs=sum(layer.macs for layer in layers),
        utilization=min(1.0, sum(layer.utilization * layer.tiles for layer in layers) / tiles),
        bottleneck_cycles=max(layer.busy_cycles for layer in layers),
    )
