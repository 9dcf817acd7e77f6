"""The first screen, the selection and the interactive charts in a headless Chromium.

rho in V1 is .1 for AlexNet, .2 for ViT, .3 for TSN; .01 less in V2 and .02 less in MT. conv has half of fc.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from watched_pages import PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

Visit = Callable[..., "Page"]
STRIP, DEPTH = "figure[data-chart=strip]", "figure[data-chart=depth]"
VISIBLE = "all => all.filter(each => each.offsetParent !== null).map(each => each.dataset.network)"


def leaders(page: Page) -> list[str]:
    names: list[str] = page.eval_on_selector_all("#leaders tbody tr", VISIBLE)
    return names


def heard(chart: Locator) -> str:
    """What a screen reader says about the chosen point."""
    return chart.locator("[aria-live]").inner_text()


def choose(page: Page, **chosen: str) -> None:
    for name, value in chosen.items():
        page.locator(f"#selection select[name={name}]").select_option(value)


def test_the_first_screen_has_the_answer(visit: Visit) -> None:
    page = visit(folded=True)
    assert leaders(page) == ["TSN", "ViT", "AlexNet"]
    for part in ("h1", ".data", ".answer", "#leaders table", f"{STRIP} .chart svg"):
        box = page.locator(part).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, part
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    # Interval, ceiling and score are drawn, and in words.
    bar = page.locator("#leaders tr[data-network=TSN] td[data-region=V1]")
    assert bar.inner_text().endswith("0.300")
    title = bar.locator("svg title").text_content()
    assert title == "rho 0.300, interval 0.000 to 0.400; lower noise ceiling 0.350"


def test_the_pointer_names_network_score_interval_p_and_layer(visit: Visit) -> None:
    page = visit(folded=True)
    chart = page.locator(f"{STRIP} .chart")
    point = page.locator(f"{STRIP} svg g[aria-label=dot] path").first.bounding_box()
    assert point is not None
    page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    lines = chart.locator(".tip").inner_text().splitlines()
    assert lines[0] in ("AlexNet", "ViT", "TSN")
    assert lines[1:] == [
        "region V1",
        f"rho {({'AlexNet': 0.1, 'ViT': 0.2, 'TSN': 0.3})[lines[0]]:.3f}",
        "interval 0.000 to 0.400",
        "p < 0.001",
        "layer fc (depth 0.75)",
        f"model type {'video action' if lines[0] == 'TSN' else 'image object'} recognition",
    ]
    # The network is marked in every region, and in the leaderboard.
    assert chart.locator(".peeked").count() == 3
    assert page.locator("#leaders tr.peek").get_attribute("data-network") == lines[0]
    page.mouse.move(5, 5)
    assert not chart.locator(".tip").is_visible()
    assert page.locator("#leaders tr.peek").count() == 0


def test_arrow_keys_move_between_networks_and_regions(visit: Visit) -> None:
    page = visit(folded=True)
    chart = page.locator(f"{STRIP} .chart")
    chart.focus()
    keys = ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowUp"]
    said = []
    for key in keys:
        page.keyboard.press(key)
        said.append(heard(chart).split(", ")[:3])
    first = said[0]
    # The first region and group begin, with the highest score.
    assert first == ["ViT", "region V1", "rho 0.200"]
    assert said[1] == [first[0], "region V2", f"rho {float(first[2][4:]) - 0.01:.3f}"]
    # To the right the score is higher, to the left lower; at the end the point stays.
    assert {each[1] for each in said[2:6]} == {"region V2"}
    assert said[5] == ["AlexNet", "region V2", "rho 0.090"]
    assert said[6] == ["AlexNet", "region V1", "rho 0.100"]
    page.keyboard.press("Enter")
    assert heard(chart) == "AlexNet selected"
    assert page.locator("#selection .chip").all_inner_texts() == ["AlexNet ×"]
    # The keyboard is still at the same point.
    page.keyboard.press("ArrowDown")
    assert heard(chart).startswith("AlexNet, region V2")
    page.keyboard.press("Escape")
    assert not chart.locator(".tip").is_visible()


def test_a_region_filters_tables_charts_and_parts(visit: Visit) -> None:
    page = visit()
    choose(page, region="MT")
    assert page.locator(f"{STRIP} svg g[aria-label='y-axis tick label'] text").all_text_contents() == ["MT"]
    assert page.locator(f"{DEPTH} .panels svg").count() == 1
    for table in ("#best-layers", "#regions .fold", ".network[data-network=TSN]"):
        regions = page.eval_on_selector_all(
            f"{table} tr[data-region]",
            "all => all.filter(each => each.offsetParent !== null).map(each => each.dataset.region)",
        )
        assert set(regions) == {"MT"}, table
    # The leaderboard is in the order of the region and shows its scores.
    assert leaders(page) == ["TSN", "ViT", "AlexNet"]
    assert page.locator("#leaders td.chosen:visible").all_inner_texts() == ["0.280", "0.180", "0.080"]
    assert page.locator("#leaders td.chosen svg.bar").count() == 3
    assert page.locator("#leaders .order").inner_text() == "By the score in MT."
    page.get_by_role("button", name="Clear").click()
    assert page.locator(f"{DEPTH} .panels svg").count() == 3
    assert page.locator("#leaders td.chosen:visible").count() == 0


def test_a_group_filters_tables_charts_and_parts(visit: Visit) -> None:
    page = visit()
    page.locator(f"{STRIP} .legend").get_by_role("button", name="image object recognition").click()
    assert leaders(page) == ["ViT", "AlexNet"]
    assert page.locator("#selection select[name=group]").input_value() == "image object recognition"
    assert page.locator("#selection .status").inner_text() == "2 of 3 networks"
    shown = page.eval_on_selector_all("details.network", VISIBLE)
    assert shown == ["ViT", "AlexNet"]
    networks = page.eval_on_selector_all("#best-layers tr[data-network]", VISIBLE)
    assert set(networks) == {"ViT", "AlexNet"}
    groups = "all => all.filter(each => each.offsetParent !== null).map(each => each.dataset.groups)"
    assert page.eval_on_selector_all("#groups tr[data-groups]", groups) == ["image object recognition"]
    # Another grouping: the first group is not one of its groups.
    choose(page, grouping="1")
    assert leaders(page) == ["TSN", "ViT", "AlexNet"]
    choose(page, group="Transformers")
    assert leaders(page) == ["ViT"]
    # Rows about groups of another property stay.
    assert len(page.eval_on_selector_all("#groups tr[data-groups]", groups)) == 2
    pressed = page.locator(f"{DEPTH} .legend button[aria-pressed=true]").all_inner_texts()
    assert pressed == ["Transformers (1)"]


def test_networks_are_selected_by_name_and_by_place(visit: Visit) -> None:
    page = visit()
    name = page.locator("#selection input[name=network]")
    name.fill("no such network")
    name.press("Enter")
    assert page.locator("#selection .chip").count() == 0
    name.fill("ViT")
    name.press("Enter")
    page.get_by_role("button", name="Select TSN").click()
    assert page.locator("#selection .chip").all_inner_texts() == ["ViT ×", "TSN ×"]
    networks = page.eval_on_selector_all("#best-layers tr[data-network]", VISIBLE)
    assert set(networks) == {"ViT", "TSN"}
    # A row that has the focus is marked in the charts.
    page.get_by_role("button", name="Select AlexNet").focus()
    assert page.locator(f"{STRIP} .peeked").count() == 3
    # The leaderboard keeps all of them, to select more.
    assert leaders(page) == ["TSN", "ViT", "AlexNet"]
    assert page.locator("#leaders tr.picked").count() == 2
    page.get_by_role("button", name="Drop ViT from the selection").click()
    assert page.locator("#selection .chip").all_inner_texts() == ["TSN ×"]


def test_curves_over_depth_are_explored_layer_by_layer(visit: Visit) -> None:
    page = visit()
    chart = page.locator(f"{DEPTH} .chart")
    chart.focus()
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
        said.append(heard(chart))
    # Points are those of layers; the best one has its interval and p.
    assert said[0].startswith("AlexNet, region V1, rho 0.050, layer conv (depth 0.00)")
    assert said[1].startswith("AlexNet, region V1, rho 0.100, interval 0.000 to 0.400, p < 0.001, layer fc")
    assert said[2].startswith("ViT, region V1, rho 0.200")
    assert said[3].startswith("TSN, region V1, rho 0.300")
    assert said[5].startswith("TSN, region V1, rho 0.150, layer conv")
    assert page.locator(f"{DEPTH} .peeked-line").count() == 3


def test_a_link_to_a_network_unfolds_its_part(visit: Visit, url: str) -> None:
    page = visit(folded=True)
    assert not page.locator("#network-tsn table").is_visible()
    page.locator("#leaders a", has_text="TSN").click()
    assert page.locator("#network-tsn table").is_visible()
    page.goto("about:blank")
    page.goto(f"{url}#network-vit")
    assert page.locator("#network-vit table").is_visible()
    assert not page.locator("#network-tsn table").is_visible()
    top = page.locator("#network-vit").bounding_box()
    assert top is not None
    assert 0 <= top["y"] < 900
    assert page.locator("#network-vit .link a").get_attribute("href") == "#network-vit"


def test_parts_fold_and_unfold(visit: Visit) -> None:
    page = visit(folded=True)
    assert not page.locator("#methods p").first.is_visible()
    page.locator("#methods > summary").click()
    assert page.locator("#methods p").first.is_visible()
    page.locator("#regions > summary").click()
    assert not page.locator("#regions li").first.is_visible()
    page.get_by_role("button", name="Unfold all").click()
    assert page.locator("details:not([open])").count() == 0
    page.get_by_role("button", name="Fold", exact=True).click()
    assert page.locator("#methods p").first.is_visible()
    assert not page.locator("#regions li").first.is_visible()


def test_everything_is_unfolded_for_paper_and_folded_again(visit: Visit) -> None:
    page = visit(folded=True)
    folded = page.locator("details:not([open])").count()
    assert folded > 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded


def test_charts_are_redrawn_for_a_phone(visit: Visit) -> None:
    page = visit(**PHONE)
    for chart, panels in ((STRIP, 1), (DEPTH, 3)):
        widths = page.eval_on_selector_all(
            f"{chart} svg.plot", "all => all.map(each => +each.getAttribute('width'))"
        )
        assert len(widths) == panels
        assert all(300 < width <= 362 for width in widths), widths
    sizes = page.eval_on_selector_all(
        f"{STRIP} svg.plot text", "all => all.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 10
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_charts_follow_the_width_of_the_window(visit: Visit) -> None:
    page = visit(viewport={"width": 1280, "height": 900})
    page.set_viewport_size({"width": 800, "height": 900})
    page.wait_for_function(f"+document.querySelector('{STRIP} svg.plot').getAttribute('width') > 700")
    assert page.evaluate("document.documentElement.scrollWidth") == 800


def test_colours_of_groups_are_lighter_on_a_dark_page(visit: Visit) -> None:
    page = visit()
    colour = "getComputedStyle(document.querySelector('.swatch')).color"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(colour)
    assert light == "rgb(0, 114, 178)"
    assert light != dark
    ink = page.evaluate(f"getComputedStyle(document.querySelector('{STRIP} svg.plot text')).fill")
    assert ink == "rgb(230, 232, 235)"


def test_paper_has_the_drawn_figure_and_the_first_networks(visit: Visit) -> None:
    page = visit(folded=True, viewport={"width": 1280, "height": 900})
    page.emulate_media(media="print")
    assert not page.locator(f"{STRIP} .chart").is_visible()
    still = page.locator(f"{STRIP} .still img")
    assert still.is_visible()
    # Paper has the wide, light figure, whatever the screen.
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(media="print", color_scheme="dark")
    assert still.evaluate("each => each.currentSrc").startswith("data:image/svg+xml")
    assert not page.locator("#selection").is_visible()
    assert page.locator("#best-layers tbody tr").first.is_visible()


def test_without_scripts_figures_and_leaderboard_are_there(visit: Visit) -> None:
    page = visit(folded=True, java_script_enabled=False)
    assert page.locator(f"{STRIP} .still img").is_visible()
    for unusable in (".chart", ".legend", ".how", "#selection", "#unfold", "#leaders button"):
        assert page.locator(f"{unusable}:visible").count() == 0, unusable
    assert page.locator("#leaders tbody tr:visible").count() == 3
    page.locator("#network-tsn > summary").click()
    assert page.locator("#network-tsn table").is_visible()


def test_more_networks_are_shown_when_asked_for(
    chromium: Browser,
    content: Callable[..., Any],
    write: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("alignhouse.analysis.report.first_screen.MOST", 2)
    page = chromium.new_page()
    page.goto(write(content(), tmp_path, briefly=True, n_figures=0).as_uri())
    assert leaders(page) == ["TSN", "ViT"]
    # Without a figure that is drawn, the chart is there all the same.
    assert page.locator(f"{STRIP} svg.plot").is_visible()
    # A selected network is shown whatever its place.
    name = page.locator("#selection input[name=network]")
    name.fill("AlexNet")
    name.press("Enter")
    assert leaders(page) == ["TSN", "ViT", "AlexNet"]
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Show all 3").click()
    assert leaders(page) == ["TSN", "ViT", "AlexNet"]
    page.get_by_role("button", name="Show the first 2").click()
    assert leaders(page) == ["TSN", "ViT"]
    page.close()
