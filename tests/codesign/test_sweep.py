"""Sweeps: what a file may say, which points it means, and what is kept of them."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from codesign.cli.entry import run as hwsim
from codesign.flow import simulate
from codesign.report.result import Result
from codesign.simulation import Simulation
from codesign.sweep import Status, load_points, load_sweep_record, plan_sweep, run_sweep
from codesign.sweep.record import Outcome, Sweep, SweepPoint
from codesign.sweep.sample import sample
from codesign.sweep.spec import Method, Range, Sampling
from hwsim.chip.load import load_arch
from hwsim.device.spec import States
from hwsim.errors import SpecError
from hwsim.tile.spec import Knobs

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "codesign" / "demo" / "digits.onnx"
BASE: dict[str, Any] = {
    "network": str(DIGITS),
    "data": "digits",
    "samples": 4,
    "device_samples": 1,
    "arch": "emt",
}
BITS = {"arch.tile.adc.bits": [6, 8]}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """`write(**keys)`: the file of a sweep."""

    def write_file(**keys: Any) -> Path:
        file = tmp_path / "sweep.yaml"
        file.write_text(yaml.safe_dump({"base": BASE, **keys}, sort_keys=False))
        return file

    return write_file


def arch_of(point: Any) -> Any:
    return point.task.simulation.arch


def test_a_grid_is_every_combination_the_last_axis_fastest(write):
    plan = plan_sweep(write(grid={"arch.tile.rows": [64, 128], "arch.tile.adc.bits": [5, 6, 7]}))
    found = [(arch_of(p).tile.rows, arch_of(p).tile.adc.bits) for p in plan.points]
    assert found == [(r, b) for r in (64, 128) for b in (5, 6, 7)]
    other = arch_of(plan.points[0])
    assert other.tile.replace(rows=128, adc=load_arch("emt").tile.adc.model_dump()) == (
        load_arch("emt").tile
    )


def test_a_device_comes_before_its_own_keys_wherever_they_stand(write):
    axes = {"arch.device.fluctuation.amplitude": [0.3], "arch.device": ["emt-weak"]}
    [point] = plan_sweep(write(grid=axes)).points
    device = arch_of(point).device
    assert device.name == "emt-weak"
    assert device.fluctuation.amplitude == 0.3


def test_an_architecture_is_an_axis_and_its_keys_apply_to_each(write):
    plan = plan_sweep(write(grid={"arch": ["emt-weak", "isaac"], "arch.tile.adc.bits": [7]}))
    assert [arch_of(p).name for p in plan.points] == ["emt-weak", "isaac"]
    assert [arch_of(p).tile.adc.bits for p in plan.points] == [7, 7]


def test_knobs_of_all_layers_and_of_one_whose_name_has_dots(write):
    axes = {"design.default.redundancy": [2], "design.layers.block.0.conv.redundancy": [3]}
    [point] = plan_sweep(write(grid=axes)).points
    design = point.task.simulation.design
    assert design.default == Knobs(redundancy=2)
    assert design.layers == {"block.0.conv": Knobs(redundancy=3)}


def test_files_are_relative_to_the_sweeps_file(write, tmp_path):
    (tmp_path / "cells.yaml").write_text(
        "extends: emt-normal\nname: mine\nfluctuation: {states: frozen}"
    )
    (tmp_path / "arch.yaml").write_text("extends: emt\nname: here\ntile: {rows: 64}")
    (tmp_path / "knobs.yaml").write_text("default: {redundancy: 2}")
    base = {**BASE, "arch": "arch.yaml", "design": "knobs.yaml"}
    axes = {"arch.device": ["cells.yaml"], "design.default.conductance_scale": [0.5]}
    [point] = plan_sweep(write(base=base, grid=axes)).points
    assert (arch_of(point).name, arch_of(point).tile.rows) == ("here", 64)
    assert arch_of(point).device.fluctuation.states is States.FROZEN
    knobs = point.task.simulation.design.default
    assert knobs == Knobs(redundancy=2, conductance_scale=0.5)


@pytest.mark.parametrize("method", Method)
def test_drawn_points_fill_their_ranges_and_repeat_for_a_seed(method):
    sampling = Sampling(
        method=method,
        points=100,
        axes={
            "linear": Range(low=0.1, high=0.5),
            "log": Range(low=1e-6, high=1e-2, scale="log"),
            "whole": Range(low=3, high=6, whole=True),
            "choice": ("a", "b"),
        },
    )
    points = sample(sampling, seed=7)
    assert points == sample(sampling, seed=7)
    assert points != sample(sampling, seed=8)
    linear, log = np.array([(p["linear"], p["log"]) for p in points]).T
    assert 0.1 <= linear.min() < 0.15
    assert 0.45 < linear.max() <= 0.5
    # Uniform in the logarithm: half of them lie below the geometric mean (5 sigma = 25 of 100).
    assert abs(np.sum(log < 1e-4) - 50) <= 25
    assert {p["whole"] for p in points} == {3, 4, 5, 6}
    assert {p["choice"] for p in points} == {"a", "b"}


def test_a_latin_hypercube_has_one_point_in_every_part_of_an_axis():
    axes = {"x": Range(low=0, high=50), "y": Range(low=0, high=50)}
    points = sample(Sampling(method="latin_hypercube", points=50, axes=axes), seed=1)
    for axis in axes:
        assert sorted(int(p[axis]) for p in points) == list(range(50))


def test_sobol_points_beat_independent_ones_in_evenness():
    axes = {"x": Range(low=0, high=1), "y": Range(low=0, high=1)}

    def worst_share(method: Method) -> float:
        points = sample(Sampling(method=method, points=256, axes=axes), seed=3)
        cells = np.histogram2d(
            [p["x"] for p in points], [p["y"] for p in points], 16, ((0, 1),) * 2
        )
        return float(cells[0].max())

    assert worst_share(Method.SOBOL) == 1  # one in each of 256 squares
    assert worst_share(Method.RANDOM) > 1


def test_grid_and_sampling_multiply(write):
    drawn = {"method": "random", "points": 3, "axes": {"arch.scenario.temperature_K": [300.0]}}
    plan = plan_sweep(write(grid=BITS, sampling=drawn))
    assert len(plan.points) == 6


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"grid": {"arch.tile.adc.bit": [4]}},
            r"grid.arch.tile.adc.bit: bit: unknown key; did you",
        ),
        (
            {"grid": {"arch.tile.rows.x": [4]}},
            r"grid.arch.tile.rows.x: x: unknown key; nothing lies",
        ),
        ({"grid": {"colour": ["red"]}}, r"grid.colour: colour: unknown key; known keys: network"),
        (
            {"grid": {"design.layers.c.redundanc": [1]}},
            r"redundanc: unknown key; did you mean 'red",
        ),
        ({"grid": {}}, r"grid, sampling: expected at least one axis, found none"),
        ({"grid": {"arch.tile.rows": []}}, r"grid.arch.tile.rows: tuple should have at least 1"),
        ({"grd": BITS}, r"grd: unknown key; did you mean 'grid'\?"),
        (
            {
                "grid": BITS,
                "sampling": {"method": "sobol", "points": 2, "axes": {"arch.tile.adc.bits": [4]}},
            },
            r"sampling.axes.arch.tile.adc.bits: expected each axis once, found it in grid",
        ),
        (
            {
                "sampling": {
                    "method": "random",
                    "points": 2,
                    "axes": {"arch.tile.rows": {"low": 9, "high": 1}},
                }
            },
            r"expected low below high, found 9 and 1",
        ),
        ({"base": {"data": "digits"}, "grid": BITS}, r"base.network: missing; it must be given"),
        ({"base": {**BASE, "samples": 0}, "grid": BITS}, r"base.samples: .*found 0"),
        ({"base": {**BASE, "network": "no.onnx"}, "grid": BITS}, r"base: .*no.onnx: no such file"),
        ({"base": {**BASE, "arch": "emu"}, "grid": BITS}, r"base: architecture: .*found 'emu'"),
        (
            {"base": {**BASE, "data": "digit"}, "grid": BITS},
            r"base: --data: .*did you mean 'digits'",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(write, keys, message):
    with pytest.raises(SpecError, match=message) as caught:
        plan_sweep(write(**keys))
    assert str(caught.value).startswith(str(write(**keys)))
    assert "\n" not in str(caught.value)


def test_too_many_points_are_refused(write):
    many = {key: list(range(1, 51)) for key in ("arch.tile.rows", "arch.tile.cols", "tiles")}
    with pytest.raises(SpecError, match=r"expected at most 100000 points, found 125000"):
        plan_sweep(write(grid=many))


def test_a_point_is_what_simulate_finds(write, tmp_path):
    file = write(grid={"arch": ["emt-strong"], "seed": [5]})
    ran = run_sweep(plan_sweep(file), tmp_path / "out", workers=1)
    assert (ran.computed, ran.kept) == (1, 0)
    alone = simulate(
        Simulation(DIGITS, "digits", arch="emt-strong", samples=4, device_samples=1, seed=5)
    )
    [found] = load_points(tmp_path / "out", [0])
    apart = {"provenance": alone.provenance.model_dump()}
    assert found.replace(**apart) == Result.model_validate(alone.model_dump(by_alias=True))
    [point] = ran.sweep.points
    assert point.outcome.energy_J == alone.energy_J.total
    assert point.outcome.accuracy == alone.accuracy


def test_points_that_ask_the_same_are_computed_once_and_kept(write, tmp_path):
    file = write(grid={"seed": [0, 1, 1], **BITS})
    plan = plan_sweep(file)
    first = run_sweep(plan, tmp_path / "out", workers=1)
    assert (first.computed, first.kept) == (4, 0)
    again = run_sweep(plan, tmp_path / "out", workers=1)
    assert (again.computed, again.kept) == (0, 4)
    assert again.sweep.points == first.sweep.points
    more = run_sweep(plan_sweep(write(grid={"seed": [1, 2], **BITS})), tmp_path / "out", workers=1)
    assert (more.computed, more.kept) == (2, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 5},
        {"device_samples": 2},
        {"engine": "exact"},
        {"backend": "ideal"},
        {"arch": "emt-weak"},
        {"design": {"default": {"redundancy": 2}}},
        {"seed": 1},
        {"tiles": 96},
    ],
)
def test_whatever_a_result_depends_on_is_part_of_its_key(write, change):
    [point] = plan_sweep(write(grid={"arch.tile.adc.bits": [8]})).points
    [other] = plan_sweep(write(base={**BASE, **change}, grid={"arch.tile.adc.bits": [8]})).points
    assert point.task.key != other.task.key


def test_a_networks_content_is_part_of_the_key_its_folder_is_not(write, tmp_path):
    copy = tmp_path / "copy" / "digits.onnx"
    copy.parent.mkdir()
    copy.write_bytes(DIGITS.read_bytes())
    grid = {"arch.tile.adc.bits": [8]}
    base = {**BASE, "network": "copy/digits.onnx"}
    [here] = plan_sweep(write(grid=grid)).points
    [there] = plan_sweep(write(base=base, grid=grid)).points
    assert here.task.key == there.task.key
    copy.write_bytes(DIGITS.read_bytes() + b"\x72\x00")  # an unknown field: still ONNX
    [changed] = plan_sweep(write(base=base, grid=grid)).points
    assert here.task.key != changed.task.key


def test_invalid_points_are_recorded_with_their_reason(write, tmp_path, capsys):
    axes = {"arch.tile.adc.bits": [8, 99], "tiles": [96, 1]}
    file = write(grid=axes)
    assert hwsim(["sweep", str(file), "--out", str(tmp_path / "out"), "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert "4 points: 1 done, 3 invalid" in said.out
    points = load_sweep_record(tmp_path / "out").points
    assert [p.status for p in points] == [
        *(Status.DONE, Status.INVALID),
        *(Status.INVALID, Status.INVALID),
    ]
    assert "tiles" in points[1].reason
    assert "tile.adc.bits: expected less than or equal to 16, found 99" in (
        points[2].reason.replace("input should be", "expected")
    )
    capsys.readouterr()
    assert hwsim(["sweep", str(file), "--out", str(tmp_path / "out"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["computed"], document["kept"]) == (0, 2)


def test_no_resume_computes_all_again(write, tmp_path, capsys):
    asked = ["sweep", str(write(grid=BITS)), "--out", str(tmp_path / "out"), "--json"]
    documents = []
    for more in ([], [], ["--no-resume"]):
        assert hwsim([*asked, "--workers", "1", *more]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert [d["computed"] for d in documents] == [2, 0, 2]
    assert documents[0]["points"] == documents[1]["points"] == documents[2]["points"]


def test_a_dry_run_lists_the_points_and_writes_nothing(write, tmp_path, capsys):
    file = write(grid={"arch.tile.adc.bits": [6, 99]})
    assert hwsim(["sweep", str(file), "--dry-run", "--out", str(tmp_path / "out")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0: arch.tile.adc.bits = 6"
    assert second.startswith("1: arch.tile.adc.bits = 99: invalid: arch: tile.adc.bits: ")
    assert not (tmp_path / "out").exists()
    assert hwsim(["sweep", str(file), "--dry-run", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["points"]
    assert [point["status"] for point in listed] == ["open", "invalid"]


def test_two_places_to_compute_are_refused(write, capsys):
    asked = ["sweep", str(write(grid=BITS)), "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"]
    assert hwsim(asked) == 2
    assert "expected one of --workers and --scheduler, found both" in capsys.readouterr().err


def test_an_interrupt_keeps_what_is_finished(write, tmp_path, monkeypatch, capsys):
    from codesign.sweep import run

    done = []

    def interrupted(task):
        if done:
            raise KeyboardInterrupt
        done.append(task.key)
        return run_once(task)

    run_once = run.evaluate
    monkeypatch.setattr(run, "evaluate", interrupted)
    asked = ["sweep", str(write(grid=BITS)), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert hwsim(asked) == 130
    assert [p.status for p in load_sweep_record(tmp_path / "out").points] == [
        Status.DONE,
        Status.OPEN,
    ]
    monkeypatch.setattr(run, "evaluate", run_once)
    capsys.readouterr()
    assert hwsim([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["computed"], document["kept"]) == (1, 1)


def test_a_failure_is_recorded_not_kept_and_tried_again(write, tmp_path, monkeypatch):
    from codesign.sweep import evaluate

    def broken(_simulation):
        raise MemoryError("no room\nfor it")

    plan = plan_sweep(write(grid=BITS))
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "simulate", broken)
        ran = run_sweep(plan, tmp_path / "out", workers=1)
    assert {p.status for p in ran.sweep.points} == {Status.FAILED}
    assert {p.reason for p in ran.sweep.points} == {"MemoryError: no room for it"}
    again = run_sweep(plan, tmp_path / "out", workers=1)
    assert (again.computed, again.sweep.count(Status.DONE)) == (2, 2)


def test_a_worker_with_another_network_or_version_says_so(write, tmp_path):
    from dataclasses import replace

    from codesign.sweep.evaluate import evaluate

    [point, _] = plan_sweep(write(grid=BITS)).points
    older = replace(point.task, question={**point.task.question, "version": "0.0.1"})
    assert "expected a worker with hwsim 0.0.1, found" in evaluate(older)["failed"]
    away = replace(point.task.simulation, network=tmp_path / "away.onnx")
    assert (
        "expected the network of the sweep"
        in evaluate(replace(point.task, simulation=away))["failed"]
    )


def test_a_store_of_another_kind_is_refused_in_one_line(write, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "evaluations.sqlite").write_text("notes " * 1000)
    assert hwsim(["sweep", str(write(grid=BITS)), "--out", str(tmp_path / "out")]) == 2
    assert "evaluations.sqlite: expected a writable store" in capsys.readouterr().err


def test_the_store_holds_whole_results_under_their_questions(write, tmp_path):
    run_sweep(plan_sweep(write(grid=BITS)), tmp_path / "out", workers=1)
    with closing(sqlite3.connect(tmp_path / "out" / "evaluations.sqlite")) as base:
        rows = base.execute("select question, answer from evaluations").fetchall()
    assert {json.loads(question)["arch"]["tile"]["adc"]["bits"] for question, _ in rows} == {6, 8}
    for _, answer in rows:
        Result.model_validate(json.loads(answer)["result"])


def outcome(energy_J: float, accuracy: float) -> Outcome:
    return Outcome(
        network="net",
        arch="emt",
        device="emt",
        accuracy={"mean": accuracy, "ci95": (accuracy, accuracy)},
        energy_J=energy_J,
        area_m2=1e-6,
        latency_s=1e-6,
        throughput_per_s=1e6,
        tops_per_W=1.0,
        tiles=1,
        utilization=0.5,
    )


def test_the_front_is_what_no_point_beats():
    places = [(1.0, 0.5), (2.0, 0.9), (2.0, 0.8), (3.0, 0.9), (4.0, 0.95), (5.0, 0.7)]
    points = [
        SweepPoint(index=i, values={}, status=Status.DONE, outcome=outcome(*place).model_dump())
        for i, place in enumerate(places)
    ]
    sweep = Sweep(name="s", seed=0, axes=(), points=tuple(points))

    def beaten(energy: float, accuracy: float) -> bool:
        return any(
            e <= energy and a >= accuracy and (e, a) != (energy, accuracy) for e, a in places
        )

    assert sweep.front == {i for i, place in enumerate(places) if not beaten(*place)} == {0, 1, 4}


@pytest.mark.parametrize("name", ["adc-bits-rows", "voltage-redundancy"])
def test_the_example_sweeps_have_no_invalid_point(name):
    plan = plan_sweep(ROOT / "examples" / "sweeps" / f"{name}.yaml")
    assert len(plan.tasks) == len(plan.points) == 20
