"""Tasks on processes of this machine; a process that dies costs the task it held.

Each has a connection of its own: one that is killed halfway through an answer ends it, where the
pipe that an executor of the standard library shares among its processes would stay open.
"""

import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, NamedTuple, Self, final

from threadpoolctl import threadpool_limits

from codesign.sweep.evaluate import Answer
from codesign.sweep.kernel_cache import lock_kernel_cache
from hwsim._jit import threads

MAX_LOSSES = 3  # processes that die on a task before it is given up

#: An answer, of what is the same for all tasks and of a task.
Evaluate = Callable[[Any, Any], Answer]


class _Held(NamedTuple):
    """A task, and the process that has it."""

    process: BaseProcess
    key: str
    task: Any


@final
class Processes:
    """Processes that live until the context ends; they end with this one, however it ends."""

    def __init__(self, workers: int, evaluate: Evaluate, shared: Any = None) -> None:
        """Nothing is started yet.

        Args:
            evaluate: a function of a module.
            shared: its first argument, handed to every process once.
        """
        self._workers = workers
        self._evaluate = evaluate
        self._shared = shared
        self._context = multiprocessing.get_context("spawn")
        self._idle: list[tuple[Connection, BaseProcess]] = []
        self._all: list[BaseProcess] = []

    def __enter__(self) -> Self:
        self._listening, self._held = self._context.Pipe(duplex=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()  # nobody waits for what is under way
        for process in self._all:
            process.join()
        self._listening.close()

    def answers(self, tasks: Mapping[str, Any]) -> Generator[tuple[str, Answer]]:
        """Keys and answers as they come; what a process held when it died is tried again."""
        waiting = deque(tasks.items())
        running: dict[Connection, _Held] = {}
        losses: Counter[str] = Counter()
        try:
            while waiting or running:
                while waiting and len(running) < self._workers:
                    self._hand_out(*waiting.popleft(), running)
                for connection in wait(list(running)):
                    assert isinstance(connection, Connection)
                    process, key, task = running.pop(connection)
                    try:
                        answer = connection.recv()
                    except (EOFError, OSError):
                        losses[key] += 1
                        if losses[key] < MAX_LOSSES:
                            waiting.append((key, task))
                        else:
                            why = f"the process that simulates it died {MAX_LOSSES} times"
                            yield key, {"failed": why}
                        continue
                    self._idle.append((connection, process))
                    if isinstance(answer, Exception):
                        raise answer
                    yield key, answer
        finally:
            for held in running.values():  # nobody will read their answers
                held.process.kill()

    def _hand_out(self, key: str, task: Any, running: dict[Connection, _Held]) -> None:
        connection, process = self._idle.pop() if self._idle else self._started()
        running[connection] = _Held(process, key, task)
        with suppress(ConnectionError):  # a process that has died is noticed when it is read
            connection.send(task)

    def _started(self) -> tuple[Connection, BaseProcess]:
        here, there = self._context.Pipe()
        own_threads = max(1, threads() // self._workers)
        arguments = (there, self._listening, own_threads, self._evaluate, self._shared)
        process = self._context.Process(target=_serve, args=arguments, daemon=True)
        with _interrupts_held():
            process.start()
        there.close()  # the other end is its alone: what it leaves behind ends with it
        self._all.append(process)
        return here, process


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A Ctrl-C waits; processes that start meanwhile never see one, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    tasks: Connection, listening: Connection, own_threads: int, evaluate: Evaluate, shared: Any
) -> None:
    """A process: its share of the cores, no answer to Ctrl-C, a shared kernel cache; then tasks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["HWSIM_THREADS"] = str(own_threads)
    threadpool_limits(own_threads)
    lock_kernel_cache()
    Thread(target=_leave_with, args=(listening,), daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            task = tasks.recv()
            try:
                answer: Answer | Exception = evaluate(shared, task)
            except Exception as error:  # noqa: BLE001 - raised again where it was asked
                error.add_note(traceback.format_exc())
                answer = error
            tasks.send(answer)


def _leave_with(listening: Connection) -> None:
    """End when the other end does, whatever is under way."""
    with suppress(EOFError, OSError):
        listening.recv_bytes()
    os._exit(0)
