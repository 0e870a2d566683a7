"""`hwsim optimize`: end to end, resumed after kill -9, refused in one line."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

import codesign.optimize
import codesign.optimize_places
from codesign.cli.entry import run
from codesign.flow import prepare
from codesign.optimize import Optimization, optimize, problem_of
from codesign.optimize_record import beats, verdict
from codesign.report import FrontPoint, load_result
from codesign.simulation import Simulation
from codesign.sweep.processes import Processes
from hwsim.errors import HwsimError
from mapping.design import Design, load_design
from optim.grid import Grid
from optim.search import Found
from optim.simulate import Simulator, Task
from optim.store import EvaluationStore
from optim.target import Population, Target
from tests.reference.three_layers import write_three_layers

GRID = {
    "read_voltages_V": [0.1, 0.2, 0.4],
    "redundancies": [1, 2, 4],
    "adc_bits": [6, 7, 8],
    "conductance_scales": [1.0],
    "dac_bits": [1],
}
HWSIM = (sys.executable, "-c", "from codesign.cli import main; main()")
HELD = Path(__file__).parents[1] / "reference" / "held.py"
KEYS = {"network", "arch", "seed", "samples", "device_samples", "accuracy", "energy_J", "area_m2"}
KEYS |= {"latency_s", "throughput_per_s", "cycles", "tiles", "tops_per_W"}
KEYS |= {"design", "baseline_energy_J", "certified", "evaluations"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_three_layers(tmp_path_factory.mktemp("net") / "three.onnx")


@pytest.fixture(scope="module")
def grid(network: Path) -> Path:
    file = network.with_name("grid.yaml")
    file.write_text(yaml.safe_dump(GRID))
    return file


@pytest.fixture(scope="module")
def small_simulator(network: Path) -> Simulator:
    return Simulator(problem_of(prepare(Simulation(network, "digits", samples=20)), 10))


def arguments(network: Path, grid: Path, *more: object) -> list[str]:
    fixed = ["optimize", network, "--data", "digits", "--arch", "emt-strong", "--grid", grid]
    fixed += ["--population", "test-set", "--tuning-images", 150, "--pareto", 3]
    return [str(argument) for argument in (*fixed, *more)]


@pytest.fixture(scope="module")
def finished(network: Path, grid: Path) -> tuple[dict[str, Any], Path]:
    """The JSON of a certified optimisation, and its folder."""
    out = network.with_name("out")
    call = arguments(network, grid, "--max-drop", 0.06, "--out", out, "--json")
    done = subprocess.run(
        [*HWSIM, *call],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout), out


def test_the_document_has_the_promised_keys_and_one_design_row_per_layer(finished: Any) -> None:
    document, _ = finished
    assert set(document) >= KEYS
    assert document["certified"] is True
    assert document["verdict"].startswith("Certified: a loss of at most 0.06 against the float")
    assert [row["layer"] for row in document["design"]] == ["fc1", "fc2", "fc3"]
    assert document["energy_J"]["total"] <= document["baseline_energy_J"]
    layers = {layer["name"]: layer["energy_J"] for layer in document["layers"]}
    for row in document["design"]:
        assert row["read_voltage_V"] in GRID["read_voltages_V"]
        assert row["redundancy"] in GRID["redundancies"]
        assert row["adc_bits"] in GRID["adc_bits"]
        assert row["energy_J"] == pytest.approx(layers[row["layer"]])


def test_simulate_takes_the_design_and_finds_the_same_energy(
    finished: Any, network: Path, tmp_path: Path
) -> None:
    """Both count pulses on the first 32 test images."""
    document, out = finished
    call = ["simulate", network, "--data", "digits", "--arch", "emt-strong", "--backend", "ideal"]
    call += ["--design", out / "design.yaml", "--samples", 32, "--out", tmp_path]
    assert run([str(argument) for argument in call]) == 0
    assert load_result(tmp_path).energy_J == load_result(out).energy_J
    design = load_design(out / "design.yaml")
    assert design.knobs("fc1").adc_bits == document["design"][0]["adc_bits"]


def test_the_report_shows_the_front_and_the_chosen_design(finished: Any) -> None:
    _, out = finished
    result = load_result(out)
    [chosen] = [point for point in result.front if point.chosen]
    assert chosen.energy_J == pytest.approx(result.energy_J.total)
    labels = [point.label for point in result.front]
    assert "uniform" in labels
    assert any(label.startswith("front") for label in labels)
    energies = [point.energy_J for point in result.front]
    assert energies == sorted(energies)
    assert chosen.area_m2 == pytest.approx(result.area_m2.total)
    assert chosen.latency_s == pytest.approx(result.latency_s)
    others = [point for point in result.front if point.label not in ("chosen", "uniform")]
    assert not any(beats(one, point) for one in result.front for point in others)
    assert {"network", "grid"} <= set(result.provenance.inputs)
    page = (out / "report.html").read_text()
    assert "Accuracy against energy" in page
    assert result.verdict.startswith("Certified: ")
    for text in (page, (out / "report.md").read_text(), (out / "report.tex").read_text()):
        assert "wrong with a probability of at most 0.05" in text
    assert f"{result.baseline_energy_J / result.energy_J.total:.2f} times as much" in page


def test_a_design_beats_another_only_where_it_is_nowhere_worse() -> None:
    point = FrontPoint(
        label="a", energy_J=2.0, area_m2=2.0, latency_s=2.0, accuracy=0.9, ci95=(0.8, 1.0)
    )
    better = [{"energy_J": 1.0}, {"area_m2": 1.0}, {"latency_s": 1.0}, {"accuracy": 0.95}]
    for own in better:
        one = point.replace(**own)
        assert beats(one, point)
        assert not beats(point, one)
        for other in better:
            if other != own:
                assert not beats(one, point.replace(**other))
    assert not beats(point, point.replace(label="b"))


def test_a_target_beyond_the_network_ends_with_status_1_and_the_closest_design(
    network: Path, grid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(arguments(network, grid, "--target-accuracy", 0.999, "--out", out)) == 1
    printed = capsys.readouterr().out
    assert "Not reachable: no setting keeps an accuracy of at least 0.999 on the 150" in printed
    assert load_result(out).certified is False
    page = (out / "report.html").read_text()
    assert "not certified" in page
    assert "no setting keeps an accuracy of at least 0.999" in page
    assert "the others did not certify it" in page
    assert load_design(out / "design.yaml").layers


def test_a_chip_that_no_setting_for_all_layers_fits_is_refused_in_one_line(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch, copies = tmp_path / "arch.yaml", tmp_path / "grid.yaml"
    chip = {"tiles_per_group": 1, "groups_per_cluster": 4, "max_clusters": 1}
    arch.write_text(yaml.safe_dump({"extends": "emt-strong", "name": "four", "chip": chip}))
    copies.write_text(yaml.safe_dump(GRID | {"redundancies": [8]}))
    assert run(arguments(network, copies, "--max-drop", 0.1, "--arch", arch)) == 2
    said = "chip: expected tiles for some setting of all layers alike, found too few"
    assert said in capsys.readouterr().err


def test_too_few_images_end_with_status_1_and_an_interval(
    network: Path,
    grid: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """20 images cannot show a loss below 10 % at this error: 0.9^20 = 0.12."""
    call = ["--samples", 170, "--population", "images", "--max-drop", 0.1]
    assert run(arguments(network, grid, *call)) == 1
    assert "Not certain: a loss of at most 0.1 against the float network, found" in (
        capsys.readouterr().out
    )
    assert "hwsim: 20 testing images would not certify even the undisturbed" in caplog.text


@pytest.mark.parametrize(
    ("share", "word"), [(1.0, "Certified"), (0.92, "Not certain"), (0.5, "Missed")]
)
def test_the_words_are_those_of_the_test(share: float, word: str) -> None:
    """Against at least 0.9, after 200 observations."""
    target = Target(np.ones(400, bool), np.ones(400, bool), accuracy=0.9, error=0.05)
    test = target.test(target.error).after(np.diff(np.floor(np.arange(201) * share)))
    done: Any = SimpleNamespace(judge=SimpleNamespace(target=target), in_float=1.0)
    found = Found(SimpleNamespace(), test, 1)  # type: ignore[arg-type]
    assert verdict(done, found).startswith(f"{word}: an accuracy of at least 0.9")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "hwsim optimize: expected one of --target-accuracy and --max-drop"),
        (["--max-drop", 0.1, "--target-accuracy", 0.9], "expected one of --target-accuracy and"),
        (["--max-drop", "nan"], "'--max-drop': expected a number between 0 and 1, found nan"),
        (["--max-drop", 0.1, "--scheduler", "here"], "--scheduler here: expected a Dask scheduler"),
        (["--max-drop", 1.5], "Invalid value for '--max-drop': 1.5 is not in the range 0<x<1"),
        (
            ["--max-drop", 0.1, "--tuning-images", 500],
            "tuning images: expected fewer than the 500 test images, of which the others certify "
            "the design, found 500",
        ),
        (["--max-drop", 0.1, "--arch", "emd"], "did you mean 'emt'?"),
        (["--max-drop", 0.1, "--grid", "no.yaml"], "no.yaml: "),
        (
            ["--max-drop", 0.1, "--workers", 2, "--scheduler", "tcp://127.0.0.1:1"],
            "expected one of --workers and --scheduler, found both",
        ),
        (["--max-drop", 0.1, "--store", __file__], "expected a writable store of evaluations"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(
    network: Path,
    grid: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[object],
    message: str,
) -> None:
    assert run(arguments(network, grid, *options)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adc_bit: [6]", "grid.yaml: adc_bit: unknown key; did you mean 'adc_bits'?"),
        ("redundancies: []", "grid.yaml: redundancies: "),
        ("adc_bits: [8, 9]", "grid.yaml: adc_bits: expected at most 8, found 9"),
        ("conductance_scales: [1, 0.01]", "grid.yaml: conductance_scales: "),
        ("read_voltages_V: [0.17]", "grid.yaml: read_voltages_V: expected some of 0.1, 0.15"),
    ],
)
def test_a_wrong_grid_names_the_file_and_the_key(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    (tmp_path / "grid.yaml").write_text(text)
    assert run(arguments(network, tmp_path / "grid.yaml", "--max-drop", 0.1)) == 2
    assert message in capsys.readouterr().err


def test_an_interrupted_search_ends_with_status_130_and_writes_nothing(
    network: Path, grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(codesign.optimize, "optimize", interrupted)
    out = tmp_path / "out"
    assert run(arguments(network, grid, "--max-drop", 0.1, "--out", out)) == 130
    assert not out.exists()


def _rows(store: Path) -> int:
    return len(EvaluationStore(store)) if store.exists() else 0


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_a_killed_search_goes_on_where_it_was(
    network: Path, grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was finished before SIGKILL is not simulated again, and the result is the same."""
    store = tmp_path / "runs.sqlite"
    call = arguments(network, grid, "--max-drop", 0.06, "--store", store)
    held = [sys.executable, "-P", str(HELD), "15", str(tmp_path / "never")]
    first = subprocess.Popen([*held, *call], stdout=subprocess.DEVNULL)
    while _rows(store) < 15 and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    kept = _rows(store)

    simulated = []
    simulate = Simulator.answer
    monkeypatch.setattr(
        Simulator, "answer", lambda *given: (simulated.append(1), simulate(*given))[1]
    )
    asked = Optimization(
        network,
        "digits",
        arch="emt-strong",
        drop=0.06,
        tuning=150,
        population=Population.TEST_SET,
        grid=Grid(**{key: tuple(values) for key, values in GRID.items()}),
        front=3,
    )
    resumed = optimize(Optimization(**{**vars(asked), "store": store}))
    assert resumed.evaluations == _rows(store)
    assert len(simulated) == resumed.evaluations - kept
    simulated.clear()
    fresh = optimize(asked)
    assert len(simulated) == fresh.evaluations == resumed.evaluations
    assert fresh.found.candidate.design == resumed.found.candidate.design
    assert fresh.found.test == resumed.found.test


