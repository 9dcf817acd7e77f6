"""Files that are complete or absent."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from alignhouse.warehouse import files
from alignhouse.warehouse.files import move_into_place, replacing, sha256_of, sync, write_text


def test_the_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = b"\r\n\x00\xff" * 100_000
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Each file or folder that was synced, and whether `final` was there by then."""
    names: list[tuple[str, bool]] = []

    def fsync(path: Path) -> None:
        names.append((path.name, any(path.parent.rglob("final"))))
        sync(path)

    monkeypatch.setattr(files, "sync", fsync)
    return names


def test_a_file_is_synced_before_it_gets_its_name_and_its_folder_after(
    tmp_path: Path, synced: list[tuple[str, bool]]
) -> None:
    (tmp_path / "half").write_text("all")
    place = tmp_path / "new" / "folder" / "final"
    move_into_place(tmp_path / "half", place)
    assert place.read_text() == "all"
    assert not (tmp_path / "half").exists()
    assert synced == [("half", False), ("folder", True)]
    # Its folder may exist.
    (tmp_path / "half").write_text("more")
    move_into_place(tmp_path / "half", place)
    assert place.read_text() == "more"


def test_syncing_opens_flushes_and_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    flushed = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    sync(tmp_path / "file")
    [handle] = flushed
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "none")


def test_a_text_replaces_another_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "text"
    write_text(path, "né")
    assert path.read_bytes() == b"n\xc3\xa9"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name == f".text.{os.getpid()}.part", "hidden, and one for each process"
        temporary.write_text("new")
        assert path.read_text(encoding="utf-8") == "né"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["text"]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with pytest.raises(ZeroDivisionError), replacing(path):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["text"]
