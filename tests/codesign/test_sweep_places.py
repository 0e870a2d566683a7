"""Sweeps on processes and on a cluster: the same results, whatever dies on the way."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from operator import mul, truediv
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from codesign.sweep import load_sweep_record, plan_sweep, run_sweep
from codesign.sweep.record import STORE_FILE
from optim.store import EvaluationStore
from tests.codesign.conftest import PATIENCE_S, until

posix = pytest.mark.skipif(os.name != "posix", reason="needs kill -9 and /proc")
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from codesign.cli import main; main()"]
HELD = [sys.executable, "-P", str(ROOT / "tests" / "reference" / "held.py")]
POINTS = 16  # of the longest sweep

#: Counts evaluations where they end: one line each, of a key, before the answer is handed on.
#: After so many it waits to be killed, however long that takes.
SPY = """
import signal
import sys
from codesign.sweep import evaluate as place
from codesign.sweep import run
from codesign.cli import main

whole, left = run.evaluate, int(sys.argv[2])

def counted(task):
    global left
    if left == 0:
        signal.pause()
    left -= 1
    answer = whole(task)
    with open(sys.argv[1], "a") as log:
        log.write(task.key + "\\n")
    return answer

run.evaluate = counted
main(sys.argv[3:])
"""


def write_sweep(folder: Path, points: int, samples: int = 4, **base: Any) -> Path:
    """A sweep of seeds: every point takes as long, and differs."""
    base = {
        "network": str(ROOT / "codesign" / "demo" / "digits.onnx"),
        "data": "digits",
        "samples": samples,
        "device_samples": 1,
        "arch": "emt-strong",
        **base,
    }
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({"base": base, "grid": {"seed": list(range(points))}}))
    return file


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], dict[str, Any]]:
    """`alone(points)`: answers by key of a sweep in one process, without interruption."""
    folder = tmp_path_factory.mktemp("alone")
    run_sweep(plan_sweep(write_sweep(folder, POINTS)), folder / "out", workers=1)
    kept = dict(answers(folder / "out"))

    def of(points: int) -> dict[str, Any]:
        keys = {point.task.key for point in plan_sweep(write_sweep(folder, points)).points}
        return {key: kept[key] for key in keys}

    return of


def answers(out: Path) -> Iterator[tuple[str, Any]]:
    from optim.store import content_key

    for question, answer in EvaluationStore(out / STORE_FILE):
        yield content_key(question), answer


def until_kept(out: Path, least: int, running: Any) -> None:
    """Wait for answers of a process that is still at work."""

    def kept() -> bool:
        assert running.poll() is None, "ended before its time"
        return (out / STORE_FILE).exists() and len(EvaluationStore(out / STORE_FILE)) >= least

    until(kept)


def children(pid: int) -> list[int]:
    """Processes below `pid`, those that only track resources left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@posix
