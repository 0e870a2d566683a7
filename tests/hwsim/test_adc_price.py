"""Converters by the survey's fit: bounds, directions, and the survey's own best points."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.chip.load import load_arch
from hwsim.cost import Component, area, conversion_rate_Hz, full_activity, load_technology
from hwsim.cost import energy as energy_of
from hwsim.cost.adc import AdcSurvey, conversion_bound_J, signal_to_noise
from hwsim.tile.spec import Knobs
from tests.reference.tolerance import near

EMT = load_arch("emt")
ISAAC = load_arch("isaac")
TECHNOLOGY = load_technology("emt-32nm-survey")
ISAAC_32 = load_technology("isaac-32nm")

bits = st.integers(1, 15)
rates = st.floats(1e3, 1e10)
nodes = st.sampled_from([7e-9, 14e-9, 32e-9, 65e-9, 130e-9])


def fit(node_m: float = 32e-9) -> AdcSurvey:
    survey = TECHNOLOGY.adc.survey
    assert survey is not None
    size = survey.feature_size.model_copy(update={"value": node_m})
    return survey.model_copy(update={"feature_size": size})


def test_the_bound_is_that_of_the_literature() -> None:
    # 8 kT SNR at 300 K: 4, 6, 8, 10, 12 bits.
    published_J = {4: 12.7e-18, 6: 0.20e-15, 8: 3.25e-15, 10: 52e-15, 12: 0.83e-12}
    for b, joules in published_J.items():
        assert conversion_bound_J(b) == near(joules, rel=0.03)
    assert 10 * math.log10(signal_to_noise(8)) == pytest.approx(6.02 * 8 + 1.76, abs=0.01)


@given(st.integers(1, 20), rates, nodes)
def test_no_conversion_costs_less_than_8_kt_snr(b: int, rate_Hz: float, node_m: float) -> None:
    bound = conversion_bound_J(b) if b >= 4 else conversion_bound_J(4) * b / 4
    assert fit(node_m).conversion_J(b, rate_Hz) >= bound


def test_the_bound_holds_where_the_fit_alone_would_break_it() -> None:
    assert fit(7e-9).conversion_J(13, 1e6) == conversion_bound_J(13)


@given(bits, rates, nodes)
def test_more_bits_a_higher_rate_and_a_larger_node_never_cost_less(
    b: int, rate_Hz: float, node_m: float
) -> None:
    here = fit(node_m).conversion_J(b, rate_Hz)
    assert fit(node_m).conversion_J(b + 1, rate_Hz) > here
    assert fit(node_m).conversion_J(b, 2 * rate_Hz) >= here
    assert fit(1.5 * node_m).conversion_J(b, rate_Hz) >= here
    room = fit(node_m).area_m2(b, rate_Hz)
    assert fit(node_m).area_m2(b + 1, rate_Hz) > room
    assert fit(node_m).area_m2(b, 2 * rate_Hz) > room
    assert fit(1.5 * node_m).area_m2(b, rate_Hz) > room


def test_slow_converters_have_one_figure_of_merit_and_fast_ones_pay_for_their_rate() -> None:
    slow = [fit().conversion_J(8, rate_Hz) for rate_Hz in (1e3, 1e6, 1e8)]
    assert slow[0] == slow[1] == slow[2]
    # Beyond the corner Schreier's figure falls by 2.8719 dB per factor e of the rate.
    fast = fit().conversion_J(8, math.e * 2e9) / fit().conversion_J(8, 2e9)
    assert 10 * math.log10(fast) == pytest.approx(2.8719, abs=1e-4)


def test_the_fit_is_that_of_the_formula_by_hand() -> None:
    # 8 bits, 1.2 GS/s, 32 nm: FoM = 213.7807 - 2.8719 * 20.9056 = 153.74 dB; SNDR = 49.93 dB;
    # E = 0.0472831 * 32^1.88004 * 8^-2.82913 * 10^-10.381 / 2.
    assert fit().conversion_J(8, 1.2e9) == near(1.849e-12, rel=2e-3)
    assert fit().area_m2(8, 1.2e9) == near(6.31e-9, rel=2e-3)


@pytest.mark.parametrize(
    ("effective_bits", "rate_Hz", "node_m", "published_J", "factor"),
    [
        (7.33, 2.7e9, 28e-9, 1.11e-12, 1.2),  # ISSCC 2023 17.7: 6.9 fJ per step
        (6.35, 80e6, 28e-9, 0.30e-12, 3.0),  # ISSCC 2015 11.2: 3.67 fJ per step
        (6.25, 1.2e9, 32e-9, 2.58e-12, 2.4),  # Kull et al., ISSCC 2013: 3.1 mW, 34 fJ per step
        (10.0, 250e6, 8e-9, 2.24e-12, 5.5),  # VLSI 2022 C10-3: 2.18 fJ per step
    ],
)
def test_the_surveys_best_converters_lie_within_a_stated_factor_of_the_fit(
    effective_bits: float, rate_Hz: float, node_m: float, published_J: float, factor: float
) -> None:
    found = fit(node_m).conversion_J(effective_bits, rate_Hz)
    assert 1 / factor < found / published_J < factor


def test_isaacs_converter_is_cheaper_than_the_fit_and_says_that_it_is_optimistic() -> None:
    isaac = ISAAC_32.adc
    assert isaac.conversion_J(8, 1.2e9) < fit().conversion_J(8, 1.2e9)
    assert isaac.assumption is not None
    assert "optimistic" in isaac.assumption


def test_a_converter_is_built_for_the_rate_of_its_schedule() -> None:
    assert conversion_rate_Hz(ISAAC.tile) == 1.2e9
    assert conversion_rate_Hz(EMT.tile) == near(1e9 / 9)


def test_energy_and_area_of_a_chip_use_the_fit_at_that_rate() -> None:
    events = full_activity(EMT)
    spent = energy_of(events, EMT, TECHNOLOGY, Knobs(adc_bits=6))[Component.ADC]
    per_conversion = fit().conversion_J(6, 1e9 / 9) * 0.8
    assert spent == near(events.conversions * per_conversion)
    count = 8 * 12 * 8
    assert area(EMT, TECHNOLOGY)[Component.ADC] == near(count * fit().area_m2(8, 1e9 / 9))


def test_below_four_bits_the_price_is_an_extrapolation_and_says_so() -> None:
    adc = TECHNOLOGY.adc
    assert adc.conversion_J(2, 1e6) == near(adc.conversion_J(4, 1e6) / 2)
    assert (adc.covers(3), adc.covers(4)) == (False, True)
    assert "assumption" in adc.extrapolation
