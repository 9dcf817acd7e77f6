"""Fixtures for tests of several sources of networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of a tiny model of transformers, saved with its configuration and weights."""
    from tiny_transformers import save

    folders: dict[str, Path] = {}

    def folder_of(name: str) -> Path:
        if name not in folders:
            folders[name] = save(tmp_path_factory.mktemp(name), name)
        return folders[name]

    return folder_of
