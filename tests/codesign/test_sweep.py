"""Sweeps: what is computed of the points of a file, and what is kept of them."""

import json
import sqlite3
import weakref
from contextlib import closing

import pytest

from codesign.cli.entry import run as hwsim
from codesign.flow import simulate
from codesign.report.result import Result
from codesign.simulation import Simulation
from codesign.sweep import Status, load_points, load_sweep_record, plan_sweep, run_sweep
from codesign.sweep.record import STORE_FILE, Outcome, Sweep, SweepPoint
from hwsim.cosim.build import BuildError
from hwsim.cosim.simulators import MissingSimulator
from hwsim.cosim.verilated import CosimulationError
from hwsim.errors import DataError, MappingError, NetworkError, SpecError
from optim.store import EvaluationStore
from tests.codesign.conftest import BASE, BITS, DIGITS


def test_a_point_is_what_simulate_finds(sweep_file, tmp_path):
    file = sweep_file(grid={"arch": ["emt-strong"], "seed": [5]})
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


def test_points_that_ask_the_same_are_computed_once_and_kept(sweep_file, tmp_path):
    file = sweep_file(grid={"seed": [0, 1, 1], **BITS})
    plan = plan_sweep(file)
    first = run_sweep(plan, tmp_path / "out", workers=1)
    assert (first.computed, first.kept) == (4, 0)
    again = run_sweep(plan, tmp_path / "out", workers=1)
    assert (again.computed, again.kept) == (0, 4)
    assert again.sweep.points == first.sweep.points
    more = run_sweep(
        plan_sweep(sweep_file(grid={"seed": [1, 2], **BITS})), tmp_path / "out", workers=1
    )
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
def test_whatever_a_result_depends_on_is_part_of_its_key(sweep_file, change):
    [point] = plan_sweep(sweep_file(grid={"arch.tile.adc.bits": [8]})).points
    [other] = plan_sweep(
        sweep_file(base={**BASE, **change}, grid={"arch.tile.adc.bits": [8]})
    ).points
    assert point.task.key != other.task.key


def test_a_networks_content_is_part_of_the_key_its_folder_is_not(sweep_file, tmp_path):
    copy = tmp_path / "copy" / "digits.onnx"
    copy.parent.mkdir()
    copy.write_bytes(DIGITS.read_bytes())
    grid = {"arch.tile.adc.bits": [8]}
    base = {**BASE, "network": "copy/digits.onnx"}
    [here] = plan_sweep(sweep_file(grid=grid)).points
    [there] = plan_sweep(sweep_file(base=base, grid=grid)).points
    assert here.task.key == there.task.key
    copy.write_bytes(DIGITS.read_bytes() + b"\x72\x00")  # an unknown field: still ONNX
    [changed] = plan_sweep(sweep_file(base=base, grid=grid)).points
    assert here.task.key != changed.task.key


def test_invalid_points_are_recorded_with_their_reason(sweep_file, tmp_path, capsys):
    axes = {"arch.tile.adc.bits": [8, 99], "tiles": [96, 1]}
    file = sweep_file(grid=axes)
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


