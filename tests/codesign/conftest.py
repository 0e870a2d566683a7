"""What tests share: results for reports, calls, the file of a sweep, processes, a cluster."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from codesign.cli.entry import run
from codesign.report import Result

PATIENCE_S = 900.0  # kernels may have to be compiled first, on a busy machine
DIGITS = Path(__file__).resolve().parents[2] / "codesign" / "demo" / "digits.onnx"
#: A sweep's base of which a point takes moments, and an axis of two points.
BASE: dict[str, Any] = {
    "network": str(DIGITS),
    "data": "digits",
    "samples": 4,
    "device_samples": 1,
    "arch": "emt",
}
BITS = {"arch.tile.adc.bits": [6, 8]}


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


@pytest.fixture
def plain(plain_result: Callable[..., Result]) -> Result:
    return plain_result()


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`call(argument, ...)`: status, standard output and standard error of a call."""

    def outcome(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return outcome


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """`sweep_file(**keys)`: the file of a sweep."""

    def write(**keys: Any) -> Path:
        file = tmp_path / "sweep.yaml"
        file.write_text(yaml.safe_dump({"base": BASE, **keys}, sort_keys=False))
        return file

    return write


def until(ready: Callable[[], Any]) -> Any:
    """What `ready` says, once it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
    return found


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    """`start(command, **options)`: a process that does not outlive its test."""
    own: list[subprocess.Popen[Any]] = []

    def begin(command: list[str], **options: Any) -> subprocess.Popen[Any]:
        own.append(subprocess.Popen(command, **options))
        return own[-1]

    yield begin
    for each in reversed(own):
        each.kill()
        each.wait()


@pytest.fixture
def cluster(tmp_path, start) -> tuple[str, list[Any]]:
    """A scheduler and two worker processes on this machine: address and workers."""
    pytest.importorskip("distributed")
    script = "import sys; from distributed.cli.{0} import main; main()"

    def dask(name: str, place: str, *options: str) -> Any:
        command = [sys.executable, "-W", "ignore", "-c", script.format(name), *options]
        with (tmp_path / f"{place}.log").open("wb") as log:
            return start(command, stderr=log, stdout=log, cwd=tmp_path)

    dask("dask_scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    log = tmp_path / "scheduler.log"
    address = until(lambda: re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text())).group(1)
    plain = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory")
    places = ("worker0", "worker1")
    workers = [dask("dask_worker", n, address, *plain, str(tmp_path / n)) for n in places]
    until(lambda: all("Registered to:" in (tmp_path / f"{n}.log").read_text() for n in places))
    return address, workers
