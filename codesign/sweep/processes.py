"""Tasks on processes of this machine; a process that dies costs the tasks it held."""

import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Event, Lock, Thread
from typing import Any, Self, final

from threadpoolctl import threadpool_limits

from codesign.sweep.evaluate import Answer, evaluate
from codesign.sweep.kernel_cache import lock_kernel_cache
from codesign.sweep.points import Task
from hwsim._jit import threads

MAX_LOSSES = 3  # processes that die on a task before it is given up

#: An answer, of what is the same for all tasks and of a task.
Evaluate = Callable[[Any, Any], Answer]
Waiting = deque[tuple[str, Any]]


def on_processes(tasks: Mapping[str, Task], workers: int) -> Iterator[tuple[str, Answer]]:
    """Keys and answers of a sweep's points as they come."""
    with Processes(min(workers, len(tasks)), _point) as processes:
        yield from processes.answers(tasks)


def _point(_shared: None, task: Task) -> Answer:
    return evaluate(task)


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
        self._pool: ProcessPoolExecutor | None = None
        self._pipe: tuple[Connection, Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self._end(at_once=failed is not None)

    def answers(self, tasks: Mapping[str, Any]) -> Iterator[tuple[str, Answer]]:
        """Keys and answers as they come.

        Whatever was under way when a process died is tried again by itself, so that no task is
        blamed for a process that another one killed.
        """
        waiting: Waiting = deque(tasks.items())
        suspects: Waiting = deque()
        losses: Counter[str] = Counter()
        while waiting:
            yield from self._until_one_dies(waiting, suspects, self._workers)
        while suspects:
            key, task = suspects.popleft()
            yield from self._until_one_dies(deque([(key, task)]), suspects, 1)
            if suspects and suspects[-1][0] == key:
                losses[key] += 1
                if losses[key] == MAX_LOSSES:
                    suspects.pop()
                    yield key, {"failed": f"the process that simulates it died {MAX_LOSSES} times"}

    def _until_one_dies(
        self, waiting: Waiting, lost: Waiting, workers: int
    ) -> Iterator[tuple[str, Answer]]:
        """Answers until all are there or a process dies; what was under way is added to `lost`."""
        running: dict[Future[Answer], tuple[str, Any]] = {}
        before = len(lost)
        while running or (waiting and len(lost) == before):
            while waiting and len(lost) == before and len(running) < workers:
                try:
                    with _interrupts_held():
                        running[self._started().submit(_answer, waiting[0][1])] = waiting[0]
                except BrokenProcessPool:
                    lost.append(waiting[0])
                waiting.popleft()
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(done)
                if isinstance(done.exception(), BrokenProcessPool):
                    lost.append(item)
                else:
                    yield item[0], done.result()
        if len(lost) > before:
            self._end()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pipe = context.Pipe(duplex=False)
            own_threads = max(1, threads() // self._workers)
            self._pool = ProcessPoolExecutor(
                self._workers,
                context,
                initializer=_start,
                initargs=(self._pipe[0], own_threads, self._evaluate, self._shared),
            )
        return self._pool

    def _end(self, at_once: bool = False) -> None:
        pool, pipe = self._pool, self._pipe
        self._pool = self._pipe = None
        if pool is None or pipe is None:
            return
        listening, held = pipe
        if at_once:
            held.close()  # nobody waits for what is under way
        pool.shutdown(cancel_futures=True)
        held.close()
        listening.close()


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


#: How long a process that is to leave waits for an answer that is on its way: in steps of this.
_STEP_S, _STEPS = 0.1, 20
_gate = Lock()  # without it, a process neither begins nor ends to compute
_computing = Event()
_own: list[Callable[[Any], Answer]] = []  # of a process: what answers tasks


def _start(listening: Connection, own_threads: int, evaluate: Evaluate, shared: Any) -> None:
    """Set a new process up: its share of the cores, no answer to Ctrl-C, a shared kernel cache."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["HWSIM_THREADS"] = str(own_threads)
    threadpool_limits(own_threads)
    lock_kernel_cache()
    _own.append(lambda task: evaluate(shared, task))
    Thread(target=_leave_with, args=(listening,), daemon=True).start()


def _answer(task: Any) -> Answer:
    with _gate:
        _computing.set()
    try:
        return _own[0](task)
    finally:
        with _gate:
            _computing.clear()


def _leave_with(listening: Connection) -> None:
    """End when the other end does, but not halfway through an answer that is being sent.

    The pool would wait for the rest of it for ever.  One that is sent whole finds the pool's own
    word to end.
    """
    with suppress(EOFError, OSError):
        listening.recv_bytes()
    for _ in range(_STEPS):
        with _gate:
            if _computing.is_set():
                os._exit(0)
        time.sleep(_STEP_S)
    os._exit(0)
