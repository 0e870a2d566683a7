"""A technology at another node: the published rule, directions, and there and back."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.load import load_arch
from hwsim.cost import (
    Component,
    Technology,
    area,
    energy,
    figures,
    full_activity,
    load_technology,
    scaled,
)
from hwsim.cost.scaling_rule import scaling_rule
from hwsim.errors import SpecError
from tests.reference.tolerance import near

EMT = load_arch("emt")
TECHNOLOGIES = {name: load_technology(name) for name in ("isaac-32nm", "emt-32nm-survey")}
RULE = scaling_rule()
NOMINAL_V = {130e-9: 1.2, 90e-9: 1.1, 65e-9: 1.0, 45e-9: 1.0, 32e-9: 0.9, 20e-9: 0.9}
NOMINAL_V |= {16e-9: 0.8, 14e-9: 0.8, 10e-9: 0.75, 7e-9: 0.7}
sizes = st.floats(7e-9, 130e-9)


@pytest.mark.parametrize(
    ("from_m", "to_m", "published"),
    [
        # The paper's own table of ratios, of two digits; its rows are rounded one by one.
        (130e-9, 32e-9, 0.072),
        (65e-9, 32e-9, 0.31),
        (45e-9, 32e-9, 0.46),
        (45e-9, 7e-9, 0.059),
        (65e-9, 16e-9, 0.13),
        (16e-9, 7e-9, 0.31),
        (90e-9, 14e-9, 0.061),
    ],
)
def test_areas_are_the_published_ratios(from_m: float, to_m: float, published: float) -> None:
    assert RULE.area(to_m) / RULE.area(from_m) == near(published, rel=0.05)


def test_energies_are_the_published_polynomials_by_hand() -> None:
    assert RULE.energy(45e-9, 1.0) == near(1.018 - 0.3107 + 0.1539)
    assert RULE.energy(16e-9, 0.8) == near(0.2958 * 0.64 - 0.1241 * 0.8 + 0.03024)
    assert RULE.energy(180e-9, 1.8) == near(24.64 * 1.8 - 17.98)


def test_smaller_nodes_at_their_nominal_supply_need_less_area_and_energy() -> None:
    areas = [RULE.area(size_m) for size_m in NOMINAL_V]
    energies = [RULE.energy(size_m, supply_V) for size_m, supply_V in NOMINAL_V.items()]
    for values in (areas, energies):
        assert all(small < large for large, small in pairwise(values))


def test_a_node_between_two_published_ones_lies_between_them_and_meets_them() -> None:
    assert RULE.area(32e-9) < RULE.area(40e-9) < RULE.area(45e-9)
    assert RULE.energy(32e-9, 0.9) < RULE.energy(40e-9, 0.9) < RULE.energy(45e-9, 0.9)
    assert RULE.area(32e-9 * (1 + 1e-9)) == near(RULE.area(32e-9))


@given(sizes, st.floats(0.7, 1.2))
def test_energy_rises_with_the_supply(size_m: float, supply_V: float) -> None:
    assert RULE.energy(size_m, supply_V * 1.01) > RULE.energy(size_m, supply_V)


@pytest.mark.parametrize(
    ("size_m", "supply_V", "message"),
    [
        (5e-9, 0.8, "feature_size_m: expected 7e-09 to 1.8e-07, found 5e-09"),
        (250e-9, 0.8, "feature_size_m: expected 7e-09 to 1.8e-07, found 2.5e-07"),
        (32e-9, 0.2, "supply_V: expected a supply inside the fit of 32 nm, found 0.2 V"),
        (180e-9, 0.7, "supply_V: expected a supply inside the fit of 180 nm, found 0.7 V"),
    ],
)
def test_outside_the_published_range_is_refused(
    size_m: float, supply_V: float, message: str
) -> None:
    with pytest.raises(SpecError, match=re.escape(message)):
        RULE.energy(size_m, supply_V)


@pytest.mark.parametrize("name", sorted(TECHNOLOGIES))
@given(sizes)
def test_there_and_back_is_where_we_were(name: str, size_m: float) -> None:
    technology = TECHNOLOGIES[name]
    back = scaled(scaled(technology, size_m, 1.0), 32e-9, 0.9)
    after = figures(back)
    for key, figure in figures(technology).items():
        assert after[key].value == near(figure.value, rel=1e-9), key


@pytest.mark.parametrize("name", sorted(TECHNOLOGIES))
def test_the_own_node_changes_no_value(name: str) -> None:
    same = figures(scaled(TECHNOLOGIES[name], 32e-9, 0.9))
    assert {k: f.value for k, f in same.items()} == near(
        {k: f.value for k, f in figures(TECHNOLOGIES[name]).items()}
    )


@pytest.mark.parametrize("name", sorted(TECHNOLOGIES))
def test_a_smaller_node_costs_less_everywhere_but_in_cells_that_the_device_sets(name: str) -> None:
    large, small = TECHNOLOGIES[name], scaled(TECHNOLOGIES[name], 16e-9, 0.8)
    events = full_activity(EMT)
    before, after = (energy(events, EMT, t) for t in (large, small))
    for component, joules in before.items():
        if component is Component.ARRAY or joules == 0:
            assert after[component] == joules
        else:
            assert after[component] < joules, component
    rooms = [(c, m2, area(EMT, small)[c]) for c, m2 in area(EMT, large).items()]
    for component, m2, scaled_m2 in rooms:
        unscaled = m2 == 0 or component is Component.SAMPLE_HOLD
        assert scaled_m2 == m2 if unscaled else scaled_m2 < m2, component


def test_parts_scale_by_their_own_rules() -> None:
    old = TECHNOLOGIES["isaac-32nm"]
    new = scaled(old, 16e-9, 0.8)
    digital = RULE.energy(16e-9, 0.8) / RULE.energy(32e-9, 0.9)
    assert new.shift_add.energy.value == near(old.shift_add.energy.value * digital)
    assert new.shift_add.area.value == near(old.shift_add.area.value * 0.41)
    assert new.cell.area.value == near(old.cell.area.value / 4)
    adc = new.adc.conversion_J(8, 1.2e9) / old.adc.conversion_J(8, 1.2e9)
    # 0.9 V is nominal at 32 nm, 0.85 V at 16 nm.
    factor = 0.5**1.880037 * (0.8 / 0.85) ** 2
    assert adc == near(factor)
    room = new.adc.area_m2(8, 1.2e9) / old.adc.area_m2(8, 1.2e9)
    assert room == near(0.5**0.9932795 * factor**0.2991243)
    assert new.sample_hold.energy.value == near(old.sample_hold.energy.value * (0.8 / 0.9) ** 2)
    assert (new.feature_size.value, new.supply.value) == (16e-9, 0.8)


def test_a_table_and_the_survey_scale_alike() -> None:
    survey = TECHNOLOGIES["emt-32nm-survey"]
    table = TECHNOLOGIES["isaac-32nm"]
    for size_m, supply_V in ((16e-9, 0.85), (65e-9, 1.2), (32e-9, 0.7)):
        one, other = (scaled(t, size_m, supply_V).adc.conversion_J(8, 1e8) for t in (table, survey))
        before, after = (t.adc.conversion_J(8, 1e8) for t in (table, survey))
        assert one / before == near(other / after)


def test_at_one_node_a_converter_follows_the_square_of_the_supply() -> None:
    # Jia et al., JSSC 2020, 65 nm: from 0.85 to 1.2 V the converter's energy rises by 1.99.
    low, high = (scaled(TECHNOLOGIES["isaac-32nm"], 65e-9, v) for v in (0.85, 1.2))
    ratio = high.adc.conversion_J(8, 1e8) / low.adc.conversion_J(8, 1e8)
    assert ratio == near(3.56 / 1.79, rel=0.01)


def test_a_word_line_scales_with_length_and_voltage() -> None:
    old: Technology = TECHNOLOGIES["emt-32nm-survey"]
    new = scaled(old, 16e-9, 0.8)
    for name in ("line_capacitance", "select_capacitance"):
        before, after = getattr(old.driver, name), getattr(new.driver, name)
        assert after.value == near(before.value / 2), name
    assert new.driver.swing_J(128, 0.0) == near(
        old.driver.swing_J(128, 0.0) * 0.5 * (0.8 / 0.9) ** 2
    )
    assert new.mesh_wire is not None
    assert old.mesh_wire is not None
    assert new.mesh_wire.energy.value == near(old.mesh_wire.energy.value * (0.8 / 0.9) ** 2)


def test_a_scaled_figure_says_from_where_by_what_and_by_which_rule() -> None:
    figure = scaled(TECHNOLOGIES["isaac-32nm"], 16e-9, 0.8).pooling.energy
    assert figure.source == TECHNOLOGIES["isaac-32nm"].pooling.energy.source
    assert figure.conditions is not None
    said = "scaled from 32 nm, 0.9 V to 16 nm, 0.8 V, Stillmaker and Baas 2017"
    assert figure.conditions.endswith(said)
    assert "times 0.2631" in figure.conditions


def test_the_preset_at_16_nm_is_the_survey_preset_scaled() -> None:
    by_hand = scaled(TECHNOLOGIES["emt-32nm-survey"], 16e-9, 0.85)
    assert figures(load_technology("emt-16nm")) == figures(by_hand)