@pytest.mark.slow
def test_a_sweep_killed_again_and_again_computes_nothing_finished_twice(tmp_path, alone, start):
    points, kills = POINTS, 5
    file, out, log = write_sweep(tmp_path, points), tmp_path / "out", tmp_path / "evaluations"
    log.touch()

    def spied(evaluations: int) -> list[str]:
        spy = [sys.executable, "-c", SPY, str(log), str(evaluations)]
        return [*spy, "sweep", str(file), "--out", str(out), "--workers", "1", "--json"]

    moments = Random(4)
    for kill in range(kills):
        running = start(spied(POINTS // kills), stdout=subprocess.DEVNULL)
        until_kept(out, 2 * kill, running)
        time.sleep(moments.uniform(0.0, 0.4))
        running.kill()
        assert running.wait() == -signal.SIGKILL
    kept_before = len(EvaluationStore(out / STORE_FILE))
    ended = subprocess.run(spied(points), stdout=subprocess.PIPE, check=True)
    document = json.loads(ended.stdout)
    assert document["kept"] == kept_before
    assert document["computed"] == points - kept_before
    assert dict(answers(out)) == alone(points)
    evaluations = log.read_text().split()
    assert set(evaluations) == set(alone(points))
    # Between an evaluation's end and its row in the store lie milliseconds: a kill may fall there.
    assert len(evaluations) <= points + kills
    assert {p["status"] for p in document["points"]} == {"done"}


@pytest.mark.slow
def test_results_are_the_same_on_two_processes(tmp_path, alone):
    ran = run_sweep(plan_sweep(write_sweep(tmp_path, 5)), tmp_path / "out", workers=2)
    assert (ran.computed, ran.kept) == (5, 0)
    assert dict(answers(tmp_path / "out")) == alone(5)


@posix
@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_point(tmp_path, alone, start):
    file, out, go = write_sweep(tmp_path, 8), tmp_path / "out", tmp_path / "go"
    command = [*HELD, "1", str(go), "sweep", str(file), "--out", str(out), "--workers", "2"]
    running = start([*command, "--json"], stdout=subprocess.PIPE)
    until_kept(out, 1, running)
    os.kill(children(running.pid)[0], signal.SIGKILL)
    go.touch()
    document = json.loads(running.communicate(timeout=PATIENCE_S)[0])
    assert running.returncode == 0
    assert {p["status"] for p in document["points"]} == {"done"}
    assert dict(answers(out)) == alone(8)


@posix
@pytest.mark.slow
def test_processes_end_with_a_sweep_that_is_killed(tmp_path, start):
    file, out = write_sweep(tmp_path, 50), tmp_path / "out"
    running = start([*COMMAND, "sweep", str(file), "--out", str(out), "--workers", "2"])
    own = until(lambda: len(found := children(running.pid)) == 2 and found)
    until_kept(out, 1, running)
    running.kill()
    running.wait()
    until(lambda: all(map(gone, own)))


@posix
@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_an_asked_end_keeps_what_processes_have_finished(tmp_path, start, sent, status, word):
    file, out = write_sweep(tmp_path, 50), tmp_path / "out"
    # What runs in the background of a shell inherits that interrupts are ignored.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heard}; {COMMAND[-1]}", "sweep", str(file)]
    command += ["--out", str(out), "--workers", "2"]
    running = start(command, stderr=subprocess.PIPE, start_new_session=True, text=True)
    until_kept(out, 2, running)
    os.killpg(running.pid, sent)  # as a terminal and a batch system do: to all of them
    said = running.communicate(timeout=PATIENCE_S)[1]
    assert running.returncode == status
    assert said.splitlines()[-1] == f"hwsim: {word}"
    assert "Traceback" not in said
    statuses = [p.status.value for p in load_sweep_record(out).points]
    assert statuses.count("done") == len(EvaluationStore(out / STORE_FILE)) >= 2
    assert statuses.count("done") + statuses.count("open") == 50


INTERRUPTED_WHILE_SENDING = """
import time
from operator import mul, truediv
from codesign.sweep.processes import Processes

for wait_s in (0.0, 0.05, 0.2):
    try:
        with Processes(2, mul, b"0") as processes:  # answers of 128 MiB
            for _ in processes.answers(dict.fromkeys("abcdefgh", 1 << 27)):
                time.sleep(wait_s)
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        print("ended")
"""


@pytest.mark.slow
def test_an_interrupt_does_not_wait_for_half_an_answer(start):
    """A process once left while it sent one, and the pool waited for the rest."""
    command = [sys.executable, "-c", INTERRUPTED_WHILE_SENDING]
    running = start(command, stdout=subprocess.PIPE, text=True)
    assert running.communicate(timeout=PATIENCE_S)[0] == "ended\n" * 3


@pytest.mark.slow
def test_a_process_killed_halfway_through_an_answer_costs_no_task(monkeypatch):
    """What is left in the pipe of 128 MiB ends with it: the pool does not wait for the rest."""
    from codesign.sweep import processes

    killed = []

    def killing(connections):
        ready = wait(connections)  # an answer has begun to come
        if not killed:
            killed.extend(multiprocessing.active_children())
            for process in killed:
                process.kill()
                process.join()
        return ready

    monkeypatch.setattr(processes, "wait", killing)
    with processes.Processes(1, mul, b"0") as own:
        found = dict(own.answers({"long": 1 << 27}))
    assert len(killed) == 1
    assert found == {"long": b"0" * (1 << 27)}


@pytest.mark.slow
def test_a_defect_in_a_process_says_where_it_is():
    from codesign.sweep.processes import Processes

    with (
        pytest.raises(ZeroDivisionError) as caught,
        Processes(1, truediv, 1) as own,
    ):
        list(own.answers({"none": 0}))
    assert "in _serve" in "".join(caught.value.__notes__)


class _Dies:
    """A task that ends the process that receives it."""

    def __reduce__(self) -> Any:
        return os._exit, (9,)


@pytest.mark.slow
def test_a_point_that_kills_its_process_is_given_up_and_the_others_are_done(tmp_path, alone):
    from codesign.sweep.evaluate import evaluate_unshared
    from codesign.sweep.processes import Processes

    tasks: dict[str, Any] = dict(plan_sweep(write_sweep(tmp_path, 2)).tasks)
    with Processes(2, evaluate_unshared) as own:
        found = dict(own.answers({"deadly": _Dies(), **tasks}))
    assert found.pop("deadly") == {"failed": "the process that simulates it died 3 times"}
    assert found == alone(2)


CACHE = """
import sys
from pathlib import Path
from numba.core.caching import IndexDataCacheFile
from codesign.sweep.kernel_cache import lock_kernel_cache

lock_kernel_cache()
cache = IndexDataCacheFile(sys.argv[1], "kernel", "stamp")
for i in range(60):
    cache.save((sys.argv[2], i), (sys.argv[2], i))
"""


@posix
def test_processes_that_compile_at_once_find_each_version_under_its_own_name(tmp_path):
    from numba.core.caching import IndexDataCacheFile

    names = ("a", "b", "c")
    command = [sys.executable, "-c", CACHE, str(tmp_path)]
    running = [subprocess.Popen([*command, name]) for name in names]
    assert [each.wait() for each in running] == [0, 0, 0]
    cache = IndexDataCacheFile(str(tmp_path), "kernel", "stamp")
    keys = [(name, i) for name in names for i in range(60)]
    assert [cache.load(key) for key in keys] == keys


@posix
@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_finds_the_same(tmp_path, alone, cluster, start):
    address, workers = cluster
    file, out, go = write_sweep(tmp_path, 12), tmp_path / "out", tmp_path / "go"
    command = [*HELD, "2", str(go), "sweep", str(file), "--out", str(out), "--scheduler", address]
    running = start([*command, "--json"], stdout=subprocess.PIPE)
    until_kept(out, 2, running)
    workers[0].kill()
    go.touch()
    document = json.loads(running.communicate(timeout=PATIENCE_S)[0])
    assert running.returncode == 0
    assert document["computed"] == 12
    assert dict(answers(out)) == alone(12)
