"""Merges of small labs, and what is true of a warehouse after one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs import Lab
from small_studies import contents, do, lose_the_duckdb_files, rows_of

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.checks import altered_rows, broken_artifacts, broken_rules, stale_summaries
from alignhouse.warehouse.journal import JOURNAL, entries_of
from alignhouse.warehouse.merge_plan import Merged
from alignhouse.warehouse.merging import merge_warehouses
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.rebuild import rebuild

A, B = Lab(("n1", "n2")), Lab(("n3", "n4"))
# Tables that say when and how something was registered.
HISTORY = {"artifact", "journal", "migration", "run"}


def merge(folder: Path, target: str = "a", *sources: str) -> Merged:
    return merge_warehouses(folder / target, [folder / name for name in sources or ("b",)], "a merge")


def made_by(folder: Path, lab: Lab, *methods: str) -> str:
    """The name of a new warehouse with the study of a lab; with the jobs of some methods only, if given."""
    name = f"lab {len(list(folder.iterdir()))}"
    do(folder / name, jobs_of(lab, *methods) if methods else lab.batches())
    return name


def jobs_of(lab: Lab, *methods: str) -> list[Batch]:
    """The jobs of a lab's study by some methods."""
    return [each for each in lab.batches() if each.jobs[0].method in methods]


def facts(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows for table, rows in rows_of(folder).items() if table not in HISTORY}


def together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of both, once."""
    return {table: sorted({*one[table], *other[table]}, key=repr) for table in one}


def is_whole(folder: Path) -> bool:
    """Whether no rule is broken, and a rebuild from the files gives the same rows of all tables."""
    with Warehouse(folder) as opened:
        assert broken_rules(opened) == []
    before = rows_of(folder)
    lose_the_duckdb_files(folder)
    rebuild(folder, "test")
    return rows_of(folder) == before


def check_finds_nothing(folder: Path) -> bool:
    """Whether `alignhouse check` finds nothing. A rebuild that gives the same rows says most of it too."""
    with Warehouse(folder) as opened:
        faults = broken_rules(opened) + stale_summaries(opened)
        return faults + broken_artifacts(opened, Silent()) + altered_rows(opened, Silent()) == []


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """The block changes no row of any table, no artifact, and adds no valid entry to the journal."""

    def state() -> tuple[Any, ...]:
        stored = {
            name: digest
            for name, digest in contents(folder).items()
            if not name.startswith("working") and name not in (SNAPSHOT, JOURNAL)
        }
        return rows_of(folder), stored, entries_of(folder)

    before = state()
    yield
    assert state() == before
