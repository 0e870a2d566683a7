"""Compiled kernels are kept by the contents of their sources."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hwsim._jit import borrowed, kernel

PROGRAM = "import numba, hwsim.rng; print(numba.config.CACHE_DIR); hwsim.rng.address(1)"


def run(**environment: str) -> str:
    """Standard output of a fresh interpreter that uses one kernel."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "HWSIM_CACHE"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=False,
        env=clean | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_kernels_are_kept_under_a_name_of_their_sources(tmp_path: Path) -> None:
    folder = Path(run(HWSIM_CACHE=str(tmp_path)))
    assert folder.parent == tmp_path / "kernels"
    assert list(folder.rglob("*.nbi"))
    assert run(HWSIM_CACHE=str(tmp_path)) == str(folder)


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    run(HWSIM_CACHE=str(blocked))


def test_an_own_cache_folder_of_numba_is_respected(tmp_path: Path) -> None:
    assert run(NUMBA_CACHE_DIR=str(tmp_path)) == str(tmp_path)


class Pair(NamedTuple):
    """Arrays and numbers together, as kernels are given them."""

    array: Any
    rest: tuple[Any, int]


@kernel
def add_up(pair, times):
    """Sums through borrowed arrays and views of them."""
    pair = borrowed(pair)
    total = 0
    for _ in range(times):
        view = pair.array[1:]
        view[0] += 1
        total += view[0] + pair.rest[0][2] + pair.rest[1]
    return total


def test_borrowed_arrays_are_the_same_memory_and_stay_the_callers() -> None:
    array, other = np.zeros(3, np.int64), np.arange(3)
    counts = sys.getrefcount(array), sys.getrefcount(other)
    assert add_up(Pair(array, (other, 5)), 4) == 1 + 2 + 3 + 4 + 4 * (2 + 5)
    assert array.tolist() == [0, 4, 0]
    assert (sys.getrefcount(array), sys.getrefcount(other)) == counts
