"""Warehouses that are made once and copied for each test: without rows, of replaced studies, of labs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from empty_warehouse import empty_warehouse
from made_once import made_once, session_folder
from merged_labs import A, B
from small_studies import do, study


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A warehouse without rows."""
    return empty_warehouse(tmp_path)


@pytest.fixture(scope="session")
def two_studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        for seed in (0, 1):
            do(folder, study(seed))

    return made_once(session_folder(tmp_path_factory) / "two studies", make)


@pytest.fixture
def warehouse(two_studies: Path, tmp_path: Path) -> Path:
    """Seed 0, whose row and vectors are replaced by those of seed 1; both share a job."""
    return Path(shutil.copytree(two_studies, tmp_path / "w"))


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        do(folder / "a", A.batches())
        do(folder / "b", B.batches())

    return made_once(session_folder(tmp_path_factory) / "labs", make)


@pytest.fixture
def here(labs: Path, tmp_path: Path) -> Path:
    """A folder with the warehouses of two labs: one with two networks, one with two others."""
    return Path(shutil.copytree(labs, tmp_path / "labs"))
