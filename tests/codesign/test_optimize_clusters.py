"""Clusters that an optimised design was priced with are those that its file asks for."""

from dataclasses import replace
from importlib.resources import as_file, files

import pytest

from codesign.flow import simulate
from codesign.optimize import Optimization, optimize
from codesign.optimize_record import optimization_result
from codesign.simulation import BackendName, Simulation
from optim.grid import Grid
from optim.search import Judge
from optim.tables import TableMaker
from optim.target import Population
from tests.reference.three_layers import write_three_layers

GRID = Grid(
    read_voltages_V=(0.2,),
    redundancies=(1, 2),
    adc_bits=(8,),
    conductance_scales=(1.0,),
    dac_bits=(1, 2),
)


def test_a_chip_that_holds_few_copies_is_searched_for_those(tmp_path):
    """Four tiles: eight copies of every layer need seven."""
    chip = "{max_clusters: 1, tiles_per_group: 1, groups_per_cluster: 4, shift_adds_per_group: 1}"
    arch = tmp_path / "arch.yaml"
    arch.write_text(f"extends: emt-strong\nname: four-tiles\nchip: {chip}\n")
    network = write_three_layers(tmp_path / "three.onnx")
    grid = GRID.replace(redundancies=(1, 8))
    asked = Optimization(network, "digits", arch, drop=0.3, tuning=50, grid=grid, front=0)
    done = optimize(replace(asked, population=Population.TEST_SET))
    for found in (done.found, done.baseline):
        assert found.certified
        assert found.candidate.price.tiles <= 4


def test_layers_start_from_what_tuning_images_say(tmp_path, monkeypatch):
    """Not from a baseline that testing images had a say in."""
    find, starts = Judge.find, []

    def other(judge, proposer):
        found = find(judge, proposer)
        return replace(found, candidate=proposer.safest())

    def started(_maker, start):
        starts.append(start)
        raise KeyboardInterrupt

    monkeypatch.setattr(Judge, "find", other)
    monkeypatch.setattr(TableMaker, "tables", started)
    network = write_three_layers(tmp_path / "three.onnx")
    asked = Optimization(network, "digits", "emt-strong", drop=0.3, tuning=50, grid=GRID)
    with pytest.raises(KeyboardInterrupt):
        optimize(replace(asked, population=Population.TEST_SET))
    assert [start.redundancy for start in starts] == [1]  # the safest has two copies


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
