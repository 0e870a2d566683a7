"""Finished evaluations, kept by what was evaluated: nothing is computed twice.

One SQLite file; a row is the SHA-256 of the question's canonical JSON, the question, the
answer.  A row is written in one transaction: a process that is killed leaves all or nothing,
and several processes may share the file.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, final

from hwsim.errors import DataError

Question = Mapping[str, Any]
Answer = dict[str, Any]

_WAIT_S = 60.0  # for another process's transaction
_TABLE = """create table if not exists evaluations (
    key text primary key, question text not null, answer text not null
) without rowid"""


def canonical(question: Question) -> str:
    """The same text for equal questions, whatever the order of their keys.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(question, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_key(question: Question) -> str:
    """SHA-256 of the canonical text."""
    return hashlib.sha256(canonical(question).encode()).hexdigest()


@final
class EvaluationStore:
    """Answers by question in one file; every call opens it anew, so threads may share a store."""

    def __init__(self, file: Path) -> None:
        """Create the file where there is none.

        Raises:
            DataError: it cannot be written, or is no database.
        """
        self.file = file
        with self._open() as base:
            base.execute("pragma journal_mode = wal")
            base.execute(_TABLE)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file for one transaction.

        Raises:
            DataError: it cannot be read or written, or is no store.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=_WAIT_S)) as base, base:
                # What is written survives the process; not to wait for the disk, a power cut may
                # undo it.
                base.execute("pragma synchronous = normal")
                yield base
        except (OSError, sqlite3.Error, json.JSONDecodeError) as error:
            raise DataError(
                f"{self.file}: expected a writable store of evaluations, found {error}"
            ) from None

    def get(self, question: Question) -> Answer | None:
        """The answer, None where there is none yet."""
        return self.answer(content_key(question))

    def answer(self, key: str) -> Answer | None:
        """The answer to the question with this key, None where there is none."""
        with self._open() as base:
            row = base.execute("select answer from evaluations where key = ?", (key,)).fetchone()
            return None if row is None else json.loads(row[0])

    def put(self, question: Question, answer: Answer) -> None:
        """Keep an answer; a first answer stays."""
        row = (content_key(question), canonical(question), canonical(answer))
        with self._open() as base:
            base.execute("insert or ignore into evaluations values (?, ?, ?)", row)

    def __len__(self) -> int:
        with self._open() as base:
            return int(base.execute("select count(*) from evaluations").fetchone()[0])

    def __iter__(self) -> Iterator[tuple[Answer, Answer]]:
        """Questions and answers, by key."""
        with self._open() as base:
            rows = base.execute("select question, answer from evaluations order by key").fetchall()
        for question, answer in rows:
            yield json.loads(question), json.loads(answer)