SMALL = Grid(
    read_voltages_V=(0.1, 0.2),
    redundancies=(1, 2),
    adc_bits=(6, 8),
    conductance_scales=(1.0,),
    dac_bits=(1,),
)


def _found(network: Path, **where: Any) -> Any:
    asked = Optimization(
        network,
        "digits",
        arch="emt-strong",
        drop=0.06,
        tuning=50,
        population=Population.TEST_SET,
        grid=SMALL,
        front=2,
        **where,
    )
    done = optimize(asked)
    designs = [done.found.candidate, done.baseline.candidate, *done.front]
    return (
        [(d.design, d.outcome.damage, d.outcome.right.tolist(), d.price.energy_J) for d in designs],
        [done.found.test, done.baseline.test],
        done.tested.tolist(),
        done.evaluations,
    )


@pytest.fixture(scope="module")
def alone(network: Path) -> Any:
    """What one process finds."""
    return _found(network)


@pytest.mark.slow
def test_two_processes_find_what_one_finds(network: Path, alone: Any) -> None:
    assert _found(network, workers=2) == alone


@pytest.mark.slow
def test_a_cluster_of_two_workers_finds_what_one_process_finds(
    network: Path, alone: Any, cluster: Any, tmp_path: Path
) -> None:
    address, _ = cluster
    store = tmp_path / "runs.sqlite"
    assert _found(network, scheduler=address, store=store) == alone
    assert len(EvaluationStore(store)) == alone[-1]


def test_a_task_that_is_given_up_ends_the_search_in_one_line(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_self: object, tasks: dict[str, object]) -> Any:
        yield from ((key, {"failed": "the process that simulates it died"}) for key in tasks)

    monkeypatch.setattr(Processes, "answers", lost)
    with pytest.raises(HwsimError, match=r"^simulation: expected an answer, found the process"):
        _found(network, workers=2)


def test_a_simulator_that_has_worked_can_be_sent_on(small_simulator: Simulator) -> None:
    tasks = [Task(Design(), 0, (0, 1, 2), layer=layer) for layer in ("fc2", None)]
    answers = [small_simulator.answer(task) for task in tasks]
    sent = pickle.loads(pickle.dumps(small_simulator))
    assert [sent.answer(task) for task in tasks] == answers


def test_a_worker_of_another_version_is_refused(
    small_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codesign.optimize_places, "build", lambda: "0.0.1")
    found = codesign.optimize_places._answer(small_simulator, None)
    assert found["failed"].startswith("a worker with hwsim 0.0.1 where ")
