"""A report on disk is complete at every moment, and its tables are also files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.report import publish
from alignhouse.analysis.report.downloads import TABLES, write_downloads
from alignhouse.analysis.report.publish import is_up_to_date, staged
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of


def put(folder: Path, state: str, **texts: str) -> None:
    with staged(folder, state) as making:
        for name, text in texts.items():
            path = making / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def test_files_of_the_earlier_report_are_removed_and_foreign_files_stay(tmp_path: Path) -> None:
    put(tmp_path, "one", index_html="1", figures__a_pdf="1", figures__b_pdf="1")
    (tmp_path / "figures" / "mine.pdf").write_text("mine", encoding="utf-8")
    put(tmp_path, "two", index_html="2", figures__a_pdf="2")
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["a.pdf", "mine.pdf"]
    assert (tmp_path / "figures" / "a.pdf").read_text(encoding="utf-8") == "2"
    assert is_up_to_date(tmp_path, "two")
    assert not is_up_to_date(tmp_path, "one")


def test_a_report_that_fails_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path / "old", "one", index_html="1")
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "old", "two") as making:
        (making / "index.html").write_text("half", encoding="utf-8")
        1 / 0  # noqa: B018
    assert (tmp_path / "old" / "index.html").read_text(encoding="utf-8") == "1"
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == [".made-from", "index.html"]
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "new", "one"):
        1 / 0  # noqa: B018
    assert not (tmp_path / "new").exists()


def test_the_page_comes_after_all_that_it_links_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[tuple[str, str]] = []
    replace, sync = os.replace, publish.sync

    def replacing(temporary: Path, final: Path) -> None:
        did.append(("replace", final.name))
        replace(temporary, final)

    def syncing(path: Path) -> None:
        did.append(("sync", path.name if path.is_file() else path.relative_to(tmp_path).as_posix()))
        sync(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replacing)
        patched.setattr(publish, "sync", syncing)
        put(tmp_path, "one", index_html="1", data__a_csv="1", zz_csv="1")
    # Everything is flushed before the first file is replaced, so little time passes until the page is.
    assert did == [
        ("sync", "a.csv"),
        ("sync", "zz.csv"),
        ("sync", "index.html"),
        ("replace", "a.csv"),
        ("replace", "zz.csv"),
        ("sync", "."),
        ("sync", "data"),
        ("replace", "index.html"),
        ("sync", "."),
        ("replace", ".made-from"),
    ]


@pytest.mark.parametrize("record", ["", "abcdef", "[]", '{"state": "one"}'])
def test_a_record_of_another_version_is_out_of_date(tmp_path: Path, record: str) -> None:
    put(tmp_path, "one", index_html="1")
    (tmp_path / ".made-from").write_text(record, encoding="utf-8")
    assert not is_up_to_date(tmp_path, "one")
    put(tmp_path, "one", index_html="2")
    assert is_up_to_date(tmp_path, "one")


def test_every_table_is_a_csv_and_a_parquet_with_the_same_rows(
    content: Callable[..., Any], tmp_path: Path
) -> None:
    made = content(inputs=pl.DataFrame({"name": ["a", "b"], "about": [{"rows": 1}, None]}))
    written = write_downloads(made, tmp_path)
    names = [each.name for each in written]
    assert names == [
        *("best_layer", "leaderboard", "layer_score", "depth_profile", "noise_ceiling", "networks", "inputs"),
    ]
    assert set(names) < set(TABLES)
    for each in written:
        parquet, csv = tmp_path / f"{each.name}.parquet", tmp_path / f"{each.name}.csv"
        frame = pl.read_parquet(parquet)
        assert frame.equals(getattr(made, each.name))
        assert pl.read_csv(csv).height == frame.height == int(each.rows)
        assert each.sha256 == sha256_of(parquet)
    assert [json.loads(each or "null") for each in pl.read_csv(tmp_path / "inputs.csv")["about"]] == [
        {"rows": 1},
        None,
    ]


def record(folder: Path, *names: str) -> None:
    (folder / ".made-from").write_text(json.dumps({"state": "one", "files": names}), encoding="utf-8")


def test_a_received_report_removes_nothing_outside_itself(tmp_path: Path) -> None:
    folder, outside = tmp_path / "report", tmp_path / "outside"
    put(folder, "one", index_html="1")
    outside.mkdir()
    for name in ("victim.txt", "other.txt", "linked.txt"):
        (outside / name).write_text("mine", encoding="utf-8")
    (folder / "data").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "linked.txt")
    (folder / "empty").mkdir()
    names = ("../outside/victim.txt", f"{outside}/victim.txt", "data/other.txt", "link.txt", "empty", ".", "")
    record(folder, *names, "x" * 5000, "a\0b", "data/../../outside/victim.txt", "\ud800")
    assert not is_up_to_date(folder, "one")
    put(folder, "two", index_html="2")
    assert {path.name for path in outside.iterdir()} == {"victim.txt", "other.txt", "linked.txt"}
    assert (outside / "linked.txt").read_text(encoding="utf-8") == "mine"
    assert not (folder / "link.txt").is_symlink()
    assert (folder / "empty").is_dir()
    assert is_up_to_date(folder, "two")


def test_a_report_is_not_written_through_a_link(tmp_path: Path) -> None:
    folder, outside = tmp_path / "report", tmp_path / "outside"
    put(folder, "one", index_html="1")
    outside.mkdir()
    (outside / "a.csv").write_text("mine", encoding="utf-8")
    (folder / "data").symlink_to(outside)
    with pytest.raises(BadInput, match=r"a real folder for data/a.csv, found a link"):
        put(folder, "two", index_html="2", data__a_csv="2")
    assert (outside / "a.csv").read_text(encoding="utf-8") == "mine"
    assert (folder / "index.html").read_text(encoding="utf-8") == "1"
    assert is_up_to_date(folder, "one")


@pytest.mark.parametrize("text", ["[" * 100_000, " " * 5_000_000 + "{}"])
def test_an_absurd_record_counts_as_none(tmp_path: Path, text: str) -> None:
    put(tmp_path, "one", index_html="1")
    (tmp_path / ".made-from").write_text(text, encoding="utf-8")
    put(tmp_path, "two", index_html="2")
    assert is_up_to_date(tmp_path, "two")
