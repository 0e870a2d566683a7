"""Results on disk, read checked and written whole or not at all."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from codesign.report.result import Result
from hwsim.errors import SpecError
from hwsim.spec import validate

RESULT_FILE = "result.json"


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` so that no reader ever sees a part of it.

    Raises:
        SpecError: the folder does not exist or cannot be written to.
    """
    write_bytes_whole(path, text.encode("utf-8"))


def write_bytes_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that no reader ever sees a part of it.

    Raises:
        SpecError: the folder does not exist or cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SpecError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, where they are missing.

    Raises:
        SpecError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be made: {error.strerror or error}") from None


def check_folder(folder: Path) -> None:
    """Refuse, before anything is computed, a folder that could not be made or written to.

    Raises:
        SpecError: something else is in its place, or it may not be written.
    """
    above = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not above.is_dir():
        raise SpecError(f"{folder}: cannot be made: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise SpecError(f"{folder}: cannot be written: {above} may not be written to")


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[Path | None]) -> None:
    """Refuse outputs that would replace what they are made from.

    Raises:
        SpecError: a file is both.
    """
    read = {file.resolve() for file in inputs if file is not None}
    for file in outputs:
        if file.resolve() in read:
            raise SpecError(f"{file}: expected another file to write than is read, found the same")


def to_json(result: Result) -> str:
    """The result as a JSON document; keys in the order of the record."""
    return result.model_dump_json(indent=2, by_alias=True) + "\n"


def save_result(result: Result, folder: Path) -> Path:
    """Write `result.json` into `folder` (made if missing) and return its path.

    Raises:
        SpecError: the folder cannot be made or written to.
    """
    make_folder(folder)
    path = folder / RESULT_FILE
    write_whole(path, to_json(result))
    return path


def load_result(folder: Path) -> Result:
    """The result that `folder` (or a file) holds.

    Raises:
        SpecError: no such file, not JSON, or not a result; file and key are named.
    """
    path = folder / RESULT_FILE if folder.is_dir() else folder
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(content, ensure_ascii=False).encode("utf-8")  # half a character can be escaped
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file; expected the {RESULT_FILE} of a run") from None
    except json.JSONDecodeError as error:
        raise SpecError(f"{path}: line {error.lineno}: not JSON: {error.msg}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise SpecError(f"{path}: expected a result, found {type(content).__name__}")
    return validate(Result, content, str(path))
