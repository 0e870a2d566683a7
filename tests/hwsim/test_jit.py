"""Compiled kernels are kept by the contents of their sources."""

import os
import subprocess
import sys
from pathlib import Path

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
