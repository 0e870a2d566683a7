"""The documentation site: no warning as it is built, no request when it is read."""

import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
#: Attributes by which a browser loads something without being asked; `a` only leads away.
LOADS = {"src", "srcset", "data", "poster"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return folder


class Loaded(HTMLParser):
    """Collects what a page loads from other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            loads = key in LOADS or (tag == "link" and key == "href")
            canonical = tag == "link" and ("rel", "canonical") in attrs
            if loads and not canonical and re.match(r"(https?:)?//", value or ""):
                self.found.append(f"{tag} {key}={value}")


def foreign(page: str) -> list[str]:
    parser = Loaded()
    parser.feed(page)
    return parser.found


def test_no_page_or_style_loads_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    found = {page.name: foreign(page.read_text(encoding="utf-8")) for page in pages}
    assert not {name: what for name, what in found.items() if what}
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8"))


def test_what_loads_from_elsewhere_is_noticed() -> None:
    assert foreign('<script src="https://cdn.example/x.js"></script>')
    assert foreign('<link rel="stylesheet" href="//fonts.example/css">')
    assert not foreign('<a href="https://example.org">leads away</a><img src="here.png">')


def test_the_command_reference_names_every_verb_and_option(site: Path) -> None:
    from codesign.cli.entry import hwsim

    text = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name, verb in hwsim.commands.items():
        assert f"hwsim {name}" in text
        for option in verb.params:
            assert all(word in text for word in option.opts if word.startswith("--"))


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """The site, served on this machine."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Silent, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def search_for(page: "Page", words: str) -> None:
    """Type into the search and wait for a page that has these words, in any form.

    The theme asks its index on a key's release and where the box gains focus, never because
    the text changes: `fill` alone asks nothing if it comes a moment after the focus.
    """
    box = page.get_by_placeholder("Search")
    box.click()
    page.locator(".md-search-result__meta", has_not_text="Initializing").wait_for()
    box.press_sequentially(words)
    found = page.locator(".md-search-result__item", has_text=re.compile(words, re.IGNORECASE))
    found.first.wait_for()


def test_a_browser_asks_nobody_else_and_search_finds(
    address: str, new_page: "Callable[..., Page]"
) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for name in ("index.html", "tutorials/scenarios.html", "reference/hwsim.html"):
        page.goto(address + name)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 800})
    search_for(page, "dummy column")
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert not said
