"""Write answers: tables in the terminal, CSV, JSON, Parquet, Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alignhouse.cli.terminal import table_console
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import replacing
from alignhouse.warehouse.questions import question, questions

MOST_ROWS_ON_A_TERMINAL = 200
# What the ending of a file's name says of its format.
FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".md": "markdown", ".txt": "table"}


def list_questions() -> None:
    """Print every named question, its description and its parameters."""
    table = Table(box=None, pad_edge=False)
    for column in ("question", "asks", "parameters"):
        table.add_column(column, overflow="fold")
    for each in questions().values():
        parameters = " ".join(f"--{parameter.name.replace('_', '-')}" for parameter in each.parameters)
        table.add_row(each.name, escape(each.help.splitlines()[0]), parameters)
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
        print(asked.help)
        for each in asked.parameters:
            default = "required" if each.required else f"default: {each.default}"
            print(f"  --{each.name.replace('_', '-')} {each.type.__name__.upper()}  {each.help} ({default})")
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
    asked.bind(given)
    return given


def write(answer: duckdb.DuckDBPyRelation, format: str | None, out: Path | None) -> None:
    """Write an answer to a file or to the terminal.

    Parameters
    ----------
    format : "table", "csv", "json", "parquet" or "markdown"; None: by the suffix of `out`, or a table.

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
    try:
        frame = answer.pl()
    except duckdb.Error as error:
        raise BadInput("the question was refused", found=str(error)) from error
    if out is None:
        if format == "parquet":
            if sys.stdout.isatty():
                raise BadInput("Parquet is not for terminals", hint="name a file with --out")
            frame.write_parquet(sys.stdout.buffer)
        elif format == "table":
            _print_table(frame)
        else:
            print(_text(frame, format), end="")
        return
    with replacing(out) as temporary:
        if format == "parquet":
            frame.write_parquet(temporary)
        elif format == "table":
            with temporary.open("w", encoding="utf-8") as file:
                _print_table(frame, Console(file=file, width=240))
        else:
            temporary.write_text(_text(frame, format), encoding="utf-8")


def _text(frame: pl.DataFrame, format: str) -> str:
    if format == "csv":
        return frame.write_csv()
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


def _print_table(frame: pl.DataFrame, console: Console | None = None) -> None:
    console = console or table_console()
    # A column that says the same of every row is said once, above the table.
    constant = [name for name in ("protocol", "dataset", "split", "remark") if _is_constant(frame, name)]
    said = ", ".join(f"{name}: {frame[name][0]}" for name in constant if frame[name][0] not in (None, ""))
    if said:
        console.print(escape(said), style="bold")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, kind in frame.drop(constant).schema.items():
        table.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in frame.drop(constant).head(MOST_ROWS_ON_A_TERMINAL).iter_rows():
        table.add_row(*(_cell(value) for value in row))
    console.print(table)
    if len(frame) > MOST_ROWS_ON_A_TERMINAL:
        console.print(f"... and {len(frame) - MOST_ROWS_ON_A_TERMINAL} more rows; --format csv gives all")


def _is_constant(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and len(frame) > 0 and frame[name].n_unique() == 1


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
