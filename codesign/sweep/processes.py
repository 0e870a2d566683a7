"""Points on processes of this machine; a process that dies costs the points it held."""

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Thread

from threadpoolctl import threadpool_limits

from codesign.sweep.evaluate import Answer, evaluate
from codesign.sweep.kernel_cache import lock_kernel_cache
from codesign.sweep.points import Task
from hwsim._jit import threads

MAX_LOSSES = 3  # processes that die on a point before it is given up

Waiting = deque[tuple[str, Task]]


def on_processes(tasks: Mapping[str, Task], workers: int) -> Iterator[tuple[str, Answer]]:
    """Keys and answers as they come.

    Whatever was under way when a process died is tried again by itself, so that no point is
    blamed for a process that another one killed.
    """
    waiting: Waiting = deque(tasks.items())
    suspects: Waiting = deque()
    losses: Counter[str] = Counter()
    while waiting:
        yield from _until_one_dies(waiting, suspects, workers)
    while suspects:
        key, task = suspects.popleft()
        yield from _until_one_dies(deque([(key, task)]), suspects, 1)
        if suspects and suspects[-1][0] == key:
            losses[key] += 1
            if losses[key] == MAX_LOSSES:
                suspects.pop()
                yield key, {"failed": f"the process that simulates it died {MAX_LOSSES} times"}


def _until_one_dies(waiting: Waiting, lost: Waiting, workers: int) -> Iterator[tuple[str, Answer]]:
    """Answers until all are there or a process dies; what was under way is added to `lost`."""
    running: dict[Future[Answer], tuple[str, Task]] = {}
    before = len(lost)
    with _pool(min(workers, len(waiting))) as pool:
        while running or (waiting and len(lost) == before):
            while waiting and len(lost) == before and len(running) < workers:
                try:
                    with _interrupts_held():
                        running[pool.submit(evaluate, waiting[0][1])] = waiting[0]
                except BrokenProcessPool:
                    lost.append(waiting[0])
                waiting.popleft()
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(done)
                if isinstance(done.exception(), BrokenProcessPool):
                    lost.append(item)
                else:
                    yield item[0], done.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with this one, however it ends: they wait for a pipe to close."""
    context = multiprocessing.get_context("spawn")
    listening, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(
        workers, context, initializer=_start, initargs=(listening, max(1, threads() // workers))
    )
    try:
        yield pool
    except BaseException:
        held.close()  # nobody waits for what is under way
        raise
    finally:
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


def _start(listening: Connection, own_threads: int) -> None:
    """Set a new process up: its share of the cores, no answer to Ctrl-C, a shared kernel cache."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["HWSIM_THREADS"] = str(own_threads)
    threadpool_limits(own_threads)
    lock_kernel_cache()
    Thread(target=_leave_with, args=(listening,), daemon=True).start()


def _leave_with(listening: Connection) -> None:
    with suppress(EOFError, OSError):
        listening.recv_bytes()
    os._exit(0)
