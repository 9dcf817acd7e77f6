"""The site in a headless Chromium, opened from disk: with a mouse, a keyboard, a phone, and no scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe import serious_faults
from watched_pages import PHONE, shared_page, watched

import alignhouse
from alignhouse.analysis.site import write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KINDS = ("index.html", "networks.html", "data.html", "compare.html?a=a&b=b", "networks/a.html")
KINDS += ("regions/d-v1.html", "datasets/d.html", "leaderboards/d-test-paper.html")


@pytest.fixture(scope="module")
def desktop(chromium: Browser) -> Iterator[Page]:
    with shared_page(chromium) as page:
        yield page


@pytest.fixture
def visit(chromium: Browser, desktop: Page, site: Path) -> Iterator[Callable[..., Page]]:
    """`visit(path, **options)`: a page of a site; fails if any page had an error or asked for a file.

    Options, as of a phone, ask for a window of its own.
    """
    with watched(chromium, desktop) as watch:

        def open_page(path: str, folder: Path = site, **options: Any) -> Page:
            page = watch.open(**options)
            page.goto(f"{folder.as_uri()}/{path}")
            return page

        yield open_page
    assert [each for each in watch.requests if not each.startswith(("file:", "data:"))] == []
    # Pages load no file but themselves.
    assert [each for each in watch.requests if each.startswith("file:") and ".html" not in each] == []


def names(page: Page, table: str) -> list[str]:
    """The networks that are shown, in their order."""
    found: list[str] = page.eval_on_selector_all(
        f"{table} tbody tr",
        "rows => rows.filter(row => row.offsetParent !== null).map(row => row.cells[0].textContent)",
    )
    return found


def status(page: Page) -> str:
    return page.locator("form [role=status]").first.inner_text()


def wait_for(page: Page, selector: str, number: int) -> None:
    """Wait until so many elements fit."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_count(number)


def press_head(page: Page, table: str, title: str) -> None:
    page.locator(f"{table} thead").get_by_role("button", name=title, exact=True).click()


