"""The report of a study, and the changes that cause a new report."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from mini_study import SCORE, MiniStudy
from one_format import one_format


@pytest.fixture(scope="module")
def reported_once(run_once: Callable[..., MiniStudy], tmp_path_factory: pytest.TempPathFactory) -> MiniStudy:
    """The finished study with its report; one figure a protocol, since test_figures.py draws every figure."""
    study = MiniStudy(shutil.copytree(run_once().folder, tmp_path_factory.mktemp("reported") / "study"))
    with one_format(most=1):
        done = study.alignhouse("run", "study.toml")
    assert done.returncode == 0, done.stderr
    return study


@pytest.fixture
def reported(reported_once: MiniStudy, tmp_path: Path) -> MiniStudy:
    """A copy for one test."""
    return MiniStudy(shutil.copytree(reported_once.folder, tmp_path / "reported"))


@pytest.fixture
def reported_in_full(finished: Any) -> Any:
    """The finished study with its report, every figure in every format."""
    done = finished.alignhouse("run", "study.toml")
    assert done.returncode == 0, done.stderr
    return finished


@pytest.fixture
def no_figures() -> Iterator[None]:
    """Make reports without figures, for tests of the text."""
    with one_format(most=0):
        yield


@pytest.mark.parametrize("made", ["reported", pytest.param("reported_in_full", marks=pytest.mark.slow)])
def test_the_report_is_one_page_that_says_what_its_numbers_are(
    made: str, request: pytest.FixtureRequest
) -> None:
    reported = request.getfixturevalue(made)
    page = (reported.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert page.count("synthetic brains") > 10
    for text in ("V1", "EBA", "my_own", "sound", "paper", "rows_and_columns", "sub-01_roi-lEBA"):
        assert text in page, text
    assert all(each.startswith("data:") for each in re.findall(r'src="([^"]+)"', page))
    beside = [each for each in re.findall(r'href="([^"#]+)"', page) if not each.startswith("data:")]
    assert len(beside) > 20
    assert all((reported.folder / "report" / each).is_file() for each in beside)


def test_the_tables_are_beside_the_page_as_files(reported: Any) -> None:
    data = reported.folder / "report" / "data"
    answered = reported.alignhouse("sql", "from best_layer", "--format", "parquet", "--out", "best.parquet")
    assert answered.returncode == 0, answered.stderr
    expected = pl.read_parquet(reported.folder / "best.parquet")
    key = ["protocol", "model", "roi"]
    for found in (pl.read_parquet(data / "best_layer.parquet"), pl.read_csv(data / "best_layer.csv")):
        both = expected.join(found, on=key, suffix="_found")
        assert both.height == expected.height == found.height == 2 * 3 * 2
        assert both["layer"].to_list() == both["layer_found"].to_list()
        assert both["rho"].to_list() == pytest.approx(both["rho_found"].to_list())
        assert set(found["remark"]) == {"synthetic brains"}
    assert pl.read_parquet(data / "layer_score.parquet").height == 2 * 3 * 2 * 4
    assert json.loads((reported.folder / "report" / ".made-from").read_text())["files"]


@pytest.mark.usefixtures("no_figures")
def test_missing_results_are_reported_with_the_command_to_run(copy_finished: Callable[..., Any]) -> None:
    brief = ('["sound", "paper"]\n', '["sound"]\nbootstraps = 50\nhalvings = 2\n')
    study = copy_finished(brief, arguments=SCORE)
    done = study.alignhouse("report", "early")
    assert done.returncode == 0, done.stderr
    page = html.unescape((study.folder / "early" / "index.html").read_text(encoding="utf-8"))
    assert "There are no intervals: run alignhouse analyse uncertainty STUDY.toml" in page
    assert "chosen and scored on the same stimuli" in page
    assert "significant after correction" in page
    assert study.alignhouse("analyse", "uncertainty", "study.toml").returncode == 0
    assert study.alignhouse("report", "early").returncode == 0
    page = html.unescape((study.folder / "early" / "index.html").read_text(encoding="utf-8"))
    assert "There are no intervals" not in page
    assert "Chosen on one half of the stimuli and scored on the other" in page


def test_one_network_one_subject_one_region(full_study: Any) -> None:
    study = full_study
    study.change('regions = ["V1", "EBA"]', 'regions = ["V1"]\nsubjects = ["sub-02"]')
    study.change('protocols = ["sound", "paper"]', 'protocols = ["sound"]\nbootstraps = 20\nhalvings = 2')
    for network in ("AlexNet", "vit_base_patch16_224"):
        shutil.rmtree(study.folder / "models" / network)
    with one_format(most=1):
        done = study.alignhouse("run", "study.toml")
    assert done.returncode == 0, done.stderr
    page = html.unescape((study.folder / "report" / "index.html").read_text(encoding="utf-8"))
    for sentence in (
        "mini: alignment of 1 network with 1 region",
        "There is a single network, my_own: it cannot be ranked.",
        "There is no noise ceiling of V1: it needs two subjects.",
        "The GFLOPs of my_own are unknown.",
        "Subjects are sub-02 only.",
    ):
        assert sentence in page, sentence


@pytest.mark.usefixtures("no_figures")
def test_a_report_that_would_come_out_the_same_is_not_made_again(reported: Any) -> None:
    page = reported.folder / "report" / "index.html"
    before = page.stat().st_mtime_ns
    again = reported.alignhouse("run", "study.toml")
    assert "Nothing to do" in again.stdout
    assert str(page) in again.stdout
    assert page.stat().st_mtime_ns == before
    reported.add_network("newcomer", seed=9)
    reported.alignhouse("run", "study.toml")
    assert "newcomer" in page.read_text(encoding="utf-8")
    (reported.folder / "report" / "data" / "best_layer.csv").unlink()
    reported.alignhouse("run", "study.toml")
    assert (reported.folder / "report" / "data" / "best_layer.csv").is_file()


@pytest.mark.usefixtures("no_figures")
def test_a_report_can_be_made_of_any_warehouse(reported: Any) -> None:
    done = reported.alignhouse("report", "elsewhere", "--group-by", "family")
    assert done.returncode == 0, done.stderr
    assert (reported.folder / "elsewhere" / "index.html").is_file()
    refused = reported.alignhouse("report", "nowhere", "--dataset", "bmd")
    assert refused.returncode == 2
    assert "mini (test)" in refused.stderr
    assert not (reported.folder / "nowhere").exists()
