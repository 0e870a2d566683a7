"""What a sweep says of its Dask cluster, and does without one; see also test_sweep_places."""

import logging
import sys

import pytest

from codesign.cli.entry import run as hwsim
from codesign.sweep.record import STORE_FILE
from hwsim.errors import HwsimError
from optim.store import EvaluationStore
from tests.codesign.conftest import BITS


class Future:
    """A task's, that ends as each of `ends` in turn when it is waited for."""

    def __init__(self, *ends: str):
        self.ends = list(ends)
        self.released = False

    @property
    def status(self):
        return self.ends[0]

    def result(self, timeout):
        if len(self.ends) > 1:
            raise TimeoutError
        return {"energy_J": 1.0}

    def exception(self):
        return RuntimeError("four workers died")

    def release(self):
        self.released = True


class Ended:
    """What has ended of some futures; those that have not stay."""

    def __init__(self, futures, loop):
        self.futures = list(futures)

    def next_batch(self, block):
        batch = [future for future in self.futures if future.ends]
        self.futures = [future for future in self.futures if not future.ends]
        return batch

    def add(self, future):
        future.ends.pop(0)
        self.futures.append(future)

    def has_ready(self):
        return any(future.ends for future in self.futures)


@pytest.fixture
def fake(monkeypatch):
    """`fake(futures, workers)`: answers of such a cluster; workers by look, the last stays."""
    distributed = pytest.importorskip("distributed")
    from codesign.sweep import cluster as place

    def answers(futures, workers=("one",)):
        futures, looks = list(futures), list(workers)

        class Client:
            loop = None

            def __init__(self, *_args, **_options):
                pass

            def wait_for_workers(self, *_args, **_options):
                pass

            def submit(self, *_args, key, **_options):
                return futures[int(key.removeprefix("hwsim-"))]

            def nthreads(self, callback_timeout):
                look = looks.pop(0) if len(looks) > 1 else looks[0]
                if isinstance(look, Exception):
                    raise look
                return look

            def close(self):
                pass

        monkeypatch.setattr(distributed, "Client", Client)
        monkeypatch.setattr(distributed, "as_completed", Ended)
        for limit, seconds in {"_WORKERS_S": 0.2, "_LOOK_S": 0.01, "_POLL_S": 0.001}.items():
            monkeypatch.setattr(place, limit, seconds)
        with place.Cluster("tcp://127.0.0.1:1", print) as own:
            return dict(own.answers({str(index): None for index in range(len(futures))}))

    return answers


@pytest.mark.parametrize(
    ("ends", "answer"),
    [
        (("finished",), {"energy_J": 1.0}),
        (("lost", "finished"), {"energy_J": 1.0}),
        (("finished", "finished"), {"energy_J": 1.0}),  # lost while it is fetched
        (("error",), {"failed": "lost by the cluster: four workers died"}),
        (("cancelled",), {"failed": "lost by the cluster: cancelled"}),
    ],
)
def test_a_result_that_went_down_with_its_worker_is_waited_for(fake, ends, answer):
    """A future that was done may be lost when it is looked at; Dask then computes it again."""
    future = Future(*ends)
    assert fake([future]) == {"0": answer}
    assert future.released


@pytest.mark.parametrize("found", [{}, OSError("no scheduler"), RuntimeError("client closed")])
def test_tasks_without_workers_are_given_up_after_a_while(fake, caplog, found):
    answers = fake([Future("finished"), Future()], [{"a": 1}, found])
    assert answers == {
        "0": {"energy_J": 1.0},
        "1": {"failed": "lost by the cluster: no worker is left"},
    }
    where = "hwsim: --scheduler tcp://127.0.0.1:1: expected workers, found none"
    assert [record.message for record in caplog.records] == [
        f"{where}; waiting 0.2 s for one",
        f"{where} in 0.2 s; what is left has failed",
    ]


@pytest.mark.parametrize("found", [{"b": 1}, TimeoutError("a busy scheduler")])
def test_workers_that_come_back_go_on(fake, caplog, found):
    last = Future()

    class Back(dict):
        """Workers with whom the last task ends."""

        def __bool__(self):
            last.ends.append("finished")
            return True

    answers = fake([last], [{}, found, {}, Back()])
    assert answers == {"0": {"energy_J": 1.0}}
    assert [record.message.split("; ")[1] for record in caplog.records] == [
        "waiting 0.2 s for one",
        "waiting 0.2 s for one",
    ]


def test_a_lost_scheduler_is_one_line(fake, caplog):
    failed = {"failed": "lost by the cluster: cancelled"}
    assert fake([Future("cancelled"), Future("cancelled")]) == {"0": failed, "1": failed}
    assert [record.message for record in caplog.records] == [
        "hwsim: --scheduler tcp://127.0.0.1:1: the connection was lost"
    ]


def test_dasks_own_words_are_not_heard_while_it_works(fake):
    distributed = logging.getLogger("distributed.client")
    heard = []

    class Listening(Future):
        def result(self, timeout):
            heard.append(distributed.isEnabledFor(logging.CRITICAL))
            return super().result(timeout)

    before = distributed.isEnabledFor(logging.CRITICAL)
    fake([Listening("finished")])
    assert (before, heard, distributed.isEnabledFor(logging.CRITICAL)) == (True, [False], True)


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
