"""Points on a Dask cluster: the one module that knows `distributed`.

A worker that is lost costs the points it held: Dask gives them to others.
"""

import os
from collections.abc import Iterator, Mapping

from codesign.sweep.evaluate import Answer, evaluate
from codesign.sweep.kernel_cache import lock_kernel_cache
from codesign.sweep.points import Task
from hwsim.errors import HwsimError

_CONNECT_S = 10.0
_WORKERS_S = 60.0  # for the first worker to appear


def on_cluster(tasks: Mapping[str, Task], address: str) -> Iterator[tuple[str, Answer]]:
    """Keys and answers as they come.

    Raises:
        HwsimError: `distributed` is not installed, or no scheduler with workers answers.
    """
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError:
        raise HwsimError(
            "--scheduler: expected the package distributed, found none; install the [dask] extra"
        ) from None
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
        client.wait_for_workers(1, timeout=_WORKERS_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise HwsimError(
            f"--scheduler {address}: expected a Dask scheduler with workers, found {error}"
        ) from None
    with client:
        futures = {
            client.submit(_evaluate_there, task, key=f"hwsim-{key}", pure=False): key
            for key, task in tasks.items()
        }
        for done in distributed.as_completed(futures, loop=client.loop):
            if done.status == "finished":
                yield futures[done], done.result()
            else:
                why = done.exception() if done.status == "error" else done.status
                yield futures[done], {"failed": f"lost by the cluster: {why}"}


def _evaluate_there(task: Task) -> Answer:
    """On a worker: one thread per point, unless the worker's environment says otherwise."""
    os.environ.setdefault("HWSIM_THREADS", "1")
    lock_kernel_cache()
    return evaluate(task)
