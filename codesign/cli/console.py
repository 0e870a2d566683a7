"""What every verb shares: its options, JSON on standard output, progress on standard error."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: Seeds are 64-bit words.
MAX_SEED = (1 << 64) - 1


class _Named(click.Path):
    """A file or folder; an empty name is none."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("expected a name, found an empty one", param, ctx)
        return super().convert(value, param, ctx)


class _Written(_Named):
    """What will be written: refused before anything is computed where it cannot be."""

    def __init__(self, *, folder: bool) -> None:
        super().__init__()
        self._is_folder = folder

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from codesign.report.files import check_folder  # noqa: PLC0415 - a quick `--help`

        path = super().convert(value, param, ctx)
        check_folder(path if self._is_folder else path.parent)
        return path


class _Share(click.FloatRange):
    """A number between 0 and 1, neither of them."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not 0 < found < 1:  # NaN is in every range of click's
            self.fail(f"expected a number between 0 and 1, found {value}", param, ctx)
        return found


FILE = _Named()
OUT_FILE = _Written(folder=False)
OUT_FOLDER = _Written(folder=True)
SHARE = _Share()


@dataclass
class Settings:
    """What holds for one call of the command line."""

    arguments: tuple[str, ...] = ()
    debug: bool = False


def _set_debug(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        context.find_object(Settings).debug = True  # type: ignore[union-attr]


def common_options(function: F) -> F:
    """--json, --seed and --debug, the same for every verb."""
    for option in (
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_set_debug,
            help="Show a traceback with an error.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0, MAX_SEED),
            default=0,
            show_default=True,
            help="Addresses every random draw; a verb that draws nothing ignores it.",
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON document on standard output."
        ),
    ):
        function = option(function)
    return function


def arch_option(function: F) -> F:
    """--arch, the same wherever hardware is chosen."""
    return click.option(
        "--arch",
        "arch_name",
        metavar="ARCH",
        default="emt",
        show_default=True,
        help="Preset (see `hwsim arch list`) or YAML file.",
    )(function)


def command_line() -> str:
    """What the user typed, for the record."""
    settings = click.get_current_context().find_object(Settings)
    return shlex.join(["hwsim", *(settings.arguments if settings else ())])


def emit(document: Any) -> None:
    """Write the one JSON document of a call."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def note(message: str) -> None:
    """Say something that is not the result."""
    click.echo(f"hwsim: {message}", err=True)


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, if that is a terminal.

    Yields:
        (stage, done so far, of how many); a new stage starts a new bar.
    """
    from tqdm import tqdm  # noqa: PLC0415 - keeps `hwsim --help` quick

    bars: dict[str, tqdm[Any]] = {}

    def advance(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            _close(bars)
            bars[stage] = tqdm(desc=stage, total=total, unit=unit, disable=None, leave=False)
        bars[stage].update(done - bars[stage].n)

    try:
        yield advance
    finally:
        _close(bars)


def _close(bars: dict[str, Any]) -> None:
    for bar in bars.values():
        bar.close()
