from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.chip.load import load_arch
from hwsim.chip.spec import Arch
from hwsim.cost import full_activity
from hwsim.errors import SpecError
from hwsim.events import EventCounts
from hwsim.spec import validate
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Averaging, Encoding, Knobs, Precision, Subtraction
from mapping.counts import (
    Activity,
    assumed_pulses,
    expected_swings,
    highest_pulses,
    layer_counts,
    measured_pulses,
    partial_sum_bits,
    plan_counts,
    total_counts,
)
from mapping.design import Design
from mapping.plan import LayerPlan, plan
from mapping.shapes import LayerShape
from tests.reference.counting import digits, tally

ISAAC = load_arch("isaac")


@st.composite
def cases(draw: st.DrawFn) -> tuple[LayerPlan, Arch, int]:
    """A small layer on a small tile of any kind, and a seed for its codes and levels."""
    tile = ISAAC.tile.replace(
        rows=draw(st.integers(4, 12)),
        cols=draw(st.integers(16, 32)),
        cell_bits=draw(st.integers(1, 4)),
        dac_bits=draw(st.integers(1, 3)),
        encoding=draw(st.sampled_from(Encoding)),
        subtraction=draw(st.sampled_from(Subtraction)),
        averaging=draw(st.sampled_from(Averaging)),
        flipped_columns=False,
        adc=ISAAC.tile.adc.replace(columns_per_adc=4),
    )
    arch = ISAAC.replace(tile=tile, chip=ISAAC.chip.replace(max_clusters=None))
    shape = LayerShape(
        name="layer",
        rows=draw(st.integers(1, 20)),
        cols=draw(st.integers(1, 9)),
        groups=draw(st.sampled_from([1, 1, 2, 5])),
        mvms_per_inference=draw(st.integers(1, 2)),
        precision=Precision(
            weight_bits=draw(st.integers(2, 8)),
            input_bits=draw(st.integers(2, 8)),
            input_signed=draw(st.booleans()),
        ),
    )
    design = Design(default=Knobs(redundancy=draw(st.integers(1, 3))))
    return plan([shape], arch, design, replicas=1).layers[0], arch, draw(st.integers(0, 99))


