"""Which build computes: results that are kept, and workers elsewhere, are of the same one only."""

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

#: The packages of this project, beside each other however they are installed.
PACKAGES = ("hwsim", "mapping", "optim", "codesign")


@lru_cache(maxsize=1)
def build() -> str:
    """Version, and twelve digits of the SHA-256 of all Python sources."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{version('hwsim')}+{digest.hexdigest()[:12]}"
