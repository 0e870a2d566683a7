"""The pipeline of a chip, cycle by cycle: the slow twin of hwsim.chip.pipeline.

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

    open: int  # resources that have not served it
    left: int | None = None  # the cycle from which on no resource works for it
    done: int | None = None


@dataclass
class Worker:
    """One station with the jobs of each of its steps, in the order of waves."""

    station: Station
    jobs: list[list[Job]] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)

    completed: list[int] = field(default_factory=list)

    def complete(self, now: int) -> int:
        """Waves whose results are in the buffer."""
        if not self.jobs:
            self.completed = self.ready
            return len(self.ready)
        last = self.jobs[-1]
        while len(self.completed) < len(last) and past(last[len(self.completed)].done, now):
            done = last[len(self.completed)].done
            self.completed.append(max([done, *self.completed[-1:]]))
        return len(self.completed)


def past(cycle: int | None, now: int) -> bool:
    return cycle is not None and cycle <= now


def finish_times(flow: Flow, images: int = 1, period: int = 0) -> list[list[int]]:
    """For each station the cycle at which each wave is finished, waves of all images in order.

    An image arrives every `period` cycles.
    """
    workers = [Worker(s, [[] for _ in s.steps]) for s in flow.stations]
    queues: list[deque[list]] = [deque() for _ in flow.resources]
    for now in range(LIMIT):
        for worker in workers:
            note_inputs(worker, workers, arrived(now, images, period), now)
        for worker in workers:
            ask(worker, queues, now)
        if all(w.complete(now) == w.station.waves * images for w in workers):
            return [w.completed for w in workers]
        work(queues, now)
    raise AssertionError(f"not finished after {LIMIT} cycles")


def arrived(now: int, images: int, period: int) -> int:
    return sum(image * period <= now for image in range(images))


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
            wave = len(worker.jobs[k]) % worker.station.waves
            uses = step.ways[wave % len(step.ways)]
            job = Job(len(uses))
            worker.jobs[k].append(job)
            if not uses:
                job.left, job.done = now, now + step.extra
            for use in uses:
                queues[use.resource].append([job, step, use.cycles])


def may_ask(worker: Worker, k: int, now: int) -> bool:
    wave = len(worker.jobs[k])
    if k == 0:
        if wave >= len(worker.ready):
            return False
    else:
        before = worker.jobs[k - 1]
        if wave >= len(before) or not past(before[wave].done, now):
            return False
    ahead = worker.station.steps[k].ahead
    if k + 1 == len(worker.station.steps) or wave < ahead:
        return True
    after = worker.jobs[k + 1]
    return wave - ahead < len(after) and past(after[wave - ahead].left, now)


def work(queues: list[deque[list]], now: int) -> None:
    for queue in queues:
        if not queue:
            continue
        head = queue[0]
        head[2] -= 1
        if head[2] == 0:
            job, step, _ = queue.popleft()
            job.open -= 1
            if job.open == 0:
                job.left, job.done = now + 1, now + 1 + step.extra
