"""Files that are others where a point is computed than where the sweep was planned."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codesign.sweep import Status, evaluate, plan_sweep, run_sweep
from codesign.sweep.record import STORE_FILE
from codesign.sweep.run import Plan
from optim.store import EvaluationStore
from tests.codesign.conftest import BASE, DIGITS


def write_images(file: Path, shift: int) -> None:
    with np.load(DIGITS.with_name("digits.npz")) as stored:
        images, labels = stored["test_images"][:8, None], stored["test_labels"][:8]
    with file.open("wb") as archive:
        np.savez(archive, x=images / np.float32(16), y=(labels + shift) % 10)


#: What a sweep's base says of a file, and how the file is written, first so and then otherwise.
FILES: dict[str, tuple[dict[str, object], tuple[Callable[[Path], object], ...]]] = {
    "network": (
        {"network": "file"},
        (
            lambda file: shutil.copyfile(DIGITS, file),
            lambda file: file.write_bytes(DIGITS.read_bytes() + b"\x72\x00"),
        ),
    ),
    "data": (
        {"data": "npz:file"},
        (lambda file: write_images(file, 0), lambda file: write_images(file, 1)),
    ),
    "scheme": (
        {"scheme": "file"},
        (
            lambda file: file.write_text("weight_bits: 8\n"),
            lambda file: file.write_text("weight_bits: 3\n"),
        ),
    ),
    "technology": (
        {"arch": {"extends": "emt", "technology": "file.yaml"}},
        (
            lambda file: file.write_text("extends: emt-32nm\nname: t\n"),
            lambda file: file.write_text("extends: emt-16nm\nname: t\n"),
        ),
    ),
}


@pytest.fixture(params=FILES)
def planned(request, sweep_file, tmp_path):
    """Word for a file, its path, both ways to write it, and the plan of a point that reads it."""
    base, (write, write_otherwise) = FILES[request.param]
    file = tmp_path / ("file.yaml" if request.param == "technology" else "file")
    write(file)
    plan = plan_sweep(sweep_file(base={**BASE, **base}, grid={"seed": [0]}))
    return request.param, file, write, write_otherwise, plan


def check_failed(plan: Plan, out: Path, noun: str) -> None:
    """The point has failed for its file, and nothing is kept of it."""
    [point] = run_sweep(plan, out, workers=1).sweep.points
    assert point.status is Status.FAILED
    assert f"expected the {noun} of the sweep where the worker runs, found" in point.reason
    assert len(EvaluationStore(out / STORE_FILE)) == 0


def test_a_file_that_changes_after_planning_fails_the_point(planned, tmp_path):
    noun, file, write, write_otherwise, plan = planned
    write_otherwise(file)
    check_failed(plan, tmp_path / "out", noun)
    file.unlink()
    check_failed(plan, tmp_path / "out", noun)
    write(file)
    ran = run_sweep(plan, tmp_path / "out", workers=1)
    assert (ran.computed, ran.sweep.count(Status.DONE)) == (1, 1)


def test_a_file_that_changes_while_it_is_read_fails_the_point(planned, tmp_path, monkeypatch):
    noun, file, _, write_otherwise, plan = planned

    def changing(asked):
        write_otherwise(file)
        return simulate(asked)

    simulate = evaluate.simulate
    monkeypatch.setattr(evaluate, "simulate", changing)
    check_failed(plan, tmp_path / "out", noun)


def test_a_scheme_that_is_wrong_is_refused_before_anything_runs(sweep_file, tmp_path, capsys):
    from codesign.cli.entry import run as hwsim

    (tmp_path / "scheme.yaml").write_text("weight_bits: 2024-01-01\n")
    file = sweep_file(base={**BASE, "scheme": "scheme.yaml"}, grid={"seed": [0]})
    assert hwsim(["sweep", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "scheme.yaml: weight_bits: expected" in capsys.readouterr().err
