"""The name of a build follows every source and nothing else."""

import shutil
from pathlib import Path

import pytest

import hwsim.build
from hwsim.build import PACKAGES, build


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of another build."""
    root = Path(hwsim.build.__file__).parents[1]
    for package in PACKAGES:
        shutil.copytree(root / package, tmp_path / package)
    monkeypatch.setattr(hwsim.build, "__file__", str(tmp_path / "hwsim" / "build.py"))
    return tmp_path


def named() -> str:
    return build.__wrapped__()


def test_a_copy_is_the_same_build(copy: Path) -> None:
    (copy / "codesign" / "notes.txt").write_text("no source")
    assert named() == build()


@pytest.mark.parametrize("package", PACKAGES)
def test_another_source_is_another_build(copy: Path, package: str) -> None:
    file = next((copy / package).rglob("[a-z]*.py"))
    file.write_text(file.read_text() + "# changed\n")
    assert named() != build()


def test_a_moved_source_is_another_build(copy: Path) -> None:
    (copy / "hwsim" / "codes.py").rename(copy / "hwsim" / "moved.py")
    assert named() != build()
