"""Where the simulations of an optimisation run: in this process, in others, on a cluster."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from codesign.sweep.cluster import Cluster
from codesign.sweep.processes import Processes
from hwsim.build import build
from hwsim.errors import HwsimError
from optim.evaluate import Place
from optim.problem import Problem
from optim.simulate import Simulator, Task
from optim.store import Answer


@contextmanager
def place_of(problem: Problem, workers: int, scheduler: str | None) -> Iterator[Place | None]:
    """What answers tasks of a problem; None: this process.

    Args:
        workers: processes of this machine; scheduler: address of a Dask cluster to use instead.
    Raises:
        HwsimError: the cluster does not answer, or a task was given up.
    """
    problem.content  # noqa: B018 - remembered, so that workers need not compute it
    where = _where(Simulator(problem), workers, scheduler)
    with where as place:
        yield None if place is None else lambda tasks: _checked(place, tasks)


def _where(
    simulator: Simulator, workers: int, scheduler: str | None
) -> AbstractContextManager[Cluster | Processes | None]:
    if scheduler is not None:
        return Cluster(scheduler, _answer, simulator)
    if workers > 1:
        return Processes(workers, _answer, simulator)
    return nullcontext()


def _checked(place: Cluster | Processes, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Answer]]:
    for key, answer in place.answers(tasks):
        if "failed" in answer:
            raise HwsimError(f"simulation: expected an answer, found {answer['failed']}")
        yield key, answer


def _answer(simulator: Simulator, task: Any) -> Answer:
    here, asked = build(), simulator.problem.content["hwsim"]
    if here != asked:
        return {"failed": f"a worker with hwsim {here} where {asked} is asked for"}
    return simulator.answer(task)
