"""The demonstration: the embedded network on hardware from ideal to strongly fluctuating."""

from importlib.resources import as_file, files

from codesign.flow import map_network, simulate
from codesign.report.result import Result
from codesign.simulation import BackendName, Progress, Simulation
from mapping.plan import Plan

#: The architecture whose result is reported in full.
ARCH = "emt"
#: (architecture, backend) of every run that is shown, in order.
RUNS = (
    (ARCH, BackendName.IDEAL),
    ("emt-weak", BackendName.NUMBA),
    (ARCH, BackendName.NUMBA),
    ("emt-strong", BackendName.NUMBA),
    ("isaac", BackendName.NUMBA),
)


def tell(seed: int, command: str, progress: Progress) -> tuple[Plan, list[Result]]:
    """The plan of the embedded network on `ARCH`, and one result per entry of `RUNS`."""
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        plan = map_network(network, ARCH).plan
        results = []
        for arch, backend in RUNS:
            asked = Simulation(network, "digits", arch=arch, backend=backend, seed=seed)
            watch = _prefixed(progress, f"{arch} {backend.value}")
            results.append(simulate(asked, command=command, progress=watch))
    return plan, results


def _prefixed(progress: Progress, name: str) -> Progress:
    def advance(stage: str, done: int, total: int) -> None:
        progress(f"{name}: {stage}", done, total)

    return advance


def main_result(results: list[Result]) -> Result:
    """The run on the modelled tiles of `ARCH`."""
    return results[RUNS.index((ARCH, BackendName.NUMBA))]
