"""Where numbers come from: versions, the command, and hashes of what was read."""

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from codesign.report.result import Provenance

PACKAGES = ("hwsim", "numpy", "numba", "onnx", "onnxruntime", "pydantic", "scipy")
_CHUNK = 1 << 20


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def provenance(command: str, inputs: Mapping[str, Path] | None = None) -> Provenance:
    """The record of this run.

    Args:
        command: as the user typed it.
        inputs: files that were read, by the name that the report shows.
    """
    return Provenance(
        command=command,
        versions={"python": platform.python_version(), **_versions()},
        inputs={name: sha256(path) for name, path in (inputs or {}).items()},
        machine=f"{platform.system()} {platform.machine()}",
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
