"""The page in a browser: it draws, asks no network, sorts, answers the mouse and the keyboard."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from codesign.report import FrontPoint, ReportFormat, Result, compare, render
from codesign.report.chart_compare import comparison_charts
from codesign.report.charts import charts
from codesign.report.result import SensitivityRow
from tests.reference.barriers import barriers

PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1200, "height": 800}
SQUARES = "#tile-map svg .role-mark.mark-rect path"


def full(plain: Result) -> Result:
    """`plain` with every part that a report can hold; the added numbers are made up."""
    joules, area = plain.energy_J.total, plain.area_m2.total
    layers = [
        layer.replace(start_s=i * 1e-6, end_s=(i + 3) * 1e-6, busy_s=2e-6, stalls_s={"input": 1e-6})
        for i, layer in enumerate(plain.layers)
    ]
    front = [
        FrontPoint(
            label=f"design {i}",
            energy_J=joules * (1 + i),
            accuracy=0.9 + i / 100,
            ci95=(0.88 + i / 100, 0.92 + i / 100),
            chosen=i == 1,
        )
        for i in range(3)
    ]
    row = SensitivityRow(
        key=plain.figures[0].key,
        low=1.0,
        high=3.0,
        unit="J",
        energy_low_J=0.9 * joules,
        energy_high_J=1.2 * joules,
        area_low_m2=0.8 * area,
        area_high_m2=1.1 * area,
    )
    layers[0] = layers[0].replace(overflowing_clusters=(0,))
    return plain.replace(
        buffer_overflow_bytes={"0": 70000},
        layers=[layer.model_dump() for layer in layers],
        front=[point.model_dump() for point in front],
        sensitivity=[row.model_dump()],
    )


@pytest.fixture(scope="module")
def everything(plain_result: Callable[..., Result]) -> Result:
    return full(plain_result(layers=5))


@pytest.fixture(scope="module")
def addresses(everything: Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of one result, and that of two, as addresses of files."""
    folder = tmp_path_factory.mktemp("page")
    subjects = {"report": everything, "comparison": compare([everything, everything])}
    found = {}
    for name, subject in subjects.items():
        file = folder / f"{name}.html"
        file.write_text(render(subject, ReportFormat.HTML), encoding="utf-8")
        found[name] = file.as_uri()
    return found


@pytest.fixture
def visit(new_page, addresses: dict[str, str]) -> Iterator[Callable[..., object]]:
    """`visit(**options)`: the page, its charts drawn; fails on any request or complaint."""
    wrong = []

    def open_page(name="report", **options):
        address = addresses[name]
        page = new_page(**{"viewport": LAPTOP, **options})
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: r.url == address or wrong.append(f"request: {r.url}"))
        page.goto(address)
        page.wait_for_selector("body[data-drawn]")
        return page

    yield open_page
    assert wrong == []


def names(page, table: str = "layers") -> list[str]:
    return page.locator(f"#{table}-table tbody th").all_inner_texts()


def test_every_chart_is_drawn_and_described(visit, everything: Result) -> None:
    page = visit()
    expected = charts(everything)
    assert {"timeline", "stalls", "tile-map", "accuracy-against-energy"} <= set(expected)
    assert {"sensitivity-energy", "sensitivity-area", "energy-by-layer"} <= set(expected)
    for name, chart in expected.items():
        drawing = page.locator(f"#{name} svg")
        assert drawing.count() == 1, name
        assert drawing.bounding_box()["width"] > 300, name
        assert page.locator(f"#{name}").get_attribute("aria-label") == chart.spec["description"]
        assert drawing.locator("path").count() > 3, name
    assert "cannot be drawn" not in page.inner_text("body")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_a_comparison_is_drawn_and_fits(visit, everything: Result, size: dict[str, int]) -> None:
    page = visit("comparison", viewport=size)
    for name in comparison_charts(compare([everything, everything])):
        assert page.locator(f"#{name} svg").count() == 1, name
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert page.get_by_role("heading", level=1).inner_text() == "A: emt against B: emt"


def test_a_click_sorts_by_the_value_and_a_second_one_turns_it(visit, everything: Result) -> None:
    page = visit()
    head = page.locator("#layers-table thead th", has_text=re.compile("^energy", re.IGNORECASE))
    joules = {layer.name: layer.energy_J for layer in everything.layers}
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [joules[name] for name in names(page)] == sorted(joules.values(), reverse=True)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [joules[name] for name in names(page)] == sorted(joules.values())


