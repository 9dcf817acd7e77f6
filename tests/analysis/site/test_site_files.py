"""The files of a site: complete, safe, and the only ones that are touched."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl
import pytest

import alignhouse
from alignhouse.analysis.report.publish import RECORD
from alignhouse.analysis.site import write
from alignhouse.warehouse.errors import BadInput

CSP = (
    r"default-src 'none'; img-src data:; style-src '([^']+)'; script-src '([^']+)'; base-uri 'none'; "
    r"form-action 'none'"
)


class Read(HTMLParser):
    """The elements of a page with their attributes, and its texts by element."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(file.read_text(encoding="utf-8"))
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self._open.append(self.elements[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((*self._open[-1], data))

    def text_of(self, tag: str) -> list[str]:
        return [text for name, _, text in self.texts if name == tag]


def all_pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_a_site_has_a_page_for_everything(site: Path) -> None:
    pages = sorted(page.relative_to(site).as_posix() for page in all_pages(site))
    assert pages == sorted(
        ["index.html", "networks.html", "data.html", "compare.html", "datasets/d.html"]
        + ["leaderboards/d-test-paper.html"]
        + [f"networks/{name}.html" for name in "abcde"]
        + [f"regions/d-{name}.html" for name in ("v1", "lv1", "rv1", "mt", "eba")]
    )


@pytest.mark.parametrize("which", ["site", "hostile_site"])
def test_every_link_leads_to_a_file_or_a_part_of_a_page(which: str, request: pytest.FixtureRequest) -> None:
    site: Path = request.getfixturevalue(which)
    found = set()
    for page in all_pages(site):
        read = Read(page)
        identifiers = {given["id"] for _, given in read.elements if "id" in given}
        for _, given in read.elements:
            link = given.get("href") or (given.get("value") if "selected" in given else None)
            if link is None or link == "data:,":
                continue
            parts = urlsplit(link)
            assert parts.scheme == parts.netloc == "", link
            if parts.path == "":
                assert parts.fragment in identifiers, link
                continue
            target = (page.parent / unquote(parts.path)).resolve()
            assert target.is_file(), (page, link)
            assert target.is_relative_to(site.resolve())
            found.add(target)
    files = {file.resolve() for file in site.rglob("*") if file.is_file() and file.name != RECORD}
    assert files - found == set()


@pytest.mark.parametrize("which", ["site", "hostile_site"])
def test_pages_allow_their_own_style_and_script_alone(which: str, request: pytest.FixtureRequest) -> None:
    for page in all_pages(request.getfixturevalue(which)):
        read = Read(page)
        [policy] = [
            str(given["content"])
            for tag, given in read.elements
            if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
        ]
        allowed = re.fullmatch(CSP, policy)
        assert allowed is not None
        scripts = [text for tag, given, text in read.texts if tag == "script" and "type" not in given]
        assert [digest(text) for text in read.text_of("style")] == [allowed[1]]
        assert [digest(text) for text in scripts] == ([allowed[2]] if scripts else [])
        assert scripts or allowed[2] == "none"
        for tag, given in read.elements:
            assert not any(name == "style" or name.startswith("on") for name in given), (page, tag, given)
            assert "src" not in given


def test_every_heading_of_a_column_has_a_hint(site: Path) -> None:
    heads = [
        given
        for page in all_pages(site)
        for tag, given in Read(page).elements
        if tag == "th" and given.get("scope") == "col"
    ]
    assert len(heads) > 100
    assert [given for given in heads if not given.get("title")] == []


def test_hostile_names_are_text_and_no_elements(hostile_site: Path) -> None:
    pages = [Read(page) for page in all_pages(hostile_site)]
    names = ["<script>alert(1)</script>", "../../x", "\"' onclick=alert(1) </title>", "</script><b>&amp;"]
    headings = {text for read in pages for text in read.text_of("h1")}
    assert {*names, "网络 %2e%2e/#?"} <= headings
    for read in pages:
        assert not {"b", "i", "img"} & {tag for tag, _ in read.elements}
    # Files stay in their folders, with plain names.
    for file in hostile_site.rglob("*"):
        assert re.fullmatch(r"[A-Za-z0-9._-]+", file.name), file


def test_each_page_says_why_its_numbers_are_no_findings(site: Path) -> None:
    for page in all_pages(site):
        assert "made up" in Read(page).text_of("strong"), page


def test_two_warehouses_are_told_apart_on_every_page(hostile_site: Path) -> None:
    titles = {text for page in all_pages(hostile_site) for text in Read(page).text_of("h2")}
    assert {
        "d&<b> (<one>.alignhouse), test, sound protocol",
        "d&<b> (two.alignhouse), test, paper protocol",
    } <= {text.strip() for text in titles}
    network = next(page for page in all_pages(hostile_site / "networks") if page.name == "x.html")
    assert len([text for text in Read(network).text_of("h2") if "alignhouse)" in text]) == 4


def test_tables_are_there_as_parquet_with_their_hashes(site: Path, plain: Path) -> None:
    best = pl.read_parquet(site / "data" / "best_layer.parquet")
    with alignhouse.Warehouse.open(plain) as warehouse:
        expected = warehouse.sql("select protocol, model, roi, rho from best_layer order by all").pl()
    assert best.select(expected.columns).sort(expected.columns).equals(expected)
    assert set(best["warehouse"]) == {"plain.alignhouse"}
    sums = dict(
        reversed(line.split("  ")) for line in (site / "data" / "SHA256SUMS").read_text("utf-8").splitlines()
    )
    files = sorted((site / "data").glob("*.parquet"))
    assert sums == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert set(Read(site / "data.html").text_of("code")) >= set(sums.values())
    assert pl.read_parquet(site / "data" / "networks.parquet").height == 5


def test_a_site_that_is_up_to_date_is_left_alone(
    plain: Path, make: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    page = alignhouse.write_site([plain], folder)
    page.write_text("changed by hand", encoding="utf-8")
    alignhouse.write_site([plain], folder)
    assert page.read_text(encoding="utf-8") == "changed by hand"
    alignhouse.write_site([make("e.alignhouse", dataset="e")], folder)
    assert "changed by hand" not in page.read_text(encoding="utf-8")
    assert (folder / "datasets" / "e.html").is_file()
    assert not (folder / "datasets" / "d.html").exists()


def test_other_files_are_not_touched(plain: Path, make: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "site"
    alignhouse.write_site([plain], folder)
    (folder / "networks" / "mine.html").write_text("mine", encoding="utf-8")
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    alignhouse.write_site([make("e.alignhouse", dataset="e")], folder)
    assert (folder / "networks" / "mine.html").read_text(encoding="utf-8") == "mine"
    assert (folder / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_a_site_is_not_written_through_a_link(plain: Path, tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "site"
    outside.mkdir()
    folder.symlink_to(outside)
    with pytest.raises(BadInput, match=r"site .*/site: expected a folder.*found a link"):
        alignhouse.write_site([plain], folder)
    folder.unlink()
    folder.mkdir()
    (folder / "networks").symlink_to(outside)
    with pytest.raises(BadInput, match=r"site .*a real folder for networks/a.html, found a link"):
        alignhouse.write_site([plain], folder)
    assert list(outside.iterdir()) == []
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="found a file"):
        alignhouse.write_site([plain], tmp_path / "file")


def test_a_failure_leaves_the_old_site(
    plain: Path, make: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    alignhouse.write_site([plain], folder)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    def fail(*_: object) -> None:
        raise BadInput("a number is NaN")

    monkeypatch.setattr(write, "compared_data", fail)
    with pytest.raises(BadInput, match="NaN"):
        alignhouse.write_site([make("e.alignhouse", dataset="e")], folder)
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
