"""Component files: sections that technologies share (`hwsim/cost/parts`)."""

from pathlib import Path
from typing import Any

from hwsim.errors import SpecError
from hwsim.spec import read_extended, unknown

_FOLDER = Path(__file__).parent / "parts"


def parts() -> dict[str, Path]:
    """Component files by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def part(name: str, where: str) -> dict[str, Any]:
    """The keys of a component file.

    Raises:
        SpecError: there is none of that name; `where` names the place in messages.
    """
    known = parts()
    if name not in known:
        raise SpecError(f"{where}: {unknown(name, known)}")
    return read_extended(known[name], known)
