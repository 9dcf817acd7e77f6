"""Errors of the machine become one line with a hint; mistakes in the code stay what they are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse, error_in_words
from alignhouse.warehouse.faults import faults_at, named_fault


def system_error(number: int, path: str | None = "/w/file") -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("number", "what", "hint", "exit_code"),
    [
        (errno.ENOSPC, "the disk is full", "free space", 1),
        (errno.EDQUOT, "your disk quota is used up", "free space", 1),
        (errno.EFBIG, "a file became larger than allowed", "ulimit -f", 1),
        (errno.EIO, "the disk could not be read or written", "alignhouse check", 1),
        (errno.EMFILE, "too many files are open", "ulimit -n", 1),
        (errno.EROFS, "the disk is read-only", "another folder", 2),
        (errno.EACCES, "no permission", "another folder", 2),
        (errno.ENOLCK, "file locks do not work here", "local disk", 2),
        (errno.ENOENT, "no such file or folder", "check the path", 2),
    ],
)
def test_an_error_of_the_system_says_what_where_and_what_to_do(
    number: int, what: str, hint: str, exit_code: int
) -> None:
    fault = named_fault(system_error(number))
    assert fault is not None
    assert str(fault).startswith(f"/w/file: {what} (")
    assert hint in str(fault)
    assert fault.exit_code == exit_code


def test_an_unknown_error_of_the_system_keeps_its_words() -> None:
    fault = named_fault(system_error(errno.ESTALE))
    assert str(fault).startswith(f"/w/file: a file or connection failed: found {os.strerror(errno.ESTALE)} (")
    assert str(named_fault(OSError("odd"))).startswith("a file or connection failed: found odd (")


def test_a_link_that_leads_nowhere_is_named_with_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/nowhere/x")
    with pytest.raises(FileNotFoundError) as caught:
        link.read_bytes()
    assert str(named_fault(caught.value)).startswith(f"{link}: a link that leads nowhere: found /nowhere/x (")


def test_a_full_disk_is_named_though_a_later_error_hides_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        try:
            raise system_error(errno.ENOSPC)
        finally:
            raise RuntimeError("could not clean up")
    assert "the disk is full" in str(named_fault(caught.value))
    assert "the disk is full" in error_in_words(caught.value)


def test_a_missing_file_does_not_hide_a_later_mistake() -> None:
    with pytest.raises(ValueError, match="odd") as caught:
        try:
            raise system_error(errno.ENOENT)
        finally:
            raise ValueError("odd")
    assert named_fault(caught.value) is None
    assert error_in_words(caught.value) == "ValueError: odd"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        system_error(errno.ENOMEM),
        ImportError("libx.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"),
    ],
)
def test_lack_of_memory_is_named_whoever_reports_it(error: Exception) -> None:
    fault = named_fault(error)
    assert fault is not None
    assert str(fault).startswith("memory ran out")
    assert "compute.memory" in str(fault)
    assert fault.exit_code == 1


def test_nested_input_is_named() -> None:
    fault = named_fault(RecursionError("maximum recursion depth exceeded"))
    assert isinstance(fault, BadInput)
    assert str(fault).startswith("the input is nested too deeply")


def test_a_broken_duckdb_file_leads_to_rebuild(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_bytes(b"junk" * 5000)
    with pytest.raises(duckdb.Error) as caught:
        duckdb.connect(str(tmp_path / "x.duckdb"))
    fault = named_fault(caught.value)
    assert isinstance(fault, BrokenWarehouse)
    assert "x.duckdb" in str(fault)
    assert "alignhouse rebuild" in str(fault)


def test_duckdb_reports_a_full_disk_in_words_only() -> None:
    error = duckdb.IOException('IO Error: Could not write file "/w/x.duckdb": No space left on device')
    assert str(named_fault(error)).startswith("/w/x.duckdb: the disk is full (")


def test_a_broken_parquet_file_leads_to_check(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"junk" * 5000)
    with pytest.raises(ValueError, match="Parquet") as caught:
        pq.read_table(tmp_path / "x.parquet")
    fault = named_fault(caught.value)
    assert isinstance(fault, BrokenWarehouse)
    assert "alignhouse check" in str(fault)


@pytest.mark.parametrize("error", [ValueError("out of memory"), KeyError("x"), AssertionError(), TypeError()])
def test_mistakes_in_the_code_are_not_renamed(error: Exception) -> None:
    assert named_fault(error) is None


def test_an_error_without_a_file_gets_the_place() -> None:
    with pytest.raises(OSError, match="No space") as caught, faults_at(Path("/w")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert isinstance(named_fault(caught.value), AlignhouseError)
    assert str(named_fault(caught.value)).startswith("/w: the disk is full")
    with pytest.raises(OSError, match="other") as caught, faults_at(Path("/w")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/other")
    assert caught.value.filename == "/other"
