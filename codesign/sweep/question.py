"""The question that a simulation answers: all that its result depends on, by content."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from codesign.flow import network_name, read_scheme
from codesign.images import images_digest
from codesign.report.provenance import sha256
from codesign.simulation import Simulation
from hwsim.build import build
from hwsim.chip.spec import Arch
from hwsim.cost import technology_of
from hwsim.errors import HwsimError
from hwsim.file_memory import FileMemory
from mapping.design import Design
from mapping.onnx_import import network_files
from optim.store import Question

_network_parts: FileMemory[tuple[Path, ...]] = FileMemory()
_digests: FileMemory[str] = FileMemory()


def question_of(asked: Simulation) -> Question:
    """The question of a simulation that has its architecture and design in full.

    Raises:
        HwsimError: a file that it names is wrong.
    """
    return {
        "version": build(),
        "network": network_name(asked.network),
        **{key: read(asked) for key, (_, read) in _READ.items()},
        "arch": _arch(asked).model_dump(mode="json"),
        "design": _design(asked).model_dump(mode="json"),
        "device_samples": asked.device_samples,
        "backend": asked.backend.value,
        "engine": asked.engine.value,
        "tiles": asked.tiles,
        "seed": asked.seed,
    }


def found_otherwise(asked: Simulation, question: Question) -> str:
    """What hwsim and the files here are other than `question` says; empty: nothing."""
    if build() != question["version"]:
        return f"expected a worker with hwsim {question['version']}, found {build()}"
    for key, (noun, read) in _READ.items():
        named = _arch(asked).technology if key == "technology" else getattr(asked, noun)
        expected = f"{named}: expected the {noun} of the sweep where the worker runs"
        try:
            if read(asked) != question[key]:
                return f"{expected}, found another"
        except (HwsimError, OSError) as error:
            return f"{expected}, found {error}"
    return ""


def network_digest(file: Path) -> str:
    """SHA-256 of an ONNX file and of the files beside it that hold its weights.

    Raises:
        NetworkError: it is missing, damaged or not ONNX.
    """
    parts = _network_parts.get(file, [file], partial(network_files, file))
    return "+".join(_digests.get(part, [part], partial(sha256, part)) for part in parts)


def _technology(asked: Simulation) -> dict[str, Any]:
    return technology_of(_arch(asked)).model_dump(mode="json")


def _scheme(asked: Simulation) -> dict[str, Any]:
    return read_scheme(asked.scheme, _arch(asked)).model_dump(mode="json")


def _arch(asked: Simulation) -> Arch:
    assert isinstance(asked.arch, Arch)
    return asked.arch


def _design(asked: Simulation) -> Design:
    assert isinstance(asked.design, Design)
    return asked.design


#: By key of the question: what it is called, and how its files are read; `found_otherwise` reads
#: them again, as often as there are points.
_READ: dict[str, tuple[str, Callable[[Simulation], Any]]] = {
    "network_sha256": ("network", lambda asked: network_digest(asked.network)),
    "images_sha256": ("data", lambda asked: images_digest(asked.data, asked.samples)),
    "technology": ("technology", _technology),
    "scheme": ("scheme", _scheme),
}
