"""A trained design's windows by slice stay while the other knobs are chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from codesign.cli.entry import run
from codesign.flow import prepare
from codesign.optimize import Optimization, problem_of, windows_of
from codesign.report import load_result
from codesign.simulation import Simulation
from hwsim.tile.spec import Knobs
from mapping.design import Design, load_design
from optim.simulate import Simulator, Task
from tests.reference.three_layers import write_three_layers

GRID = {
    "read_voltages_V": [0.2, 0.4],
    "redundancies": [1, 2, 4],
    "adc_bits": [8],
    "conductance_scales": [1.0],
    "dac_bits": [1],
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_three_layers(tmp_path_factory.mktemp("net") / "three.onnx")


def arguments(network: Path, *more: object) -> list[str]:
    grid = network.with_name("grid.yaml")
    grid.write_text(yaml.safe_dump(GRID))
    fixed = ["optimize", network, "--data", "digits", "--arch", "emt-strong", "--grid", grid]
    fixed += ["--population", "test-set", "--tuning-images", 150, "--pareto", 0]
    return [str(argument) for argument in (*fixed, *more)]


def test_windows_by_slice_are_kept_and_save_energy_of_the_cells(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is certified with the windows is what `simulate` reads."""
    narrow = dict.fromkeys(("fc1", "fc3"), (0.4, 0.6, 0.8, 1.0))
    windows, out = tmp_path / "windows.yaml", tmp_path / "out"
    windows.write_text(Design().windowed(narrow).to_yaml())
    call = ["--max-drop", 0.06, "--windows", windows, "--out", out]
    assert run(arguments(network, *call)) == 0
    assert "Certified" in capsys.readouterr().out
    design = load_design(out / "design.yaml")
    assert {name: own.slice_scales for name, own in design.layers.items()} == {
        **narrow,
        "fc2": None,
    }
    alike = {name: knobs.replace(slice_scales=None) for name, knobs in design.layers.items()}
    (tmp_path / "alike.yaml").write_text(design.replace(layers=alike).to_yaml())
    energies = []
    for file, folder in ((out / "design.yaml", "own"), (tmp_path / "alike.yaml", "alike")):
        call = ["simulate", network, "--data", "digits", "--arch", "emt-strong"]
        call += ["--backend", "ideal", "--samples", 32]
        call += ["--design", file, "--out", tmp_path / folder]
        assert run([str(argument) for argument in call]) == 0
        energies.append(load_result(tmp_path / folder).energy_J)
    assert energies[0] == load_result(out).energy_J
    assert energies[0].by_component["array"] < energies[1].by_component["array"]


def test_candidates_are_simulated_with_the_windows(network: Path) -> None:
    """As a design that names them is; layers alone, too."""
    narrow = {"fc1": (0.25, 0.25, 0.5, 1.0)}
    plain = problem_of(prepare(Simulation(network, "digits", arch="emt-strong", samples=60)), 50)
    windows = replace(plain, windows=narrow)
    assert plain.content != windows.content  # no answer is taken for the other's
    for layer in (None, "fc1"):
        task = Task(Design(), 0, tuple(range(50)), layer=layer)
        named = replace(task, design=task.design.windowed(narrow))
        found = Simulator(windows).answer(task)
        assert found == Simulator(plain).answer(named)
        assert found["damage"] != Simulator(plain).answer(task)["damage"]


def test_windows_of_all_layers_are_taken_as_a_simulation_takes_them(
    network: Path, tmp_path: Path
) -> None:
    windows, own, two = tmp_path / "windows.yaml", (0.25, 0.5, 0.5, 1.0), (0.5, 0.5, 0.5, 1.0)
    design = Design(default=Knobs(slice_scales=own), layers={"fc2": Knobs(slice_scales=two)})
    windows.write_text(design.to_yaml())
    asked = Optimization(network, "digits", "emt-strong", drop=0.1, samples=60, windows=windows)
    case = prepare(asked.simulation)
    assert windows_of(asked, case) == {"fc1": own, "fc2": two, "fc3": own}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("default: {redundancy: 2}", "expected slice_scales in some layer, found none"),
        ("layers: {fc4: {slice_scales: [1, 1, 1, 1]}}", "layers.fc4: expected a layer of the net"),
        ("layers: {fc1: {slice_scales: [0.5, 1]}}", "slice_scales: expected 4 (slices of weights"),
    ],
)
def test_windows_that_do_not_fit_are_refused(
    network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    message: str,
) -> None:
    windows = tmp_path / "windows.yaml"
    windows.write_text(content)
    assert run(arguments(network, "--max-drop", 0.1, "--windows", windows)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
