"""CITATION.cff: readable, and of the version that is installed."""

from __future__ import annotations

import importlib.metadata
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
