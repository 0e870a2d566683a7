"""Links in the documentation lead somewhere."""

import re
import shlex
from pathlib import Path

import click
import pytest

from codesign.cli.entry import hwsim

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
CODE = re.compile(r"`((?:hwsim|mapping|optim|codesign|tests|benchmarks|examples)/[\w./*-]+)`")


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_relative_links_lead_to_files() -> None:
    assert len(documents()) > 10
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents()
        for target in LINK.findall(document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert not broken


def test_files_named_in_the_documents_exist() -> None:
    missing = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents()
        for target in CODE.findall(document.read_text(encoding="utf-8"))
        if not list(ROOT.glob(target))
    ]
    assert not missing


def test_the_readmes_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    right, energy = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"right: \d+\.\d% \(\d+\.\d% to \d+\.\d%\)", right)
    assert energy.startswith("energy per image: ")


SHOWN = re.compile(r"^```(?:sh|bash|)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown_commands() -> list[list[str]]:
    """Commands in blocks that are not run (tests/test_docs_commands.py runs ```console)."""
    lines = [
        line
        for document in documents()
        for block in SHOWN.findall(document.read_text(encoding="utf-8"))
        for line in block.splitlines()
        if line.startswith("hwsim ")
    ]
    return [shlex.split(line.split(" > ")[0], comments=True)[1:] for line in lines]


def parse(arguments: list[str]) -> None:
    """What click says about a command, without running it."""
    group: click.Group = hwsim
    while arguments:
        context = click.Context(group, info_name="hwsim")
        _, verb, arguments = group.resolve_command(context, arguments)
        if not isinstance(verb, click.Group):
            assert verb is not None
            verb.make_context("hwsim", arguments)
            return
        group = verb


def test_commands_that_are_only_shown_have_existing_verbs_and_options() -> None:
    found = shown_commands()
    assert found
    for arguments in found:
        try:
            parse(list(arguments))
        except click.UsageError as error:
            pytest.fail(f"hwsim {' '.join(arguments)}: {error.format_message()}")


def test_an_option_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(click.UsageError, match="--nosuch"):
        parse(["report", "out/demo", "--nosuch"])


PARTS = {
    "table of symbols or keys": r"^\| (?:symbol|key) \|",
    "assumptions": r"\*\*Assum",
    "where it breaks": r"\*\*(?:Where it (?:breaks|stops)|Not modelled)",
    "source": r"\*\*Source",
    "test": r"`tests/",
}
MODEL = ROOT / "docs" / "model"


@pytest.mark.parametrize("page", LINK.findall((MODEL / "README.md").read_text(encoding="utf-8")))
def test_a_page_of_the_model_has_every_part(page: str) -> None:
    text = (MODEL / page).read_text(encoding="utf-8")
    assert not [name for name, part in PARTS.items() if not re.search(part, text, re.MULTILINE)]


#: Words that the glossary replaces by one of its own.
BANNED = re.compile(r"\b(?:crossbars?|wordlines?|bitlines?)\b")


def test_pages_use_the_glossarys_words() -> None:
    pages = [*(ROOT / "docs" / "tutorials").glob("*.md"), ROOT / "docs" / "start.md"]
    found = {page.name: BANNED.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert not {name: words for name, words in found.items() if words}
