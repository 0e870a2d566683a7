"""Several processes may compile kernels at once.

Numba reads the index of a function's compiled versions, adds one, and writes the index back:
of two processes that do so at once one loses its version, or finds the other's under its own
name (numba issues 4807 and 10128).  Here the step is taken under a lock between processes.
"""

from pathlib import Path
from typing import Any

from numba.core import caching


def lock_kernel_cache() -> None:
    """From now on this process adds to caches alone; on systems without flock: as before."""
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        return
    cache: Any = caching.IndexDataCacheFile
    if hasattr(cache.save, "unlocked"):
        return
    unlocked = cache.save

    def save(self: Any, key: Any, content: Any) -> None:
        with (Path(self._cache_path) / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
            unlocked(self, key, content)

    save.unlocked = unlocked  # type: ignore[attr-defined]
    cache.save = save
