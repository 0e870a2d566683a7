"""What a sweep says of its Dask cluster, and does without one; see also test_sweep_places."""

import sys

import pytest

from codesign.cli.entry import run as hwsim
from codesign.sweep.record import STORE_FILE
from hwsim.errors import HwsimError
from optim.store import EvaluationStore
from tests.codesign.conftest import BITS


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("finished", {"energy_J": 1.0}),
        ("lost", {"energy_J": 1.0}),
        ("error", {"failed": "lost by the cluster: four workers died"}),
        ("cancelled", {"failed": "lost by the cluster: cancelled"}),
    ],
)
def test_a_result_that_went_down_with_its_worker_is_waited_for(monkeypatch, status, answer):
    """A future that was done may be lost when it is looked at; Dask then computes it again."""
    distributed = pytest.importorskip("distributed")
    from codesign.sweep import cluster as place

    class Future:
        def __init__(self):
            self.status = status

        def result(self):
            return {"energy_J": 1.0}

        def exception(self):
            return RuntimeError("four workers died")

    class Client:
        loop = None

        def __init__(self, *_args, **_options):
            pass

        def wait_for_workers(self, *_args, **_options):
            pass

        def submit(self, *_args, **_options):
            return Future()

    monkeypatch.setattr(distributed, "Client", Client)
    monkeypatch.setattr(distributed, "as_completed", lambda futures, loop: iter(futures))
    own = place.Cluster("tcp://127.0.0.1:1", print)
    assert list(own.answers({"a": None})) == [("a", answer)]


def test_a_scheduler_that_does_not_answer_is_one_line(sweep_file, tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    from codesign.sweep import cluster as place

    monkeypatch.setattr(place, "_CONNECT_S", 0.5)
    asked = ["sweep", str(sweep_file(grid=BITS)), "--out", str(tmp_path / "out")]
    assert hwsim([*asked, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    said = capsys.readouterr().err
    assert "--scheduler tcp://127.0.0.1:1: expected a Dask scheduler with workers, found" in said
    assert "Traceback" not in said


def test_a_run_that_cannot_start_touches_nothing(sweep_file, tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    from codesign.sweep import cluster as place

    monkeypatch.setattr(place, "_CONNECT_S", 0.5)
    out = tmp_path / "out"
    asked = ["sweep", str(sweep_file(grid={"seed": [0]})), "--out", str(out)]
    assert hwsim([*asked, "--workers", "1"]) == 0
    record, kept = (out / "sweep.json").read_text(), list(EvaluationStore(out / STORE_FILE))
    sweep_file(grid={"seed": [0, 1]})
    assert hwsim([*asked, "--no-resume", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert (out / "sweep.json").read_text() == record
    assert list(EvaluationStore(out / STORE_FILE)) == kept
    assert len(kept) == 1


def test_without_distributed_the_extra_is_named(monkeypatch):
    from codesign.sweep.cluster import Cluster

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(HwsimError, match=r"install the \[dask\] extra"):
        Cluster("tcp://127.0.0.1:1", print)
