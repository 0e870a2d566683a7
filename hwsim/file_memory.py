"""What was made of files is kept, and made anew where one of them has changed."""

import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Generic, TypeVar, final

T = TypeVar("T")

_Stamp = tuple[tuple[int, int, int], ...]  # of each file: modified [ns], bytes, inode

#: A file may change once more within the coarsest tick of a file system (FAT) and look the same.
_SETTLED_NS = 2_000_000_000


@final
class FileMemory(Generic[T]):
    """Values by key, for one process; callers must not change them."""

    def __init__(self) -> None:
        """Empty."""
        self._known: dict[Hashable, tuple[_Stamp, T]] = {}

    def get(self, key: Hashable, files: Iterable[Path], make: Callable[[], T]) -> T:
        """`make()`, or what it made of the same files.

        Args:
            key: all that the value depends on besides the files' contents.
            files: which may be missing; `make` says then what it thinks of that.
        """
        files = tuple(files)
        stamp = _stamp(files)
        if stamp is None:
            return make()
        if key in self._known and self._known[key][0] == stamp:
            return self._known[key][1]
        value = make()
        if _stamp(files) == stamp:
            self._known[key] = (stamp, value)
        return value


def _stamp(files: tuple[Path, ...]) -> _Stamp | None:
    """None: there is none yet to rely on."""
    try:
        found = [file.stat() for file in files]
    except OSError:
        return None
    youngest = max((each.st_mtime_ns for each in found), default=0)
    if youngest > time.time_ns() - _SETTLED_NS:
        return None
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)
