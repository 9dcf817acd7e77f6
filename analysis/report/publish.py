"""Publish a report: write it to a temporary folder, then move file by file into place, the page last."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.faults import faults_at
from alignhouse.warehouse.files import inside, move_into_place, sync

PAGE = "index.html"
# Records the state that the page was made from, and the files of the report.
RECORD = ".made-from"
MAKING = ".making-"
# A record of a report with thousands of figures is far smaller.
MOST_RECORD_BYTES = 4_000_000


@contextlib.contextmanager
def staged(folder: Path, state: str, what: str = "report") -> Iterator[Path]:
    """A temporary folder whose files move to the same paths in `folder` if the block succeeds.

    Each file replaces its old version in one step. The page comes last, so that all files it links to exist.
    Then those files of the former report that the new one lacks are removed, and no other files. Nothing is
    written or removed outside `folder`, whatever its record says and wherever links in it point.

    Parameters
    ----------
    state : identifies the results behind the report, for `is_up_to_date`. what : is written, for errors.

    Raises
    ------
    BadInput : a folder for files of the report is a link.
    """
    existed = folder.exists()
    _sweep(folder)
    temporary = folder / f"{MAKING}{os.getpid()}"
    temporary.mkdir(parents=True)
    try:
        with faults_at(folder):
            yield temporary
        files = sorted(path.relative_to(temporary) for path in temporary.rglob("*") if path.is_file())
        _refuse_links(folder, files, what)
        former = _files(folder)
        _replace(temporary, folder, files)
        names = [each.as_posix() for each in files]
        for gone in former - set(names):
            # These functions accept any name, even one that no file can have. A link itself is removed.
            if os.path.isfile(folder / gone) or os.path.islink(folder / gone):
                (folder / gone).unlink()
        record = json.dumps({"state": state, "files": names}, indent=1) + "\n"
        (temporary / RECORD).write_text(record, encoding="utf-8")
        move_into_place(temporary / RECORD, folder / RECORD)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):  # not empty: the report is there
                folder.rmdir()


def is_up_to_date(folder: Path, state: str) -> bool:
    """Whether the report in `folder` was made from `state`, and all its files are there."""
    record = _record(folder)
    files = _files(folder)
    return (
        record.get("state") == state and bool(files) and all(os.path.isfile(folder / file) for file in files)
    )


def _replace(temporary: Path, folder: Path, files: Sequence[Path]) -> None:
    """Move files to their places, the page last, so that even a power failure leaves each of them old or new.

    All are flushed to disk before the first one moves, because flushing is slow: a reader who opens the page
    between two moves sees old and new files together.
    """
    for file in sorted(files, key=_is_page):
        sync(temporary / file)
    others = [file for file in files if not _is_page(file)]
    for together in (others, [file for file in files if _is_page(file)]):
        for file in together:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary / file, folder / file)
        for parent in sorted({(folder / file).parent for file in together}):
            sync(parent)


def _is_page(file: Path) -> bool:
    return file == Path(PAGE)


def _sweep(folder: Path) -> None:
    """Remove temporary folders of processes that were killed."""
    for left in folder.glob(f"{MAKING}*"):
        try:
            os.kill(int(left.name.removeprefix(MAKING)), 0)
        except (ProcessLookupError, OverflowError):
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):
            continue  # the process runs under another user, or the folder is not ours


def _refuse_links(folder: Path, files: Iterable[Path], what: str) -> None:
    for file in files:
        if inside(folder, file.as_posix()) is None:
            raise BadInput(
                f"{what} {folder}",
                expected=f"a real folder for {file}",
                found="a link",
                hint="remove the link, or choose another folder",
            )


def _files(folder: Path) -> set[str]:
    """The recorded files of the report, without names that lead out of `folder`."""
    files = _record(folder).get("files")
    names = set(map(str, files)) if isinstance(files, list) else set()
    return {name for name in names if inside(folder, name) is not None}


def _record(folder: Path) -> dict[str, object]:
    """The stored record; {} if there is none, or if another version wrote a different format."""
    file = folder / RECORD
    if not file.is_file() or file.stat().st_size > MOST_RECORD_BYTES:
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
