"""Throughput and latency from the cycles of layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.pipeline import pipeline
from hwsim.errors import MappingError

cycles = st.lists(st.integers(1, 10**9), min_size=1, max_size=20)


def test_three_layers_by_hand() -> None:
    timing = pipeline([200, 1000, 300], 1e6)
    assert timing.latency_s == pytest.approx(1.5e-3)
    assert timing.interval_s == pytest.approx(1e-3)
    assert timing.throughput_per_s == pytest.approx(1000.0)


@given(cycles)
def test_an_inference_takes_at_least_one_interval_and_at_most_one_per_layer(
    layers: list[int],
) -> None:
    timing = pipeline(layers, 1.2e9)
    assert timing.interval_cycles <= timing.cycles <= len(layers) * timing.interval_cycles


@given(cycles)
def test_halving_the_slowest_layer_never_slows_the_chip(layers: list[int]) -> None:
    slowest = layers.index(max(layers))
    faster = [*layers[:slowest], max(1, layers[slowest] // 2), *layers[slowest + 1 :]]
    assert pipeline(faster, 1e9).throughput_per_s >= pipeline(layers, 1e9).throughput_per_s


def test_a_network_without_layers_on_tiles_is_refused() -> None:
    with pytest.raises(MappingError, match="network: expected at least one layer on tiles"):
        pipeline([], 1e9)


def test_a_layer_without_cycles_is_named() -> None:
    with pytest.raises(MappingError, match=r"layer 1: expected at least 1 cycle .*, found 0"):
        pipeline([5, 0], 1e9)
