"""Downloads from a server without faults: files are downloaded, verified, kept or replaced."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from file_server import MIB, FileServer, Watching, assert_holds, fetch, leave_part, part

from alignhouse.ingest.downloads.destination import LEDGER, plan
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.warehouse.errors import BadInput

A, B, C = (f"sub-01/{name}.pkl" for name in "abc")


@pytest.fixture
def no_hashing(monkeypatch: pytest.MonkeyPatch):
    """Makes the test fail if a file is read to verify it."""
    return lambda: monkeypatch.setattr(
        "alignhouse.ingest.downloads.destination.hashing_until", lambda stop: pytest.fail
    )


def test_every_file_is_downloaded_to_its_own_path(server: FileServer, tmp_path: Path, known: bool):
    contents = server.offer(a=3 * MIB + 17, b=1, c=700_000, empty=0)
    files, watching = server.listed(contents, known=known), Watching()

    fetched = fetch(files, tmp_path, progress=watching)

    assert_holds(tmp_path, contents)
    assert sorted(file.path for file in fetched.fetched) == sorted(contents) == sorted(watching.done)
    assert (fetched.verified, fetched.replaced) == ([], [])
    size = sum(map(len, contents.values()))
    assert fetched.bytes_fetched == watching.total == watching.came == size
    assert watching.files == 4
    assert watching.threads == {threading.get_ident()}


def test_a_second_fetch_sends_no_request_and_reads_no_file(server, tmp_path, known, no_hashing):
    files = server.listed(server.offer(a=100_000, b=50), known=known)
    fetch(files, tmp_path)
    server.asked.clear()
    no_hashing()

    again = fetch(files, tmp_path)

    assert server.asked == []
    assert (again.verified, again.fetched, again.bytes_fetched) == (files, [], 0)
    assert plan(files, tmp_path).left == []


def test_files_in_a_renamed_destination_need_not_be_read_again(server, tmp_path, no_hashing):
    files = server.listed(server.offer(a=1000))
    fetch(files, tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    no_hashing()
    assert plan(files, tmp_path / "there").verified == files


@pytest.mark.parametrize("damage", ["{", "[1, 2]", '{"sub-01/a.pkl": 3}', "\udcff"])
def test_files_without_a_ledger_are_read_and_accepted_if_correct(server, tmp_path, damage):
    contents = server.offer(a=100_000)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / A).write_bytes(contents[A])
    (tmp_path / LEDGER).write_bytes(damage.encode(errors="surrogateescape"))
    assert fetch(server.listed(contents), tmp_path).verified == server.listed(contents)
    assert server.asked == []
    assert A in json.loads((tmp_path / LEDGER).read_text())


def test_a_plan_tells_what_a_fetch_would_do_and_changes_nothing(server, tmp_path):
    contents = server.offer(a=1000, b=2000, c=3000, d=4000)
    files = server.listed(contents)
    fetch(files[:1], tmp_path)
    (tmp_path / B).write_bytes(b"x" * 2000)
    leave_part(tmp_path, C, contents[C][:1200])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    planned = plan(files, tmp_path)

    assert planned.verified == files[:1]
    assert planned.left == files[1:]
    assert planned.wrong == [files[1]]
    assert planned.partial == {C: 1200}
    assert planned.bytes_left == 2000 + 1800 + 4000
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert plan(files, tmp_path / "nowhere").bytes_left == 10_000
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("spoil", [lambda content: b"x" + content[1:], lambda content: content[:-1]])
def test_a_file_that_was_damaged_is_replaced_and_reported(server, tmp_path, spoil, known):
    contents = server.offer(a=5000, b=100)
    files = server.listed(contents, known=known)
    fetch(files, tmp_path)
    times = (tmp_path / A).stat()
    (tmp_path / A).write_bytes(spoil(contents[A]))
    os.utime(tmp_path / A, ns=(times.st_atime_ns, times.st_mtime_ns))
    watching = Watching()

    fetched = fetch(files, tmp_path, progress=watching)

    assert fetched.replaced == fetched.fetched == files[:1]
    assert fetched.verified == files[1:]
    assert any(A in line and "downloaded again" in line for line in watching.lines)
    assert_holds(tmp_path, contents)


def test_a_link_of_a_data_set_without_content_is_replaced_by_the_file(server, tmp_path):
    contents = server.offer(a=10)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / A).symlink_to("../.git/annex/objects/not-here")
    fetch(server.listed(contents), tmp_path)
    assert_holds(tmp_path, contents)
    assert not (tmp_path / A).is_symlink()


def test_the_caller_learns_sha256_and_size_before_a_file_has_its_name(server, tmp_path):
    contents = server.offer(a=1000)
    files = server.listed(contents, known=False)
    heard: list[tuple[str, str, int, bool]] = []

    def verified(file, sha256, n_bytes):
        heard.append((file.path, sha256, n_bytes, (tmp_path / file.path).exists()))

    fetch(files, tmp_path, verified=verified)
    fetch(files, tmp_path, verified=verified)
    sha256 = hashlib.sha256(contents[A]).hexdigest()
    assert heard == [(A, sha256, 1000, False), (A, sha256, 1000, True)]


@pytest.mark.parametrize("error", [OSError("the note cannot be written"), BadInput("the note differs")])
def test_a_file_that_the_caller_refuses_fails_and_gets_no_name(server, tmp_path, error):
    contents = server.offer(a=1000)

    def refuse(file, sha256, n_bytes):
        raise error

    with pytest.raises(IncompleteFetch, match=f"1 of 1 .*{error}"):
        fetch(server.listed(contents), tmp_path, verified=refuse)
    assert not (tmp_path / A).exists()
    (tmp_path / A).write_bytes(contents[A])
    with pytest.raises(IncompleteFetch, match=f"1 of 1 .*{error}"):
        fetch(server.listed(contents), tmp_path, verified=refuse)


def test_leftovers_of_a_killed_fetch_are_removed_once_the_file_is_complete(server, tmp_path):
    contents = server.offer(a=1000)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / A).write_bytes(contents[A])
    leave_part(tmp_path, A, b"x", n_bytes=1000)
    fetch(server.listed(contents), tmp_path)
    assert not part(tmp_path, A).exists()
    assert_holds(tmp_path, contents)


def test_a_file_that_cannot_be_read_fails_alone_and_is_left_as_it_is(server, tmp_path, monkeypatch):
    contents = server.offer(a=1000, b=1000)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / A).write_bytes(b"x" * 1000)

    def unreadable(stop):
        def hashing(path: Path) -> str:
            raise OSError(5, "Input/output error")

        return hashing

    monkeypatch.setattr("alignhouse.ingest.downloads.destination.hashing_until", unreadable)
    with pytest.raises(IncompleteFetch, match="1 of 2 .*cannot read .*a.pkl.*Input/output error"):
        fetch(server.listed(contents), tmp_path)
    assert (tmp_path / A).read_bytes() == b"x" * 1000
    assert (tmp_path / B).read_bytes() == contents[B]


def test_the_http_client_is_imported_only_when_something_is_downloaded():
    code = (
        "import sys, alignhouse.ingest.downloads.fetch\n"
        "sys.exit(bool({'urllib.request', 'http.client'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
