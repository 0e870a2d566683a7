"""Finished evaluations: found again by content, whole whatever happens."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hwsim.errors import DataError
from optim.store import EvaluationStore, content_key

WRITER = """
import sys
from pathlib import Path
from optim.store import EvaluationStore

store = EvaluationStore(Path(sys.argv[1]))
for i in range(int(sys.argv[2]), 10**9):
    store.put({"i": i}, {"square": i * i, "text": "x" * 5000})
"""


def test_the_key_is_the_content_not_the_order_of_keys():
    assert content_key({"a": 1, "b": [2.5, None]}) == content_key({"b": [2.5, None], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


def test_an_answer_is_found_again_by_whoever_opens_the_file(tmp_path):
    store = EvaluationStore(tmp_path / "runs.sqlite")
    store.put({"design": 1}, {"accuracy": 0.5})
    again = EvaluationStore(tmp_path / "runs.sqlite")
    assert again.get({"design": 1}) == {"accuracy": 0.5}
    assert len(again) == 1
    assert list(again) == [({"design": 1}, {"accuracy": 0.5})]


def test_the_first_answer_stays(tmp_path):
    store = EvaluationStore(tmp_path / "runs.sqlite")
    store.put({"q": 1}, {"a": 1})
    store.put({"q": 1}, {"a": 2})
    assert store.get({"q": 1}) == {"a": 1}
    assert store.get({"q": 2}) is None


def test_threads_share_a_store(tmp_path):
    store = EvaluationStore(tmp_path / "runs.sqlite")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.put({"i": i % 50}, {"i": i % 50}), range(200)))
    assert len(store) == 50


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_a_killed_writer_leaves_whole_answers_only(tmp_path):
    file = tmp_path / "runs.sqlite"
    for _ in range(3):
        before = len(EvaluationStore(file))
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(before)])
        while len(EvaluationStore(file)) < before + 5 and writer.poll() is None:
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
    found = list(EvaluationStore(file))
    assert sorted(q["i"] for q, _ in found) == list(range(len(found)))
    assert len(found) >= 15
    assert all(a["square"] == q["i"] ** 2 and len(a["text"]) == 5000 for q, a in found)


def test_a_file_that_is_no_store_is_refused_in_one_line(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("these are notes, not a database, and long enough to be read as one" * 20)
    with pytest.raises(DataError, match=r"notes.txt: expected a writable store of evaluations"):
        EvaluationStore(file)
