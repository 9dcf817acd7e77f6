from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.progress import Silent

FILES = [".made-from", "data", "figures", "index.html"]
REMARK = "synthetic brains, random weights"
Content = Callable[..., Any]
Read = Callable[[str], Any]
Write = Callable[..., Path]


@pytest.fixture
def written(content: Content, write: Write, read: Read, tmp_path: Path) -> Callable[..., Any]:
    """A page without figures, which take most of the time, for tests whose subject is the rest."""

    def made(**fields: Any) -> Any:
        page = write(content(**fields), tmp_path, briefly=True, n_figures=0)
        return read(page.read_text(encoding="utf-8"))

    return made


@pytest.fixture(scope="module")
def folder(content: Content, write: Write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a page that is written once in full: two figures, each in every format."""
    folder = tmp_path_factory.mktemp("report")
    write(content(remark=REMARK), folder)
    return folder


@pytest.fixture(scope="module")
def whole(read: Read, folder: Path) -> Any:
    """The page in `folder`."""
    return read((folder / "index.html").read_text(encoding="utf-8"))


class Told(Silent):
    """Records the progress that a command reports."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stage(self, title: str, todo: int, done_before: int) -> None:
        self.told.append(f"{todo} to do")

    def job_done(self) -> None:
        self.told.append("done")


@pytest.fixture(scope="module")
def progress() -> Told:
    """What `two_protocols` told while it was written."""
    return Told()


@pytest.fixture(scope="module")
def two_protocols(
    content: Content, write: Write, read: Read, progress: Told, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """A page with both protocols and a figure of each, written once."""
    made, folder = content(protocols=("paper", "sound")), tmp_path_factory.mktemp("report")
    page = write(made, folder, progress, briefly=True, n_figures=1)
    return read(page.read_text(encoding="utf-8"))


def test_the_page_loads_nothing_and_links_only_to_files_beside_it(whole: Any, folder: Path) -> None:
    page = whole
    loaded = [
        given[name] for _, given in page.elements for name in ("src", "srcset", "data") if name in given
    ]
    # An image and three more for narrow and dark screens, for each of the two figures.
    assert len(loaded) == 2 * 4
    assert all(each.startswith("data:image/") for each in loaded)
    beside = [link for link in page.links if not link.startswith(("data:", "#"))]
    assert len(beside) > 6
    assert all((folder / link).is_file() for link in beside)
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]


def test_the_policy_lets_only_the_pages_own_style_and_script_run(whole: Any) -> None:
    page = whole
    [policy] = [
        given["content"] for _, given in page.elements if given.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    # The first script element is data, which never runs.
    for rule, texts in (("style-src", page.texts["style"]), ("script-src", page.texts["script"][1:])):
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert rules[rule].split() == [f"'sha256-{digest}'" for digest in digests]


def test_figures_are_in_the_page_and_beside_it(whole: Any, folder: Path) -> None:
    images = [given["src"] for tag, given in whole.elements if tag == "img"]
    kept = {path.read_bytes() for path in (folder / "figures").iterdir()}
    assert all(base64.b64decode(each.partition(",")[2]) in kept for each in images)
    suffixes = sorted(path.suffix for path in (folder / "figures").iterdir())
    assert suffixes == sorted([".pdf", ".png", ".svg"] * 2)
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_a_figure_of_many_points_is_in_the_page_as_pixels(
    whole: Any, content: Content, write: Write, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kinds(page: Any) -> set[str]:
        return {given["src"].partition(";")[0] for tag, given in page.elements if tag == "img"}

    assert kinds(whole) == {"data:image/svg+xml"}
    monkeypatch.setattr("alignhouse.analysis.report.pictures.MOST_BYTES_OF_SVG", 10)
    page = write(content(), tmp_path, n_figures=1)
    assert kinds(read(page.read_text(encoding="utf-8"))) == {"data:image/webp"}


def test_the_remark_is_in_the_banner_and_in_every_caption(whole: Any) -> None:
    page = whole
    captions = [
        each
        for each in page.texts["caption"] + page.texts["figcaption"]
        # Networks have remarks of their own.
        if not each.startswith("Alignment of ")
    ]
    assert len(captions) == 2 + 14
    assert all(REMARK in caption for caption in captions)
    assert page.texts["strong"] == [REMARK] * (1 + len(captions))
    first_in_body = page.elements[[tag for tag, _ in page.elements].index("body") + 1]
    assert first_in_body[1]["class"] == "banner"


def test_without_a_remark_there_is_no_banner(two_protocols: Any) -> None:
    assert not [given for _, given in two_protocols.elements if given.get("class") in ("banner", "remark")]


def test_a_page_with_both_kinds_of_weights_marks_rows_only(
    content: Content, written: Callable[..., Any]
) -> None:
    remark = pl.when(pl.col("model") == "TSN").then(pl.lit("made up, random weights"))
    best = content().best_layer.with_columns(
        remark=remark.otherwise(pl.lit("made up")),
        weights=pl.when(pl.col("model") == "TSN").then(pl.lit("random")).otherwise(pl.lit("pretrained")),
    )
    page = written(best_layer=best)
    assert set(page.texts["strong"]) == {"made up"}
    assert {"untrained", "pretrained"} <= set(page.texts["td"])


def test_a_remark_that_only_rows_have_is_also_shown(content: Content, written: Callable[..., Any]) -> None:
    best = content().best_layer.with_columns(remark=pl.lit("random weights"))
    assert set(written(best_layer=best).texts["strong"]) == {"random weights"}


def test_names_are_escaped(written: Callable[..., Any]) -> None:
    name = "<script>alert('x')</script>&\"$a$"
    page = written(best_network=name, title=name, settings={name: name}, run={"host": name}, remark=name)
    # The data, two libraries, and the page's own script.
    assert len(page.texts["script"]) == 4
    assert json.loads(page.texts["script"][0])["networks"][-1]["name"] == name
    assert name in page.texts["h1"][0]
    assert sum(name in cell for cell in page.texts["td"] + page.texts["th"]) >= 4
    assert page.texts["title"][0] == name


def test_sound_comes_first_and_each_protocol_has_its_section(two_protocols: Any) -> None:
    page = two_protocols
    assert (
        page.texts["p"][0]
        == "3 networks, 3 regions, 10 subjects, 102 videos; bmd, test; sound protocol, scores are rho."
    )
    assert "Under the paper protocol, bmd, test" in page.texts["h3"]
    assert page.texts["h2"] == [
        "Regions",
        "Groups of networks",
        "Depth of layers",
        "Robustness",
        "Networks",
        "What is missing",
        "Methods",
        "Provenance",
        "Data",
    ]  # fmt: skip
    assert len([tag for tag, _ in two_protocols.elements if tag == "img"]) == 2


def test_headings_go_down_one_level_at_a_time_and_anchors_exist(two_protocols: Any) -> None:
    page = two_protocols
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    anchors = {given.get("id") for _, given in page.elements}
    assert {link[1:] for link in page.links if link.startswith("#")} <= anchors
    assert all(given["alt"] for tag, given in page.elements if tag == "img")


def test_the_summary_names_the_best_network_of_each_region_group(whole: Any) -> None:
    # TSN: rho .30 in V1, .29 in V2, .28 in MT.
    sentences = whole.texts["li"]
    assert any("TSN with V1, at layer fc (rho = 0.300, p < 0.001)" in each for each in sentences)
    of_ceiling = "lower noise ceiling 0.350, 84 % of it"
    assert f"Early regions: TSN aligns best (mean rho over 2 regions 0.295; {of_ceiling})." in sentences
    assert "Lateral region: TSN aligns best (rho 0.280; lower noise ceiling 0.350, 80 % of it)." in sentences


def test_two_protocols_are_compared_in_words(content: Content, written: Callable[..., Any]) -> None:
    best = content(protocols=("paper", "sound")).best_layer
    lower = best.with_columns(
        rho=pl.col("rho") - pl.when(pl.col("protocol") == "paper").then(0.02).otherwise(0)
    )
    page = written(protocols=("paper", "sound"), best_layer=lower)
    (sentence,) = (each for each in page.texts["li"] if each.startswith("Over the"))
    assert "Over the 9 pairs" in sentence
    assert "0.020 higher under sound than under paper; the best layer is the same in 0 of them" in sentence


def test_protocols_are_laid_side_by_side_and_their_differences_marked(two_protocols: Any) -> None:
    rows = [given.get("class") for tag, given in two_protocols.elements if tag == "tr"]
    assert rows.count("differs") == 1
    assert {"null.p_value", "sound", "paper"} <= set(two_protocols.texts["td"] + two_protocols.texts["th"])


def test_empty_frames_still_make_a_page(written: Callable[..., Any]) -> None:
    nothing = pl.DataFrame()
    page = written(
        best_layer=nothing,
        noise_ceiling=nothing,
        depth_profile=nothing,
        networks=nothing,
        inputs=nothing,
        leaderboard=nothing,
        group_answers={},
    )
    assert page.texts["p"][0] == "There are no scores."
    assert page.texts["h2"] == ["What is missing", "Methods", "Provenance", "Data"]
    assert any("run alignhouse analyse rsa STUDY.toml" in each for each in page.texts["li"])
    assert "no rows" in page.texts["td"]
    # Nothing is drawn, so no library is there.
    assert [len(each) < 40_000 for each in page.texts["script"]] == [True]


def test_a_protocol_without_rows_comes_after_one_with_scores(
    content: Content, written: Callable[..., Any]
) -> None:
    best = content(protocols=("paper",))
    page = written(
        protocols=("paper", "sound"),
        best_layer=best.best_layer,
        leaderboard=best.leaderboard,
        depth_profile=best.depth_profile,
    )
    assert "paper protocol" in page.texts["p"][0]
    assert "Under the sound protocol, no rows" in page.texts["h3"]
    assert "There are no rows to summarise." in page.texts["li"]


def test_a_figure_that_fails_leaves_the_old_page(content: Content, write: Write, tmp_path: Path) -> None:
    page = write(content(), tmp_path, briefly=True, n_figures=1)
    before = page.read_bytes()
    broken = content(title="new").best_layer.with_columns(rho=float("nan"))
    with pytest.raises(BadInput, match="best_layer.*NaN"):
        write(content(title="new", best_layer=broken), tmp_path, briefly=True, n_figures=1)
    assert page.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_the_same_content_gives_the_same_page(content: Content, write: Write, tmp_path: Path) -> None:
    one, two = (
        write(content(), tmp_path / name, briefly=True, n_figures=1).read_bytes() for name in ("one", "two")
    )
    assert one == two


def test_progress_counts_every_figure_and_the_page(two_protocols: Any, progress: Told) -> None:
    assert progress.told == ["3 to do", "done", "done", "done"]


def test_only_leftovers_of_a_killed_report_are_removed(
    content: Content, write: Write, tmp_path: Path
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f".making-{ended.pid}", ".making-1", ".making-notes", "mine"):
        (tmp_path / name).mkdir()
    write(content(), tmp_path, briefly=True, n_figures=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".made-from", "data", "index.html", ".making-1", ".making-notes", "mine"]
    )
