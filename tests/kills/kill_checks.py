"""What must hold after a kill, and after the repetition."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kill_stages import REPORT, Stage
from kill_starts import to_the_end
from kill_states import (
    LINEAGE,
    Rows,
    contents,
    different_tables,
    faults,
    files,
    lose_the_duckdb_files,
    rows,
    statuses,
    wrong_commits,
)
from kill_steps import OPENED, SAID, STEPS
from mini_study import MiniStudy

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.rebuild import rebuild


@dataclass(frozen=True)
class State:
    """What a study's folder holds, without what is not compared for its stage."""

    rows: Rows
    files: Counter[str]
    beside: set[str]
    warehouse: dict[str, str]
    report: dict[str, str]
    opened: str


def open_snapshot_of(study: MiniStudy) -> None:
    """Keep the present snapshot by a hard link, as a reader does that has it open."""
    if (study.warehouse / SNAPSHOT).exists():
        os.link(study.warehouse / SNAPSHOT, study.folder / OPENED)


def changed_while_open(study: MiniStudy, start: State) -> list[str]:
    """A reader keeps the snapshot that it opened; writing in its place would change it."""
    is_same = start.opened == _opened(study)
    return [] if is_same else ["the snapshot that a reader had open has changed"]


def _opened(study: MiniStudy) -> str:
    file = study.folder / OPENED
    return sha256_of(file) if file.exists() else ""


def result_of(stage: Stage, study: MiniStudy) -> Path:
    return study.folder / stage.result if stage.result else study.warehouse


def state_of(stage: Stage, study: MiniStudy, *, at_end: bool = True) -> State:
    """What is compared: after a kill, with the start or the end; after the repetition, with the end."""
    needs_rows = stage.readers_see in ("start or end", "one study")
    if at_end:
        # The contents of a warehouse that must not change say more.
        needs_rows = stage.writes or stage.result is not None
    folder = result_of(stage, study) if at_end else study.warehouse
    return State(
        rows(folder) if needs_rows else {},
        files(folder),
        {path.name for path in study.folder.iterdir()} - {SAID, STEPS, OPENED},
        {} if stage.writes else contents(study.warehouse),
        contents(study.folder / "report"),
        _opened(study),
    )


def after_a_kill(stage: Stage, study: MiniStudy, start: State, end: State) -> Iterator[str]:
    """What readers find wrong directly after a kill."""
    if stage.writes and not stage.then:
        yield from wrong_commits(study.warehouse)
    had_snapshot = SNAPSHOT in start.files
    if not (study.warehouse / SNAPSHOT).exists():
        if had_snapshot:
            yield "there was no snapshot"
        return
    if stage.command == REPORT:
        yield from _report_after_a_kill(study, start.report, end.report)
    if stage.result:
        yield from _copy_after_a_kill(result_of(stage, study), end)
    if not stage.writes:
        # So the warehouse needs no other check.
        yield from _different(contents(study.warehouse), start.warehouse)
        return
    try:
        with Warehouse.open(study.warehouse) as opened:
            opened.ask("best_layer").fetchall()
        found = rows(study.warehouse)
        yield from wrong_rows(stage, found, start.rows, end.rows)
        is_unrepaired = stage.repairs and not different_tables(found, start.rows)
        if not stage.then and not is_unrepaired:
            # Otherwise the rows have been compared with known ones.
            of_rows = stage.readers_see == "any"
            yield from (f"check: {fault}" for fault in faults(study.warehouse, of_rows=of_rows))
    except Exception as error:  # a broken file fails anywhere
        yield f"reading failed: {type(error).__name__}: {error}"


def wrong_rows(stage: Stage, found: Rows, start: Rows, end: Rows) -> list[str]:
    """What readers see although the stage promises that they do not."""
    match stage.readers_see:
        case "any":
            return []
        case "end":
            return different_tables(found, end)
        case "start or end":
            expected, bit_for_bit = (start, end), True
        case "one study":
            found, start, end = (
                {name: table for name, table in each.items() if name not in LINEAGE}
                for each in (found, start, end)
            )
            expected, bit_for_bit = (start, end), False
    differences = [different_tables(found, each, bit_for_bit=bit_for_bit) for each in expected]
    if all(differences):
        return [f"neither start nor end: {'; '.join(differences[0])} / {'; '.join(differences[1])}"]
    return []


def _copy_after_a_kill(target: Path, end: State) -> Iterator[str]:
    """What is wrong with a copy; it is either not there or complete. Removes it, for the next one."""
    if not target.exists():
        return
    if (target / SNAPSHOT).exists():
        yield from (f"the copy's {line}" for line in different_tables(rows(target), end.rows))
        yield from (f"check of the copy: {fault}" for fault in faults(target, of_rows=False))
    else:
        yield "the copy has no snapshot"
    shutil.rmtree(target)


def _different(found: dict[str, str], expected: dict[str, str]) -> Iterator[str]:
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            yield f"the warehouse's {name} has changed"


def _report_after_a_kill(study: MiniStudy, former: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """The files of the report that are missing, or neither those of the former nor of the new one."""
    found = contents(study.folder / "report")
    for name in former:
        if found.get(name) not in (former[name], new.get(name)):
            yield f"the report's {name} was damaged or missing"


def is_mixed(study: MiniStudy, former: dict[str, str], new: dict[str, str]) -> bool:
    found = contents(study.folder / "report")
    changed = [name for name in former if former[name] != new.get(name) and name != ".made-from"]
    return len({found.get(name) == former[name] for name in changed}) > 1


def after_the_repetition(stage: Stage, study: MiniStudy, end: State) -> Iterator[str]:
    """What is wrong after the command was repeated to its end."""
    for arguments in (stage.command, stage.then):
        if arguments:
            try:
                to_the_end(study, arguments)
            except AssertionError as error:
                yield f"the repetition failed: {error}"
                return
    warehouse = result_of(stage, study)
    found = state_of(stage, study)
    yield from _different(found.warehouse, end.warehouse)
    yield from different_tables(found.rows, end.rows, bit_for_bit=False)
    yield from (f"file left over: {name}" for name in (found.files - end.files).elements())
    yield from (f"file missing: {name}" for name in (end.files - found.files).elements())
    yield from (f"left beside the warehouse: {name}" for name in found.beside - end.beside)
    if found.report != end.report:
        yield "the report differs from an undisturbed one"
    if not stage.writes and not stage.result:
        return
    yield from (f"check: {fault}" for fault in faults(warehouse, of_rows=False))
    if "running" in statuses(warehouse):
        yield "a run is running for ever"
    full = rows(warehouse, all_columns=True)
    lose_the_duckdb_files(warehouse)
    try:
        rebuild(warehouse, "rebuild after the kills")
    except AlignhouseError as error:
        yield f"a rebuild after the loss of the DuckDB files failed: {error}"
        return
    for line in different_tables(rows(warehouse, all_columns=True), full):
        yield f"rebuilt after the loss of the DuckDB files: {line}"
