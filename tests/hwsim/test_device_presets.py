"""Device presets say what their sources say, and laws of the level are what they claim."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hwsim.chip.load import device_presets, load_device
from hwsim.device.fluctuation import (
    fluctuation_amplitude,
    level_conductance,
    level_step,
    programming_sigma,
)
from hwsim.device.spec import Device, States
from hwsim.errors import SpecError

MEASURED = ("flash-sonos", "pcm", "rram-milo", "rram-wan", "rram-wan-1day", "stt-mram")
Array = NDArray[np.float64]


def in_uS(name: str, bits: int = 4) -> tuple[Array, Array, Array]:
    """Conductance, programming error and fluctuation of every level, in uS."""
    device = load_device(name)
    step = level_step(device, bits)
    parts = (programming_sigma(device, bits) * step, fluctuation_amplitude(device, bits) * step)
    return level_conductance(device, bits) * 1e6, parts[0] * 1e6, parts[1] * 1e6


@pytest.mark.parametrize("name", sorted(device_presets()))
def test_every_figure_of_a_preset_has_a_source_and_it_prints_as_yaml_that_loads_back(
    name: str, tmp_path: Path
) -> None:
    device = load_device(name)
    assert device.name == name
    parts = (device.fluctuation, device.programming, device.drift, device.faults)
    for part in (device, *(part for part in parts if part is not None)):
        assert len(part.source) > 40
    file = tmp_path / "again.yaml"
    file.write_text(device.to_yaml(), encoding="utf-8")
    assert load_device(file) == device


def test_the_four_memories_of_the_issue_are_there() -> None:
    assert set(MEASURED) <= set(device_presets())


def test_rram_wan_has_the_published_cubic_programming_error() -> None:
    g, sigma, amplitude = in_uS("rram-wan")
    expected = 1.536e-4 * g**3 - 1.167e-2 * g**2 + 2.374e-1 * g + 1.053
    np.testing.assert_allclose(sigma, expected, rtol=1e-5)
    np.testing.assert_allclose(amplitude, 0.3926)
    assert g.max() == pytest.approx(39.26)


def test_rram_wan_after_a_day_has_the_published_quartic_spread() -> None:
    g, sigma, _ = in_uS("rram-wan-1day")
    x = g / 40
    expected = -16.458 * x**4 + 47.095 * x**3 - 50.773 * x**2 + 22.086 * x + 0.701
    np.testing.assert_allclose(sigma, expected, rtol=1e-5)


def test_rram_milo_has_the_published_linear_programming_error() -> None:
    g, sigma, amplitude = in_uS("rram-milo")
    np.testing.assert_allclose(sigma, 4.782321 - 0.009107 * g, rtol=1e-5)
    assert (g.min(), g.max()) == pytest.approx((50, 225))
    assert not amplitude.any()


def test_pcm_has_the_published_programming_error_and_accumulated_noise() -> None:
    g, sigma, amplitude = in_uS("pcm")
    x = g / 25
    np.testing.assert_allclose(sigma, 0.26348 + 1.9650 * x - 1.1731 * x**2, rtol=1e-5)
    read_s, time_s = 250e-9, 20.0
    share = np.minimum(0.0088 / x**0.65, 0.2)
    expected = g * share * math.sqrt(math.log((time_s + read_s) / (2 * read_s)))
    np.testing.assert_allclose(amplitude, expected, rtol=0.03)
    fluctuation = load_device("pcm").fluctuation
    assert fluctuation is not None
    assert (fluctuation.duty, fluctuation.states) == (0.5, States.FROZEN)


def test_pcms_drift_is_the_published_exponent_of_the_upper_levels() -> None:
    drift = load_device("pcm").drift
    assert drift is not None
    for x in (0.4, 1.0):
        assert drift.nu_mean == min(max(-0.0155 * math.log(x) + 0.0244, 0.049), 0.1)
        assert drift.nu_sigma == min(max(-0.0125 * math.log(x) - 0.0059, 0.008), 0.045)


def test_sonos_has_the_published_saturating_errors() -> None:
    g, sigma, amplitude = in_uS("flash-sonos")
    current_nA = g * 100
    expected = 19.88665 * (1 - np.exp(-current_nA / 176.3115)) / 100
    np.testing.assert_allclose(sigma, expected, atol=0.015 * expected[-1])
    expected = 12.58037 * (1 - np.exp(-current_nA / 215.36557)) / 100
    np.testing.assert_allclose(amplitude, expected, atol=0.015 * expected[-1])


def test_an_mram_cell_has_the_published_resistances_and_spread() -> None:
    g, sigma, _ = in_uS("stt-mram", bits=1)
    np.testing.assert_allclose(1e6 / g, [12e3, 6e3], rtol=1e-5)
    np.testing.assert_allclose(sigma / g, 0.067, rtol=1e-9)


def built(**keys: object) -> Device:
    window = {"conductance_min_S": 0.0, "conductance_max_S": 15e-6, "source": "test"}
    return Device.model_validate({"name": "test", **window, **keys})


def test_a_polynomial_error_never_goes_below_zero() -> None:
    device = built(programming={"polynomial": [0.1, -0.2], "source": "test"})
    sigma = programming_sigma(device, 4) / 15
    np.testing.assert_allclose(sigma, np.maximum(0.1 - 0.2 * np.arange(16) / 15, 0), atol=1e-15)


def test_points_are_joined_by_straight_lines_and_flat_outside() -> None:
    points = [[0.2, 0.02], [0.6, 0.06]]
    error = {"points": points, "source": "test"}
    device = built(programming=error, fluctuation={"law": "points", **error})
    expected = np.clip(np.arange(16) / 15 * 0.1, 0.02, 0.06)
    np.testing.assert_allclose(programming_sigma(device, 4) / 15, expected, atol=1e-15)
    np.testing.assert_allclose(fluctuation_amplitude(device, 4) / 15, expected, atol=1e-15)


CHAIN = "states: markov, source: s"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "programming: {sigma_absolute: 0.1, polynomial: [0.1], source: s}",
            "expected one law: sigma_absolute and sigma_relative, polynomial, or points",
        ),
        ("programming: {points: [[0.5, 0.1], [0.5, 0.2]], source: s}", "points: must rise in G"),
        ("programming: {polynomial: [0.1, 2e3], source: s}", "polynomial.1: expected less .* 1000"),
        ("conductance_max_S: 1e-16", "conductance_max_S: expected greater .* 1e-15, found 1e-16"),
        ("temperature_K: 0.5", "temperature_K: expected greater than or equal to 1, found 0.5"),
        (
            "drift: {nu_mean: 0.1, start_s: 1e-13, source: s}",
            "drift.start_s: expected greater than or equal to 1e-12, found 1e-13",
        ),
        (
            f"fluctuation: {{law: sqrt, {CHAIN}, high_dwell_s: 1e-16, low_dwell_s: 1}}",
            "fluctuation.high_dwell_s: expected greater than or equal to 1e-15, found 1e-16",
        ),
        (
            f"fluctuation: {{law: sqrt, {CHAIN}, high_dwell_s: 1, low_dwell_s: 2e15}}",
            r"fluctuation.low_dwell_s: expected less than or equal to 1e\+15, found 2",
        ),
        ("fluctuation: {law: points, source: s}", "points: must be given exactly when law is"),
        (
            "fluctuation: {law: sqrt, points: [[0, 0.1]], source: s}",
            "points: must be given exactly when law is",
        ),
    ],
)
def test_a_mistaken_law_or_figure_is_one_line(tmp_path: Path, keys: str, message: str) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(f"extends: isaac-memristor\n{keys}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=message) as caught:
        load_device(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
