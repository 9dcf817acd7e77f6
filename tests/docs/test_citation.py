"""CITATION.cff has the version of the package, and the pre-commit hooks run the whole lint."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def citation() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")))


def test_the_citation_has_what_the_format_requires(citation: dict[str, Any]) -> None:
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["title"] == "alignhouse"
    assert citation["message"]
    assert citation["authors"] == [{"name": "alignhouse contributors"}]


def test_version_and_licence_are_those_of_the_package(citation: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"] == importlib.metadata.version("alignhouse")
    assert citation["license"] == project["license"] == "BSD-3-Clause"
    assert [{"name": each["name"]} for each in project["authors"]] == citation["authors"]


def test_the_paper_that_is_reproduced_is_cited(citation: dict[str, Any]) -> None:
    [paper] = citation["references"]
    assert paper["title"] == "One Hundred Neural Networks and Brains Watching Videos: Lessons from Alignment"
    assert [author["family-names"] for author in paper["authors"]] == ["Sartzetaki", "Roig", "Snoek", "Groen"]
    assert paper["year"] == 2025


def test_every_tool_of_the_lint_is_a_hook_before_a_commit() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = makefile.partition("\nlint:")[2].partition("\n\n")[0]
    tools = set(re.findall(r"\$\(BIN\)/(\w+(?: check| format| lint)?)", lint))
    assert {"ruff check", "ruff format", "mypy", "sqlfluff lint"} <= tools
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"] for repository in hooks["repos"] for hook in repository["hooks"]]
    assert {tool for tool in tools if not any(entry.startswith(tool) for entry in entries)} == set()
