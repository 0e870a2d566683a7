import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.spec import ChipSpec
from hwsim.errors import MappingError
from mapping.place import Demand, Mesh, balance, check_capacity, default_tiles
from tests.reference.replication import best, bottleneck, tiles

CHIP = ChipSpec(
    tiles_per_group=2,
    groups_per_cluster=3,
    max_clusters=4,
    shift_adds_per_group=1,
    input_register_bytes=1,
    output_register_bytes=1,
    buffer_bytes=1,
    bus_bits=1,
)

demands = st.lists(
    st.builds(
        Demand,
        name=st.just("layer"),
        arrays=st.integers(1, 4),
        mvms=st.integers(1, 12),
        interval=st.integers(1, 5),
    ),
    min_size=1,
    max_size=4,
)


@given(demands, st.integers(0, 14))
def test_no_replication_beats_the_one_that_is_found(layers: list[Demand], spare: int) -> None:
    budget = sum(d.arrays for d in layers) + spare
    found = balance(layers, budget)
    assert (bottleneck(layers, found), tiles(layers, found)) == best(layers, budget)


@given(demands, st.integers(0, 100))
def test_more_tiles_never_make_the_pipeline_slower(layers: list[Demand], spare: int) -> None:
    budget = sum(d.arrays for d in layers) + spare
    fewer, more = balance(layers, budget), balance(layers, budget + 1)
    assert bottleneck(layers, more) <= bottleneck(layers, fewer)


def test_the_layer_with_most_products_gets_the_spare_tiles() -> None:
    layers = [Demand("early", 1, 1024, 8), Demand("late", 4, 64, 8)]
    assert balance(layers, 5) == [1, 1]
    assert balance(layers, 5 + 15) == [16, 1]


def test_unlimited_tiles_give_every_product_a_replica_and_no_more() -> None:
    layers = [Demand("a", 1, 7, 3), Demand("b", 2, 2, 3)]
    assert balance(layers, 10**6) == [7, 2]


def test_a_budget_below_one_replica_is_named_with_the_numbers() -> None:
    with pytest.raises(MappingError, match=r"tiles: expected at least 5, .*, found 4"):
        balance([Demand("a", 5, 1, 1)], 4)


def test_the_default_budget_is_whole_clusters() -> None:
    assert default_tiles([Demand("a", 5, 1, 1)], CHIP) == 6
    assert default_tiles([Demand("a", 7, 1, 1)], CHIP) == 12


def test_more_clusters_than_the_chip_has_are_named_with_the_numbers() -> None:
    assert check_capacity(24, CHIP) == 4
    assert check_capacity(10**9, CHIP.replace(max_clusters=None)) == 166666667
    message = r"chip.max_clusters: expected at least 5 clusters for 25 tiles \(6 per .*, found 4"
    with pytest.raises(MappingError, match=message):
        check_capacity(25, CHIP)


@pytest.mark.parametrize("clusters", [1, 2, 4, 5, 9, 30])
def test_clusters_that_follow_each_other_are_neighbours_on_the_mesh(clusters: int) -> None:
    mesh = Mesh(clusters, 1)
    assert mesh.side == min(s for s in range(1, 10) if s * s >= clusters)
    assert len({mesh.position(c) for c in range(clusters)}) == clusters
    assert all(mesh.hops(c, c + 1) == 1 for c in range(clusters - 1))


def test_hops_are_manhattan_and_at_least_one_between_clusters() -> None:
    mesh = Mesh(16, 1)
    assert mesh.position(4) == (1, 3)  # serpentine: below cluster 3
    assert mesh.hops(0, 15) == 3
    assert mesh.hops(0, 8) == 2
    assert mesh.hops(5, 5) == 0
    shared = Mesh(16, 4)
    assert shared.side == 2
    assert shared.hops(0, 1) == 1  # one router, but it is passed
    assert shared.hops(0, 8) == 2
