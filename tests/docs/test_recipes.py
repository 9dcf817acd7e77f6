"""Tests of the documentation: recipes run, and other pages show only existing commands and names.

If a block cannot run in a test (it needs real data, weights or a network), an invisible comment precedes it:
`<!-- not run: reason -->`. All other blocks of the recipes run, in the order of the page.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from alignhouse.cli.answers import options
from alignhouse.cli.app import main
from alignhouse.cli.commands import app
from alignhouse.study.file import Study
from alignhouse.warehouse import BadInput

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "docs" / "recipes.md"
COMMANDS = ""
NOT_RUN = re.compile(r"<!-- not run: (\S.*) -->")
FENCE = re.compile(r"^( *)```(\w*)$")
# The text before a study file contains the file name that later blocks use.
FILE_NAME = re.compile(r"`(\w+\.toml)`:$")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


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


def run_blocks(page: str, folder: Path, patch: pytest.MonkeyPatch) -> int:
    """Run every unmarked block of a page in `folder`, in order; returns their number."""
    patch.chdir(folder)
    run: dict[str, Callable[[Block], None]] = {
        COMMANDS: lambda block: run_commands(block, patch),
        "python": run_python,
        "toml": write_study_file,
    }
    number = 0
    for block in blocks(page):
        if block.not_run:
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


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_the_recipes_work_from_the_first_to_the_last(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    page = RECIPES.read_text(encoding="utf-8")
    unmarked = [block for block in blocks(page) if not block.not_run]
    assert run_blocks(page, tmp_path, patch) == len(unmarked) > 10
    made = {path.name for path in tmp_path.iterdir()}
    assert {"ranking.png", "mine.png", "best.svg", "ceilings.csv"} <= made


BAD_PAGES = {
    "a failing command": ("```\nalignhouse ask nothing\n```\n", AssertionError),
    "another command": ("```\nls\n```\n", AssertionError),
    "failing code": ("```python\nraise KeyError\n```\n", KeyError),
    "a study file without a name": ("```toml\n[study]\n```\n", AssertionError),
    "another language": ("```yaml\na: 1\n```\n", KeyError),
    "a mark elsewhere": ("<!-- not run: too far away -->\n\n```python\nraise KeyError\n```\n", KeyError),
    "a mark without a reason": ("<!-- not run: -->\n```python\nraise KeyError\n```\n", KeyError),
}


@pytest.mark.parametrize(("page", "error"), BAD_PAGES.values(), ids=BAD_PAGES)
def test_a_block_that_fails_fails_the_page(
    page: str, error: type[Exception], tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error):
        run_blocks(page, tmp_path, patch)


def test_a_marked_block_is_not_run(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    page = (
        "<!-- not run: it fails -->\n```python\nraise KeyError\n```\n\n"
        "  ```python\n  open('made', 'w').close()\n  ```\n"
    )
    assert run_blocks(page, tmp_path, patch) == 1
    assert (tmp_path / "made").exists()


def pages() -> list[Path]:
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
    return [*(ROOT / name for name in names), *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_what_a_page_shows_exists(page: Path) -> None:
    """Names in Python, keys in study files, commands and their options, files in links."""
    text = page.read_text(encoding="utf-8")
    for block in blocks(text):
        where = f"{page.name}, line {block.line}"
        if block.language == "python":
            for name in imported(block.text):
                assert exists(name), f"{where}: {name}"
        elif block.language == "toml" and "[project]" not in block.text:
            check_study(block.text)
        elif block.language == COMMANDS:
            for line in block.text.splitlines():
                if line.startswith(("alignhouse", "make")):
                    check_command(shlex.split(line, comments=True))
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def imported(code: str) -> list[str]:
    """Modules, and names in modules, that some code imports."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def exists(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module and hasattr(importlib.import_module(module), last):
        return True
    return importlib.util.find_spec(name) is not None


def check_study(text: str) -> None:
    """Raise unless every key of a study file, or of some of its tables, is known and every value allowed."""
    needed = {"brain": {"path": "brain"}, "stimuli": {"path": "stimuli"}}
    Study.model_validate({**needed, **tomllib.loads(text)}).resolved_protocols()


def check_command(words: list[str]) -> None:
    """Raise unless a command of alignhouse and its options, or a target of make, exist."""
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word} <= set(targets), words
        return
    command, arguments = typer.main.get_command(app), words[1:]
    while isinstance(command, TyperGroup):
        name, found, arguments = command.resolve_command(typer.Context(command), arguments)
        assert found is not None, name
        command = found
    context = command.make_context(command.name, arguments)
    if command.name == "ask" and context.params["question"]:
        options(context.params["question"], context.args)


USAGE_ERROR = typer.BadParameter.__mro__[1]
WRONG_COMMANDS = {
    "no such command": "alignhouse aks",
    "no such option": "alignhouse report out --grup-by family",
    "no such question": "alignhouse ask best_layers",
    "no such parameter": "alignhouse ask best_layer --region V1",
    "no such target": "make tset",
}


@pytest.mark.parametrize("line", WRONG_COMMANDS.values(), ids=WRONG_COMMANDS)
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises((USAGE_ERROR, BadInput, AssertionError)):
        check_command(line.split())
