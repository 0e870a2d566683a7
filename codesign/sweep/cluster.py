"""Tasks on a Dask cluster: the one module that knows `distributed`.

A worker that is lost costs the tasks it held: Dask gives them to others.  Where none is left,
tasks are given up after a while.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, final

from codesign.sweep.evaluate import Answer
from codesign.sweep.kernel_cache import lock_kernel_cache
from hwsim.errors import HwsimError

_CONNECT_S = 10.0
_WORKERS_S = 60.0  # for a worker to appear
_LOOK_S = 1.0  # between two looks at the workers
_ASK_S = 10.0  # for the scheduler, and for a result, to come
_POLL_S = 0.02

_log = logging.getLogger(__name__)


@final
class Cluster:
    """A connection that lasts until the context ends."""

    def __init__(
        self, address: str, evaluate: Callable[[Any, Any], Answer], shared: Any = None
    ) -> None:
        """Connect.

        Args:
            evaluate: an answer of what is shared and of a task; a function of a module.
            shared: handed to every worker once.
        Raises:
            HwsimError: `distributed` is not installed, or no scheduler with workers answers.
        """
        try:
            import distributed  # noqa: PLC0415 - an extra
        except ImportError:
            raise HwsimError(
                "--scheduler: expected the package distributed, found none; "
                "install the [dask] extra"
            ) from None
        try:
            # First: a client that was refused its address complains once more when it goes.
            distributed.comm.get_address_host_port(distributed.comm.normalize_address(address))
            self._client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
            self._client.wait_for_workers(1, timeout=_WORKERS_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise HwsimError(
                f"--scheduler {address}: expected a Dask scheduler with workers, found {error}"
            ) from None
        self._address = address
        self._silent = _silenced()
        self._evaluate = evaluate
        self._shared = shared
        self._handed: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        for logger in self._silent:
            logger.disabled = False

    def answers(self, tasks: Mapping[str, Any]) -> Iterator[tuple[str, Answer]]:
        """Keys and answers as they come; what is left when no worker comes back has failed."""
        import distributed  # noqa: PLC0415 - an extra

        if self._shared is not None and self._handed is None:
            self._handed = self._client.scatter(self._shared, broadcast=True, hash=False)
        futures = {
            self._client.submit(
                _there, self._evaluate, self._handed, task, key=f"hwsim-{key}", pure=False
            ): key
            for key, task in tasks.items()
        }
        ended = distributed.as_completed(futures, loop=self._client.loop)
        workers = _Workers(self._client, self._address)
        while futures and not workers.gone_for_good():
            for future in ended.next_batch(block=False):
                answer = _answer(future)
                if answer is None:
                    ended.add(future)
                    continue
                if future.status == "cancelled":
                    workers.tell_of_loss()
                yield futures.pop(future), answer
                future.release()  # the cluster need not keep it any longer
            if not ended.has_ready():
                time.sleep(_POLL_S)
        for key in futures.values():
            yield key, {"failed": "lost by the cluster: no worker is left"}


def _answer(future: Any) -> Answer | None:
    """None: it went down with its worker, and is computed once more."""
    if future.status in ("error", "cancelled"):
        why = future.exception() if future.status == "error" else future.status
        return {"failed": f"lost by the cluster: {why}"}
    try:
        return dict(future.result(timeout=_ASK_S)) if future.status == "finished" else None
    except (OSError, TimeoutError):
        return None


@final
class _Workers:
    """Looks now and then whether there are any, and says so where there are none."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address
        self._looked = self._seen = time.monotonic()
        self._lost = False

    def tell_of_loss(self) -> None:
        """Say once that the scheduler has gone, and all tasks with it."""
        if not self._lost:
            _log.warning("hwsim: --scheduler %s: the connection was lost", self._address)
        self._lost = True

    def gone_for_good(self) -> bool:
        """None has been there for `_WORKERS_S`."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return False
        missed = self._looked > self._seen
        self._looked = now
        if self._found():
            self._seen = now
            return False
        where = f"hwsim: --scheduler {self._address}: expected workers, found none"
        if not missed:
            _log.warning("%s; waiting %g s for one", where, _WORKERS_S)
        if now - self._seen < _WORKERS_S:
            return False
        _log.warning("%s in %g s; what is left has failed", where, _WORKERS_S)
        return True

    def _found(self) -> bool:
        """A scheduler that takes its time may have some."""
        try:
            return bool(self._client.nthreads(callback_timeout=_ASK_S))
        except TimeoutError:
            return True
        except (OSError, RuntimeError):  # no scheduler, or a client that has given it up
            return False


def _silenced() -> list[logging.Logger]:
    """Loggers of Dask that were not, and are now: what is lost is told in one line here."""
    found = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if name.partition(".")[0] in ("distributed", "tornado")
        and isinstance(logger, logging.Logger)
        and not logger.disabled
    ]
    for logger in found:
        logger.disabled = True
    return found


def _there(evaluate: Callable[[Any, Any], Answer], shared: Any, task: Any) -> Answer:
    """On a worker: one thread per task, unless the worker's environment says otherwise."""
    os.environ.setdefault("HWSIM_THREADS", "1")
    lock_kernel_cache()
    return evaluate(shared, task)
