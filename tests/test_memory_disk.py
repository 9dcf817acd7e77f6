"""Temporary files of tests go to a memory disk only where it has room for them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import memory_disk
import pytest
from memory_disk import NEEDED, temporary_files_in_memory

from alignhouse.study import doctor

pytestmark = pytest.mark.skipif(not hasattr(os, "ST_NOEXEC"), reason="only Linux has such a memory disk")


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TMPDIR is set, and disk and memory have exactly the room that is needed."""
    monkeypatch.setenv("TMPDIR", "set, so that it is restored after the test")
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setattr(shutil, "disk_usage", lambda disk: SimpleNamespace(free=NEEDED))
    monkeypatch.setattr(doctor, "available_memory", lambda: NEEDED)


def test_temporary_files_go_to_a_roomy_memory_disk(tmp_path: Path) -> None:
    temporary_files_in_memory(tmp_path)
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(tmp_path)


def test_a_named_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/named")
    temporary_files_in_memory(tmp_path)
    assert os.environ["TMPDIR"] == "/named"


def test_a_missing_disk_is_not_used(tmp_path: Path) -> None:
    temporary_files_in_memory(tmp_path / "missing")
    assert "TMPDIR" not in os.environ


def test_a_small_disk_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda disk: SimpleNamespace(free=NEEDED - 1))
    temporary_files_in_memory(tmp_path)
    assert "TMPDIR" not in os.environ


@pytest.mark.parametrize("available", [NEEDED - 1, None])
def test_a_disk_larger_than_the_free_memory_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: int | None
) -> None:
    monkeypatch.setattr(doctor, "available_memory", lambda: available)
    temporary_files_in_memory(tmp_path)
    assert "TMPDIR" not in os.environ


def test_a_disk_that_runs_no_programs_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_disk.os, "statvfs", lambda disk: SimpleNamespace(f_flag=os.ST_NOEXEC))
    temporary_files_in_memory(tmp_path)
    assert "TMPDIR" not in os.environ
