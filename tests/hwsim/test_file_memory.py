"""What was made of files is made again where they have changed, and only there."""

import os
from pathlib import Path

import pytest

from hwsim.file_memory import FileMemory


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    """A file that was last changed long ago."""
    file = tmp_path / "file"
    write(file, "old", at=1e9)
    return file


def write(file: Path, text: str, at: float | None = None) -> None:
    file.write_text(text)
    if at is not None:
        os.utime(file, (at, at))


class Reader:
    """Reads a file through a memory, and counts."""

    def __init__(self, file: Path) -> None:
        self.file, self.reads = file, 0
        self.memory: FileMemory[str] = FileMemory()

    def read(self) -> str:
        self.reads += 1
        return self.file.read_text()

    def get(self, key: str = "key") -> str:
        return self.memory.get(key, [self.file], self.read)


def test_a_file_that_stays_is_read_once_for_each_key(settled):
    reader = Reader(settled)
    assert [reader.get(key) for key in ("a", "a", "b", "a")] == ["old"] * 4
    assert reader.reads == 2


@pytest.mark.parametrize(("text", "at"), [("new", 2e9), ("new", 1e9 + 1), ("longer", 1e9)])
def test_a_file_that_changes_is_read_again(settled, text, at):
    reader = Reader(settled)
    reader.get()
    write(settled, text, at)
    assert reader.get() == text


def test_a_file_that_was_replaced_is_read_again(settled, tmp_path):
    reader = Reader(settled)
    reader.get()
    write(tmp_path / "other", "new", at=1e9)
    (tmp_path / "other").replace(settled)
    assert reader.get() == "new"


def test_a_file_that_has_just_changed_is_not_relied_on(settled):
    """Another change within a tick of the clock would not show."""
    reader = Reader(settled)
    write(settled, "now")
    assert [reader.get(), reader.get()] == ["now", "now"]
    assert reader.reads == 2


def test_a_file_that_changes_while_it_is_read_is_not_relied_on(settled):
    reader = Reader(settled)

    def changed() -> str:
        text = reader.read()
        write(settled, "new", at=1e9 + 1)
        return text

    assert reader.memory.get("key", [settled], changed) == "old"
    assert reader.get() == "new"


def test_a_missing_file_is_the_readers_to_complain_of(settled):
    reader = Reader(settled)
    reader.get()
    settled.unlink()
    with pytest.raises(FileNotFoundError):
        reader.get()
