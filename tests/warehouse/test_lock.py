"""The writer's lock: one holder, named in the error of everybody else."""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import re
import socket
from pathlib import Path

import pytest

from alignhouse.warehouse.errors import WarehouseLocked
from alignhouse.warehouse.lock import writing


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


def test_the_note_of_a_killed_holder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "working").mkdir()
    (tmp_path / "working" / "lock").write_text('{"pid": 1, "host": "gone"}')
    with writing(tmp_path, "alignhouse run"):
        assert json.loads((tmp_path / "working" / "lock").read_text())["pid"] == os.getpid()


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
