"""The commands that ask a warehouse: `ask`, `sql`, `shell`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.asking import Asking, Format, answer
from alignhouse.cli.terminal import WarehouseOption
from alignhouse.cli.which import which_warehouse

FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        "-f",
        help="Format of the answer. Default: by the suffix of --out; a table on the terminal. "
        "In csv, text that a spreadsheet would take for a formula gets an apostrophe in front.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="File to write to; parquet needs one. Default: the terminal."),
]


def ask(
    context: typer.Context,
    question: Annotated[str | None, typer.Argument(help="A named question; without it, list all.")] = None,
    warehouse: WarehouseOption = None,
    format: FormatOption = None,
    out: OutOption = None,
    help: Annotated[
        bool, typer.Option("--help", "-h", help="Show this, or the help of the question, and exit.")
    ] = False,
) -> None:
    """Answer a named question. A question's own parameters are options: `--roi V1`.

    `alignhouse ask QUESTION --help` explains them.

    Examples: `alignhouse ask`, `alignhouse ask alignment_by_layer_depth --roi V1 --by arch_type`
    """
    from alignhouse.cli.answers import list_questions, options

    if help and question is None:
        typer.echo(context.get_help())
        typer.echo("Questions:")
    if question is None:
        list_questions()
        return
    if help:
        options(question, ["--help"])
    answer(Asking(question, context.args, warehouse, format, out))


def sql(
    query: Annotated[str, typer.Argument(help="Any SQL; docs/schema.md describes the tables.")],
    warehouse: WarehouseOption = None,
    format: FormatOption = None,
    out: OutOption = None,
) -> None:
    """Answer any SQL query (DuckDB's dialect). It can read this warehouse, and no file, network or setting.

    Example: `alignhouse sql "select roi, max(rho) from best_layer group by roi"`
    """
    from alignhouse.cli.answers import write_answer
    from alignhouse.warehouse.errors import BadInput
    from alignhouse.warehouse.reader import Warehouse

    with Warehouse.open(which_warehouse(warehouse)) as opened:
        answer = opened.sql(query)
        if answer is None:
            raise BadInput("the SQL gives no rows", expected="a query, such as select ... from best_layer")
        write_answer(answer, format, out)


def shell(warehouse: WarehouseOption = None) -> None:
    """Open an SQL prompt. End each query with `;`. The warehouse is read-only.

    Example: `alignhouse shell --warehouse bmd.alignhouse`
    """
    from alignhouse.cli.shell import Shell
    from alignhouse.warehouse.reader import Warehouse

    with Warehouse.open(which_warehouse(warehouse)) as opened:
        Shell(opened).cmdloop()
