"""Statistics of users: rows under a name of their own, stored like every other result of the warehouse.

A result is a job with two files: one row of the table `result`, which says what the statistic is, and the
rows of the table `results.NAME`. Both are registered in one transaction and are in the journal. So a copy, a
check and a rebuild treat them like all other artifacts.
"""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.batches import Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.questions import questions
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.result_names import SCHEMA, is_plain, is_result, result_table
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.schema import statement
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.store import Writer

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

RESULT, RESULT_VERSION = "result", 1
# Registration adds a column of this name.
_OWN_COLUMN = "artifact"


class ResultSettings(JobSettings):
    """Settings of a result. rows_sha256 : hash of its rows, see `sha256_of_rows`."""

    result: str
    description: str
    author: str
    rows_sha256: str


@dataclass(frozen=True)
class AddedResult:
    """A stored result.

    table : its name in SQL. rows : their number. status : "added", "replaced", or "stored already" if the
    warehouse has the same rows with the same description.
    """

    table: str
    rows: int
    status: str

    def __str__(self) -> str:
        return f"{self.table}, {self.rows:,} rows: {self.status}"


def add_result(
    folder: Path, rows: pl.DataFrame, name: str, *, description: str, author: str | None, replace: bool
) -> AddedResult:
    """Store rows as `results.NAME`; all or nothing.

    Parameters
    ----------
    folder : of an existing warehouse.
    rows : (n_rows, n_columns), at least one of each; numbers, text, booleans, dates and times.
    description : how the numbers were computed, in words.
    author : None for the name of the user who is logged in.
    replace : allow replacing the rows of a stored result with this name.

    Raises
    ------
    BadInput : a name that is not plain, or belongs to a table, view, question or other result; no
        description; rows of other types. WarehouseLocked : another process is writing.
    """
    _check_rows(rows)
    if not description.strip():
        raise BadInput(f"result {name!r}", expected="a description: how the numbers were computed")
    settings = ResultSettings(
        result=name,
        description=description.strip(),
        author=getpass.getuser() if author is None else author,
        rows_sha256=sha256_of_rows(rows),
    )
    with Warehouse(folder) as warehouse:
        check_result_name(name, (table for table, _ in warehouse.tables().fetchall()))
    table = result_table(name)
    job = Job(RESULT, RESULT_VERSION, settings.as_json(), {}, table)
    with Writer(folder, "add_results") as writer:
        known = {each for (each,) in writer.connection.execute(statement("result_names")).fetchall()}
        with Run(writer, f"add_results(name={name!r})", {}) as run:
            is_new = not writer.finished([job])
            if is_new and name in known and not replace:
                raise BadInput(
                    f"there is a result {name!r} with other rows or another description",
                    hint="replace=True replaces it; `w.results` lists all",
                )
            run.do("Adding a result", [single(job, store_result, rows=_arrow(rows))])
    status = "stored already" if not is_new else "replaced" if name in known else "added"
    return AddedResult(table, len(rows), status)


def store_result(job: Job, reporter: Reporter, rows: pa.Table) -> Iterator[Output]:
    """The row that describes a result, and its rows; see `add_result`."""
    from alignhouse.warehouse.tables import rows_output

    settings = ResultSettings.of(job)
    yield rows_output(RESULT, {key: [value] for key, value in settings.as_json().items()}, (RESULT,))
    table = result_table(settings.result)
    yield Output(("facts", hive("table", table)), rows, table=table)


def check_result_name(name: str, tables: Iterable[str]) -> None:
    """Refuse a name that is not plain, or that a table, a view or a question has.

    tables : the names of tables and views, those of the schema `results` with it.

    Raises
    ------
    BadInput : the name cannot be used.
    """
    if not is_plain(name):
        raise BadInput(
            f"name of a result {name!r}",
            expected="lower-case letters, digits and underscores, at most 63, a letter first",
            hint="for example noise_ceiling_of_pairs",
        )
    if name in _reserved_words():
        raise BadInput(f"name of a result {name!r}", expected="a name", found="a word of SQL")
    kinds = {"a table or view": {SCHEMA, *tables}, "a question": set(questions())}
    for kind, names in kinds.items():
        if name in names:
            raise BadInput(f"name of a result {name!r}", expected="a new name", found=f"the name of {kind}")


