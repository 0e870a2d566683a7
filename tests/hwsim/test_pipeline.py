"""Throughput and latency from the cycles of layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.pipeline import pipeline
from hwsim.errors import MappingError

cycles = st.lists(st.integers(1, 10**9), min_size=1, max_size=20)


def test_three_layers_by_hand() -> None:
    timing = pipeline([200, 1000, 300], [190, 900, 250], 1e6)
    assert timing.latency_s == pytest.approx(1.5e-3)
    assert timing.interval_s == pytest.approx(0.9e-3)
    assert timing.throughput_per_s == pytest.approx(1 / 0.9e-3)


@given(cycles)
def test_an_inference_takes_at_least_one_interval_and_at_most_one_per_layer(
    layers: list[int],
) -> None:
    timing = pipeline(layers, layers, 1.2e9)
    assert timing.interval_cycles <= timing.cycles <= len(layers) * timing.interval_cycles


@given(cycles)
def test_halving_the_slowest_layer_never_slows_the_chip(layers: list[int]) -> None:
    slowest = layers.index(max(layers))
    faster = [*layers[:slowest], max(1, layers[slowest] // 2), *layers[slowest + 1 :]]
    before, after = (pipeline(layers, busy, 1e9) for busy in (layers, faster))
    assert after.throughput_per_s >= before.throughput_per_s


@pytest.mark.parametrize(("cycles", "busy"), [([], []), ([5], []), ([5, 6], [5])])
def test_layers_without_their_two_counts_are_refused(cycles: list[int], busy: list[int]) -> None:
    found = f"found {len(cycles)} and {len(busy)}"
    with pytest.raises(MappingError, match=f"network: expected at least one layer .*{found}"):
        pipeline(cycles, busy, 1e9)


def test_a_layer_without_cycles_is_named() -> None:
    with pytest.raises(MappingError, match=r"layer 1: expected at least 1 cycle .*, found 0"):
        pipeline([5, 7], [5, 0], 1e9)
