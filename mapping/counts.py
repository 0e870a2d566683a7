"""Events of one inference, from the plan alone: closed forms, no loop over arrays.

Traffic model (an assumption, stated here once):

- Each array has its part of its group's input register.  A product's inputs are read from the
  cluster buffer once per row block and broadcast over the bus to all column blocks and copies;
  each array writes them to its register and reads them again, digit by digit.
- An array's partial sums, `partial_sum_bits` wide, pass its group's output register (written
  and read once) and the bus, and are added in the cluster.  The corrections of offset encoding
  and zero points are part of the shift-add and the requantizer, not counted apart.
- Finished results, as wide as the inputs of the layer that follows in the plan (the last
  layer's: as its own inputs), pass the cluster's output register, cross `hops` routers and are
  written to the buffer once.  Hops are counted between the middle tiles of two consecutive
  layers.
- Network inputs and final outputs cross no router; off-chip traffic is not modelled.

What the word lines and cells see depends on codes and weights: measured by execution, or, before
any, assumed (`Activity`).
"""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hwsim.chip.spec import Arch, ChipSpec
from hwsim.events import EventCounts
from hwsim.spec import Spec
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Encoding, Subtraction
from hwsim.units import Ratio
from mapping.place import Mesh
from mapping.plan import LayerPlan, Plan


class Activity(Spec):
    """The assumption where nothing was measured."""

    density: Annotated[Ratio, Field(ge=0, le=1)] = 0.5  # mean digit / highest digit of its phase
    # Mean level / highest level of the cells that hold a weight; of a differential pair one
    # cell is empty, and only the other one counts.
    level: Annotated[Ratio, Field(ge=0, le=1)] = 0.5


def converted_columns_per_weight(geometry: Geometry) -> int:
    """Conversions per weight column and read: two for a pair that is subtracted digitally."""
    tile = geometry.tile
    pair = tile.encoding is Encoding.DIFFERENTIAL and tile.subtraction is Subtraction.DIGITAL
    return geometry.slices.count * (2 if pair else 1)


def partial_sum_bits(layer: LayerPlan) -> int:
    """Bits that hold the result of one array whatever its codes."""
    inputs = min(layer.rows, layer.inputs_per_array)
    return layer.precision.weight_bits + layer.precision.input_bits + (inputs - 1).bit_length()


def layer_counts(layer: LayerPlan, arch: Arch, output_bits: int, hops: int) -> EventCounts:
    """Events of one layer and inference that do not depend on codes and weights.

    Args:
        output_bits: width of a finished result.
        hops: routers between this layer and the next.
    """
    geometry = layer.geometry(arch.tile)
    mvms, copies = layer.mvms_per_inference, layer.array_copies
    inputs, outputs = layer.groups * layer.rows, layer.groups * layer.cols
    # Every input lies on `col_blocks` arrays, every output on `row_blocks`, packed or not.
    array_inputs = inputs * layer.col_blocks * copies
    array_outputs = outputs * layer.row_blocks * copies
    conversions = (
        mvms * geometry.phases.count * array_outputs * converted_columns_per_weight(geometry)
    )
    input_bits = mvms * layer.precision.input_bits
    result_bits = mvms * outputs * output_bits
    partial_bits = mvms * array_outputs * partial_sum_bits(layer)
    return EventCounts(
        mvms=mvms,
        array_reads=mvms * geometry.phases.count * layer.arrays * copies,
        samples=conversions,
        conversions=conversions,
        shift_adds=conversions,
        partial_adds=mvms * (array_outputs - outputs),
        requantizations=mvms * outputs,
        input_register_bits=2 * input_bits * array_inputs,
        output_register_bits=2 * partial_bits,
        cluster_register_bits=2 * result_bits,
        buffer_read_bits=input_bits * inputs,
        buffer_write_bits=result_bits,
        bus_bits=input_bits * inputs + partial_bits,
        hop_bits=result_bits * hops,
    )


