"""The benches of the RTL's modules: cocotb tests, run by pytest in a process of their own."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from pathlib import Path

from codesign.report.result import BenchResult
from hwsim.cosim.build import check_build_folder
from hwsim.cosim.simulators import RTL, MissingSimulator, verilator_environment
from hwsim.errors import SpecError
from hwsim.spec import unknown

#: Characters of a problem that are shown.
PROBLEM_LENGTH = 300
BENCHES = RTL.parent / "cocotb_tests"


def bench_names() -> list[str]:
    """Modules that have a bench.

    Raises:
        MissingSimulator: the benches are not there: they come with the source tree.
    """
    names = sorted(path.stem.removeprefix("test_") for path in BENCHES.glob("test_*.py"))
    if not names:
        raise MissingSimulator(f"{BENCHES}: expected the benches of the source tree, found none")
    return names


def run_benches(
    asked: Iterable[str], progress: Callable[[str], None], seed: int | None = None
) -> tuple[BenchResult, ...]:
    """Run the benches of the modules `asked` ("all": of every one).

    Args:
        progress: told the module before its bench runs.
        seed: of all that the benches draw; None: their own.
    Raises:
        SpecError: there is no such bench, or it cannot be run.
        MissingSimulator: there is no simulator or no compiler.
        BuildError: nothing can be built in the folder for temporary files.
    """
    names, wanted = bench_names(), list(asked)
    for name in wanted:
        if name not in (*names, "all"):
            raise SpecError(f"--module: {unknown(name, [*names, 'all'])}")
    verilator_environment()
    check_build_folder(Path(tempfile.gettempdir()), "TMPDIR")
    chosen = [name for name in names if name in wanted or "all" in wanted]
    found = []
    for name in chosen:
        progress(name)
        found.append(_run(name, seed))
    return tuple(found)


def _run(name: str, seed: int | None) -> BenchResult:
    start = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        report, builds = Path(scratch) / "report.xml", Path(scratch) / "builds"
        file = BENCHES / f"test_{name}.py"
        command = [sys.executable, "-m", "pytest", "-q", str(file), f"--junitxml={report}"]
        done = subprocess.run(
            command,
            cwd=BENCHES.parent,
            env=_environment(builds, seed),
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            raise MissingSimulator(
                f"{file}: pytest failed: {_last_line(done.stdout + done.stderr)}"
            )
        suite = ET.parse(report).getroot().find("testsuite")
        counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
        if suite is not None:
            counts = {key: int(suite.get(key, "0")) for key in counts}
        covered, bins = _coverage(builds.glob(f"*/test_{name}.coverage.json"))
    found = BenchResult(
        module=name,
        tests=counts["tests"],
        failed=counts["failures"] + counts["errors"],
        skipped=counts["skipped"],
        covered=covered,
        bins=bins,
        time_s=time.time() - start,
    )
    return found if found.passed else found.replace(problem=_problem(suite))


def _problem(suite: ET.Element | None) -> str:
    """The first failure, or else the reason of the first test left out, on one line."""
    kinds = ("failure", "error", "skipped")
    cases = [] if suite is None else list(suite.iter("testcase"))
    for case, problem in ((c, c.find(kind)) for kind in kinds for c in cases):
        if problem is not None:
            text = " ".join(f"{case.get('name')}: {problem.get('message')}".split())
            return textwrap.shorten(text, PROBLEM_LENGTH, placeholder=" ...")
    return ""


def _environment(builds: Path, seed: int | None) -> dict[str, str]:
    """The caller's, but for options of pytest that would leave tests out."""
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    drawn = {} if seed is None else {"BENCH_SEED": str(seed)}
    return {**own, **drawn, "HWSIM_BUILDS": str(builds)}


def _coverage(files: Iterable[Path]) -> tuple[int, int]:
    """Bins that were hit and all bins, over the runs of one bench."""
    hits = [
        count
        for file in files
        for bins in json.loads(file.read_text(encoding="utf-8")).values()
        for count in bins.values()
    ]
    return sum(count > 0 for count in hits), len(hits)


def _last_line(text: str) -> str:
    return ([line for line in text.splitlines() if line.strip()] or ["no message"])[-1]
