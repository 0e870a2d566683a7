"""The example that counts conversions without a driven row, on images where that is known."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DIGITS = files("codesign.demo").joinpath("digits.onnx")


@pytest.mark.parametrize("black", [0, 1, 3])
def test_black_images_drive_no_row_of_the_first_layer_and_white_ones_drive_all(
    tmp_path: Path, black: int
) -> None:
    """White is the highest code, all bits set, and every window of a 3x3 kernel holds a pixel."""
    images = np.ones((4, 1, 8, 8), np.float32)
    images[:black] = 0
    np.savez(tmp_path / "images.npz", x=images, y=np.zeros(4, int))
    script = str(ROOT / "examples" / "idle_conversions.py")
    data = f"npz:{tmp_path / 'images.npz'}"
    found = subprocess.run(
        [sys.executable, script, str(DIGITS), "--data", data], check=True, capture_output=True
    )
    first = found.stdout.decode().splitlines()[2]
    assert first == f"| conv1 | 8 | {black / 4:.1%} |"
