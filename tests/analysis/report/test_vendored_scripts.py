"""The chart libraries that are shipped: unchanged, with their licences, and small enough."""

from __future__ import annotations

import hashlib

import pytest

from alignhouse.analysis.report import scripts

VENDOR = scripts.HERE / "vendor"
# As they were released: d3 7.9.2 (dist/d3.min.js) and @observablehq/plot 0.6.17 (dist/plot.umd.min.js).
RELEASED = {
    "d3.min.js": ("v7.9.2", "912111098ea99503a6f4967361d2bbdc9dbf58cf9c678c8e27e5b02d1a07f0c1"),
    "plot.min.js": ("v0.6.17", "4358086467740777dd788d6b27a95cebdbaefdd50c730a3060117073bd7134cb"),
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_library_is_the_released_file(name: str) -> None:
    version, sha256 = RELEASED[name]
    content = (VENDOR / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == sha256
    assert version in content[:200].decode()


def test_the_libraries_are_small_and_their_licences_are_in_the_page() -> None:
    made = scripts.page_scripts(with_charts=True)
    assert sum(len(each.text.encode()) for each in made) < 1_500_000
    for holder in ("Mike Bostock", "Observable, Inc."):
        assert holder in made[0].text.partition("*/")[0]
    # No text of a script may end its element.
    assert not any("</script" in each.text.lower() or "<!--" in each.text for each in made)


def test_a_page_without_charts_has_no_library() -> None:
    [own] = scripts.page_scripts(with_charts=False)
    assert "function startTables" in own.text
