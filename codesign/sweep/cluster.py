"""Tasks on a Dask cluster: the one module that knows `distributed`.

A worker that is lost costs the tasks it held: Dask gives them to others.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, final

from codesign.sweep.evaluate import Answer
from codesign.sweep.kernel_cache import lock_kernel_cache
from hwsim.errors import HwsimError

_CONNECT_S = 10.0
_WORKERS_S = 60.0  # for the first worker to appear


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
        self._evaluate = evaluate
        self._shared = shared
        self._handed: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def answers(self, tasks: Mapping[str, Any]) -> Iterator[tuple[str, Answer]]:
        """Keys and answers as they come."""
        import distributed  # noqa: PLC0415 - an extra

        if self._shared is not None and self._handed is None:
            self._handed = self._client.scatter(self._shared, broadcast=True, hash=False)
        futures = {
            self._client.submit(
                _there, self._evaluate, self._handed, task, key=f"hwsim-{key}", pure=False
            ): key
            for key, task in tasks.items()
        }
        for done in distributed.as_completed(futures, loop=self._client.loop):
            if done.status in ("error", "cancelled"):
                why = done.exception() if done.status == "error" else done.status
                yield futures[done], {"failed": f"lost by the cluster: {why}"}
            else:  # a result that went down with its worker ("lost") is computed once more
                yield futures[done], done.result()


def _there(evaluate: Callable[[Any, Any], Answer], shared: Any, task: Any) -> Answer:
    """On a worker: one thread per task, unless the worker's environment says otherwise."""
    os.environ.setdefault("HWSIM_THREADS", "1")
    lock_kernel_cache()
    return evaluate(shared, task)