def is_of_result(artifact: Artifact) -> bool:
    """Whether an artifact says that it is one of the two files of a result."""
    return artifact.method == RESULT or artifact.table == RESULT or is_result(artifact.table or "")


def fault_of_record(artifact: Artifact, tables: Iterable[str]) -> str | None:
    """What makes a received record of a result unlike those that `add_result` makes.

    tables : as for `check_result_name`.
    """
    settings = artifact.settings
    if artifact.method != RESULT or artifact.inputs or settings.keys() != ResultSettings.model_fields.keys():
        return "it is not of a job that adds a result"
    if not all(isinstance(value, str) for value in settings.values()):
        return "the description of the result is no text"
    try:
        check_result_name(settings["result"], tables)
    except BadInput as error:
        return str(error)
    files = {0: (RESULT, (RESULT,)), 1: (result_table(settings["result"]), ())}
    if artifact.of != len(files) or (artifact.table, artifact.slot) != files.get(artifact.position):
        return "it is none of the two files of its result"
    return None


def fault_of_content(artifact: Artifact) -> str | None:
    """What makes the file of a received result unlike those that `add_result` writes.

    Columns of rows must have plain types, and names that SQL can use. The hash of the rows is not compared,
    because it may depend on the version of polars.
    """
    rows = artifact.rows()
    if artifact.table == RESULT:
        described = rows.to_dicts() == [artifact.settings]
        return None if described else "it is not the one row that describes its result"
    try:
        _check_rows(rows)
    except BadInput as error:
        return str(error)
    return None


def sha256_of_rows(rows: pl.DataFrame) -> str:
    """The hash of names, types and values, in order; 64 hexadecimal digits.

    Equal for equal tables, whatever library or process made them. Floats count with all their digits.
    """
    digest = hashlib.sha256(repr([(name, str(kind)) for name, kind in rows.schema.items()]).encode())
    digest.update(rows.write_csv(quote_style="non_numeric").encode())
    return digest.hexdigest()


def _check_rows(rows: pl.DataFrame) -> None:
    import polars as pl

    if not rows.height or not rows.width:
        raise BadInput("rows of a result", expected="at least one row and one column", found=rows.shape)
    folded = [name.lower() for name in rows.columns]
    for name in rows.columns:
        if not name.strip() or not name.isprintable() or name.lower() == _OWN_COLUMN:
            raise BadInput(
                f"column {name!r} of a result",
                expected=f"a name in printable letters, other than {_OWN_COLUMN}",
                hint="rename the column",
            )
        if folded.count(name.lower()) > 1:
            raise BadInput(f"columns of a result: several are called {name}", hint="SQL ignores upper case")
    stored = (pl.String, pl.Boolean, pl.Date, pl.Time, pl.Datetime, pl.Float32, pl.Float64)
    for name, kind in rows.schema.items():
        if not (kind in stored or kind.is_integer()) or kind in (pl.Int128, pl.UInt128):
            raise BadInput(
                f"column {name!r} of a result",
                expected="numbers, text, booleans, dates or times",
                found=str(kind),
                hint="convert the column, or unnest it into several",
            )


def _arrow(rows: pl.DataFrame) -> pa.Table:
    """The rows with Arrow's plain strings, which every version of Arrow reads."""
    import pyarrow as pa

    table = rows.to_arrow()
    plain = [
        each.with_type(pa.string()) if pa.types.is_large_string(each.type) or _is_view(each.type) else each
        for each in table.schema
    ]
    return table.cast(pa.schema(plain))


def _is_view(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string_view(kind))


def _reserved_words() -> set[str]:
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute(statement("reserved_words")).fetchall()
    return {word for (word,) in rows}
