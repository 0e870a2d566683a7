"""A result that tests of reports share."""

from collections.abc import Callable

import pytest

from codesign.report import Result


@pytest.fixture(scope="session")
def plain_result() -> Callable[..., Result]:
    """`plain_result(network, accuracy, layers)`: fully connected layers on the preset emt."""
    from codesign.assemble import Run, assemble
    from codesign.report import AccuracyResult
    from hwsim.chip.load import load_arch
    from hwsim.cost import load_technology
    from mapping.counts import Activity, plan_counts
    from mapping.plan import plan
    from mapping.shapes import LayerShape

    def make(network: str = "net", accuracy: bool = True, layers: int = 3) -> Result:
        arch = load_arch("emt")
        shapes = [LayerShape(name=f"fc{i}", rows=200, cols=64 + i) for i in range(layers)]
        of = plan(shapes, arch)
        run = Run(
            accuracy=AccuracyResult(float_=0.98, quantized=0.97, mean=0.9512, ci95=(0.94, 0.96)),
            backend="numba",
            seed=3,
            samples=1000,
            device_samples=5,
        )
        return assemble(
            network,
            of,
            arch,
            load_technology(arch.technology),
            plan_counts(of, arch, Activity()),
            run=run if accuracy else None,
        )

    return make
