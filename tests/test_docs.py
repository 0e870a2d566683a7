"""Links in the documentation lead somewhere."""

import re
from pathlib import Path

import pytest

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
