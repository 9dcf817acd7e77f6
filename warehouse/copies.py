"""Copies a warehouse, also while a job writes to it, and verifies every artifact on the way."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alignhouse.warehouse.errors import BadInput, BrokenWarehouse
from alignhouse.warehouse.files import (
    check_folder_name,
    inside,
    move_into_place,
    require_free_space,
    sync,
)
from alignhouse.warehouse.history import last_entry
from alignhouse.warehouse.journal import JOURNAL, entries_of, write_journal
from alignhouse.warehouse.lock import writing
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.reader import SNAPSHOT, Warehouse
from alignhouse.warehouse.reading import open_snapshot
from alignhouse.warehouse.rebuild import not_as_registered

CHUNK_BYTES = 4 * 2**20
# A copy begins again only if artifacts were removed meanwhile, which is rare.
MOST_TRIES = 5


@dataclass(frozen=True)
class Copied:
    """artifacts : number of copied artifacts. bytes : their size."""

    artifacts: int
    bytes: int


@dataclass(frozen=True)
class _Listed:
    """The artifacts of a copied snapshot: path -> sha256 and size. state : which version of it was copied."""

    artifacts: Mapping[str, tuple[str, int]]
    state: tuple[int, ...]


def copy_warehouse(source: Path, target: Path, command: str, progress: Progress | None = None) -> Copied:
    """Copy the published state of a warehouse to a new folder; all or nothing.

    The snapshot is copied first, then the journal up to the snapshot's last commit, then the artifacts that
    the snapshot lists. Artifacts never change, so the copy is consistent while another process writes. If a
    vacuum removes some meanwhile, the copy begins again from the newer snapshot.

    The copy is made in the hidden folder `.TARGET.part` and renamed at the end. If the process is killed,
    that folder stays until the next copy to the same place.

    Raises
    ------
    BadInput : no warehouse is at `source`, something is at `target`, or its disk is too small.
    BrokenWarehouse : artifacts are damaged, missing or behind links; names them.
    """
    with Warehouse(source):
        pass
    source, target = source.absolute(), target.absolute()
    check_folder_name(target)
    _check_target(source, target)
    part = target.with_name(f".{target.name}.part")
    with writing(part, command):
        try:
            _empty(part)
            listed = _copy_all(source, part, progress or Silent())
            _check_target(source, target)
            for folder in sorted(path for path in part.rglob("*") if path.is_dir()):
                sync(folder)
            move_into_place(part, target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return Copied(len(listed.artifacts), sum(size for _, size in listed.artifacts.values()))


def _check_target(source: Path, target: Path) -> None:
    if os.path.lexists(target):
        raise BadInput(f"{target} exists", hint="choose another name, or remove it")
    if not target.parent.is_dir():
        raise BadInput(f"copy to {target}", expected=f"a folder {target.parent}", found="none")
    if target.resolve().is_relative_to(source.resolve()):
        raise BadInput(f"copy to {target}", expected="a place outside of the warehouse that is copied")


def _empty(part: Path) -> None:
    """Remove what a killed copy has left; the lock, which this process holds, stays."""
    for each in part.iterdir():
        if each.name != "working":
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()


def _copy_all(source: Path, part: Path, progress: Progress) -> _Listed:
    """Copy snapshot, journal and artifacts; again from the start if the snapshot changed in between."""
    copied: dict[str, str] = {}
    for _ in range(MOST_TRIES):
        listed = _copy_snapshot(source, part)
        still = {path: sha256 for path, (sha256, _) in listed.artifacts.items()}
        for path in [path for path, sha256 in copied.items() if still.get(path) != sha256]:
            (part / path).unlink()
            del copied[path]
        needed = sum(size for path, (_, size) in listed.artifacts.items() if path not in copied)
        require_free_space(part.parent, needed, "for the copy", "free some, or copy to another disk")
        faults = _copy_artifacts(source, part, listed, copied, progress)
        if not faults:
            return listed
        if snapshot_state(source) == listed.state:
            raise not_as_registered(
                f"warehouse {source} was not copied",
                faults,
                "restore them, or run `alignhouse rebuild --skip-damaged` and then the study",
            )
        progress.say("Artifacts were removed meanwhile; copying again from the newer snapshot.")
    raise BrokenWarehouse(
        f"warehouse {source} was not copied",
        found=f"artifacts were removed during each of {MOST_TRIES} attempts",
        hint="copy it when no vacuum is running",
    )


def snapshot_state(folder: Path) -> tuple[int, ...]:
    """Which version of its snapshot a warehouse has now."""
    return _state_of((folder / SNAPSHOT).stat())


def refuse_links(folder: Path) -> None:
    """Raise BrokenWarehouse if the snapshot or the journal of a warehouse is a link."""
    for name in (SNAPSHOT, JOURNAL):
        if (folder / name).is_symlink():
            raise BrokenWarehouse(
                f"{folder / name} was not copied", found="a link", hint="move its target there"
            )


def _copy_snapshot(source: Path, part: Path) -> _Listed:
    """Copy the published snapshot, and the journal up to its last commit."""
    refuse_links(source)
    with (source / SNAPSHOT).open("rb") as old, (part / SNAPSHOT).open("wb") as new:
        # A writer publishes by renaming, so the open file stays one version.
        state = _state_of(os.fstat(old.fileno()))
        shutil.copyfileobj(old, new, CHUNK_BYTES)
    sync(part / SNAPSHOT)
    with open_snapshot(part / SNAPSHOT) as connection:
        rows = connection.execute("select path, sha256, bytes from artifact order by path").fetchall()
        committed = last_entry(connection)
    if committed:
        entries = entries_of(source, with_void=True)
        write_journal(part, [entry for entry in entries if entry["n"] <= committed])
    return _Listed({path: (sha256, size) for path, sha256, size in rows}, state)


def _copy_artifacts(
    source: Path, part: Path, listed: _Listed, copied: dict[str, str], progress: Progress
) -> dict[str, str]:
    """Copy artifacts that are not in `copied` yet, and add them; returns what is wrong with the others."""
    faults: dict[str, str] = {}
    progress.stage("Copying artifacts", len(listed.artifacts) - len(copied), len(copied))
    for path, (sha256, size) in listed.artifacts.items():
        if path in copied:
            continue
        progress.job(path)
        fault = copy_artifact(source, path, sha256, size, part / path, progress)
        if fault is None:
            copied[path] = sha256
        else:
            faults[path] = fault
        progress.job_done()
    return faults


def copy_artifact(
    source: Path, path: str, sha256: str, size: int, target: Path, progress: Progress
) -> str | None:
    """Copy a file of the warehouse `source` to `target`, and sync it.

    If its content is not the registered one, nothing is left at `target`, and what is wrong is returned.
    """
    file = inside(source, path)
    if file is None or file.is_symlink():
        return "it lies behind a link or outside of the warehouse"
    if not file.is_file():
        return "the file is missing"
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        if file.stat().st_size != size:
            return "the content has changed since it was registered"
        with file.open("rb") as old, target.open("wb") as new:
            about = os.fstat(old.fileno())
            while chunk := old.read(CHUNK_BYTES):
                digest.update(chunk)
                new.write(chunk)
                progress.step(new.tell(), about.st_size)
    except FileNotFoundError:
        return "the file is missing"
    if digest.hexdigest() != sha256:
        target.unlink()
        return "the content has changed since it was registered"
    # Without a journal, a rebuild goes by the times of files.
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
    sync(target)
    return None


def _state_of(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns
