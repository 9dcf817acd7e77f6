"""Publish a report: write it to a temporary folder, then move file by file into place, the page last."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from alignhouse.warehouse.files import move_into_place, write_text

PAGE = "index.html"
# Records the state that the page was made from, and the files of the report.
RECORD = ".made-from"
MAKING = ".making-"


@contextlib.contextmanager
def staged(folder: Path, state: str) -> Iterator[Path]:
    """A temporary folder whose files move to the same paths in `folder` if the block succeeds.

    Each file replaces its old version in one step. The page comes last, so that all files it links to exist.
    Then those files of the former report that the new one lacks are removed, and no other files.

    Parameters
    ----------
    state : identifies the results behind the report, for `is_up_to_date`.
    """
    existed = folder.exists()
    _sweep(folder)
    temporary = folder / f"{MAKING}{os.getpid()}"
    temporary.mkdir(parents=True)
    try:
        yield temporary
        files = sorted(path.relative_to(temporary) for path in temporary.rglob("*") if path.is_file())
        former = _files(folder)
        for file in sorted(files, key=lambda each: each == Path(PAGE)):
            move_into_place(temporary / file, folder / file)
        names = [each.as_posix() for each in files]
        for gone in former - set(names):
            (folder / gone).unlink(missing_ok=True)
        write_text(folder / RECORD, json.dumps({"state": state, "files": names}, indent=1) + "\n")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):  # not empty: the report is there
                folder.rmdir()


def is_up_to_date(folder: Path, state: str) -> bool:
    """Whether the report in `folder` was made from `state`, and all its files are there."""
    record = _record(folder)
    files = _files(folder)
    return record.get("state") == state and bool(files) and all((folder / file).is_file() for file in files)


def _sweep(folder: Path) -> None:
    """Remove temporary folders of processes that were killed."""
    for left in folder.glob(f"{MAKING}*"):
        try:
            os.kill(int(left.name.removeprefix(MAKING)), 0)
        except (ProcessLookupError, OverflowError):
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):
            continue  # the process runs under another user, or the folder is not ours


def _files(folder: Path) -> set[str]:
    files = _record(folder).get("files")
    return set(map(str, files)) if isinstance(files, list) else set()


def _record(folder: Path) -> dict[str, object]:
    """The stored record; {} if there is none, or if another version wrote a different format."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
