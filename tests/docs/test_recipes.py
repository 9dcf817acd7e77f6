"""Tests of the documentation: recipes run, and other pages show only existing commands and names.

All blocks of the recipes run in the order of the page, except those that `<!-- not run: reason -->` precedes.
Commands of other pages run in tests/end_to_end/test_documented_commands.py.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from documentation import COMMANDS, ROOT, blocks, check_command, run_blocks

from alignhouse.study.file import Study
from alignhouse.warehouse import BadInput

RECIPES = ROOT / "docs" / "recipes.md"
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
# A command in a line of text.
INLINE = re.compile(r"`(alignhouse [^`\n]+)`")


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


# `make test-spark` installs it, and runs the code.
NOT_INSTALLED = "pyspark."


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
                if not name.startswith(NOT_INSTALLED):
                    assert exists(name), f"{where}: {name}"
        elif block.language == "toml" and "[project]" not in block.text:
            check_study(block.text)
        elif block.language == COMMANDS:
            for line in block.text.splitlines():
                if line.startswith(("alignhouse", "make")):
                    check_command(shlex.split(line, comments=True))
    for command in INLINE.findall(text):
        if not any(word.isupper() for word in command.split()):  # a placeholder, such as FOLDER
            check_named_command(shlex.split(command))
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def check_named_command(words: list[str]) -> None:
    """As `check_command`; what the command needs may be left out, as in "`alignhouse run` continues"."""
    try:
        check_command(words)
    except typer.BadParameter as error:
        if type(error).__name__ != "MissingParameter":
            raise


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


USAGE_ERROR = typer.BadParameter.__mro__[1]
WRONG_COMMANDS = {
    "no such command": "alignhouse aks",
    "no such option of all commands": "alignhouse --verson",
    "no such option": "alignhouse report out --grup-by family",
    "no such question": "alignhouse ask best_layers",
    "no such parameter": "alignhouse ask best_layer --region V1",
    "no such target": "make tset",
}


@pytest.mark.parametrize("line", WRONG_COMMANDS.values(), ids=WRONG_COMMANDS)
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    for check in (check_command, check_named_command):
        with pytest.raises((USAGE_ERROR, BadInput, AssertionError)):
            check(line.split())
