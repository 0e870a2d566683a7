"""The pipeline of a chip, cycle by cycle: the slow twin of hwsim.chip.timing_trace.

Every cycle: what is complete lets waves ask; whoever asks joins the queue of every resource that
the step uses; every resource works one cycle for the head of its queue.  No time is ever computed
ahead.
"""

from collections import deque
from dataclasses import dataclass, field

from hwsim.chip.timing import Flow, Station

LIMIT = 200_000  # cycles: a simulation that takes longer hangs


@dataclass
class Job:
    """One wave in one step."""

    step: int
    left: int | None = None  # the cycle from which on no resource works for it
    done: int | None = None


@dataclass
class Worker:
    """One station with the jobs of each of its steps, in the order of waves."""

    station: Station
    jobs: list[list[Job]] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)

    def complete(self, now: int) -> int:
        """Waves whose results are in the buffer."""
        if not self.jobs:
            return len(self.ready)
        return sum(job.done is not None and job.done <= now for job in self.jobs[-1])


def finish_times(flow: Flow, images: int = 1) -> list[list[int]]:
    """For each station the cycle at which each wave is finished, waves of all images in order."""
    workers = [Worker(s, [[] for _ in s.steps]) for s in flow.stations]
    queues: list[deque[list]] = [deque() for _ in flow.resources]
    for now in range(LIMIT):
        for worker in workers:
            note_inputs(worker, workers, images, now)
        for worker in workers:
            ask(worker, queues, now)
        if all(w.complete(now) == w.station.waves * images for w in workers):
            return [[j.done for j in w.jobs[-1]] if w.jobs else w.ready for w in workers]
        work(queues, workers, now)
    raise AssertionError(f"not finished after {LIMIT} cycles")


def note_inputs(worker: Worker, workers: list[Worker], images: int, now: int) -> None:
    station = worker.station
    while len(worker.ready) < station.waves * images:
        image, wave = divmod(len(worker.ready), station.waves)
        for need in station.needs:
            other = workers[need.station]
            if need.until[wave] == 0:
                continue
            if other.complete(now) < image * other.station.waves + need.until[wave]:
                return
        worker.ready.append(now)


def ask(worker: Worker, queues: list[deque[list]], now: int) -> None:
    for k, step in enumerate(worker.station.steps):
        while may_ask(worker, k, now):
            job = Job(k)
            worker.jobs[k].append(job)
            if not step.uses:
                job.left, job.done = now, now + step.extra
            for use in step.uses:
                queues[use.resource].append([job, use.cycles])


def may_ask(worker: Worker, k: int, now: int) -> bool:
    wave = len(worker.jobs[k])
    if k == 0:
        if wave >= len(worker.ready):
            return False
    else:
        before = worker.jobs[k - 1]
        if wave >= len(before) or before[wave].done is None or before[wave].done > now:
            return False
    ahead = worker.station.steps[k].ahead
    if k + 1 == len(worker.station.steps) or wave < ahead:
        return True
    after = worker.jobs[k + 1]
    if wave - ahead >= len(after):
        return False
    left = after[wave - ahead].left
    return left is not None and left <= now


def work(queues: list[deque[list]], workers: list[Worker], now: int) -> None:
    served = []
    for queue in queues:
        if queue:
            job = queue[0]
            job[1] -= 1
            if job[1] == 0:
                queue.popleft()
                served.append(job[0])
    waiting = {id(job) for queue in queues for job, _ in queue}
    for worker in workers:
        for k, step in enumerate(worker.station.steps):
            for job in worker.jobs[k]:
                if job.left is None and any(job is s for s in served) and id(job) not in waiting:
                    job.left, job.done = now + 1, now + 1 + step.extra
