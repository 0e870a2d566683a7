"""What of a page keeps readers out, by axe-core's rules."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def barriers(page: "Page") -> list[str]:
    """Every breach of its rules (WCAG 2 A and AA, best practice), all details of the page open."""
    from axe_playwright_python.sync_playwright import Axe

    page.eval_on_selector_all("details", "all => all.forEach(each => { each.open = true; })")
    found = Axe().run(page).response
    assert len(found["passes"]) > 20, "the rules were not applied"
    return [
        f"{breach['impact']}: {breach['id']}: {breach['help']}: {place['html'][:120]}"
        for breach in found["violations"]
        for place in breach["nodes"]
    ]
