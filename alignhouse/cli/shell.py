"""An SQL prompt on a warehouse."""

from __future__ import annotations

import cmd
import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb

from alignhouse.cli.answers import list_questions, options, write_answer
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.questions import question
from alignhouse.warehouse.store import Warehouse

HISTORY = Path("~/.alignhouse_history")
MOST_HISTORY = 1000
HELP = """\
Any SQL in DuckDB's dialect, on one or more lines, ended by a semicolon. Commands:
  .tables            tables and views
  .schema NAME       the columns of one
  .ask [QUESTION]    a named question, with its options: .ask best_layer --roi V1
  .help              this text
  .quit              leave (or end of file)"""


class Shell(cmd.Cmd):
    """Reads queries from standard input and prints their answers; after an error it continues.

    Input from a pipe gets no prompts, so that scripts can use it.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__()
        self._warehouse = warehouse
        self._lines: list[str] = []
        self._interactive = sys.stdin.isatty()
        self.use_rawinput = self._interactive
        self.intro = (
            f"{warehouse.folder}, read-only. SQL ends with ';', .help helps." if self._interactive else None
        )
        self._reset_prompt()

    def cmdloop(self, intro: str | None = None) -> None:
        """Read and answer until the end of the input; Ctrl-C drops the unfinished query."""
        with _history() if self._interactive else contextlib.nullcontext():
            while True:
                try:
                    super().cmdloop(intro)
                    return
                except KeyboardInterrupt:
                    print()
                    self._lines = []
                    self._reset_prompt()
                    intro = self.intro = ""

    def onecmd(self, line: str) -> bool:
        """Process one line; returns whether to leave."""
        if line == "EOF":
            if any(each.strip() for each in self._lines):
                self._answer()
            return True
        if not self._lines and line.lstrip().startswith("."):
            return self._command(line.strip()[1:])
        self._lines.append(line)
        if line.rstrip().endswith(";"):
            self._answer()
        elif not any(each.strip() for each in self._lines):
            self._lines = []
        self._reset_prompt()
        return False

    def completenames(self, text: str, *ignored: object) -> list[str]:
        """Names of tables and columns that begin with `text`."""
        return [name for name in self._warehouse.names() if name.startswith(text)]

    def completedefault(self, *ignored: object) -> list[str]:
        """The same names as at the beginning of a line."""
        return self.completenames(str(ignored[0]))

    def _command(self, line: str) -> bool:
        name, *arguments = shlex.split(line) or [""]
        if name in ("quit", "exit", "q"):
            return True
        with _errors_shown():
            if name == "tables":
                write_answer(self._warehouse.tables(), "table", None)
            elif name == "schema" and len(arguments) == 1:
                write_answer(self._warehouse.columns(arguments[0]), "table", None)
            elif name == "ask" and not arguments:
                list_questions()
            elif name == "ask":
                with contextlib.suppress(SystemExit):  # after a question's --help
                    given = options(arguments[0], arguments[1:])
                    answer = self._warehouse.ask(arguments[0], **given)
                    write_answer(answer, "table", None, question(arguments[0]))
            else:
                print(HELP)
        return False

    def _answer(self) -> None:
        query, self._lines = "\n".join(self._lines), []
        with _errors_shown():
            answer = self._warehouse.sql(query)
            if answer is not None:
                write_answer(answer, "table", None)

    def _reset_prompt(self) -> None:
        waiting = "...> " if self._lines else "sql> "
        self.prompt = waiting if self._interactive else ""


@contextlib.contextmanager
def _errors_shown() -> Iterator[None]:
    """Print an error as one line and continue."""
    try:
        yield
    except (AlignhouseError, duckdb.Error) as error:
        print(f"alignhouse: {error}", file=sys.stderr)


@contextlib.contextmanager
def _history() -> Iterator[None]:
    """Load and save the lines of earlier sessions, if the terminal supports a history."""
    try:
        import readline
    except ImportError:
        yield
        return
    file = HISTORY.expanduser()
    readline.set_history_length(MOST_HISTORY)
    if file.exists():
        readline.read_history_file(file)
    try:
        yield
    finally:
        readline.write_history_file(file)
