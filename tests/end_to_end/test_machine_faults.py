"""Full disks, broken files, little memory: one line, an exit code, nothing stored lost."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mini_study import ONE_PROTOCOL, MiniStudy

ASK = ("ask", "best_layer", "--roi", "V1")


@pytest.fixture
def finished(copy_finished: Callable[..., MiniStudy]) -> MiniStudy:
    """A copy of the miniature study of one protocol after a run without a report."""
    return copy_finished(ONE_PROTOCOL)


def the_line(done: subprocess.CompletedProcess[str], exit_code: int) -> str:
    """The error's one line."""
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [each for each in done.stderr.splitlines() if each.startswith("alignhouse: ")]
    assert done.stderr.rstrip().endswith(line)
    return line


def with_new_settings(study: Any) -> Any:
    """The study with something left to do."""
    study.change("permutations = 50", "permutations = 60")
    return study


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this test may not mount anything: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB: enough for the study, too little for another copy of its DuckDB file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=24m", "none"):
        yield disk


def test_a_full_disk_loses_nothing_and_the_study_continues(small_disk: Path, finished: Any) -> None:
    finished.folder = Path(shutil.copytree(finished.folder, small_disk / "study"))
    finished.file = finished.folder / "study.toml"
    finished.warehouse = finished.folder / "mini.alignhouse"
    before, answer = finished.state(), finished.alignhouse(*ASK).stdout
    line = the_line(with_new_settings(finished).run(), 1)
    assert "the disk is full (free space on that disk" in line
    assert str(finished.warehouse) in line
    after = finished.state()
    stored = {name for name in before if not name.startswith("working/") and name != "journal.jsonl"}
    assert {name for name in stored if after.get(name) != before[name]} == set()
    assert finished.alignhouse(*ASK).stdout == answer
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    assert finished.run().returncode == 0
    assert finished.alignhouse("check").returncode == 0


def test_a_read_only_disk_can_be_asked_but_not_written(finished: Any) -> None:
    place = str(finished.warehouse)
    before = finished.state()
    with mounted(finished.warehouse, "--bind", place):
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        for command in (("run", "study.toml"), ("rebuild",)):
            assert "the disk is read-only" in the_line(finished.alignhouse(*command), 2)
        assert finished.alignhouse(*ASK).returncode == 0
    assert finished.state() == before


def test_a_limit_of_file_sizes_is_named(finished: Any) -> None:
    done = limited(with_new_settings(finished), resource.RLIMIT_FSIZE, 4000, "run", "study.toml")
    assert "a file became larger than allowed (raise the limit (ulimit -f)" in the_line(done, 1)
    assert finished.run().returncode == 0


def test_too_little_address_space_is_refused_before_libraries_crash(finished: Any) -> None:
    before = finished.state()
    line = the_line(limited(finished, resource.RLIMIT_AS, 600_000_000, "run", "study.toml"), 2)
    assert "too little address space for `alignhouse run`: expected at least" in line
    assert "found 600 MB (raise the limit (ulimit -v)" in line
    line = the_line(limited(finished, resource.RLIMIT_AS, 100_000_000, *ASK), 2)
    assert "too little address space for `alignhouse ask`: expected at least 300 MB" in line
    assert finished.state() == before


def limited(study: Any, which: int, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alignhouse", *arguments],
        cwd=study.folder,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(which, (size, size)),
    )


@pytest.mark.parametrize(
    ("module", "function", "number", "words", "exit_code"),
    [
        (fcntl, "flock", errno.ENOLCK, "working: file locks do not work here", 2),
        (os, "fsync", errno.EDQUOT, "your disk quota is used up", 1),
    ],
)
def test_what_the_system_refuses_is_named(
    finished: Any,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    function: str,
    number: int,
    words: str,
    exit_code: int,
) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    before = finished.state()
    with_new_settings(finished)
    with monkeypatch.context() as patch:
        patch.setattr(module, function, refused)
        line = the_line(finished.run(), exit_code)
    assert words in line
    assert str(finished.warehouse) in line
    assert finished.state() == before


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def junk(content: bytes) -> bytes:
    return b"junk" * 5000


def nothing(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [half, pytest.param(junk, marks=pytest.mark.slow)])
def test_a_broken_working_file_is_rebuilt(finished: Any, damage: Callable[[bytes], bytes]) -> None:
    working = finished.warehouse / "working" / "working.duckdb"
    answer = finished.alignhouse(*ASK).stdout
    working.write_bytes(damage(working.read_bytes()))
    with_new_settings(finished)
    line = the_line(finished.run(), 1)
    assert "working.duckdb" in line
    assert "(`alignhouse rebuild` makes it again from the Parquet files)" in line
    assert finished.alignhouse(*ASK).stdout == answer
    assert finished.alignhouse("rebuild").returncode == 0
    assert finished.run().returncode == 0
    assert finished.alignhouse("check").returncode == 0


@pytest.mark.parametrize(
    "damages",
    [
        [half, junk, nothing],
        # A rebuild for each damage.
        pytest.param([half], marks=pytest.mark.slow),
        pytest.param([junk], marks=pytest.mark.slow),
    ],
    ids=["each", "half", "junk"],
)
def test_a_broken_snapshot_is_rebuilt(finished: Any, damages: Sequence[Callable[[bytes], bytes]]) -> None:
    snapshot = finished.warehouse / "warehouse.duckdb"
    answer = finished.alignhouse(*ASK).stdout
    content = snapshot.read_bytes()
    for damage in damages:
        snapshot.write_bytes(damage(content))
        before = finished.state()
        assert "alignhouse rebuild" in the_line(finished.alignhouse("check"), 1)
        assert finished.state() == before
    assert finished.alignhouse("rebuild").returncode == 0
    assert finished.alignhouse(*ASK).stdout == answer


def test_a_link_that_leads_nowhere_is_named(finished: Any) -> None:
    file = finished.folder / "models" / "my_own" / "rdms.npz"
    file.unlink()
    file.symlink_to("/nowhere/x")
    before = finished.state()
    line = the_line(finished.run(), 2)
    assert f"{file}: a link that leads nowhere: found /nowhere/x (restore its target" in line
    assert finished.state() == before


def test_a_path_with_wildcards_is_a_path(make_study: Callable[..., Any]) -> None:
    # As a pattern, each of these names would match other folders only, or break a query.
    study = make_study("a[b/c*d/e'f")
    study.change(*ONE_PROTOCOL)
    assert study.run().returncode == 0
    assert study.alignhouse("check").returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = " + "[" * 100_000, "values nested too deeply"),
        ("x = " + "{a=" * 100_000, "values nested too deeply"),
        (".".join(["a"] * 200_000) + " = 1", "at most 1,000 dots in a line"),
        ("x = " + "9" * 5000, "expected TOML, found Exceeds the limit"),
        ('[brain]\npath = "a\\u0000b"\n[stimuli]\npath = "s"\n', "a zero byte, which no path can have"),
        ("#" * 2**20 + "\n", "at most 1,048,576 bytes, found 1,048,577"),
    ],
)
def test_absurd_study_files_are_refused_at_once(study: Any, text: str, words: str) -> None:
    study.file.write_text(text, encoding="utf-8")
    line = the_line(study.run(), 2)
    assert line.startswith("alignhouse: study file")
    assert words in line
    assert not study.warehouse.exists()


def test_debug_shows_where_it_failed(finished: Any) -> None:
    (finished.warehouse / "working" / "working.duckdb").write_bytes(b"junk" * 5000)
    done = finished.alignhouse("--debug", *("run", "study.toml"))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "not a valid DuckDB database file" in done.stderr
