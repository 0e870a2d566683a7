"""Converters with errors under a whole network: reproducible, and as harmful as they should be."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from codesign.flow import simulate
from codesign.simulation import Simulation
from hwsim.peripherals.spec import AdcErrors
from hwsim.tile.spec import Encoding
from mapping.execute import run
from mapping.execute_tiles import TileBackend
from mapping.plan import plan
from mapping.shapes import layer_shapes
from tests.mapping.test_execute_tiles import arch, images, small_network


@pytest.mark.parametrize("compensation", ["ideal", "dummy_column"])
def test_results_do_not_depend_on_chunk_or_threads(monkeypatch, compensation):
    errors = AdcErrors(offset_sigma_lsb=0.5, gain_sigma=0.05, bow_lsb=0.5, source="made up")
    adc = arch().tile.adc.replace(errors=errors)
    hardware = arch(adc=adc, encoding=Encoding.OFFSET, compensation=compensation)
    network = small_network(2)
    placed = plan(layer_shapes(network), hardware)
    results = []
    for workers, chunk in ((1, None), (2, 3), (8, 1)):
        monkeypatch.setenv("HWSIM_THREADS", str(workers))
        backend = TileBackend(network, placed, hardware, seed=3)
        results.append(run(network, images(), backend, chunk=chunk))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.slow
def test_digits_bear_gains_but_no_offsets_that_add_up_over_phases(tmp_path):
    """A static offset counts in every phase alike: 255 times in a result of eight bits."""
    network = Path(str(files("codesign.demo").joinpath("digits.onnx")))
    mean = {}
    for name, error in {
        "none": "offset_sigma_lsb: 0",
        "gain": "gain_sigma: 0.02",
        "offset": "offset_sigma_lsb: 2",
    }.items():
        text = f"extends: emt\ntile: {{adc: {{errors: {{{error}, source: made up}}}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
        asked = Simulation(
            network, "digits", arch=tmp_path / f"{name}.yaml", samples=100, device_samples=2
        )
        mean[name] = simulate(asked).accuracy.mean
    assert mean["none"] > 0.95
    assert mean["gain"] > 0.95
    assert mean["offset"] < 0.5
