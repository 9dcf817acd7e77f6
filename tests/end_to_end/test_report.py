"""The report of a study, and when it is made anew."""

from __future__ import annotations

import re
from typing import Any

import pytest


@pytest.fixture
def reported(study: Any) -> Any:
    done = study.alignhouse("run", "study.toml")
    assert done.returncode == 0, done.stderr
    return study


def test_the_report_is_one_page_that_says_what_its_numbers_are(reported: Any) -> None:
    page = (reported.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert page.count("synthetic brains") > 10
    for text in ("V1", "EBA", "my_own", "sound", "paper", "rows_and_columns", "sub-01_roi-lEBA"):
        assert text in page, text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert loaded
    assert all(each.startswith("data:") for each in loaded)
    figures = {path.suffix for path in (reported.folder / "report" / "figures").iterdir()}
    assert figures == {".pdf", ".png"}


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


def test_a_report_can_be_made_of_any_warehouse(reported: Any) -> None:
    done = reported.alignhouse("report", "elsewhere", "--group-by", "family")
    assert done.returncode == 0, done.stderr
    assert (reported.folder / "elsewhere" / "index.html").is_file()
    refused = reported.alignhouse("report", "nowhere", "--dataset", "bmd")
    assert refused.returncode == 2
    assert "mini (test)" in refused.stderr
    assert not (reported.folder / "nowhere").exists()
