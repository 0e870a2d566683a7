"""Shares of energy as copies and parts of the window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.tile.spec import Knobs
from optim.rho import COPIES, design_of, knobs_of, settled

SHARES = st.floats(0.25, 8.0)


def noise(knobs):
    return 1 / (knobs.redundancy * knobs.conductance_scale**2)


@given(SHARES)
def test_knobs_never_leave_more_noise_than_was_trained(rho):
    trained = rho**-2 if rho < 1 else 1 / rho
    assert noise(knobs_of(rho, Knobs())) <= trained * 1.001
    assert noise(knobs_of(rho, Knobs(), windows=False)) <= trained * 1.001


@given(SHARES)
def test_energy_exceeds_the_trained_share_by_at_most_the_next_copies(rho):
    found = knobs_of(rho, Knobs())
    energy = found.redundancy * found.conductance_scale
    assert rho * 0.999 <= energy
    assert energy <= rho * max(1, (found.redundancy / rho) ** 0.5) + 0.01 * found.redundancy


@given(SHARES)
def test_a_settled_share_is_made_exactly(rho):
    share = settled(rho)
    found = knobs_of(share, Knobs())
    assert found.redundancy * found.conductance_scale == pytest.approx(share, abs=1e-12)
    assert settled(share) == share


@pytest.mark.parametrize("copies", COPIES)
def test_whole_copies_use_the_whole_window(copies):
    assert knobs_of(copies, Knobs()).model_dump(exclude_defaults=True) == (
        {"redundancy": copies} if copies > 1 else {}
    )


def test_a_design_keeps_the_other_knobs():
    design = design_of({"conv": 2.0, "out": 0.5}, Knobs(dac_bits=4))
    assert design.knobs("conv") == Knobs(dac_bits=4, redundancy=2)
    assert design.knobs("out") == Knobs(dac_bits=4, conductance_scale=0.5)
