"""A plan's layers and digital nodes as stations of hwsim.chip.timing.

Equations and assumptions: docs/model/timing.md.  Traffic is that of mapping.counts, with one
addition: what a product moves or adds is shared by the clusters on which its replica lies, in
proportion to its tiles there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from hwsim.chip.spec import Arch
from hwsim.chip.timing import Cause, Flow, Need, Same, Station, Step, Use
from hwsim.errors import MappingError
from hwsim.events import EventCounts
from hwsim.tile.geometry import ceil_div
from hwsim.tile.schedule import mvm_interval_cycles, mvm_latency_cycles
from mapping.counts import middle_cluster, partial_sum_bits
from mapping.dependence import Rows, node_rows
from mapping.digital import digital_counts, elements
from mapping.network import LINEAR_OPS, Network, Node
from mapping.place import Mesh
from mapping.plan import LayerPlan, Plan

DOUBLE = 2  # registers between two steps of a replica: one is filled while the other is read


@dataclass(frozen=True)
class Stored:
    """Where a station's results wait to be read: (clusters, share of each), and bits per wave and
    in all.
    """

    bits_per_wave: int
    bits: int
    places: tuple[tuple[range, Fraction], ...]


@dataclass
class _Chip:
    """Names of the resources met so far, and the shares of a layer in them."""

    arch: Arch
    mesh: Mesh
    names: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)  # by station

    def use(self, name: str, cycles: int) -> Use:
        if name not in self.numbers:
            self.numbers[name] = len(self.names)
            self.names.append(name)
        return Use(self.numbers[name], cycles)

    def spread(
        self, tiles: range, what: str, amount: int, per_cycle: int, clusters: int = 1
    ) -> tuple[Use, ...]:
        """`amount` over the units that each serve `clusters` of the clusters of `tiles`.

        Of units in the same state the one in the middle of `tiles` stands for all.
        """
        if not amount:
            return ()
        size = clusters * self.arch.chip.tiles_per_cluster
        middle = tiles[len(tiles) // 2] // size
        return tuple(
            self.use(
                f"{what} {middle if middle in units else units[0]}",
                ceil_div(amount * count, len(tiles) * per_cycle),
            )
            for units, count in runs(tiles, size)
        )


def runs(tiles: range, size: int) -> Iterator[tuple[range, int]]:
    """(units, how many of `tiles` lie in each of them), units being `size` consecutive tiles.

    Units between the first and the last hold nothing else and are in the same state at any time.
    """
    first, last = tiles[0] // size, tiles[-1] // size
    for start, stop in pairwise(sorted({first, first + 1, last, last + 1})):
        inside = min(tiles.stop, (start + 1) * size) - max(tiles.start, start * size)
        yield range(start, stop), inside


def _replica(layer: LayerPlan, number: int) -> range:
    """The tiles of one replica."""
    size = layer.tiles // layer.replicas
    return range(layer.first_tile + number * size, layer.first_tile + (number + 1) * size)


def layer_steps(layer: LayerPlan, following: LayerPlan, chip: _Chip) -> tuple[Step, ...]:
    """The steps of one product; replicas take products in turn."""
    spec, replicas = chip.arch.chip, [_replica(layer, i) for i in range(layer.replicas)]
    geometry = layer.geometry(chip.arch.tile)
    interval, latency = mvm_interval_cycles(geometry), mvm_latency_cycles(geometry)
    inputs = layer.groups * layer.rows * layer.precision.input_bits
    outputs = layer.groups * layer.cols
    sums = outputs * layer.row_blocks * layer.array_copies

    def carry(bits: int) -> tuple[tuple[Use, ...], ...]:
        return tuple(chip.spread(t, "bus of cluster", bits, spec.bus_bits) for t in replicas)

    added = tuple(
        chip.spread(t, "adders of cluster", sums - outputs, spec.shift_adds_per_cluster)
        + chip.spread(t, "requantisers of cluster", outputs, spec.requantizers_per_cluster)
        for t in replicas
    )
    names = (f"tiles of {layer.name}, replica {i}" for i in range(layer.replicas))
    both = DOUBLE * layer.replicas
    sent, written = _sent(layer, replicas, following, chip)
    return (
        Step(Cause.BUS, carry(inputs), ahead=both),
        Step(
            Cause.TILE,
            tuple((chip.use(name, interval),) for name in names),
            max(0, latency - interval),
            (1 + ceil_div(latency, interval)) * layer.replicas,
        ),
        Step(Cause.BUS, carry(sums * partial_sum_bits(layer)), ahead=both),
        Step(Cause.ACCUMULATION, added, ahead=both),
        Step(Cause.ROUTER, sent, written, both),
    )


def _sent(
    layer: LayerPlan, replicas: Sequence[range], following: LayerPlan, chip: _Chip
) -> tuple[tuple[tuple[Use, ...], ...], int]:
    """Results through the mesh to where the following layer lies, and cycles to write them."""
    spec = chip.arch.chip
    bits = layer.groups * layer.cols * following.precision.input_bits
    sink = range(following.first_tile, following.first_tile + following.tiles)
    places = tuple(
        (clusters, Fraction(tiles, len(sink)))
        for clusters, tiles in runs(sink, spec.tiles_per_cluster)
    )
    chip.stored[layer.name] = Stored(bits, bits * layer.mvms_per_inference, places)
    largest = max(share for _, share in places)
    written = ceil_div(bits * largest.numerator, largest.denominator * spec.bus_bits)
    hops = chip.mesh.hops(middle_cluster(layer, spec), middle_cluster(following, spec))
    if not hops:
        return ((),), written
    per = spec.clusters_per_router
    taken = chip.spread(sink, "input of router", bits, spec.flit_bits, per)
    given = (chip.spread(t, "output of router", bits, spec.flit_bits, per) for t in replicas)
    return tuple(uses + taken for uses in given), hops + written


def _unit_step(node: Node, events: EventCounts, waves: int, cluster: int, chip: _Chip) -> Step:
    """A digital node's share of one wave in its cluster's units."""
    spec = chip.arch.chip
    kinds = (
        ("activation units", "activation_units_per_cluster", events.activation_ops),
        ("adders", "shift_adds_per_cluster", events.elementwise_ops),
        ("pool units", "pool_units_per_cluster", events.pool_ops),
    )
    uses = []
    for what, key, operations in kinds:
        if not operations:
            continue
        if not (units := getattr(spec, key)):
            raise MappingError(
                f"chip.{key}: expected at least 1 for node {node.name!r} ({node.op}), found 0"
            )
        cycles = ceil_div(int(operations), waves * units)
        uses.append(chip.use(f"{what} of cluster {cluster}", cycles))
    return Step(Cause.UNITS, (tuple(uses),))


def plan_flow(
    plan: Plan, arch: Arch, network: Network | None = None
) -> tuple[Flow, dict[str, Stored]]:
    """The stations of a plan, in execution order, and where each one's results wait.

    Args:
        network: the graph that the plan was made from.  None: only the plan is known, and every
            layer needs all of the one before.
    Raises:
        MappingError: a node needs units that the chip has not, or the plan lacks a layer.
    """
    chip = _Chip(arch, Mesh(plan.clusters, arch.chip.clusters_per_router))
    following = dict(
        zip((p.name for p in plan.layers), (*plan.layers[1:], plan.layers[-1]), strict=True)
    )
    _check_units(plan, arch)
    if network is None:
        stations = _chain(plan, following, chip)
    else:
        stations = _Graph(plan, following, chip, network).stations()
    return Flow(tuple(stations), tuple(chip.names)), chip.stored


def _check_units(plan: Plan, arch: Arch) -> None:
    for layer in plan.layers:
        if layer.row_blocks * layer.array_copies > 1 and not arch.chip.shift_adds_per_cluster:
            raise MappingError(
                f"chip.shift_adds_per_cluster: expected at least 1 for layer {layer.name!r}, "
                "whose sums lie on several arrays, found 0"
            )


def _chain(plan: Plan, following: dict[str, LayerPlan], chip: _Chip) -> list[Station]:
    stations: list[Station] = []
    for layer in plan.layers:
        waves = layer.mvms_per_inference
        needs: tuple[Need, ...] = ()
        if stations:
            everything = Same(0, waves), Same(stations[-1].waves, waves)
            needs = (Need(len(stations) - 1, *everything),)
        steps = layer_steps(layer, following[layer.name], chip)
        stations.append(Station(layer.name, waves, steps, needs))
    return stations


class _Graph:
    """Walks a network's nodes; every node becomes a station."""

    def __init__(
        self, plan: Plan, following: dict[str, LayerPlan], chip: _Chip, network: Network
    ) -> None:
        self.plan, self.following, self.chip, self.network = plan, following, chip, network
        self.events = digital_counts(network, chip.arch.precision.input_bits)
        self.rows: list[Rows] = []  # of each station
        self.home: list[int] = []  # cluster of its results
        self.number: dict[str, int] = {}  # tensor -> station

    def stations(self) -> list[Station]:
        return [self.station(index, node) for index, node in enumerate(self.network.nodes)]

    def station(self, index: int, node: Node) -> Station:
        sources = [self.number[tensor] for tensor in node.inputs if tensor in self.number]
        cluster = max((self.home[number] for number in sources), default=0)
        rows = node_rows(node, self.network.shapes)
        if node.op in LINEAR_OPS:
            layer = self.plan.layer(node.name)
            rows = rows.on(layer.mvms_per_inference)
            steps = layer_steps(layer, self.following[node.name], self.chip)
            cluster = middle_cluster(layer, self.chip.arch.chip)
        elif node.name in self.events:
            steps = (_unit_step(node, self.events[node.name], rows.waves, cluster, self.chip),)
            self.store(node, rows.waves, cluster)
        else:
            steps = ()
        needs = tuple(rows.need(number, self.rows[number]) for number in sources)
        self.rows.append(rows)
        self.home.append(cluster)
        self.number[node.output] = index
        return Station(node.name, rows.waves, steps, needs)

    def store(self, node: Node, waves: int, cluster: int) -> None:
        values = elements(self.network.shapes[node.output])
        bits = values * self.chip.arch.precision.input_bits
        place = (range(cluster, cluster + 1), Fraction(1))
        self.chip.stored[node.name] = Stored(ceil_div(bits, waves), bits, (place,))
