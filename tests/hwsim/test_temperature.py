"""Temperature: what is thermally activated runs faster, and nothing else changes."""

import numpy as np
import pytest

from hwsim.device.spec import Device, Drift, Fluctuation, Scenario, States
from hwsim.device.temperature import acceleration
from hwsim.errors import SpecError
from hwsim.spec import validate
from hwsim.tile.disturbance import Disturbance
from hwsim.tile.geometry import Geometry
from hwsim.tile.matrix import ProgrammedMatrix
from hwsim.tile.spec import Engine, Precision
from tests.hwsim.test_tile import fluctuation, full_converter, make_device, make_tile

SOURCE = {"source": "made up for tests"}
HOT = 358.0


def disturbed(device: Device, **scenario) -> Disturbance:
    return Disturbance.of(device, 2, Scenario(**scenario))


def drift(**changes) -> Drift:
    return Drift(nu_mean=0.05, nu_sigma=0.01, start_s=20.0, **changes, **SOURCE)


def chained(**changes) -> Fluctuation:
    return fluctuation(states=States.MARKOV, high_dwell_s=3e-7, low_dwell_s=1e-7, **changes)


def test_acceleration_is_arrhenius_law():
    """k = 8.617333262e-5 eV / K; 1.1 eV from 328 K to 398 K is the 939 of a textbook exercise."""
    assert acceleration(1.1, 398.0, 328.0) == pytest.approx(
        np.exp(1.1 / 8.617333262e-5 * (1 / 328 - 1 / 398)), rel=1e-8
    )
    assert acceleration(0.7, 300.0, 300.0) == 1.0
    assert acceleration(None, 400.0, 300.0) == 1.0
    assert acceleration(0.7, 273.0, 300.0) < 1


def test_traps_at_a_few_kelvin_wait_and_are_not_fresh():
    """exp(-1500 eV-kelvins / ...) is no float; a rate of zero would say independent states."""
    device = make_device(fluctuation=chained(activation_eV=0.5))
    rates = [disturbed(device, temperature_K=kelvin).refresh_rate_Hz for kelvin in (8, 4, 1)]
    assert 1e-200 > rates[0] >= rates[1] == rates[2] > 0


def test_drift_of_a_device_measured_in_the_cold_is_finite():
    """ln(1 + r f) = ln r + E_a / k (1 / T_0 - 1 / T) where f is beyond any float."""
    device = make_device(drift=drift(activation_eV=0.3), temperature_K=4.0)
    decades = np.log(1000 - 1) + 0.3 / 8.617333262e-5 * (1 / 4 - 1 / 300)
    assert disturbed(device, time_s=20e3).drift_mean == pytest.approx(0.05 * decades, rel=1e-8)


def test_without_an_activation_energy_temperature_changes_no_cell():
    device = make_device(fluctuation=fluctuation(), drift=drift())
    geometry = Geometry(make_tile(), Precision())
    weights = np.random.default_rng(1).integers(-127, 128, (30, 5))
    codes = np.random.default_rng(2).integers(0, 256, (4, 30)).astype(np.int16)
    found = [
        ProgrammedMatrix(
            weights[None], geometry, full_converter(geometry, 30), device, scenario=Scenario(
                time_s=1e6, temperature_K=kelvin)
        ).multiply(codes).values
        for kelvin in (300.0, HOT)
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0], found[1])


def test_nothing_has_drifted_at_the_start_however_hot():
    device = make_device(drift=drift(activation_eV=0.9))
    for time_s in (None, 1.0, 20.0):
        assert not disturbed(device, time_s=time_s, temperature_K=HOT).deviates


def test_heat_shortens_the_time_after_programming_by_the_acceleration():
    device = make_device(drift=drift(activation_eV=0.9))
    faster = acceleration(0.9, HOT, 300.0)
    assert faster > 100
    hot = disturbed(device, time_s=500.0, temperature_K=HOT)
    cold = disturbed(device, time_s=20.0 + 480.0 * faster)
    assert hot.drift_mean == pytest.approx(cold.drift_mean, rel=1e-12)
    assert hot.drift_sigma == pytest.approx(cold.drift_sigma, rel=1e-12)
    late = disturbed(device, time_s=1e9, temperature_K=HOT)
    assert late.drift_mean == pytest.approx(0.05 * np.log(1e9 / 20 * faster), rel=1e-6)


def test_traps_jump_faster_by_the_acceleration_and_as_often_high():
    device = make_device(fluctuation=chained(activation_eV=0.4))
    cold, hot = disturbed(device), disturbed(device, temperature_K=HOT)
    assert cold.refresh_rate_Hz == pytest.approx(1 / 3e-7 + 1 / 1e-7)
    ratio = hot.refresh_rate_Hz / cold.refresh_rate_Hz
    assert ratio == pytest.approx(acceleration(0.4, HOT, 300.0))
    assert hot.duty == cold.duty == pytest.approx(0.75)


def test_figures_measured_hot_hold_hot():
    device = make_device(fluctuation=chained(activation_eV=0.4), temperature_K=HOT)
    assert disturbed(device, temperature_K=HOT).refresh_rate_Hz == pytest.approx(4 / 3 / 1e-7)
    assert disturbed(device, temperature_K=300.0).refresh_rate_Hz < 1e7


@pytest.mark.compiled
def test_reads_of_a_hot_chain_are_less_alike():
    geometry = Geometry(make_tile(subtraction="analog"), Precision(weight_bits=3, input_bits=2))
    device = make_device(fluctuation=chained(activation_eV=0.6, amplitude=0.9))
    codes = np.full((20_000, 1), 1, np.int16)
    alike = []
    for kelvin in (300.0, 330.0):
        matrix = ProgrammedMatrix(
            np.full((1, 1, 1), 3), geometry, full_converter(geometry, 1), device, (4,),
            Engine.EXACT, Scenario(temperature_K=kelvin),
        )  # fmt: skip
        values = matrix.multiply(codes).values[:, 0]
        alike.append(np.corrcoef(values[:-1], values[1:])[0, 1])
    assert alike[0] > alike[1] + 0.1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"law": "absolute", "amplitude": 0.1, "activation_eV": 0.5, **SOURCE},
            "device: activation_eV: must be given only when states is 'markov'",
        ),
        (
            {"law": "absolute", "activation_eV": -1, **SOURCE},
            "device: activation_eV: expected greater than 0, found -1",
        ),
    ],
)
def test_bad_activation_energies_are_named(content, expected):
    with pytest.raises(SpecError) as found:
        validate(Fluctuation, content, "device")
    assert str(found.value) == expected
