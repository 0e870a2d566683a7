"""A part of the conductance window: the same disturbances at the same conductances."""

import numpy as np
import pytest

from hwsim.chip.load import device_presets, load_device
from hwsim.device.fluctuation import amplitude_at, fluctuation_amplitude, sigma_at
from hwsim.device.scale import scaled
from hwsim.device.spec import AmplitudeLaw, Device, Fluctuation
from hwsim.errors import SpecError


def fluctuating(law, **more):
    fluctuation = Fluctuation(law=law, source="test", **more)
    return Device(
        name="d",
        conductance_min_S=1e-6,
        conductance_max_S=50e-6,
        fluctuation=fluctuation,
        source="test",
    )


LAWS = [
    fluctuating(AmplitudeLaw.ABSOLUTE, amplitude=0.05),
    fluctuating(AmplitudeLaw.SQRT, amplitude=0.05),
    fluctuating(AmplitudeLaw.RELATIVE, amplitude=0.05),
    fluctuating(AmplitudeLaw.POINTS, points=((0.0, 0.01), (0.4, 0.08), (1.0, 0.1))),
]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("device", [*LAWS, *map(load_device, device_presets())])
def test_disturbances_are_the_same_functions_of_the_conductance(device, share):
    part = scaled(device, share)
    window = device.conductance_max_S - device.conductance_min_S
    assert part.conductance_max_S == pytest.approx(device.conductance_min_S + share * window)
    inside = np.linspace(part.conductance_min_S, part.conductance_max_S, 23)
    np.testing.assert_allclose(amplitude_at(part, inside), amplitude_at(device, inside), rtol=1e-9)
    np.testing.assert_allclose(sigma_at(part, inside), sigma_at(device, inside), rtol=1e-9)


@pytest.mark.parametrize("device", LAWS)
def test_the_whole_window_is_the_device(device):
    assert scaled(device, 1.0) == device


def test_constant_amplitude_weighs_more_against_smaller_steps():
    whole = fluctuation_amplitude(LAWS[0], 2)
    np.testing.assert_allclose(fluctuation_amplitude(scaled(LAWS[0], 0.5), 2), 2 * whole)


def test_a_table_by_level_refuses_a_part_of_the_window():
    device = fluctuating(AmplitudeLaw.TABLE, table=(0.1, 0.1, 0.1, 0.1))
    with pytest.raises(SpecError, match=r"^conductance_scale: expected 1 for a fluctuation of law"):
        scaled(device, 0.5)


def test_a_disturbance_wider_than_the_part_is_refused_in_one_line():
    wide = fluctuating(AmplitudeLaw.ABSOLUTE, amplitude=0.3)
    with pytest.raises(SpecError, match=r"amplitude: .*1") as caught:
        scaled(wide, 0.1)
    assert "\n" not in str(caught.value)
