"""One point, wherever it is computed: in this process, in another, on another machine."""

from typing import Any

from codesign.flow import simulate
from codesign.sweep.points import Task
from codesign.sweep.question import found_otherwise
from hwsim.errors import HwsimError, MappingError, NetworkError, SpecError

#: {"result": record}, {"invalid": reason} or {"failed": reason}.
Answer = dict[str, Any]

#: What the question itself rules out, anywhere and for good; all else may be another day's fault:
#: no simulator or compiler, data that cannot be read, Verilog that says something else.
_OF_THE_POINT = (SpecError, NetworkError, MappingError)


def evaluate(task: Task) -> Answer:
    """Simulate; what the point cannot do is its answer, what went wrong here is a failure.

    Files are compared with the question before and after: an answer that was made of others,
    were they changed meanwhile, belongs to another question.
    """
    before = found_otherwise(task.simulation, task.question)
    if before:
        return {"failed": before}
    answer = _answer(task)
    after = found_otherwise(task.simulation, task.question)
    return {"failed": after} if after else answer


def evaluate_unshared(_shared: None, task: Task) -> Answer:
    """`evaluate` as processes and clusters call it: tasks of a sweep share nothing."""
    return evaluate(task)


def _answer(task: Task) -> Answer:
    try:
        result = simulate(task.simulation)
    except _OF_THE_POINT as error:
        return {"invalid": str(error)}
    except HwsimError as error:
        return {"failed": str(error)}
    except Exception as error:  # noqa: BLE001 - a defect that one point meets must not end the sweep
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    return {"result": result.model_dump(mode="json", by_alias=True)}
