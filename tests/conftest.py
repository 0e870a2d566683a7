"""What every test shares: Hypothesis' profile, the real data sets, programs of the system."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# deadline=None: the first example of a kernel compiles it.  derandomize: a red run stays red.
settings.register_profile("hwsim", deadline=None, derandomize=True, database=None)
settings.load_profile("hwsim")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets and trained networks, named by HWSIM_DATA."""
    named = os.environ.get("HWSIM_DATA", "")
    if not named:
        pytest.skip("HWSIM_DATA is not set: it names the folder of the real data sets")
    folder = Path(named)
    if not (folder / "datasets").is_dir():
        pytest.skip(f"HWSIM_DATA={named} has no folder 'datasets'")
    return folder


@pytest.fixture(scope="session")
def require_program() -> Callable[[str, str], Path]:
    """`require_program(program, package)`: its path, or a skip that names the system package.

    With HWSIM_REQUIRE_SYSTEM_PACKAGES set (as `.ci/run` does) the skip is a failure.
    """

    def find(program: str, package: str) -> Path:
        found = shutil.which(program)
        if found is None:
            reason = f"missing system package: {package} (no program {program!r})"
            if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
                pytest.fail(reason)
            pytest.skip(reason)
        return Path(found)

    return find


@pytest.fixture(scope="session")
def rtl_tools() -> None:
    """Skip, and say why, where Verilator or a C++ compiler is missing.

    With HWSIM_REQUIRE_SYSTEM_PACKAGES set the skip is a failure.
    """
    from hwsim.cosim.simulators import MissingSimulator, verilator_environment

    try:
        verilator_environment()
    except MissingSimulator as missing:
        if os.environ.get("HWSIM_REQUIRE_SYSTEM_PACKAGES"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
