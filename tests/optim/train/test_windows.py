"""Tables between the windows that they are made for."""

import numpy as np
import pytest

from hwsim.chip.load import load_device
from hwsim.device.scale import scaled
from hwsim.device.spec import Scenario
from hwsim.tile.disturbance import Disturbance

torch = pytest.importorskip("torch", reason="needs the torch extra")

from optim.train.windows import WINDOWS, at_windows, window_shares  # noqa: E402 - it needs torch

pytestmark = pytest.mark.torch
LEAST = 0.25


def variances(device, share):
    """(1, levels) of fluctuation and of programming, in level steps squared."""
    disturbance = Disturbance.of(scaled(device, share), 2, Scenario())
    return np.concatenate([disturbance.amplitude, disturbance.sigma])[None] ** 2


def between(device, share):
    tables = np.stack([variances(device, s) for s in window_shares(LEAST)])
    place = torch.tensor([np.log(share) / np.log(LEAST)])
    return [found.numpy() for found in at_windows(torch.from_numpy(tables), place)]


def test_the_windows_go_from_the_whole_to_the_least_by_equal_factors():
    shares = window_shares(LEAST)
    assert (shares[0], shares[-1], len(shares)) == (1.0, pytest.approx(LEAST), WINDOWS)
    assert np.ptp(np.diff(np.log(shares))) < 1e-12
    assert window_shares(1.0) == [1.0]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("emt-strong", 0.01), ("flash-sonos", 0.05), ("pcm", 0.05), ("rram-wan", 0.15)],
)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.42, 0.3])
def test_presets_are_nearly_met(name, tolerance, share):
    """Exact where an amplitude is the same at all levels; worst at corners of measured curves."""
    device = load_device(name)
    expected = variances(device, share)
    nothing = 1e-6 * expected.max()
    np.testing.assert_allclose(between(device, share)[0], expected, rtol=tolerance, atol=nothing)


def test_what_vanishes_at_low_conductances_is_a_number():
    """Lines of a measured curve: no error below a third of the window, as measured above."""
    curve = {"points": [[0, 0], [0.3, 0], [1, 0.03]], "source": "of this test"}
    device = load_device("emt-strong").replace(programming=curve)
    for share in (1.0, 0.6, LEAST):
        found, slope = between(device, share)
        assert np.isfinite(found).all()
        assert np.isfinite(slope).all()
    np.testing.assert_allclose(between(device, 1.0)[0], variances(device, 1.0), atol=1e-7)


def test_powers_go_on_beyond_the_least_window():
    for share in (0.2, 0.0625):
        device = load_device("emt-strong")
        np.testing.assert_allclose(between(device, share)[0], variances(device, share), rtol=1e-4)


def test_slopes_are_those_of_the_logarithm():
    tables = torch.tensor([[[1.0, 2.0]], [[2.0, 2.0]], [[8.0, 2.0]]], dtype=torch.float64)
    for place in (0.2, 0.7):
        low, high = (at_windows(tables, torch.tensor([place + d]))[0].log() for d in (-1e-3, 1e-3))
        _, slope = at_windows(tables, torch.tensor([place]))
        torch.testing.assert_close((high - low) / 2e-3, slope, rtol=1e-4, atol=1e-6)


def test_signs_are_kept_and_nothing_stays_nothing():
    tables = torch.tensor([[[-1.0, 0.0]], [[-4.0, 0.0]]])
    found, _ = at_windows(tables, torch.tensor([0.5]))
    torch.testing.assert_close(found, torch.tensor([[-2.0, 0.0]]))
    none = torch.zeros(3, 2, 4)
    assert not at_windows(none, torch.tensor([0.3, 0.6]))[0].any()
