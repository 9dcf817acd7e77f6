"""The writer's lock: one holder, named in the error of everybody else."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from alignhouse.warehouse.errors import WarehouseLocked
from alignhouse.warehouse.lock import SECONDS_TO_WATCH, writing

ELSEWHERE = (
    '{{"pid": 1, "host": "elsewhere", "user": "she", "purpose": "demo", "since": "then", "beats": {beats}}}'
)


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with writing(tmp_path / "w", "alignhouse run"):
        note = json.loads((tmp_path / "w" / "working" / "lock").read_text())
        assert {name: note[name] for name in ("pid", "host", "user", "purpose")} == {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "user": getpass.getuser(),
            "purpose": "alignhouse run",
        }
        since = dt.datetime.fromisoformat(note["since"])
        assert before <= since <= dt.datetime.now(dt.UTC)
        assert since.microsecond == 0
        who = f"process {os.getpid()} of {note['user']} on {note['host']}"
        holder = f"{who}, alignhouse run, since {note['since']}"
        message = (
            f"warehouse {tmp_path / 'w'} is being written by another process: found {holder} (wait for it"
        )
        for _ in range(2):
            with pytest.raises(WarehouseLocked, match=re.escape(message)), writing(tmp_path / "w", "other"):
                pass


def test_the_lock_ends_with_its_block_and_leaves_no_name(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path, "first"):
        raise ZeroDivisionError
    assert (tmp_path / "working" / "lock").read_text() == ""
    with writing(tmp_path, "second"):
        assert json.loads((tmp_path / "working" / "lock").read_text())["purpose"] == "second"


@pytest.mark.parametrize("note", [f'{{"pid": 1, "host": "{socket.gethostname()}"}}', '{"pid": 1', "1"])
def test_the_note_of_a_killed_holder_of_this_machine_is_replaced_at_once(tmp_path: Path, note: str) -> None:
    lock = tmp_path / "working" / "lock"
    lock.parent.mkdir()
    lock.write_text(note)
    began = time.monotonic()
    with writing(tmp_path, "alignhouse run"):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert time.monotonic() - began < SECONDS_TO_WATCH


def test_the_note_of_a_killed_holder_of_another_machine_is_replaced_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alignhouse.warehouse.lock.SECONDS_TO_WATCH", 0.5)
    lock = tmp_path / "working" / "lock"
    lock.parent.mkdir()
    lock.write_text(ELSEWHERE.format(beats=7))
    began = time.monotonic()
    with writing(tmp_path, "alignhouse run"):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize("ending", [True, False])
def test_a_holder_of_another_machine_that_counts_is_a_holder_until_it_ends(
    tmp_path: Path, ending: bool
) -> None:
    lock = tmp_path / "working" / "lock"
    lock.parent.mkdir()
    lock.write_text(ELSEWHERE.format(beats=7))
    threading.Timer(0.3, lambda: lock.write_text("" if ending else ELSEWHERE.format(beats=8))).start()
    if ending:
        with writing(tmp_path, "alignhouse run"):
            assert json.loads(lock.read_text())["pid"] == os.getpid()
        return
    with (
        pytest.raises(WarehouseLocked, match="found process 1 of she on elsewhere, demo, since then"),
        writing(tmp_path, "alignhouse run"),
    ):
        pass
    assert json.loads(lock.read_text())["host"] == "elsewhere", "the note of the holder stays"


def test_a_holder_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignhouse.warehouse.lock.SECONDS_A_BEAT", 0.01)
    lock = tmp_path / "working" / "lock"
    with writing(tmp_path, "alignhouse run"):
        ends = time.monotonic() + 60
        notes = [json.loads(lock.read_text())]
        # Each look finds a whole note.
        while notes[-1]["beats"] < 3:
            notes.append(json.loads(lock.read_text()))
            assert time.monotonic() < ends
        assert {each["purpose"] for each in notes} == {"alignhouse run"}
    assert lock.read_text() == ""
    assert not [each for each in threading.enumerate() if each.name == "lock"]


def test_a_holder_that_has_not_written_its_name_is_still_a_holder(tmp_path: Path) -> None:
    with writing(tmp_path, "x"):
        (tmp_path / "working" / "lock").write_text("")
        with (
            pytest.raises(WarehouseLocked, match="found a holder that has not yet written its name .wait"),
            writing(tmp_path, "y"),
        ):
            pass


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_is_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", unknown)
    with writing(tmp_path, "x"):
        assert json.loads((tmp_path / "working" / "lock").read_text())["user"] == f"user {os.getuid()}"
