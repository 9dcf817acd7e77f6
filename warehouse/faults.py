"""Errors of the machine in words: full disks, permissions, missing files, too little memory.

The operating system, Python and DuckDB report them in many ways. This module turns each into one
`AlignhouseError` that says what happened, where, and what to do.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse

_SAFE = "finished work is safe; run the same command again to continue"
_OTHER_FOLDER = "change its permissions, or choose another folder"
_LOCAL_DISK = "put the warehouse on a local disk, or mount this one with locks"


@dataclass(frozen=True)
class _Fault:
    """What an error number means, what to do, and the kind of error that it becomes.

    spoils_all : also named if it is only the reason of another error, because nothing works after it.
    """

    what: str
    hint: str
    kind: type[AlignhouseError] = BadInput
    spoils_all: bool = False


_FULL_DISK = f"free space on that disk, or use a folder on another one; {_SAFE}"
_FAULTS = {
    errno.ENOSPC: _Fault("the disk is full", _FULL_DISK, AlignhouseError, True),
    errno.EDQUOT: _Fault("your disk quota is used up", _FULL_DISK, AlignhouseError, True),
    errno.EFBIG: _Fault(
        "a file became larger than allowed", f"raise the limit (ulimit -f); {_SAFE}", AlignhouseError, True
    ),
    errno.EIO: _Fault(
        "the disk could not be read or written",
        "copy the warehouse to another disk, then run `alignhouse check`",
        AlignhouseError,
        True,
    ),
    errno.EMFILE: _Fault(
        "too many files are open", f"raise the limit (ulimit -n); {_SAFE}", AlignhouseError, True
    ),
    errno.EROFS: _Fault("the disk is read-only", "mount it for writing, or choose another folder"),
    errno.EACCES: _Fault("no permission", _OTHER_FOLDER),
    errno.EPERM: _Fault("no permission", _OTHER_FOLDER),
    errno.ENOLCK: _Fault("file locks do not work here", _LOCAL_DISK),
    errno.EOPNOTSUPP: _Fault("the disk lacks an operation, such as file locks", _LOCAL_DISK),
    errno.ENOENT: _Fault("no such file or folder", "check the path"),
    errno.ENOTDIR: _Fault("a part of the path is a file, not a folder", "check the path"),
    errno.EISDIR: _Fault("a folder, not a file", "check the path"),
    errno.EEXIST: _Fault("it exists and is not a folder", "remove it, or choose another name"),
    errno.ELOOP: _Fault("links lead in a circle", "remove the link, or choose another name"),
    errno.ENAMETOOLONG: _Fault("the name is too long", "choose a shorter name"),
}
_ERRNO_OF_TEXT = {os.strerror(number): number for number in _FAULTS}
# Libraries in C++ report failed allocations as errors of other kinds.
_NO_MEMORY = re.compile(
    "cannot allocate memory|can't allocate memory|out of memory|bad_alloc|failed to map segment"
    "|can't start new thread|insufficient memory|resource temporarily unavailable",
    re.IGNORECASE,
)
_MEMORY_HINT = (
    "close other programs, raise the limit (ulimit -v, cgroup), or lower compute.memory (--memory); "
    "`alignhouse doctor STUDY.toml` estimates the need"
)
# Libraries whose errors give those of the system as text; a panic of Rust's is one of "pyo3_runtime".
_LIBRARIES = {"duckdb", "polars", "pyarrow", "pyo3_runtime"}
_QUOTED = re.compile(r'file "([^"\n]+)"')


def named_fault(error: BaseException) -> AlignhouseError | None:
    """The error in the words of alignhouse; None if it is a mistake in the code."""
    if (fault := fault_of_machine(error)) is not None:
        return fault
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, RecursionError):
        return BadInput("the input is nested too deeply", hint="`alignhouse --debug ...` shows where")
    if (fault := fault_of_file(error)) is not None:
        return fault
    if _library(error) == "duckdb":
        return BrokenWarehouse(
            "the DuckDB file of the warehouse cannot be used",
            found=_first_line(error),
            hint="`alignhouse rebuild` makes it again from the Parquet files",
        )
    if _library(error) in ("polars", "pyarrow") and "parquet" in str(error).lower():
        return BrokenWarehouse(
            "a Parquet file of the warehouse cannot be read",
            found=_first_line(error),
            hint="`alignhouse check` names the damaged files",
        )
    return None


@contextmanager
def faults_at(place: Path) -> Iterator[None]:
    """Errors of the system in the block that name no file name `place`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(place)
        raise


def fault_of_machine(error: BaseException) -> AlignhouseError | None:
    """The full disk, or the lack of memory, that is the reason of an error, however many errors it led to."""
    for each in _reasons(error):
        if _lacks_memory(each):
            return AlignhouseError("memory ran out", found=_first_line(each) or None, hint=_MEMORY_HINT)
        number = _number(each)
        if number is not None and _FAULTS[number].spoils_all:
            return fault_of_file(each)
    return None


def fault_of_file(error: BaseException) -> AlignhouseError | None:
    """The fault of the machine, or the system's reason why a file cannot be used, such as permissions."""
    number = _number(error)
    if number is None:
        return fault_of_machine(error)
    fault = _FAULTS[number]
    return fault.kind(_at(fault.what, _place(error)), hint=fault.hint)


def _reasons(error: BaseException | None) -> Iterator[BaseException]:
    """The error, the error that it was raised from or during, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _lacks_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "OutOfMemoryException"):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    unsure = isinstance(error, ImportError | RuntimeError | OSError) or _library(error) is not None
    return unsure and bool(_NO_MEMORY.search(str(error)))


def _number(error: BaseException) -> int | None:
    """The system's error number, if it is known here; some libraries give only its text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in _FAULTS else None
    if isinstance(error, OSError) or _library(error) is not None:
        return next((number for text, number in _ERRNO_OF_TEXT.items() if text in str(error)), None)
    return None


def _place(error: BaseException) -> str | None:
    """The file that an error is about."""
    if isinstance(error, OSError) and error.filename is not None:
        return os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    quoted = _QUOTED.search(str(error))
    return quoted[1] if quoted else None


def _at(what: str, place: str | None) -> str:
    return what if place is None else f"{place}: {what}"


def _of_system(error: OSError) -> AlignhouseError:
    place, number = _place(error), _number(error)
    if number == errno.ENOENT and place is not None and Path(place).is_symlink():
        return BadInput(
            f"{place}: a link that leads nowhere",
            found=os.readlink(place),
            hint="restore its target, or remove the link",
        )
    if (fault := fault_of_file(error)) is not None:
        return fault
    words = error.strerror or _first_line(error) or type(error).__name__
    return AlignhouseError(
        _at("a file or connection failed", place), found=words, hint="`alignhouse --debug ...` shows where"
    )


def _library(error: BaseException) -> str | None:
    """The library that defines the kind of an error, if it is one that gives errors of the system as text."""
    top = type(error).__module__.partition(".")[0].removeprefix("_")
    return top if top in _LIBRARIES else None


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:300] if lines else ""