def assumed_pulses(layer: LayerPlan, arch: Arch, activity: Activity) -> EventCounts:
    """Pulses of one layer and inference under the assumption `activity`."""
    geometry = layer.geometry(arch.tile)
    per_input = activity.density * highest_pulses(geometry)
    redundancy, mvms = layer.knobs.redundancy, layer.mvms_per_inference
    columns = geometry.columns_per_weight
    # One cell of a pair is empty: of `columns` cells only one per slice holds a level.
    level = activity.level * geometry.max_level * slice_scales(layer, geometry.slices.count).sum()
    pulses, lines = mvms * per_input * redundancy, layer.groups * layer.rows * layer.col_blocks
    return EventCounts(
        row_pulses=pulses * lines,
        row_swings=mvms * expected_swings(geometry, activity.density) * redundancy * lines,
        cell_pulses=pulses * layer.partition.crossings * columns,
        level_pulses=pulses * layer.weights * level,
    )


def highest_pulses(geometry: Geometry) -> int:
    """Unit pulses of one input and product when every digit is at its highest."""
    phases = geometry.phases
    full, rest = divmod(phases.magnitude_bits, phases.bits)
    return full * geometry.max_digit + ((1 << rest) - 1) + (1 if phases.signed else 0)


def expected_swings(geometry: Geometry, density: float) -> float:
    """Digits of one input and product that are not 0 if each bit is set with this probability."""
    phases = geometry.phases
    full, rest = divmod(phases.magnitude_bits, phases.bits)
    zero = 1 - density
    return full * (1 - zero**phases.bits) + (1 - zero**rest) + (density if phases.signed else 0)


def measured_pulses(
    layer: LayerPlan,
    arch: Arch,
    row_pulses: NDArray[np.int64],
    row_swings: NDArray[np.int64],
    row_levels: NDArray[np.int64],
) -> EventCounts:
    """Pulses of one layer from what execution saw.

    Args:
        row_pulses: (groups, K) unit pulses on each input, summed over all products.
        row_swings: (groups, K) digits that are not 0 of each input, summed over all products.
        row_levels: (slices, groups, K) sum of the cell levels along each input's word lines, one
            copy; counted are steps of the slice with the widest window.
    """
    redundancy = layer.knobs.redundancy
    columns = layer.cols * layer.geometry(arch.tile).columns_per_weight
    levels = np.tensordot(slice_scales(layer, len(row_levels)), row_levels, 1)
    per_group = row_pulses.sum(axis=1, dtype=np.float64)
    crossed = crossed_groups(layer.groups, layer.groups_per_array)
    return EventCounts(
        row_pulses=float(per_group.sum()) * layer.col_blocks * redundancy,
        row_swings=float(row_swings.sum()) * layer.col_blocks * redundancy,
        cell_pulses=float(per_group @ crossed) * columns * redundancy,
        level_pulses=float((row_pulses.astype(np.float64) * levels).sum()) * redundancy,
    )


def slice_scales(layer: LayerPlan, slices: int) -> NDArray[np.float64]:
    """(slices,) level step of each slice of a weight, against the widest one's."""
    return np.array(layer.knobs.slice_scales or (1.0,) * slices)


def crossed_groups(groups: int, size: int) -> NDArray[np.int64]:
    """(groups,) groups whose columns a word line crosses: all of the `size` on its array."""
    return np.minimum(groups - np.arange(groups) // size * size, size)


def middle_cluster(layer: LayerPlan, chip: ChipSpec) -> int:
    """The cluster of a layer's middle tile."""
    return (layer.first_tile + layer.tiles // 2) // chip.tiles_per_cluster


def plan_counts(plan: Plan, arch: Arch, activity: Activity | None = None) -> dict[str, EventCounts]:
    """Events of one inference by layer, in the plan's order.

    Args:
        activity: adds the pulses under this assumption; None leaves them at zero.
    """
    mesh = Mesh(plan.clusters, arch.chip.clusters_per_router)
    counts: dict[str, EventCounts] = {}
    for layer, following in zip(plan.layers, [*plan.layers[1:], None], strict=True):
        source, sink = layer, following or layer
        hops = mesh.hops(middle_cluster(source, arch.chip), middle_cluster(sink, arch.chip))
        events = layer_counts(layer, arch, sink.precision.input_bits, hops)
        if activity is not None:
            events += assumed_pulses(layer, arch, activity)
        counts[layer.name] = events
    return counts


def total_counts(counts: Mapping[str, EventCounts]) -> EventCounts:
    """The sum over layers or nodes."""
    return sum(counts.values(), start=EventCounts())
