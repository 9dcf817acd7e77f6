"""Runs the blocks of the documentation: commands, Python and study files.

If a block cannot run in a test (it needs real data, weights or a network), an invisible comment precedes it:
`<!-- not run: reason -->`.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from alignhouse.cli.answers import options
from alignhouse.cli.app import main
from alignhouse.cli.commands import app

ROOT = Path(__file__).parents[2]
COMMANDS = ""
NOT_RUN = re.compile(r"<!-- not run: (\S.*) -->")
FENCE = re.compile(r"^( *)```(\w*)$")
# The text before a study file contains the file name that later blocks use.
FILE_NAME = re.compile(r"`(\w+\.toml)`:$")


@dataclass(frozen=True)
class Block:
    """A fenced block. `not_run`: why a test cannot run it, or "". `before`: the line of text before it."""

    language: str
    text: str
    line: int
    not_run: str
    before: str


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks of a page."""
    lines = markdown.splitlines()
    found = []
    start: int | None = None
    indent, language = "", ""
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if start is None and fence:
            indent, language = fence.groups()
            start = number
        elif start is not None and line == f"{indent}```":
            text = "".join(f"{each.removeprefix(indent)}\n" for each in lines[start + 1 : number])
            before = [each.strip() for each in lines[:start] if each.strip()] or [""]
            reason = NOT_RUN.fullmatch(lines[start - 1].strip()) if start else None
            found.append(Block(language, text, start + 1, reason[1] if reason else "", before[-1]))
            start = None
    assert start is None, f"the block of line {start} has no end"
    return found


def run_blocks(
    page: str,
    folder: Path,
    patch: pytest.MonkeyPatch,
    chosen: Callable[[Block], bool] = lambda block: True,
) -> int:
    """Run every chosen unmarked block of a page in `folder`, in order; returns their number."""
    patch.chdir(folder)
    run: dict[str, Callable[[Block], None]] = {
        COMMANDS: lambda block: run_commands(block, patch),
        "python": run_python,
        "toml": write_study_file,
    }
    number = 0
    for block in blocks(page):
        if block.not_run or not chosen(block):
            continue
        try:
            run[block.language](block)
        except BaseException as error:
            error.add_note(f"in the block of line {block.line}:\n{block.text}")
            raise
        number += 1
    return number


def run_commands(block: Block, patch: pytest.MonkeyPatch) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "alignhouse", line
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", io.StringIO())  # the end of the input of `alignhouse shell`
        assert exit_code() == 0, line


def exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def run_python(block: Block) -> None:
    exec(compile(block.text, f"block of line {block.line}", "exec"), {"__name__": "__main__"})


def write_study_file(block: Block) -> None:
    named = FILE_NAME.search(block.before)
    assert named, f"the study file of line {block.line} needs a name in the words before it"
    Path(named[1]).write_text(block.text, encoding="utf-8")


@cache
def all_commands() -> Any:
    """The parsers of all commands; making them takes 50 ms."""
    return typer.main.get_command(app)


def check_command(words: list[str]) -> None:
    """Raise unless a command of alignhouse and its options, or a target of make, exist."""
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word} <= set(targets), words
        return
    command, arguments = all_commands(), words[1:]
    while isinstance(command, TyperGroup):
        if not arguments:
            return  # a group of commands
        if arguments[0].startswith("-"):
            assert arguments[0] in [name for each in command.params for name in each.opts], words
            return
        name, found, arguments = command.resolve_command(typer.Context(command), arguments)
        assert found is not None, name
        command = found
    context = command.make_context(command.name, arguments)
    if command.name == "ask" and context.params["question"]:
        options(context.params["question"], context.args)
