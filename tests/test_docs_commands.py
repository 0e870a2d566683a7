"""Every command and every Python block of the documentation runs, and says what the page says.

On a page, in order and in one folder:

    ```yaml title="mine.yaml"      a block with a title is a file of that name
    ```console                     `$ command`, with the output below it or none
    ```python                      runs; a ```text block behind it is what it prints

`...` stands for anything; `make docs-outputs` writes what is printed now.  A command must succeed
unless `$ echo $?` follows and tells otherwise.  `<!-- marks: slow, rtl -->` marks a page.
codesign/ and examples/ are there, as for a reader who types from the root of the sources.
"""

import doctest
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

import pytest

from codesign.cli.entry import run

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARKS = re.compile(r"^<!-- marks: ([\w, ]+) -->$", re.MULTILINE)
SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
STATUS = "echo $?"


@dataclass
class Reader:
    """Types what a page shows, in one folder."""

    folder: Path
    names: dict[str, object] = field(default_factory=dict)
    printed: str = ""
    status: int = 0
    wrong: list[tuple[str, str, str]] = field(default_factory=list)  # command, shown, printed

    def block(self, language: str, title: str, content: str) -> None:
        """Do what a reader does with one block."""
        if title:
            self.folder.joinpath(title).write_text(content, encoding="utf-8")
        elif language == "console":
            self._console(content)
        elif language == "python":
            out = StringIO()
            with redirect_stdout(out):
                exec(compile(content, "page", "exec"), self.names)
            self.printed = out.getvalue()
        elif language == "text":
            self._compare(content, self.printed, "```text")

    def _console(self, content: str) -> None:
        typed = [step.partition("\n") for step in re.split(r"^\$ ", content, flags=re.MULTILINE)]
        assert typed[0] == ("", "", ""), "a console block begins with `$ `"
        commands = [command for command, _, _ in typed[1:]]
        for (command, _, shown), following in zip(typed[1:], [*commands[1:], ""], strict=True):
            if command != STATUS:
                self.status, printed = self._type(command)
                told = following == STATUS
                assert told or self.status == 0, f"$ {command}\n{printed}status {self.status}"
            else:
                printed = f"{self.status}\n"
            if shown.strip():
                self._compare(shown, printed, command)

    def _type(self, command: str) -> tuple[int, str]:
        """Status and output; `hwsim` runs in this process, which has its imports already."""
        words = shlex.split(command, comments=True)
        if words[0] != "hwsim" or "|" in words:
            return self._shell(command)
        into = words[-1] if words[-2:-1] == [">"] else None
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(out if into is None else err):
            status = run(words[1:-2] if into else words[1:])
        if into:
            self.folder.joinpath(into).write_text(out.getvalue(), encoding="utf-8")
            return status, err.getvalue()
        return status, out.getvalue()

    def _shell(self, command: str) -> tuple[int, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            shell=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, "PATH": path},
        )
        return done.returncode, done.stdout

    def _compare(self, shown: str, printed: str, command: str) -> None:
        if not doctest.OutputChecker().check_output(shown, printed, SHOWN):
            self.wrong.append((command, shown, as_long_as(shown, printed)))


def as_long_as(shown: str, printed: str) -> str:
    """What is printed, cut where the page cuts it with `...`."""
    lines = printed.rstrip("\n").split("\n")
    if shown.endswith("\n...\n"):
        lines = [*lines[: shown.count("\n") - 1], "..."]
    return "\n".join(lines) + "\n"


def read(page: Path, folder: Path) -> None:
    """Follow a page from top to bottom; with HWSIM_UPDATE_PAGES set, correct what it shows."""
    for tree in ("codesign", "examples"):
        folder.joinpath(tree).symlink_to(ROOT / tree)
    reader = Reader(folder)
    for language, title, content in FENCE.findall(page.read_text(encoding="utf-8")):
        reader.block(language, title, content)
    if os.environ.get("HWSIM_UPDATE_PAGES"):
        text = page.read_text(encoding="utf-8")
        for command, shown, printed in reader.wrong:
            text = text.replace(f"{command}\n{shown}", f"{command}\n{printed}", 1)
        page.write_text(text, encoding="utf-8")
    assert not reader.wrong, "\n".join(
        f"$ {c}\nshown:\n{s}printed:\n{p}" for c, s, p in reader.wrong
    )


def pages() -> list[object]:
    """Pages with something to run, with their marks."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if any(language in ("console", "python") for language, _, _ in FENCE.findall(text)):
            named = MARKS.search(text)
            marks = [getattr(pytest.mark, m.strip()) for m in named[1].split(",")] if named else []
            found.append(pytest.param(page, id=str(page.relative_to(ROOT)), marks=marks))
    return found


@pytest.mark.parametrize("page", pages())
def test_a_page_runs_as_it_reads(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if request.node.get_closest_marker("rtl"):
        request.getfixturevalue("rtl_tools")
    if request.node.get_closest_marker("torch"):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    read(page, tmp_path)


WRONG = {
    "fails": "```console\n$ hwsim arch show nosuch\n```\n",
    "wrong output": "```console\n$ hwsim --version\nhwsim, version 77\n```\n",
    "wrong status": "```console\n$ hwsim arch show nosuch\n$ echo $?\n0\n```\n",
    "wrong print": "```python\nprint(1)\n```\n```text\n2\n```\n",
    "shell fails": "```console\n$ false\n```\n",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_page_that_says_something_wrong_is_noticed(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError):
        read(page, tmp_path)
