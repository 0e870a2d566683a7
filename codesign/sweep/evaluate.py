"""One point, wherever it is computed: in this process, in another, on another machine."""

from typing import Any

from codesign.datasets import read_description
from codesign.flow import simulate
from codesign.sweep.points import Task, network_digest
from hwsim.build import build
from hwsim.errors import HwsimError

#: {"result": record}, {"invalid": reason} or {"failed": reason}.
Answer = dict[str, Any]


def evaluate(task: Task) -> Answer:
    """Simulate; what the point cannot do is its answer, what went wrong here is a failure."""
    try:
        missing = _missing(task)
        if missing:
            return {"failed": missing}
        result = simulate(task.simulation)
    except HwsimError as error:
        return {"invalid": str(error)}
    except Exception as error:  # noqa: BLE001 - a defect that one point meets must not end the sweep
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    return {"result": result.model_dump(mode="json", by_alias=True)}


def _missing(task: Task) -> str:
    """What this place lacks for the question to be answered; empty: nothing."""
    here, asked = build(), task.question["version"]
    if here != asked:
        return f"expected a worker with hwsim {asked}, found {here}"
    network, data = task.simulation.network, read_description(task.simulation.data)
    if not network.is_file() or network_digest(network) != task.question["network_sha256"]:
        return f"{network}: expected the network of the sweep where the worker runs, found another"
    if data.path is not None and not data.location.exists():
        return f"{data.location}: expected the data where the worker runs, found nothing"
    return ""
