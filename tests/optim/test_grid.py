"""What knobs hardware offers, and what of a grid it refuses."""

from hwsim.chip.load import load_arch
from hwsim.device.spec import AmplitudeLaw
from optim.grid import Grid, refusal

EMT = load_arch("emt")


def test_without_a_grid_all_that_the_tile_has_is_offered() -> None:
    offered = Grid().on(EMT)
    assert offered.redundancies == (1, 2, 3, 4, 6, 8)
    assert offered.conductance_scales == (0.5, 1.0)
    assert offered.adc_bits == (4, 5, 6, 7, 8)
    assert offered.read_voltages_V == EMT.tile.read_voltages_V


def test_more_copies_than_rows_are_not_offered() -> None:
    few = EMT.replace(tile=EMT.tile.replace(rows=4))
    assert Grid().on(few).redundancies == (1, 2, 3, 4)


def test_parts_of_the_window_are_not_offered_where_the_device_has_none() -> None:
    assert EMT.device.fluctuation
    table = EMT.device.fluctuation.replace(
        law=AmplitudeLaw.TABLE, amplitude=0.0, table=(0.0, 0.01, 0.02, 0.03)
    )
    stated = EMT.replace(device=EMT.device.replace(fluctuation=table))
    assert Grid().on(stated).conductance_scales == (1.0,)


def test_what_was_asked_for_stays_and_is_named_where_it_cannot_be() -> None:
    few = EMT.replace(tile=EMT.tile.replace(rows=4))
    asked = Grid(redundancies=(8, 1))
    assert asked.on(few).redundancies == (1, 8)
    refused = {key: refusal(few, knobs) for key, knobs in asked.named() if refusal(few, knobs)}
    assert refused == {"redundancies": "redundancy: 8 copies exceed tile.rows = 4"}
    assert not list(Grid().named())
