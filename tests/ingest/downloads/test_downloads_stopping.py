"""Downloads that are killed, interrupted, or stopped by an error of the caller."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from file_server import MIB, Watching, assert_holds, fetch, leave_part, part

from alignhouse.ingest.downloads import transfer
from alignhouse.ingest.downloads.destination import plan
from alignhouse.ingest.downloads.threads import Halted, Link
from alignhouse.warehouse.files import sha256_of

A, B = "sub-01/a.pkl", "sub-01/b.pkl"

_FETCH = """
import json, signal, sys
from pathlib import Path
from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.remote_file import RemoteFile
# A process that a shell started in the background ignores interrupts, and Python keeps it so.
signal.signal(signal.SIGINT, signal.default_int_handler)
to, files = json.loads(sys.argv[1])
fetch([RemoteFile(*file) for file in files], Path(to), allow_http=True)
"""


def in_another_process(files, to: Path) -> subprocess.Popen[str]:
    told = [str(to), [(file.path, file.url, file.bytes, file.sha256) for file in files]]
    return subprocess.Popen(
        [sys.executable, "-c", _FETCH, json.dumps(told)], stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_a_fetch_that_was_killed_or_interrupted_is_resumed(server, tmp_path, how, known):
    contents = server.offer(a=4 * MIB, b=1000)
    files, final, half = server.listed(contents, known=known), tmp_path / A, part(tmp_path, A)
    server.pause = 0.02
    over, seen = threading.Event(), set()

    def watch() -> None:
        while not over.is_set():
            if final.exists():
                seen.add(sha256_of(final))
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with in_another_process(files, tmp_path) as process:
            until = time.monotonic() + 60
            while not (half.exists() and half.stat().st_size > MIB and (tmp_path / B).exists()):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < until
                time.sleep(0.005)
            process.send_signal(how)
            assert process.wait(60) != 0
        kept = half.read_bytes()
        assert MIB < len(kept) < 4 * MIB
        assert contents[A].startswith(kept)
        assert not seen
        server.pause = 0.0
        server.asked.clear()

        fetched = fetch(files, tmp_path)
    finally:
        over.set()
        watcher.join()

    assert [asked for asked in server.asked if asked[0] == "GET"] == [
        ("GET", f"/{A}", f"bytes={len(kept)}-", server.etag(A))
    ]
    assert fetched.bytes_fetched == 4 * MIB - len(kept)
    assert fetched.verified == files[1:]
    assert seen <= {sha256_of(final)}
    assert_holds(tmp_path, contents)


def test_an_interrupt_stops_all_threads_and_keeps_the_partial_files(server, tmp_path, request):
    contents = server.offer(a=4 * MIB, b=4 * MIB, c=10)
    files = server.listed(contents)
    server.pause = 0.05
    interrupted: list[str] = []

    def interrupt(path: str) -> None:
        halves = [part(tmp_path, path) for path in (A, B)]
        if not interrupted and all(half.exists() and half.stat().st_size > MIB for half in halves):
            interrupted.append(path)
            os.kill(os.getpid(), signal.SIGINT)

    server.during = interrupt
    # A process that a shell started in the background ignores interrupts, and Python keeps it so.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, former))
    with pytest.raises(KeyboardInterrupt):
        fetch(files, tmp_path)
    for path in (A, B):
        kept = part(tmp_path, path).read_bytes()
        assert len(kept) < 4 * MIB
        assert contents[path].startswith(kept)
    server.during, server.pause = None, 0.0
    assert plan(files, tmp_path).verified == files[2:]
    assert fetch(files, tmp_path).bytes_fetched < 6 * MIB
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("left", [b"", b"another run's content"])
@pytest.mark.parametrize("begun", [0, 500, 2000])
def test_a_thread_that_was_left_behind_changes_nothing_afterwards(server, tmp_path, monkeypatch, left, begun):
    """A response that arrives after the stop must not change the partial file of the next run."""
    contents = server.offer(a=1000)
    [file] = server.listed(contents, known=False)
    half, get = part(tmp_path, A), transfer.get
    leave_part(tmp_path, A, b"x" * begun, etag='"old"')
    link = Link(lambda message: None, threading.Event())

    def get_late(*arguments):
        try:
            return get(*arguments)
        finally:
            half.write_bytes(left)
            link.stop.set()

    monkeypatch.setattr(transfer, "get", get_late)
    server.careless = True
    with pytest.raises(Halted):
        transfer.download(file, tmp_path / A, link, lambda *arguments: None)
    assert half.read_bytes() == left
    assert json.loads(half.with_name(half.name + ".json").read_text())["etag"] == '"old"'


def test_a_file_is_not_renamed_if_the_stop_comes_after_its_last_byte(server, tmp_path):
    contents = server.offer(a=1000)
    [file] = server.listed(contents)
    stop = threading.Event()
    link = Link(lambda message: stop.set(), stop)
    with pytest.raises(Halted):
        transfer.download(file, tmp_path / A, link, lambda *arguments: pytest.fail("stopped"))
    assert not (tmp_path / A).exists()
    assert part(tmp_path, A).read_bytes() == contents[A]


def test_an_error_in_the_progress_ends_the_fetch(server, tmp_path):
    class Angry(Watching):
        def advance(self, bytes: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fetch(server.listed(server.offer(a=MIB)), tmp_path, progress=Angry())