def drawn(
    layer: LayerPlan, geometry: Geometry, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes (vectors, groups, K), levels (groups, K, N, columns), pulses and swings (groups, K)."""
    rng = np.random.default_rng(seed)
    bits, signed = layer.precision.input_bits, layer.precision.input_signed
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    codes = rng.integers(low, high, (layer.mvms_per_inference, layer.groups, layer.rows))
    shape = (layer.groups, layer.rows, layer.cols, geometry.columns_per_weight)
    levels = rng.integers(0, geometry.max_level + 1, shape)
    pulses = np.vectorize(lambda code: sum(digits(int(code), geometry)))(codes).sum(axis=0)
    swings = np.vectorize(lambda code: np.count_nonzero(digits(int(code), geometry)))(codes)
    return codes, levels, pulses, swings.sum(axis=0)


@settings(max_examples=60)
@given(cases())
def test_counts_equal_those_of_a_loop_over_arrays_phases_and_cells(
    case: tuple[LayerPlan, Arch, int],
) -> None:
    layer, arch, seed = case
    geometry = layer.geometry(arch.tile)
    codes, levels, pulses, swings = drawn(layer, geometry, seed)
    seen = tally(layer, geometry, codes, levels)
    events = layer_counts(layer, arch, output_bits=8, hops=1)
    events += measured_pulses(layer, arch, pulses, swings, levels.sum(axis=(2, 3))[None])
    outputs = layer.mvms_per_inference * layer.groups * layer.cols
    assert events.array_reads == seen.array_reads
    assert events.conversions == events.samples == events.shift_adds == seen.conversions
    assert events.partial_adds == seen.partial_sums - outputs
    assert events.row_pulses == seen.row_pulses
    assert events.row_swings == seen.row_swings
    assert events.cell_pulses == seen.cell_pulses
    assert events.level_pulses == seen.level_pulses
    assert events.input_register_bits == 2 * layer.precision.input_bits * seen.register_writes
    assert events.output_register_bits == 2 * partial_sum_bits(layer) * seen.partial_sums
    assert events.requantizations == outputs


@given(cases())
def test_full_density_is_every_digit_at_its_highest(case: tuple[LayerPlan, Arch, int]) -> None:
    layer, arch, _ = case
    geometry = layer.geometry(arch.tile)
    all_ones = -1 if layer.precision.input_signed else (1 << layer.precision.input_bits) - 1
    shape = (layer.groups, layer.rows)
    pulses = np.full(shape, layer.mvms_per_inference * sum(digits(all_ones, geometry)))
    swings = np.full(shape, layer.mvms_per_inference * geometry.phases.count)
    full_cells = layer.cols * geometry.slices.count * geometry.max_level
    measured = measured_pulses(layer, arch, pulses, swings, np.full((1, *shape), full_cells))
    assumed = assumed_pulses(layer, arch, Activity(density=1.0, level=1.0))
    assert assumed == measured
    half = assumed_pulses(layer, arch, Activity(density=0.5, level=0.5))
    assert half.cell_pulses == assumed.cell_pulses / 2
    assert half.level_pulses == assumed.level_pulses / 4
    assert half.row_pulses == assumed.row_pulses / 2
    assert assumed.row_swings / 2 <= half.row_swings <= assumed.row_swings


@given(cases(), st.floats(0, 1))
def test_assumed_swings_are_those_of_independent_bits(
    case: tuple[LayerPlan, Arch, int], density: float
) -> None:
    """The mean over all codes, each as likely as bits that are set with this probability make it.

    Their mean digit over the highest one is the density, whatever the bits of a digit.
    """
    layer, arch, _ = case
    geometry, bits = layer.geometry(arch.tile), layer.precision.input_bits
    of_code = [
        digits(
            code - (1 << bits) if layer.precision.input_signed and code >> bits - 1 else code,
            geometry,
        )
        for code in range(1 << bits)
    ]
    ones = np.array([code.bit_count() for code in range(1 << bits)])
    likely = density**ones * (1 - density) ** (bits - ones)
    of_all = [np.count_nonzero(found) for found in of_code]
    assert expected_swings(geometry, density) == pytest.approx(float(likely @ of_all), abs=1e-12)
    pulses = float(likely @ [sum(found) for found in of_code])
    assert density * highest_pulses(geometry) == pytest.approx(pulses, abs=1e-12)


@given(cases())
def test_digits_of_one_bit_swing_their_line_as_often_as_they_pulse_it(
    case: tuple[LayerPlan, Arch, int],
) -> None:
    """What one-bit drivers cost does not depend on how swings are counted."""
    layer, arch, seed = case
    arch = arch.replace(tile=arch.tile.replace(dac_bits=1))
    codes, levels, _, _ = drawn(layer, layer.geometry(arch.tile), seed)
    seen = tally(layer, layer.geometry(arch.tile), codes, levels)
    assert seen.row_swings == seen.row_pulses
    assumed = assumed_pulses(layer, arch, Activity(density=0.5))
    assert assumed.row_swings == assumed.row_pulses
    busy = full_activity(arch)
    assert busy.row_swings == busy.row_pulses


@given(cases(), st.integers(2, 5))
def test_every_count_scales_with_the_number_of_products(
    case: tuple[LayerPlan, Arch, int], factor: int
) -> None:
    layer, arch, _ = case
    more = layer.replace(mvms_per_inference=layer.mvms_per_inference * factor)
    once = layer_counts(layer, arch, 8, 3) + assumed_pulses(layer, arch, Activity())
    often = layer_counts(more, arch, 8, 3) + assumed_pulses(more, arch, Activity())
    assert often == once.scaled(factor)


def test_a_layer_counted_by_hand() -> None:
    """144 inputs, 16 outputs, 8 bits each on ISAAC: 2 arrays, 8 phases, 4 slices."""
    shape = LayerShape(name="conv", op="conv", rows=144, cols=16, mvms_per_inference=1024)
    layer = plan([shape], ISAAC, replicas=1).layers[0]
    events = layer_counts(layer, ISAAC, output_bits=8, hops=2)
    assert partial_sum_bits(layer) == 8 + 8 + 7  # 128 rows of the larger array
    assert events == EventCounts(
        mvms=1024,
        array_reads=1024 * 2 * 8,
        samples=1024 * 2 * 8 * 64,
        conversions=1024 * 2 * 8 * 64,
        shift_adds=1024 * 2 * 8 * 64,
        partial_adds=1024 * 16,
        requantizations=1024 * 16,
        input_register_bits=1024 * 2 * 144 * 8,
        output_register_bits=1024 * 2 * 32 * 23,
        cluster_register_bits=1024 * 2 * 16 * 8,
        buffer_read_bits=1024 * 144 * 8,
        buffer_write_bits=1024 * 16 * 8,
        bus_bits=1024 * (144 * 8 + 32 * 23),
        hop_bits=1024 * 16 * 8 * 2,
    )
    pulses = assumed_pulses(layer, ISAAC, Activity())
    assert pulses.row_pulses == 1024 * 144 * 4  # half of eight bits
    assert pulses.row_swings == pulses.row_pulses
    assert pulses.cell_pulses == 1024 * 144 * 4 * 64
    assert pulses.level_pulses == 1024 * 144 * 4 * 64 * 1.5


def test_replicas_move_work_and_do_not_add_any() -> None:
    shape = LayerShape(name="conv", rows=144, cols=16, mvms_per_inference=1024)
    alone, shared = (plan([shape], ISAAC, replicas=n).layers[0] for n in (1, 7))
    assert layer_counts(alone, ISAAC, 8, 1) == layer_counts(shared, ISAAC, 8, 1)


LAYERS = [
    LayerShape(name="first", rows=1000, cols=1000),
    LayerShape(name="second", rows=1000, cols=1000, precision=Precision(input_bits=4)),
    LayerShape(name="third", rows=10, cols=10),
]


def test_results_are_as_wide_as_the_next_layer_reads_and_hop_to_it() -> None:
    found = plan(LAYERS, ISAAC, replicas=1)
    counts = plan_counts(found, ISAAC)
    # 256 arrays each, 96 per cluster: the middle tiles are 128, 384 and 512.
    assert [layer.tiles for layer in found.layers] == [256, 256, 1]
    assert counts["first"].buffer_write_bits == 1000 * 4
    assert counts["first"].hop_bits == 1000 * 4 * 1  # clusters 1 and 4: one router, 4 per router
    assert counts["second"].buffer_write_bits == 1000 * 8
    assert counts["third"].hop_bits == 0
    alone = ISAAC.replace(chip=ISAAC.chip.replace(clusters_per_router=1))
    # Six clusters on a 3 x 3 mesh, serpentine: cluster 1 at (0, 1), cluster 4 at (1, 1).
    assert plan_counts(found, alone)["first"].hop_bits == 1000 * 4 * 1
    assert plan_counts(found, alone)["second"].hop_bits == 1000 * 8 * 1


def test_counts_of_a_plan_add_up_and_assume_pulses_only_when_asked() -> None:
    found = plan(LAYERS, ISAAC)
    bare, full = plan_counts(found, ISAAC), plan_counts(found, ISAAC, Activity())
    assert list(bare) == ["first", "second", "third"]
    total = total_counts(full)
    for name in (f.name for f in fields(EventCounts)):
        assert getattr(total, name) == sum(getattr(c, name) for c in full.values())
    assert total_counts(bare).cell_pulses == 0
    silent = replace(total, row_pulses=0, row_swings=0, cell_pulses=0, level_pulses=0)
    assert silent == total_counts(bare)


def test_an_activity_beyond_one_is_refused() -> None:
    with pytest.raises(SpecError, match=r"activity: density: expected less .* found 1.5"):
        validate(Activity, {"density": 1.5}, "activity")
