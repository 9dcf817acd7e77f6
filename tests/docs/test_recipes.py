"""What the documentation shows is run: commands, Python and study files, in the order of the page.

A block that cannot run in a test (it needs real data, weights, a network) has an invisible comment right before
it, `<!-- not run: reason -->`. Every other block is run, and a page whose block fails is an error.
"""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alignhouse.cli.app import main
from alignhouse.study.file import Study

ROOT = Path(__file__).parents[2]
COMMANDS = ""
LANGUAGES = (COMMANDS, "python", "toml")
NOT_RUN = re.compile(r"<!-- not run: (\S.*) -->")
FENCE = re.compile(r"^( *)```(\w*)$")
# The words right before a study file say under which name the blocks after it know it.
FILE_NAME = re.compile(r"`(\w+\.toml)`:$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page. `not_run` is the reason why a test cannot run it, or ""; `before` the line above."""

    language: str
    text: str
    line: int
    not_run: str
    before: str


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks of a page, without those that show a picture made of text (mermaid)."""
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
    """Run every unmarked block of a page in `folder`, in order; gives how many were run."""
    patch.chdir(folder)
    patch.syspath_prepend(str(folder))
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
        try:
            main()
        except SystemExit as ended:
            assert not ended.code, f"{line}: exit code {ended.code}"


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


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_recipes_work_from_the_first_to_the_last(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    unmarked = [block for block in blocks(page) if not block.not_run]
    assert run_blocks(page, tmp_path, patch) == len(unmarked) > 10
    assert {"report", "ranking.png", "mine.png", "best.svg", "ceilings.csv"} <= {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_a_block_is_run_or_says_why_not(page: Path) -> None:
    """Pages beside the recipes: blocks that a test can run are few, and marked ones still have to be right."""
    for block in blocks(page.read_text(encoding="utf-8")):
        where = f"{page.name}, line {block.line}"
        if block.language == "python":
            compile(block.text, where, "exec")
        elif block.language == "toml":
            valid_study(block.text, where)


def valid_study(text: str, where: str) -> None:
    """A whole study file, or some of its tables: every key is known and every value allowed."""
    given = tomllib.loads(text)
    needed = {"brain": {"path": "brain"}, "stimuli": {"path": "stimuli"}}
    study = Study.model_validate({**needed, **given})
    assert study.resolved_protocols(), where


@pytest.mark.parametrize(
    ("page", "error"),
    [
        ("```\nalignhouse ask nothing\n```\n", AssertionError),
        ("```\nls\n```\n", AssertionError),
        ("```python\nraise KeyError\n```\n", KeyError),
        ("```toml\n[study]\n```\n", AssertionError),
        ("```yaml\na: 1\n```\n", KeyError),
        ("<!-- not run: far away from it -->\n\n```python\nraise KeyError\n```\n", KeyError),
        ("<!-- not run: -->\n```python\nraise KeyError\n```\n", KeyError),
    ],
    ids=["a failing command", "another command", "failing code", "no name", "a language", "apart", "no reason"],
)
def test_a_block_that_fails_fails_the_page(
    page: str, error: type[Exception], tmp_path: Path, patch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error):
        run_blocks(page, tmp_path, patch)


def test_a_marked_block_is_not_run(tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
    page = "<!-- not run: it fails -->\n```python\nraise KeyError\n```\n\n  ```python\n  open('made', 'w').close()\n  ```\n"
    assert run_blocks(page, tmp_path, patch) == 1
    assert (tmp_path / "made").exists()
