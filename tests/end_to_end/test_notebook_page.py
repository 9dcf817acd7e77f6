"""The examples of docs/notebook.md run on a small study and print what the page shows."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from mini_study import MiniStudy

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "notebook.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def results_of(text: str) -> tuple[doctest.TestResults, str]:
    """The results of the examples of a page, and what doctest says of those that fail."""
    # The end of a fenced block is no output.
    test = doctest.DocTestParser().get_doctest(text.replace("```", ""), {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    found = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.append)
    return found, "".join(said)


def test_the_page_of_the_notebook_prints_what_it_shows(
    copy_finished: Callable[..., MiniStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = copy_finished()
    monkeypatch.chdir(study.folder)
    with pl.Config():
        pl.Config.restore_defaults()
        results, said = results_of(PAGE.read_text(encoding="utf-8"))
    assert results.failed == 0, said
    assert results.attempted > 30
    assert (study.folder / "depth.png").stat().st_size > 10_000


def test_an_example_that_prints_something_else_fails() -> None:
    results, said = results_of("```pycon\n>>> 1 + 1\n3\n```\n")
    assert (results.failed, results.attempted) == (1, 1)
    assert "Expected:" in said
