"""The page in a headless Chromium: with a mouse, with a keyboard, on a phone and in print."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from watched_pages import PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[3]
LEADERBOARD, BEST_LAYERS = "#leaderboard", "#best-layers"


def shown_rows(page: Page, section: str) -> list[list[str]]:
    """The texts of the cells that are shown, row by row."""
    rows: list[list[str]] = page.eval_on_selector_all(
        f"{section} tbody tr",
        "rows => rows.filter(row => row.offsetParent !== null)"
        ".map(row => [...row.cells].filter(cell => !cell.hidden).map(cell => cell.textContent))",
    )
    return rows


def names(page: Page, section: str) -> list[str]:
    return [row[0] for row in shown_rows(page, section)]


def test_the_page_opens_on_the_first_protocol_by_mean_rank(visit: Callable[..., Page]) -> None:
    page = visit()
    assert names(page, LEADERBOARD) == ["TSN", "ViT", "AlexNet"]
    assert {row[1] for row in shown_rows(page, LEADERBOARD)} == {"sound"}
    assert page.locator(f"{LEADERBOARD} [role=status]").inner_text() == "3 of 6 rows, by mean rank, ascending"


def test_a_click_on_a_heading_sorts_and_a_second_click_reverses(visit: Callable[..., Page]) -> None:
    page = visit()
    heading = page.locator(f"{LEADERBOARD} thead th", has_text="V1")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert names(page, LEADERBOARD) == ["TSN", "ViT", "AlexNet"]
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    # Missing values are last in both orders.
    assert names(page, LEADERBOARD) == ["ViT", "TSN", "AlexNet"]
    page.locator(f"{LEADERBOARD} thead th", has_text="network").get_by_role("button").click()
    assert names(page, LEADERBOARD) == ["AlexNet", "TSN", "ViT"]
    assert page.locator(f"{LEADERBOARD} th[aria-sort]").count() == 1


def test_numbers_sort_as_numbers(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator("#networks .fold thead th", has_text="GFLOPs").get_by_role("button").click()
    assert names(page, "#networks .fold") == ["ViT", "TSN", "AlexNet"]


def test_tables_of_an_encoding_are_sorted_and_filtered_too(visit: Callable[..., Page]) -> None:
    page = visit()
    section = "#encoding-1"
    table = page.locator(f"{section} .live").nth(1)
    table.get_by_label("find").fill("tsn")
    table.get_by_role("button", name="normalised r").click()
    # The first three rows are of the table before: the best of two regions.
    assert [row[:2] for row in shown_rows(page, section)] == [
        ["V1", "AlexNet"], ["MT", "TSN"], ["MT", "TSN"], ["V1", "TSN"],
    ]  # fmt: skip
    assert [row[0] for row in shown_rows(page, "#variance-partition-1")] == ["V1", "V1", "V1"]


def test_headings_are_reached_and_worked_by_keyboard(visit: Callable[..., Page]) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the summary"
    reached = "document.activeElement.closest('#leaderboard th') && document.activeElement.textContent"
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate(reached) == "network":
            break
    style = "(({outlineStyle, outlineWidth}) => [outlineStyle, outlineWidth])"
    outline = page.evaluate(f"{style}(getComputedStyle(document.activeElement))")
    assert outline == ["solid", "3px"]
    page.keyboard.press("Enter")
    assert names(page, LEADERBOARD) == ["AlexNet", "TSN", "ViT"]
    page.keyboard.press("Space")
    assert names(page, LEADERBOARD) == ["ViT", "TSN", "AlexNet"]


def test_everything_that_can_be_focused_shows_it(visit: Callable[..., Page]) -> None:
    page = visit()
    for _ in range(500):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const at = document.activeElement, style = getComputedStyle(at);"
            " return [at.tagName, style.outlineStyle, parseFloat(style.outlineWidth)]; })()"
        )
        if focused[0] == "BODY":
            break
        assert focused[1] != "none", focused
        assert focused[2] >= 2, focused
    else:
        raise AssertionError("the focus never left the page")


def test_rows_are_filtered_by_words_and_by_choices(visit: Callable[..., Page]) -> None:
    from playwright.sync_api import expect

    page = visit()
    form = page.locator(f"{BEST_LAYERS} form")
    status = form.get_by_role("status")
    expect(status).to_have_text("9 of 18 rows")
    assert len(shown_rows(page, BEST_LAYERS)) == 9
    form.get_by_label("find").fill("tsn v1")
    expect(status).to_have_text("1 of 18 rows")
    assert names(page, BEST_LAYERS) == ["TSN"]
    form.get_by_label("find").fill("no such network")
    expect(status).to_have_text("no row fits; 18 in all")
    assert shown_rows(page, BEST_LAYERS) == []
    form.get_by_role("button", name="Reset").click()
    expect(status).to_have_text("9 of 18 rows")
    form.get_by_label("architecture").select_option("CNNs")
    form.get_by_label("region group").select_option("early")
    assert {tuple(row[3:6:2]) for row in shown_rows(page, BEST_LAYERS)} == {("CNNs", "early")}
    form.get_by_label("protocol").select_option("all")
    assert len(shown_rows(page, BEST_LAYERS)) == 2 * 2 * 2
    form.get_by_label("model type").select_option("video action recognition")
    assert set(names(page, BEST_LAYERS)) == {"TSN"}


def test_a_region_group_shows_its_regions_and_its_own_ranks(visit: Callable[..., Page]) -> None:
    page = visit()
    headings = f"{LEADERBOARD} thead th"
    page.locator(f"{LEADERBOARD} form").get_by_label("region group").select_option("lateral")
    shown = page.eval_on_selector_all(
        headings, "all => all.filter(each => !each.hidden).map(each => each.textContent)"
    )
    assert shown == ["network", "protocol", "model type", "architecture", "mean rank, lateral", "MT"]
    assert page.locator(f"{headings}[aria-sort]").inner_text().startswith("mean rank, lateral")
    assert [row[-1] for row in shown_rows(page, LEADERBOARD)] == ["0.280*", "0.180*", "0.080*"]
    feet = page.eval_on_selector_all(
        f"{LEADERBOARD} tfoot tr",
        "rows => rows.filter(row => !row.hidden).map(row => row.cells[0].textContent)",
    )
    assert feet == ["upper noise ceiling", "lower noise ceiling"]


def test_light_and_dark_follow_the_system_and_stay_legible(visit: Callable[..., Page]) -> None:
    colours, shown = {}, {}
    page = visit()
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        for selector in (
            "p",
            ".banner",
            "#leaderboard td.s6",
            "#leaders td",
            ".legend button",
            "#selection label",
            "#leaderboard tfoot td",
            ".note",
            "figcaption a",
        ):
            ink, paper = page.evaluate(COLOURS, selector)
            assert contrast(ink, paper) >= 4.5, (scheme, selector, ink, paper)
        colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        image = page.locator("#regions img").first
        image.scroll_into_view_if_needed()
        page.wait_for_function("document.querySelector('#regions img').complete")
        shown[scheme] = image.evaluate("each => each.currentSrc").partition(";")[0]
    # Each has a figure of its own; here that of dark pages is a single pixel.
    assert shown == {"light": "data:image/svg+xml", "dark": "data:image/gif"}
    assert colours["light"] != colours["dark"]


def test_a_phone_scrolls_tables_but_never_the_page_sideways(visit: Callable[..., Page]) -> None:
    page = visit(**PHONE)
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths == [390, 390]
    assert page.evaluate(
        "[...document.querySelectorAll('.filters:not([hidden]) :is(input, select)')]"
        ".every(each => each.getBoundingClientRect().right <= 390)"
    )


def test_on_paper_all_rows_are_there_and_nothing_is_cut_off(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator(f"{BEST_LAYERS} form").get_by_label("architecture").select_option("CNNs")
    page.emulate_media(media="print")
    assert len(shown_rows(page, BEST_LAYERS)) == 18
    assert len(shown_rows(page, LEADERBOARD)) == 6
    assert page.locator(f"{LEADERBOARD} tfoot tr:visible").count() == 4
    cut = page.eval_on_selector_all(
        ".table", "all => all.filter(each => getComputedStyle(each).overflowY !== 'visible').length"
    )
    assert cut == 0
    assert not page.locator("nav").is_visible()
    assert not page.locator(f"{BEST_LAYERS} form").is_visible()
    assert page.pdf().startswith(b"%PDF-")
    # Figures outside the visible part are also printed.
    sizes = page.eval_on_selector_all(
        "figure img", "all => all.map(each => each.complete && each.naturalWidth)"
    )
    assert len(sizes) == 2 * 2
    assert all(sizes)


def test_without_scripts_all_rows_are_shown_without_unusable_controls(visit: Callable[..., Page]) -> None:
    page = visit(folded=True, java_script_enabled=False)
    # Parts fold and unfold without a script.
    page.locator(f"{LEADERBOARD} > summary").click()
    assert page.locator(f"{LEADERBOARD} tbody tr:visible").count() == 6
    assert page.locator("form:visible").count() == 0
    assert page.locator("thead button").count() == 0


def test_the_policy_refuses_what_the_page_itself_never_asks_for(chromium: Browser, url: str) -> None:
    page = chromium.new_page()
    page.goto(url)
    refused = page.evaluate(
        "new Promise(done => { document.addEventListener('securitypolicyviolation',"
        " event => done(event.effectiveDirective)); new Image().src = 'https://example.org/a.png'; })"
    )
    assert refused == "img-src"
    page.close()


def test_where_there_is_no_browser_the_tests_say_so_last() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "mean_rank"]
    nowhere = {**os.environ, "PATH": "", "ALIGNHOUSE_CHROMIUM": ""}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=nowhere)
    assert done.returncode == 0, done.stdout
    assert "UserWarning: no Chromium was found" in done.stdout
    *_, headline, line, _ = done.stdout.splitlines()
    assert "1 tests skipped: no browser" in headline
    assert "apt-get install chromium" in line


COLOURS = """selector => {
  const at = document.querySelector(selector);
  const layers = [];
  for (let each = at; each; each = each.parentElement) {
    layers.push(getComputedStyle(each).backgroundColor.match(/[\\d.]+/g).map(Number));
  }
  const paper = layers.reverse().reduce((below, [r, g, b, a = 1]) =>
    [r, g, b].map((value, i) => a * value + (1 - a) * below[i]), [255, 255, 255]);
  return [getComputedStyle(at).color.match(/[\\d.]+/g).map(Number).slice(0, 3), paper];
}"""


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast ratio of two colours of 0 to 255 (WCAG 2.2, "contrast ratio")."""

    def luminance(colour: list[float]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)
        ]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted(map(luminance, (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
