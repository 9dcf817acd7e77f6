"""A public name has one meaning in the whole package, and unused code is found."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from long_files import LONG_FILES

ROOT = Path(__file__).parents[1]
WHITELIST = ROOT / "tests" / "support" / "vulture_names.py"
HOUSE = ("alignhouse", "analysis", "ingest", "warehouse")

# Name -> why several modules define it.
SAME_BY_DESIGN = {
    "figure": "the command has the name of what it draws",
    "rebuild": "the command has the name of the function that it calls",
    "vacuum": "the command has the name of the function that it calls",
    "ingest_inputs": "the command has the name of the function that it calls",
}


def modules() -> list[Path]:
    """Every module of the package once; links inside the package are not followed."""
    return sorted(path for room in HOUSE for path in (ROOT / room).rglob("*.py"))


def test_a_public_name_is_defined_in_one_module() -> None:
    defined = defaultdict(set)
    for path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined[node.name].add(str(path.relative_to(ROOT)))
    assert len(defined) > 500
    several = {name: sorted(places) for name, places in defined.items() if len(places) > 1}
    clashes = {
        name: places
        for name, places in several.items()
        if not name.startswith("_") and name not in SAME_BY_DESIGN
    }
    assert not clashes


def defined_names(text: str) -> set[str]:
    """All names of functions, classes, variables, attributes and parameters of a file."""
    defined = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            defined.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
    return defined


def test_every_name_that_vulture_is_to_pass_over_is_still_defined() -> None:
    """A deleted or renamed name must be removed from the list, or it hides the next unused one."""
    listed = [
        node.value.id
        for node in ast.parse(WHITELIST.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Name)
    ]
    assert len(listed) > 20
    missing = set(listed)
    for path in modules():
        text = path.read_text(encoding="utf-8")
        # Most files have none of the names that are still missing, and need not be parsed.
        if not missing.isdisjoint(re.findall(r"\w+", text)):
            missing -= defined_names(text)
    assert missing == set()


def test_every_test_file_that_starts_first_is_still_there() -> None:
    """A renamed file would start last, and one process would work on it alone."""
    assert len(set(LONG_FILES)) == len(LONG_FILES) > 10
    assert [name for name in LONG_FILES if not (ROOT / "tests" / name).is_file()] == []