def test_the_leaderboard_sorts_by_a_region_and_back(visit: Callable[..., Page]) -> None:
    page = visit("index.html")
    table = "table.leaderboard"
    first = names(page, table)
    before = page.inner_html(f"{table} tbody").replace("\n", "")
    assert status(page) == "5 networks, by mean rank, ascending"
    press_head(page, table, "V1")
    values = [float(each) for each in page.locator(f"{table} tbody td:nth-child(6) .value").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    assert status(page) == "5 networks, by V1, descending"
    press_head(page, table, "mean rank")
    assert names(page, table) == first
    # The script draws rows as the page had them.
    assert page.inner_html(f"{table} tbody") == before


def test_networks_are_found_by_any_of_their_words(visit: Callable[..., Page]) -> None:
    page = visit("index.html")
    page.get_by_label("find").fill("transformers")
    wait_for(page, "table.leaderboard tbody tr", 2)
    assert sorted(names(page, "table.leaderboard")) == ["b", "e"]
    assert status(page) == "2 of 5 networks, by mean rank, ascending"
    page.get_by_label("find").fill("nothing like it")
    wait_for(page, "table.leaderboard tbody tr", 0)
    assert status(page) == "no network fits; 5 in all"
    page.get_by_role("button", name="Reset").click()
    wait_for(page, "table.leaderboard tbody tr", 5)


def test_a_group_of_regions_has_its_own_columns_and_ranks(visit: Callable[..., Page]) -> None:
    page = visit("index.html")
    page.get_by_label("regions").select_option("lateral")
    heads = page.locator("table.leaderboard thead th:visible").all_inner_texts()
    assert [head.split()[0] for head in heads[4:]] == ["mean", "MT", "EBA"]
    widths = page.eval_on_selector_all(
        "table.leaderboard tr",
        "rows => rows.map(row => [...row.cells].filter(cell => !cell.hidden).length)",
    )
    assert set(widths) == {7}


def test_the_other_leaderboard_is_chosen_from_the_list(visit: Callable[..., Page]) -> None:
    page = visit("index.html")
    page.get_by_label("results").select_option("d, test, paper protocol")
    page.wait_for_url("**/leaderboards/d-test-paper.html")
    assert page.locator("h1").inner_text() == "Leaderboard: d, test, paper protocol"
    page.get_by_label("results").select_option("d, test, sound protocol")
    page.wait_for_url("**/index.html")


def test_only_the_first_rows_are_drawn_until_all_are_asked_for(
    visit: Callable[..., Page], plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "FIRST_ROWS", 2)
    folder = alignhouse.write_site([plain], tmp_path / "site").parent
    page = visit("index.html", folder)
    assert len(names(page, "table.leaderboard")) == 2
    press_head(page, "table.leaderboard", "V1")
    assert len(names(page, "table.leaderboard")) == 2
    page.get_by_label("find").fill("CNNs")
    page.get_by_role("button", name="Show all 3").click()
    assert len(names(page, "table.leaderboard")) == 3
    assert page.get_by_role("button", name="Show all").count() == 0
    still = visit("index.html", folder, java_script_enabled=False)
    assert "The first 2 of 5 networks." in still.locator(".more").inner_text()


def test_a_ranking_is_sorted_and_searched_with_the_keyboard(visit: Callable[..., Page]) -> None:
    page = visit("regions/d-v1.html")
    first = names(page, "section:first-of-type table")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("section:first-of-type thead button").first.focus()
    page.keyboard.press("Enter")
    assert names(page, "section:first-of-type table") == sorted(first)
    page.keyboard.press("Enter")
    assert names(page, "section:first-of-type table") == sorted(first, reverse=True)
    page.locator("section:first-of-type input").focus()
    page.keyboard.type("transformers")
    wait_for(page, "section:first-of-type tbody tr[hidden]", 3)
    assert status(page) == "2 of 5 rows"


def test_two_networks_are_compared_by_link(visit: Callable[..., Page], plain: Path) -> None:
    page = visit("compare.html?a=a&b=c")
    with alignhouse.Warehouse.open(plain) as warehouse:
        query = "select model, roi, rho from best_layer where protocol = 'sound' and model in ('a', 'c')"
        rhos = {(model, roi): rho for model, roi, rho in warehouse.sql(query).fetchall()}
    rows = page.eval_on_selector_all(
        "#compared tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    assert [row[0] for row in rows] == ["V1", "lV1", "rV1", "MT", "EBA"]
    for row in rows:
        a, c = rhos["a", row[0]], rhos["c", row[0]]
        assert row[3:6] == [f"{a:.3f}", f"{c:.3f}", f"{a - c:.3f}"]
    higher = sum(rhos["a", row[0]] > rhos["c", row[0]] for row in rows)
    said = f"Of 5 regions in which both have a score, A scores higher in {higher} and B in {5 - higher}."
    assert page.locator("#said").inner_text() == said
    assert page.locator("#compared polyline").count() == 10
    assert page.locator("#compared .pair svg").count() == 10
    # A network of one layer is a dot; no line over depth is needed to compare it.
    assert visit("compare.html?a=a&b=d").locator("#compared .spark circle").count() == 10


def test_the_choice_changes_the_link_and_the_link_gives_the_choice(visit: Callable[..., Page]) -> None:
    page = visit("compare.html?a=a")
    assert page.locator("#said").inner_text() == "Choose two networks."
    page.get_by_label("network B").select_option("e")
    page.get_by_label("results").select_option("d, test, paper protocol")
    assert page.url.endswith("compare.html?a=a&b=e&board=d-test-paper")
    shown = page.locator("#compared").inner_text()
    assert "paper protocol" in shown
    page.get_by_role("button", name="Swap").click()
    assert page.url.endswith("compare.html?a=e&b=a&board=d-test-paper")
    page.goto(page.url.replace("a=e&b=a", "a=a&b=e"))
    assert page.locator("#compared").inner_text() == shown


def test_a_link_to_an_unknown_network_says_so(visit: Callable[..., Page]) -> None:
    page = visit("compare.html?a=a&b=%3Cimg%20src=x%20onerror=alert(1)%3E&board=nope")
    said = "Not on this site: <img src=x onerror=alert(1)>, nope. Choose two networks."
    assert page.locator("#said").inner_text() == said
    assert page.locator("#compared").is_hidden()
    assert page.locator("main img").count() == 0


def test_a_link_with_the_name_of_an_object_member_is_unknown(visit: Callable[..., Page]) -> None:
    page = visit("compare.html?a=constructor&b=__proto__")
    assert page.locator("#said").inner_text().startswith("Not on this site: constructor, __proto__.")


def test_no_page_has_a_serious_fault_of_accessibility(visit: Callable[..., Page]) -> None:
    for path in ("index.html", "compare.html?a=a&b=b", "networks/a.html", "datasets/d.html"):
        page = visit(path)
        page.emulate_media(color_scheme="light")
        assert serious_faults(page) == [], path
        page.emulate_media(color_scheme="dark")
        assert serious_faults(page, "color-contrast") == [], path
    page.emulate_media(color_scheme="null")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_on_a_phone(visit: Callable[..., Page], scheme: str) -> None:
    page = visit(KINDS[0], **PHONE, color_scheme=scheme)
    for path in KINDS:
        page.goto(page.url.partition("/site/")[0] + f"/site/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert dark == (scheme == "dark")


def test_without_scripts_the_pages_show_their_content(visit: Callable[..., Page]) -> None:
    page = visit("index.html", java_script_enabled=False)
    assert page.locator("table.leaderboard tbody tr").count() == 5
    assert page.locator("table.leaderboard tbody svg").count() == 25
    assert page.locator("form.filters").is_hidden()
    page.get_by_role("link", name="d, test, paper protocol").click()
    assert page.locator("h1").inner_text() == "Leaderboard: d, test, paper protocol"
    page.locator("table.leaderboard tbody a").first.click()
    assert page.locator("table.regions").count() == 2
    page.get_by_role("link", name="Compare", exact=True).click()
    assert page.get_by_text("A comparison needs the page's script").is_visible()
    page.get_by_role("link", name="all networks").click()
    assert page.locator("tbody tr").count() == 5


def test_hostile_names_do_nothing_and_are_compared(visit: Callable[..., Page], hostile_site: Path) -> None:
    page = visit("index.html", hostile_site)
    assert "<script>alert(1)</script>" in names(page, "table.leaderboard")
    press_head(page, "table.leaderboard", "V1 <i>&")
    link = page.get_by_role("link", name="../../x", exact=True)
    link.click()
    assert page.url.endswith("/networks/x.html")
    page.get_by_role("link", name="Compare it with another network").click()
    page.get_by_label("network B").select_option("<script>alert(1)</script>")
    assert page.locator("#compared tbody tr").count() == 5
    assert "../../x and <script>alert(1)</script>" in page.locator("#compared caption").inner_text()
    assert page.locator("#compared i").count() == 0


def test_a_printed_page_has_its_tables_and_no_controls(visit: Callable[..., Page]) -> None:
    page = visit("regions/d-v1.html")
    page.emulate_media(media="print")
    assert page.locator("form.filters").first.is_hidden()
    assert page.locator("nav").is_hidden()
    assert page.locator("tbody tr").first.is_visible()
    page.emulate_media(media="null")
