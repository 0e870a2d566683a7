"""`python -P held.py NUMBER FILE VERB ...`: a command that waits for a test.

When it has kept so many answers in its store, it goes on only when FILE exists: what a test
does to it meanwhile comes before its end, however slow the machine.
"""

import sys
import time
from pathlib import Path
from typing import Any

from codesign.cli import main
from optim.store import EvaluationStore


def hold(number: int, file: Path) -> None:
    """Let every store wait for `file` once it has kept `number` answers."""
    put = EvaluationStore.put
    kept: list[Any] = []

    def held(store: EvaluationStore, question: Any, answer: Any) -> None:
        put(store, question, answer)
        kept.append(question)
        while len(kept) == number and not file.exists():
            time.sleep(0.01)

    EvaluationStore.put = held  # type: ignore[method-assign]


if __name__ == "__main__":  # processes of a sweep import it and must not start another
    hold(int(sys.argv[1]), Path(sys.argv[2]))
    main(sys.argv[3:])