def test_the_keyboard_alone_sorts_and_the_reader_is_told(visit) -> None:
    page = visit()
    button = page.locator("#layers-table thead button").first
    button.focus()
    assert button.evaluate("b => getComputedStyle(b).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert names(page) == sorted(names(page))
    page.keyboard.press("Space")
    assert names(page) == sorted(names(page), reverse=True)
    assert page.locator("[role=status]").inner_text() == "Sorted by layer, descending"
    heads = page.locator("#layers-table thead th[aria-sort]")
    assert heads.count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "op"


def test_the_first_tab_skips_to_the_numbers(visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    link = page.get_by_role("link", name="Skip to the numbers")
    assert link.evaluate("a => a === document.activeElement")
    assert link.bounding_box()["width"] > 50
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize(
    ("chart", "mark", "said"),
    [
        ("energy-by-layer", ".mark-rect path", "of the layer"),
        ("tile-map", ".mark-rect path >> nth=-1", "cells in use"),
        ("accuracy-against-energy", ".mark-symbol path", "95 % interval"),
        ("sensitivity-energy", ".mark-rect path", "change"),
    ],
)
def test_hovering_a_mark_shows_its_numbers(visit, chart: str, mark: str, said: str) -> None:
    page = visit()
    place = page.locator(f"#{chart} svg .role-mark{mark}").first
    place.scroll_into_view_if_needed()
    place.hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert said in page.inner_text("#vg-tooltip-element")


def test_the_map_can_be_coloured_by_energy(visit) -> None:
    page = visit()
    fills = f"Array.from(document.querySelectorAll('{SQUARES}')).map(s => s.getAttribute('fill'))"
    before = page.evaluate(fills)
    page.get_by_role("radio", name="energy").check()
    # Of the same squares at once: while the map is drawn again there may be none.
    page.wait_for_function(
        f"before => {{ const now = {fills}; return now.length === before.length "
        "&& now.some((fill, i) => fill !== before[i]); }",
        arg=before,
    )
    assert len(before) > 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_and_the_switch_turns_it(visit, scheme: str) -> None:
    page = visit(color_scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('#energy-by-layer svg text')).fill"
    grounds, inks = [page.evaluate(ground)], [page.evaluate(ink)]
    page.locator("#theme").click()
    grounds.append(page.evaluate(ground))
    inks.append(page.evaluate(ink))
    page.locator("#theme").click()
    assert page.evaluate(ground) == grounds[0]
    if scheme == "dark":
        grounds.reverse()
        inks.reverse()
    assert brightness(grounds[0]) > 230
    assert brightness(grounds[1]) < 40
    assert brightness(inks[0]) < 60
    assert brightness(inks[1]) > 200


def brightness(colour: str) -> float:
    """Mean of red, green and blue of `rgb(...)`."""
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visit, scheme: str) -> None:
    # WCAG 2.2, 1.4.3: at least 4.5 to 1 for text.
    page = visit(color_scheme=scheme)
    pairs = page.evaluate(
        """() => Array.from(document.querySelectorAll(
             "h1, h2, h3, p, td, th, a, caption, summary, .name, .detail, button, .source")).map(
          (e) => { let g = e; while (g && getComputedStyle(g).backgroundColor.endsWith(" 0)"))
                   { g = g.parentElement; }
                   return [getComputedStyle(e).color,
                           getComputedStyle(g ?? document.body).backgroundColor, e.tagName]; })"""
    )
    assert len(pairs) > 50
    for ink, ground, tag in pairs:
        one, other = sorted((luminance(ink), luminance(ground)), reverse=True)
        assert (one + 0.05) / (other + 0.05) >= 4.5, (tag, ink, ground)


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2 of `rgb(...)`."""
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_phone_scrolls_in_one_direction_only(visit) -> None:
    page = visit(viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for drawing in page.locator(".chart svg").all():
        box = drawing.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    rights = "all => all.map(t => t.getBoundingClientRect().right)"
    assert max(page.eval_on_selector_all(".chart svg text", rights)) <= PHONE["width"]
    page.get_by_role("link", name="Layers", exact=True).click()
    assert page.locator("#layers-table").is_visible()


def test_turning_the_phone_keeps_the_squares_of_the_map_square(visit) -> None:
    page = visit(viewport=PHONE)
    box = f"Array.from(document.querySelectorAll('{SQUARES}')).at(-1)?.getBoundingClientRect()"
    size = f"(({{width, height}} = {{}}) => ({{width, height}}))({box})"
    before = page.evaluate(size)
    assert before["width"] == pytest.approx(before["height"], rel=0.15)
    page.set_viewport_size({"width": PHONE["height"], "height": PHONE["width"]})
    # The width follows at once; the height when the charts are drawn again.
    page.wait_for_function(
        f"before => {{ const {{width, height}} = {size}; "
        "return width > 1.5 * before && Math.abs(width / height - 1) < 0.15; }",
        arg=before["width"],
    )


def test_paper_is_light_and_holds_what_the_screen_hides(visit) -> None:
    page = visit(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for element in ("h1", ".detail", "#energy-by-layer svg text"):
        ink = f"getComputedStyle(document.querySelector('{element}'))"
        assert brightness(page.evaluate(f"{ink}.color")) < 120, element
    assert not page.locator("nav").is_visible()
    assert not page.locator("#theme").is_visible()
    assert page.locator("#energy-by-layer-table").is_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not page.locator("#energy-by-layer-table").is_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_axe_finds_no_barrier(visit, name: str, scheme: str, size: dict[str, int]) -> None:
    assert barriers(visit(name, color_scheme=scheme, viewport=size)) == []


def test_axe_finds_the_barriers_that_are_there(visit) -> None:
    page = visit()
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('afterbegin', "
        '\'<p style="color: #bbb; background: #fff">faint</p><img src="data:,">\')'
    )
    found = barriers(page)
    assert any(each.startswith("serious: color-contrast") for each in found)
    assert any(each.startswith("critical: image-alt") for each in found)


def test_a_reader_finds_landmarks_headings_and_names(visit) -> None:
    page = visit()
    for landmark in ("banner", "main", "contentinfo", "navigation"):
        assert page.get_by_role(landmark).count() == 1, landmark
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    assert page.get_by_role("heading", level=2).count() >= 6
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    named = page.eval_on_selector_all(
        "[aria-labelledby]", "all => all.map(e => e.getAttribute('aria-labelledby'))"
    )
    assert set(named) <= set(ids)
    targets = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href').slice(1))")
    assert set(targets) <= set(ids)
    unnamed = "all => all.filter(t => !t.caption?.textContent.trim()).length"
    assert page.eval_on_selector_all("table", unnamed) == 0
    empty = "all => all.filter(b => !b.textContent.trim()).length"
    assert page.eval_on_selector_all("button, summary, a", empty) == 0
