"""A process waits for files of other machines, where it was told of them, and not for ever."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from working_batches import numbers

from alignhouse.warehouse.errors import AlignhouseError, DamagedArtifact, Stopped
from alignhouse.warehouse.executors.admission import greeting
from alignhouse.warehouse.executors.leases import Lease, Leased
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.executors.remote import Dask
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.late_files import appears, patient
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.verified import verify

LATE = 0.3


def write_late(path: Path, text: str) -> None:
    """Write a file from another thread, a moment later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    threading.Timer(LATE, lambda: path.write_text(text)).start()


def test_a_file_is_looked_for_once_unless_the_process_is_patient(tmp_path: Path) -> None:
    write_late(tmp_path / "a", "a")
    assert not appears(tmp_path / "a")
    with patient(20):
        assert appears(tmp_path / "a")
        began = time.monotonic()
        assert not appears(tmp_path / "b", LATE)
        assert time.monotonic() - began >= LATE
    assert not appears(tmp_path / "b")


def test_threads_of_a_patient_process_wait_for_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("content")
    sha256 = sha256_of(tmp_path / "known")
    found: list[Path] = []
    write_late(tmp_path / "a", "content")
    with patient(20):
        thread = threading.Thread(target=lambda: found.append(verify(tmp_path, "a", sha256)))
        thread.start()
        thread.join()
    assert found == [tmp_path / "a"]
    with pytest.raises(DamagedArtifact, match="no such file"):
        verify(tmp_path, "b", sha256)


def test_a_lease_may_come_late_and_is_taken_back_once_it_was_seen(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    lease.take_back()
    write_late(lease.file, lease.token)
    leased = Leased(lease.file, lease.token)
    with patient(20):
        leased.begin()
        lease.take_back()
        with pytest.raises(Stopped):
            leased.check(now=True)
        assert greeting(tmp_path / "no warehouse" / "scratch" / "lease", 20)["token"] == ""
    with pytest.raises(Stopped):
        Leased(lease.file, lease.token).begin()


class Unconnected:
    """A client of no scheduler."""

    def subscribe_topic(self, *_: Any) -> None:
        """Nothing is heard."""


def test_a_file_of_a_worker_that_never_appears_is_named(tmp_path: Path) -> None:
    [(job, made)] = local(tmp_path, [numbers(1, 1)], lambda job: Silent())
    assert not isinstance(made, Exception)
    [artifact] = made
    dask = Dask(Unconnected(), "tcp://here", late=0.0)  # type: ignore[arg-type]
    dask._wait_for_files((job, [artifact]))
    dask._wait_for_files((job, ValueError("it failed")))
    artifact.file.unlink()
    with pytest.raises(AlignhouseError, match=f"{artifact.path}: expected the file here, within 0 s"):
        dask._wait_for_files((job, [artifact]))
