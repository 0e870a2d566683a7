"""The demonstration: the embedded network on hardware from ideal to strongly fluctuating."""

from importlib.resources import as_file, files

from codesign.cosim import Cosimulation, cosimulate
from codesign.flow import map_network, simulate
from codesign.optimize import Optimization, optimize
from codesign.optimize_record import optimization_result
from codesign.report.result import Result
from codesign.simulation import BackendName, Progress, Simulation
from mapping.plan import Plan
from optim.grid import Grid
from optim.target import Population

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

#: The layer that goes through the Verilog, for one image.
RTL_LAYER = "linear"

#: What is optimised, how much accuracy that may cost, and the knobs: few, to be done at once.
OPTIMIZED_ARCH, DROP = "emt-strong", 0.02
GRID = Grid(
    read_voltages_V=(0.1, 0.2, 0.4),
    redundancies=(1, 2, 4),
    adc_bits=(6, 7, 8),
    conductance_scales=(1.0,),
    dac_bits=(1, 2),
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


def improve(seed: int, command: str, progress: Progress) -> Result:
    """The embedded network on `OPTIMIZED_ARCH` with knobs chosen and certified by layer."""
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        asked = Optimization(
            network,
            "digits",
            arch=OPTIMIZED_ARCH,
            drop=DROP,
            population=Population.TEST_SET,
            grid=GRID,
            seed=seed,
        )
        done = optimize(asked, _prefixed(progress, "optimise"))
        return optimization_result(asked, done, command)


def through_rtl(seed: int, progress: Progress) -> Cosimulation:
    """One layer of the embedded network on the Verilog of `ARCH`, beside the model.

    Raises:
        MissingSimulator: this machine has no Verilog simulator.
    """
    with as_file(files("codesign.demo").joinpath("digits.onnx")) as network:
        asked = Simulation(network, "digits", arch=ARCH, samples=1, seed=seed)
        return cosimulate(asked, layer=RTL_LAYER, progress=_prefixed(progress, "RTL"))


def _prefixed(progress: Progress, name: str) -> Progress:
    def advance(stage: str, done: int, total: int) -> None:
        progress(f"{name}: {stage}", done, total)

    return advance


def main_result(results: list[Result]) -> Result:
    """The run on the modelled tiles of `ARCH`."""
    return results[RUNS.index((ARCH, BackendName.NUMBA))]
