"""Clusters that an optimised design was priced with are those that its file asks for."""

from dataclasses import replace
from importlib.resources import as_file, files

import pytest

from codesign.flow import simulate
from codesign.optimize import Optimization, optimize
from codesign.optimize_record import optimization_result
from codesign.simulation import BackendName, Simulation
from optim.grid import Grid
from optim.target import Population

GRID = Grid(
    read_voltages_V=(0.2,),
    redundancies=(1, 2),
    adc_bits=(8,),
    conductance_scales=(1.0,),
    dac_bits=(1, 2),
)


def test_simulate_finds_the_energy_of_a_design_with_clusters_for_replicas(tmp_path):
    """Clusters of eight tiles instead of 96: convolutions wait for each other without replicas."""
    arch = tmp_path / "arch.yaml"
    arch.write_text("extends: emt-strong\nname: small-clusters\nchip: {groups_per_cluster: 1}\n")
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        asked = Optimization(
            network,
            "digits",
            arch,
            drop=0.1,
            tuning=100,
            population=Population.TEST_SET,
            grid=GRID,
            front=0,
        )
        result = optimization_result(asked, optimize(asked))
        shown = Simulation(network, "digits", arch=arch, samples=32, backend=BackendName.NUMBA)
        fewest = simulate(shown)
        again = simulate(replace(shown, design=result.design))
    assert result.design.tiles is not None
    assert again.clusters == result.clusters > fewest.clusters
    assert again.energy_J.total == pytest.approx(result.energy_J.total, rel=0.01)
