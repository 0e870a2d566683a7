"""The example that counts conversions without a driven row, on images where that is known."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DIGITS = files("codesign.demo").joinpath("digits.onnx")


@pytest.mark.parametrize(("black", "dot", "idle"), [(0, 0, 0), (3, 0, 3), (0, 1, 55 / 64)])
def test_rows_are_driven_where_a_window_holds_a_white_pixel(
    tmp_path: Path, black: int, dot: int, idle: float
) -> None:
    """White is the highest code, all bits set; a dot lies in 9 of the 64 windows of 3x3."""
    images = np.ones((4, 1, 8, 8), np.float32)
    images[: black + dot] = 0
    images[:dot, 0, 3, 4] = 1
    np.savez(tmp_path / "images.npz", x=images, y=np.zeros(4, int))
    script = str(ROOT / "examples" / "idle_conversions.py")
    data = f"npz:{tmp_path / 'images.npz'}"
    found = subprocess.run(
        [sys.executable, script, str(DIGITS), "--data", data], check=True, capture_output=True
    )
    first = found.stdout.decode().splitlines()[2]
    assert first == f"| conv1 | 8 | {idle / 4:.1%} |"
