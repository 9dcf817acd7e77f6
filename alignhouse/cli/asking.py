"""`alignhouse ask` without typer: parses a command line that needs none of typer's help or messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alignhouse.cli.which import WAREHOUSE_VARIABLE, which_warehouse

_OPTIONS = {
    "--warehouse": "warehouse",
    "-w": "warehouse",
    "--format": "format",
    "-f": "format",
    "--out": "out",
    "-o": "out",
}
# typer answers these.
_HELP = {"-h", "--help"}


class Format(StrEnum):
    """How a table is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"
    markdown = "markdown"


@dataclass(frozen=True)
class Asking:
    """A question with the words that set its own parameters."""

    question: str
    arguments: Sequence[str] = ()
    warehouse: Path | None = None
    format: Format | None = None
    out: Path | None = None


def plainly_asked(words: Sequence[str], environment: Mapping[str, str]) -> Asking | None:
    """The question in the words of a command line, if typer parses them in the same way.

    Returns None for every other command line: another command, a request for help, mistakes, rare spellings
    (`-fcsv`). typer must parse those.
    """
    if len(words) < 2 or words[0] != "ask" or not words[1] or words[1].startswith("-"):
        return None
    given: dict[str, str] = {}
    arguments: list[str] = []
    rest = list(words[2:])
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        is_long = word.startswith("--")
        if word in _HELP or word == "--" or (word.startswith("-") and not is_long and word not in _OPTIONS):
            return None
        if name not in _OPTIONS:
            arguments.append(word)
            continue
        if not equals:
            value = rest.pop(0) if rest else ""
        if not value or value.startswith("-"):
            return None
        given[_OPTIONS[name]] = value
    if given.get("format", Format.table) not in set(Format):
        return None
    warehouse = given.get("warehouse") or environment.get(WAREHOUSE_VARIABLE)
    return Asking(
        words[1],
        arguments,
        warehouse=Path(warehouse) if warehouse else None,
        format=Format(given["format"]) if "format" in given else None,
        out=Path(given["out"]) if "out" in given else None,
    )


def answer(asking: Asking) -> None:
    """Answer a question on the terminal, or into a file.

    Raises
    ------
    BadInput : an unknown question, parameter, value or warehouse; as `write_answer`.
    """
    from alignhouse.cli.answers import options, write_answer
    from alignhouse.warehouse.questions import question
    from alignhouse.warehouse.store import Warehouse

    given = options(asking.question, asking.arguments)
    with Warehouse.open(which_warehouse(asking.warehouse)) as opened:
        answered = opened.ask(asking.question, **given)
        write_answer(answered, asking.format, asking.out, question(asking.question))
