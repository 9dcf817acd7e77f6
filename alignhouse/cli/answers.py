"""Write answers: tables in the terminal, CSV, JSON, Parquet, Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from alignhouse.cli.mixing import COLUMNS, mixing_line
from alignhouse.cli.question_help import help_of, nothing_found
from alignhouse.console import plain_console
from alignhouse.protocol_names import with_measure
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.exports import csv_text, printable
from alignhouse.warehouse.files import replacing
from alignhouse.warehouse.questions import Question, question, questions
from alignhouse.warehouse.reading import refusals

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from alignhouse.warehouse.reader import Warehouse

MOST_ROWS_ON_A_TERMINAL = 200
# DuckDB's types whose columns are printed to the right.
NUMBERS = {
    *("tinyint", "smallint", "integer", "bigint", "hugeint", "float", "double", "decimal"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
}
# What the ending of a file's name says of its format.
FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".md": "markdown", ".txt": "table"}


def list_questions() -> None:
    """Print every named question, its description and its parameters."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("question", "asks", "parameters"):
        table.add_column(column, overflow="fold")
    for each in questions().values():
        parameters = " ".join(parameter.option for parameter in each.parameters)
        table.add_row(each.name, each.help.splitlines()[0], parameters)
    table_console().print(table)


def options(name: str, arguments: Sequence[str]) -> dict[str, str]:
    """Parse the parameters of a question from the words after its name on the command line.

    Raises
    ------
    BadInput : an unknown question, an unknown option, an option without a value.
    SystemExit : after `--help`, which prints the question's help.
    """
    asked = question(name)
    if {"-h", "--help"} & set(arguments):
        print(help_of(asked))
        raise SystemExit(0)
    given: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise BadInput(f"question {name}: {word!r}", expected="options such as --roi V1")
        key, equals, value = word[2:].partition("=")
        if not equals:
            if not words:
                raise BadInput(f"question {name}: option {word} has no value")
            value = words.pop(0)
        given[key.replace("-", "_")] = value
    given = with_measure(asked, given)
    asked.bind(given)
    return given


def answer_question(
    warehouse: Warehouse, name: str, arguments: Sequence[str], format: str | None, out: Path | None
) -> None:
    """Write the answer to a question; an empty one is explained on standard error."""
    given = options(name, arguments)
    asked = question(name)
    if write_answer(warehouse.ask(name, **given), format, out, asked) == 0:
        print(nothing_found(warehouse, asked, given), file=sys.stderr)


def write_answer(
    answer: duckdb.DuckDBPyRelation,
    format: str | None,
    out: Path | None,
    asked: Question | None = None,
    *,
    most: int = MOST_ROWS_ON_A_TERMINAL,
) -> int:
    """Write an answer to a file or to the terminal.

    An answer that mixes protocols, data sets, splits or weights says so above the table, and on standard
    error in the other formats, which programs read.

    Parameters
    ----------
    format : "table", "csv", "json", "parquet" or "markdown"; None: by the suffix of `out`, or a table.
    asked : the question that is answered; None for SQL. most : rows of a table.

    Raises
    ------
    BadInput : Parquet to a terminal; a file name with an unknown suffix; a query that fails.
    """
    if format is None:
        format = "table" if out is None else FORMATS.get(out.suffix.lower())
        if format is None:
            raise BadInput(
                f"{out}: which format?",
                expected=f"a name that ends in {', '.join(FORMATS)}",
                hint="or give --format",
            )
    if format == "table":
        return _write_table(answer, out, asked, most)
    with refusals():
        frame = answer.pl()
    told = [name for name in COLUMNS if name in frame.columns]
    if told and (line := mixing_line(told, frame.select(told).unique().iter_rows(), asked)):
        print(line, file=sys.stderr)
    _write_frame(frame, format, out)
    return len(frame)


def _write_frame(frame: pl.DataFrame, format: str, out: Path | None) -> None:
    if out is None:
        if format == "parquet":
            if sys.stdout.isatty():
                raise BadInput("Parquet is not for terminals", hint="name a file with --out")
            frame.write_parquet(sys.stdout.buffer)
        else:
            print(_text(frame, format), end="")
        return
    with replacing(out) as temporary:
        if format == "parquet":
            frame.write_parquet(temporary)
        else:
            temporary.write_text(_text(frame, format), encoding="utf-8")


def _text(frame: pl.DataFrame, format: str) -> str:
    if format == "csv":
        return csv_text(frame)
    return _markdown(frame) if format == "markdown" else frame.write_json() + "\n"


def _markdown(frame: pl.DataFrame) -> str:
    """A table in the syntax of GitHub and pandoc; numbers are right-aligned."""
    lines = [frame.columns, ["---:" if kind.is_numeric() else "---" for kind in frame.dtypes]]
    lines += [[_markdown_cell(value) for value in row] for row in frame.iter_rows()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _markdown_cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _write_table(answer: duckdb.DuckDBPyRelation, out: Path | None, asked: Question | None, most: int) -> int:
    """Print a table, or write it to a file; without polars, which takes a tenth of a second to load."""
    with refusals():
        rows = answer.fetchall()
    line = mixing_line(answer.columns, rows, asked)
    # Of a question, a column that has no value in any row is not shown.
    with_empty = asked is None or not rows
    if out is None:
        _print_table(answer, rows, table_console(), line, most, with_empty=with_empty)
        return len(rows)
    with replacing(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        _print_table(answer, rows, plain_console(file=file, width=240), line, most, with_empty=with_empty)
    return len(rows)


def _print_table(
    answer: duckdb.DuckDBPyRelation,
    rows: Sequence[tuple[Any, ...]],
    console: Console,
    line: str,
    most: int,
    *,
    with_empty: bool,
) -> None:
    from rich.table import Table

    if line:
        console.print(line, style="bold", highlight=False, soft_wrap=True)
    # A column that says the same of every row is said once, above the table.
    constant = {
        index: rows[0][index]
        for name in ("protocol", "dataset", "split", "beyond", "remark")
        for index, column in enumerate(answer.columns)
        if column == name and len({row[index] for row in rows}) == 1
    }
    said = ", ".join(
        f"{answer.columns[i]}: {value}" for i, value in constant.items() if value not in (None, "")
    )
    if said:
        console.print(printable(said), style="bold")
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = [
        index
        for index in range(len(answer.columns))
        if index not in constant and (with_empty or any(row[index] not in (None, "") for row in rows))
    ]
    for index in shown:
        is_number = answer.types[index].id in NUMBERS
        table.add_column(
            printable(answer.columns[index]), justify="right" if is_number else "left", overflow="fold"
        )
    for row in rows[:most]:
        table.add_row(*(_cell(row[index]) for index in shown))
    console.print(table)
    if len(rows) > most:
        console.print(f"... and {len(rows) - most} more rows; --format csv gives all")
    if _is_too_wide(table, console):
        console.print("Too wide for one line per row; --format csv or --format json gives whole rows.")


def _is_too_wide(table: Table, console: Console) -> bool:
    """Whether rows were wrapped to fit."""
    return table.__rich_measure__(console, console.options.update(max_width=100_000)).maximum > console.width


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def table_console() -> Console:
    """The console for tables. A pipe gets a fixed width: wrapped lines would break programs that read it."""
    return plain_console(width=None if sys.stdout.isatty() else 240)
