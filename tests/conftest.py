"""What every test shares: Hypothesis' profile, the real data sets, programs of the system."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

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


#: How long a browser may take for one step on a busy machine: no step comes near it.
BROWSER_PATIENCE_MS = 300_000


@pytest.fixture(scope="module")
def browser(require_program: Callable[[str, str], Path]) -> "Iterator[Browser]":
    """The system's Chromium."""
    program = require_program("chromium", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=str(program),
            args=["--no-sandbox", "--disable-gpu"],
            timeout=BROWSER_PATIENCE_MS,
        )
        yield running
        running.close()


@pytest.fixture
def new_page(browser: "Browser") -> "Iterator[Callable[..., Page]]":
    """`new_page(**options)`: an empty page in a context of its own."""
    contexts: list[BrowserContext] = []

    def make(**options: object) -> "Page":
        contexts.append(browser.new_context(**options))  # type: ignore[arg-type]
        contexts[-1].set_default_timeout(BROWSER_PATIENCE_MS)
        return contexts[-1].new_page()

    yield make
    for context in contexts:
        context.close()


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
