"""The page of a report has no serious fault of accessibility, light or dark, on a desktop or a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe import serious_faults
from voxel_rows import encodings, partitions
from watched_pages import DESKTOP, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": DESKTOP, "phone": PHONE}
# The rule of a fault -> a script that makes it.
FAULTS = {
    "image-alt": "document.querySelector('main').append(new Image(5, 5))",
    "color-contrast": "document.querySelector('#summary li').style.color = '#555'",
    "select-name": "document.querySelector('#selection label').replaceWith(document.querySelector('select'))",
    "html-has-lang": "document.documentElement.removeAttribute('lang')",
}


@pytest.fixture(scope="module")
def url(
    content: Callable[..., Any], write: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A report with all kinds of sections: two protocols, an encoding, a partition, a remark and a figure."""
    made = content(
        encoding=encodings(("AlexNet", "V1", 0.3), ("TSN", "V1", 0.2)),
        variance_partition=partitions(("AlexNet", "V1", 0.3, 0.1), ("TSN", "V1", 0.2, 0.1)),
        protocols=("paper", "sound"),
        remark="synthetic brains",
    )
    return write(made, tmp_path_factory.mktemp("accessible"), briefly=True, n_figures=1).as_uri()


@pytest.fixture
def visit(chromium: Browser, url: str) -> Iterator[Callable[[str], Page]]:
    """`visit(size)`: the report in a window of its own."""
    contexts = []

    def open_page(size: str) -> Page:
        contexts.append(chromium.new_context(**SIZES[size]))
        page = contexts[-1].new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES)
def test_the_page_has_no_serious_fault(visit: Callable[[str], Page], size: str) -> None:
    page = visit(size)
    page.emulate_media(color_scheme="light")
    page.get_by_role("button", name="Unfold all").click()
    assert serious_faults(page) == []
    page.emulate_media(color_scheme="dark")
    # Only colours differ.
    assert serious_faults(page, "color-contrast") == []


def test_faults_are_found_and_named(visit: Callable[[str], Page]) -> None:
    page = visit("desktop")
    page.emulate_media(color_scheme="dark")
    for fault in FAULTS.values():
        page.evaluate(fault)
    found = serious_faults(page, *FAULTS)
    assert sorted(each.partition(",")[0] for each in found) == sorted(FAULTS)
    assert all(": Fix " in each for each in found)
