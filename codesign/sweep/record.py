"""What a sweep found: the record that `sweep.json` holds and its report is made from."""

import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from codesign.report.files import make_folder, write_whole
from codesign.report.result import AccuracyResult, Count, PerSecond, Provenance, Result, TeraPerWatt
from codesign.sweep.evaluate import Answer
from codesign.sweep.points import Point
from hwsim.errors import SpecError
from hwsim.spec import Spec, validate
from hwsim.units import Joule, Ratio, Second, SquareMetre
from optim.store import EvaluationStore

SWEEP_FILE = "sweep.json"
STORE_FILE = "evaluations.sqlite"


class Status(Enum):
    """What became of a point."""

    DONE = "done"
    INVALID = "invalid"  # it cannot be simulated, e.g. does not fit; the reason is kept
    FAILED = "failed"  # its computation broke; the next run tries it again
    OPEN = "open"  # not yet computed


class Outcome(Spec):
    """The headline numbers of a point; its whole result lies in the store."""

    network: str
    arch: str
    device: str
    accuracy: AccuracyResult
    energy_J: Joule
    area_m2: SquareMetre
    latency_s: Second
    throughput_per_s: PerSecond
    tops_per_W: TeraPerWatt
    tiles: Count
    utilization: Ratio


class SweepPoint(Spec):
    """One point: where it lies, and what was found there."""

    index: Count
    values: dict[str, Any]  # by axis
    status: Status = Status.OPEN
    reason: str = ""  # of what is invalid or failed
    key: str = ""  # in the store
    outcome: Outcome | None = None


class Sweep(Spec):
    """All points of a sweep, in the order of its file."""

    version: Literal[1] = 1
    name: str
    description: str = ""
    seed: Annotated[int, Field(ge=0)]
    axes: tuple[str, ...]
    points: tuple[SweepPoint, ...]
    provenance: Provenance = Provenance()

    def count(self, status: Status) -> int:
        """Points of this status."""
        return sum(point.status is status for point in self.points)

    @property
    def front(self) -> frozenset[int]:
        """Indices of the points that no other beats: none is as accurate for less energy."""
        found: set[int] = set()
        best = -1.0
        done = [(p.outcome, p.index) for p in self.points if p.outcome is not None]
        for outcome, index in sorted(done, key=lambda d: (d[0].energy_J, -d[0].accuracy.mean)):
            if outcome.accuracy.mean > best:
                best = outcome.accuracy.mean
                found.add(index)
        return frozenset(found)


class Finding(NamedTuple):
    """What a record keeps of an answer, a hundredth of it."""

    status: Status
    reason: str = ""
    outcome: Outcome | None = None


def finding(answer: Answer) -> Finding:
    """The headline of an answer."""
    match answer:
        case {"result": dict(result)}:
            return Finding(Status.DONE, outcome=_outcome(result))
        case {"invalid": str(reason)}:
            return Finding(Status.INVALID, reason)
        case {"failed": str(reason)}:
            return Finding(Status.FAILED, reason)
    return Finding(Status.OPEN)


def sweep_point(index: int, point: Point, found: Finding | None) -> SweepPoint:
    """The record of a point; None: not answered yet."""
    if point.task is None:
        found = Finding(Status.INVALID, point.reason)
    key = "" if point.task is None else point.task.key
    known = (found or Finding(Status.OPEN))._asdict()
    return SweepPoint(index=index, values=point.values, key=key, **known)


def _outcome(result: dict[str, Any]) -> Outcome:
    """The headline numbers of a result's record."""
    totals = {key: result[key]["total"] for key in ("energy_J", "area_m2")}
    return Outcome.model_validate({key: result[key] for key in Outcome.model_fields} | totals)


def save_sweep(sweep: Sweep, folder: Path) -> Path:
    """Write `sweep.json` into `folder` (made if missing), whole; its path.

    Raises:
        SpecError: the folder cannot be made or written to.
    """
    make_folder(folder)
    path = folder / SWEEP_FILE
    write_whole(path, sweep.model_dump_json(indent=2, by_alias=True) + "\n")
    return path


def load_sweep_record(folder: Path) -> Sweep:
    """The sweep that `folder` holds.

    Raises:
        SpecError: no such file, not JSON, or not a sweep; file and key are named.
    """
    path = folder / SWEEP_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}: expected the record of a sweep, found {error}") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path}: expected a sweep, found {type(content).__name__}")
    return validate(Sweep, content, str(path))


def load_points(folder: Path, indices: Sequence[int]) -> list[Result]:
    """Whole results of some points of the sweep in `folder`.

    Raises:
        SpecError: a point has no result.
    """
    points = load_sweep_record(folder).points
    store = EvaluationStore(folder / STORE_FILE)
    found = []
    for index in indices:
        answer = store.answer(points[index].key) if 0 <= index < len(points) else None
        if answer is None or "result" not in answer:
            raise SpecError(f"{folder}: point {index}: expected one that is done, found none")
        found.append(validate(Result, answer["result"], str(folder)))
    return found
