"""From a sweep's file to its record; whatever was finished before is not computed again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from codesign.report.files import make_folder
from codesign.report.provenance import provenance
from codesign.sweep.cluster import Cluster
from codesign.sweep.evaluate import Answer, evaluate, evaluate_unshared
from codesign.sweep.points import Point, Resolver, Task
from codesign.sweep.processes import Processes
from codesign.sweep.record import STORE_FILE, Finding, Sweep, finding, save_sweep, sweep_point
from codesign.sweep.sample import point_values
from codesign.sweep.spec import SweepSpec, load_sweep
from hwsim._jit import threads
from optim.store import EvaluationStore

#: Called with the points done and how many there are to compute.
Progress = Callable[[int, int], None]


@final
@dataclass(frozen=True)
class Plan:
    """A sweep with its points, before anything is computed."""

    spec: SweepSpec
    file: Path
    seed: int
    points: tuple[Point, ...]

    @property
    def tasks(self) -> dict[str, Task]:
        """By key: points that ask the same share one."""
        return {point.task.key: point.task for point in self.points if point.task is not None}


@final
@dataclass(frozen=True)
class Ran:
    """A sweep's record, and what this run did for it."""

    sweep: Sweep
    computed: int
    kept: int  # answers that were there


def plan_sweep(file: Path, seed: int = 0) -> Plan:
    """Read a sweep's file and resolve its points.

    Raises:
        HwsimError: the file, or its base, is wrong.
    """
    spec = load_sweep(file)
    resolver = Resolver(spec, file, seed)
    resolver.check_base()
    points = tuple(resolver.point(values) for values in point_values(spec, seed))
    return Plan(spec, file, seed, points)


def run_sweep(
    plan: Plan,
    out: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = True,
    command: str = "",
    progress: Progress | None = None,
) -> Ran:
    """Compute what is missing; `out` holds the record and the store.

    Interrupted, it keeps what is finished, and its record shows the others as open.

    Args:
        workers: processes; 1: this one; None: as many as there are cores.
        scheduler: address of a Dask cluster to use instead.
        resume: False: what the store holds is missing, too, and is removed.

    Raises:
        HwsimError: the folder cannot be written to, or the cluster does not answer; nothing
            that was there is touched then.
    """
    make_folder(out)
    tasks = plan.tasks
    found = _kept(tasks, EvaluationStore(out / STORE_FILE)) if resume else {}
    missing = {key: task for key, task in tasks.items() if key not in found}

    def recorded() -> Sweep:
        sweep = _record(plan, found, command)
        save_sweep(sweep, out)
        return sweep

    with _answers(missing, workers or threads(), scheduler) as answers:
        if not resume:
            _remove_store(out)
        store = EvaluationStore(out / STORE_FILE)
        recorded()
        watch = progress or (lambda _done, _total: None)
        watch(0, len(missing))
        try:
            for done, (key, answer) in enumerate(answers, start=1):
                if "failed" not in answer:
                    store.put(tasks[key].question, answer)
                found[key] = finding(answer)
                watch(done, len(missing))
        finally:  # an interrupt may come between keeping and noting
            found |= _kept([key for key in missing if key not in found], store)
            sweep = recorded()
    return Ran(sweep, len(missing), len(tasks) - len(missing))


def _kept(keys: Iterable[str], store: EvaluationStore) -> dict[str, Finding]:
    """What the store holds; whole answers, of a hundred kilobytes each, stay there."""
    return {key: finding(answer) for key in keys if (answer := store.answer(key))}


def _remove_store(out: Path) -> None:
    for file in out.glob(f"{STORE_FILE}*"):  # SQLite's journal lies beside it
        file.unlink()


@contextmanager
def _answers(
    tasks: Mapping[str, Task], workers: int, scheduler: str | None
) -> Iterator[Iterator[tuple[str, Answer]]]:
    """Answers in the order in which they are ready; a cluster is connected to at once."""
    if scheduler is not None and tasks:
        with Cluster(scheduler, evaluate_unshared) as cluster:
            yield cluster.answers(tasks)
    elif workers == 1 or len(tasks) <= 1:
        yield ((key, evaluate(task)) for key, task in tasks.items())
    else:
        with (
            Processes(min(workers, len(tasks)), evaluate_unshared) as processes,
            closing(processes.answers(tasks)) as found,
        ):
            yield found


def _record(plan: Plan, found: Mapping[str, Finding], command: str) -> Sweep:
    points = tuple(
        sweep_point(i, point, None if point.task is None else found.get(point.task.key))
        for i, point in enumerate(plan.points)
    )
    return Sweep(
        name=plan.spec.name,
        description=plan.spec.description,
        seed=plan.seed,
        axes=plan.spec.axes,
        points=points,
        provenance=provenance(command, {"sweep": plan.file}),
    )
