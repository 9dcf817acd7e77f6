"""Opens another warehouse to add its artifacts to one's own; its records may come from a stranger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alignhouse.warehouse.artifacts import FOLDERS, NAME_DIGITS, Artifact
from alignhouse.warehouse.contents import Contents
from alignhouse.warehouse.copies import refuse_links
from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.files import inside
from alignhouse.warehouse.history import last_entry
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.journal import entries_of
from alignhouse.warehouse.older import column_types
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.rebuild import not_as_registered
from alignhouse.warehouse.result_names import described_tables
from alignhouse.warehouse.results import fault_of_record, is_of_result
from alignhouse.warehouse.schema import columns_of_tables, empty_tables


@contextmanager
def open_source(folder: Path) -> Iterator[Contents]:
    """What the published snapshot of a warehouse holds, with every record verified as far as it can be.

    Raises
    ------
    BrokenWarehouse : a newer version wrote it, its snapshot or journal is a link, or records are not those
        of alignhouse: a path that leads out of the warehouse, a name or key that is not that of its job, an
        unknown table or column. Names them.
    """
    refuse_links(folder)
    with open_named(folder) as opened:
        _refuse_other_types(opened)
        committed = last_entry(opened.connection)
        entries = [entry for entry in entries_of(folder) if entry["n"] <= committed]
        try:
            order = [path for entry in entries for _, path, _ in entry.get("registered", ())]
            contents = Contents(folder, opened.connection, order)
            tables = [name for name, _ in opened.tables().fetchall()]
            found = {str(each.path): _fault(each, tables) for each in contents.every.values()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BrokenWarehouse(
                f"warehouse {folder}",
                expected="records of artifacts as alignhouse writes them",
                found=f"{type(error).__name__}: {error}",
                hint="`alignhouse rebuild` there makes them again from the files",
            ) from error
        if faults := {path: fault for path, fault in found.items() if fault is not None}:
            raise not_as_registered(
                f"warehouse {folder} cannot be merged",
                faults,
                "`alignhouse rebuild` there makes the records again from the files",
            )
        yield contents


def open_named(folder: Path) -> Warehouse:
    """The warehouse at `folder`; as there are several, an error names it."""
    try:
        return Warehouse(folder)
    except BrokenWarehouse as error:
        raise BrokenWarehouse(
            f"warehouse {folder}: {error.failed}", expected=error.expected, found=error.found, hint=error.hint
        ) from error


@cache
def _known_types() -> dict[str, dict[str, str]]:
    """Table of `sql/schema` -> column -> type."""
    with empty_tables() as empty:
        return column_types(empty, "memory")


def _refuse_other_types(opened: Warehouse) -> None:
    found = column_types(opened.connection, "warehouse")
    known = dict(_known_types())
    for table, stored in described_tables(opened.connection).items():
        rows = opened.connection.sql(f"from {stored}")
        known[table] = {"artifact": "VARCHAR"}
        found[table] = dict(zip(rows.columns, map(str, rows.types), strict=True))
    for table, columns in known.items():
        for column, kind in columns.items():
            if (other := found.get(table, {}).get(column, kind)) != kind:
                raise BrokenWarehouse(
                    f"warehouse {opened.folder}, table {table}, column {column}",
                    expected=kind,
                    found=other,
                    hint="`alignhouse rebuild` there makes the tables again from the files",
                )


def _fault(artifact: Artifact, tables: Sequence[str]) -> str | None:
    """What makes a record unlike those of alignhouse. tables : the names of tables and views."""
    each = artifact
    if not isinstance(each.settings, dict) or not isinstance(each.inputs, dict):
        return "settings or inputs are not names with values"
    if not all(isinstance(value, str) for value in each.inputs.values()):
        return "an input is not a name or a hash"
    if Job(each.method, each.version, each.settings, each.inputs, "").key != each.job:
        return "the key is not that of its job"
    if each.artifact != f"{each.job[:NAME_DIGITS]}-{each.position}":
        return "the name is not that of its job"
    folder, _, rest = each.path.partition("/")
    if folder not in FOLDERS or not f"/{rest}".endswith(f"/{each.artifact}.parquet"):
        return "the path is not that of an artifact"
    if inside(Path(), each.path, links=True) is None:
        return "the path leads out of the warehouse"
    if is_of_result(each):
        return fault_of_record(each, tables)
    if each.table is not None and not each.slot:
        return "no slot"
    if each.table is not None and not columns_of_tables().get(each.table, frozenset()).issuperset(each.slot):
        return f"no table {each.table} with the columns {', '.join(map(str, each.slot))}"
    return None