def test_no_resume_computes_all_again(sweep_file, tmp_path, capsys):
    asked = ["sweep", str(sweep_file(grid=BITS)), "--out", str(tmp_path / "out"), "--json"]
    documents = []
    for more in ([], [], ["--no-resume"]):
        assert hwsim([*asked, "--workers", "1", *more]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert [d["computed"] for d in documents] == [2, 0, 2]
    assert documents[0]["points"] == documents[1]["points"] == documents[2]["points"]


def test_a_dry_run_lists_the_points_and_writes_nothing(sweep_file, tmp_path, capsys):
    file = sweep_file(grid={"arch.tile.adc.bits": [6, 99]})
    assert hwsim(["sweep", str(file), "--dry-run", "--out", str(tmp_path / "out")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0: arch.tile.adc.bits = 6"
    assert second.startswith("1: arch.tile.adc.bits = 99: invalid: arch: tile.adc.bits: ")
    assert not (tmp_path / "out").exists()
    assert hwsim(["sweep", str(file), "--dry-run", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["points"]
    assert [point["status"] for point in listed] == ["open", "invalid"]


def test_two_places_to_compute_are_refused(sweep_file, capsys):
    file = str(sweep_file(grid=BITS))
    asked = ["sweep", file, "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"]
    assert hwsim(asked) == 2
    assert "expected one of --workers and --scheduler, found both" in capsys.readouterr().err


def test_an_interrupt_keeps_what_is_finished(sweep_file, tmp_path, monkeypatch, capsys):
    from codesign.sweep import run

    done = []

    def interrupted(task):
        if done:
            raise KeyboardInterrupt
        done.append(task.key)
        return run_once(task)

    run_once = run.evaluate
    monkeypatch.setattr(run, "evaluate", interrupted)
    asked = ["sweep", str(sweep_file(grid=BITS)), "--out", str(tmp_path / "out"), "--workers", "1"]
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


@pytest.mark.parametrize("kept_first", [False, True])
def test_an_interrupt_while_an_answer_is_kept_leaves_a_record_that_agrees(
    sweep_file, tmp_path, monkeypatch, kept_first
):
    put = EvaluationStore.put

    def interrupted(store, question, answer):
        if kept_first:
            put(store, question, answer)
        raise KeyboardInterrupt

    monkeypatch.setattr(EvaluationStore, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan_sweep(sweep_file(grid=BITS)), tmp_path / "out", workers=1)
    sweep = load_sweep_record(tmp_path / "out")
    assert sweep.count(Status.DONE) == kept_first
    assert sweep.count(Status.DONE) == len(EvaluationStore(tmp_path / "out" / STORE_FILE))


def test_a_run_holds_no_more_whole_results_than_it_works_on(sweep_file, tmp_path, monkeypatch):
    from codesign.sweep import run

    class Whole(dict):
        """An answer that can be watched."""

    alive = weakref.WeakSet()
    most = 0

    def counted(task):
        nonlocal most
        answer = Whole(invalid=task.key)
        alive.add(answer)
        most = max(most, len(alive))
        return answer

    Whole.__hash__ = object.__hash__
    monkeypatch.setattr(run, "evaluate", counted)
    ran = run_sweep(
        plan_sweep(sweep_file(grid={"seed": list(range(8))})), tmp_path / "out", workers=1
    )
    assert ran.computed == 8
    assert most <= 3


def test_a_failure_is_recorded_not_kept_and_tried_again(sweep_file, tmp_path, monkeypatch):
    from codesign.sweep import evaluate

    def broken(_simulation):
        raise MemoryError("no room\nfor it")

    plan = plan_sweep(sweep_file(grid=BITS))
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "simulate", broken)
        ran = run_sweep(plan, tmp_path / "out", workers=1)
    assert {p.status for p in ran.sweep.points} == {Status.FAILED}
    assert {p.reason for p in ran.sweep.points} == {"MemoryError: no room for it"}
    again = run_sweep(plan, tmp_path / "out", workers=1)
    assert (again.computed, again.sweep.count(Status.DONE)) == (2, 2)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SpecError, Status.INVALID),
        (MappingError, Status.INVALID),
        (NetworkError, Status.INVALID),
        (MissingSimulator, Status.FAILED),
        (BuildError, Status.FAILED),
        (CosimulationError, Status.FAILED),
        (DataError, Status.FAILED),
    ],
)
def test_what_the_machine_lacks_is_no_fault_of_the_point(
    sweep_file, tmp_path, monkeypatch, error, status
):
    from codesign.sweep import evaluate

    def broken(_simulation):
        raise error("so it is")

    monkeypatch.setattr(evaluate, "simulate", broken)
    ran = run_sweep(plan_sweep(sweep_file(grid={"seed": [0]})), tmp_path / "out", workers=1)
    assert [(point.status, point.reason) for point in ran.sweep.points] == [(status, "so it is")]
    assert len(EvaluationStore(tmp_path / "out" / STORE_FILE)) == (status is Status.INVALID)


def test_a_worker_with_another_network_or_version_says_so(sweep_file, tmp_path):
    from dataclasses import replace

    from codesign.sweep.evaluate import evaluate

    [point, _] = plan_sweep(sweep_file(grid=BITS)).points
    older = replace(point.task, question={**point.task.question, "version": "0.0.1"})
    assert "expected a worker with hwsim 0.0.1, found" in evaluate(older)["failed"]
    away = replace(point.task.simulation, network=tmp_path / "away.onnx")
    assert (
        "expected the network of the sweep"
        in evaluate(replace(point.task, simulation=away))["failed"]
    )


def test_a_store_of_another_kind_is_refused_in_one_line(sweep_file, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "evaluations.sqlite").write_text("notes " * 1000)
    assert hwsim(["sweep", str(sweep_file(grid=BITS)), "--out", str(tmp_path / "out")]) == 2
    assert "evaluations.sqlite: expected a writable store" in capsys.readouterr().err


def test_the_store_holds_whole_results_under_their_questions(sweep_file, tmp_path):
    run_sweep(plan_sweep(sweep_file(grid=BITS)), tmp_path / "out", workers=1)
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
