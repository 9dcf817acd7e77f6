"""Files without a published sha256: compared with a published MD5, or with what the server states."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from file_server import MIB, FileServer, Watching, assert_holds, fetch, leave_part

from alignhouse.cli.fetching import fetch_dataset, show_plan
from alignhouse.ingest.downloads import statements
from alignhouse.ingest.downloads.destination import plan
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.ingest.downloads.proof import part_sizes
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.ingest.downloads.statements import STATEMENTS
from alignhouse.warehouse.errors import BadInput

A = "sub-01/a.pkl"


def stated(server: FileServer, path: str = A) -> RemoteFile:
    return RemoteFile(path, f"{server.url}/{path}", None, as_stated=True)


def etag_of_parts(content: bytes, size: int) -> str:
    """As S3 documents it: the MD5 of the MD5s of the parts, and their number."""
    parts = [hashlib.md5(content[at : at + size]).digest() for at in range(0, len(content), size)]
    return f'"{hashlib.md5(b"".join(parts)).hexdigest()}-{len(parts)}"'


def recorded(folder: Path, path: str = A) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / STATEMENTS).read_text())[path]
    return found


def test_an_etag_that_is_the_md5_proves_a_file_and_a_second_run_downloads_nothing(server, tmp_path):
    contents = server.offer(a=300_000)
    done = fetch([stated(server)], tmp_path)
    assert done.proofs == {A: "statement"}
    assert done.fetched[0].bytes == 300_000
    assert_holds(tmp_path, contents)
    assert recorded(tmp_path) == {
        "etag": server.etag(A),
        "bytes": 300_000,
        "sha256": hashlib.sha256(contents[A]).hexdigest(),
        "proof": "statement",
    }
    again = fetch([stated(server)], tmp_path)
    assert (again.bytes_fetched, again.proofs) == (0, {A: "statement"})
    assert len(server.gets()) == 1
    (tmp_path / STATEMENTS).write_text("{")
    assert fetch([stated(server)], tmp_path).bytes_fetched == 0


@pytest.mark.parametrize("mib", [pytest.param(5, marks=pytest.mark.slow), 8, 7])
def test_an_etag_of_parts_is_checked_without_knowing_their_size(server, tmp_path, mib):
    contents = server.offer(a=17 * MIB + 5)
    server.etags[f"/{A}"] = etag_of_parts(contents[A], mib * MIB)
    assert fetch([stated(server)], tmp_path).proofs == {A: "statement"}
    assert len(server.gets()) == 1
    path = tmp_path / A
    path.write_bytes(contents[A][:-1] + b"?")
    watching = Watching()
    assert fetch([stated(server)], tmp_path, progress=watching).replaced
    assert any("exists with other content" in line for line in watching.lines)
    assert_holds(tmp_path, contents)


def test_the_size_of_parts_follows_from_the_size_of_the_file():
    assert part_sizes(22 * 2**30 + 17, 2817) == [8 * MIB]
    assert part_sizes(22 * 2**30 + 17, 705) == [32 * MIB]
    assert part_sizes(16 * MIB, 2) == [each * MIB for each in range(8, 16)]
    assert part_sizes(16 * MIB + 1, 2) == [each * MIB for each in range(9, 17)]
    # Only usual sizes, because all would be too many.
    assert part_sizes(900 * MIB, 2) == [500 * MIB, 512 * MIB]
    assert part_sizes(100, 1) == [100]
    assert part_sizes(1_000_000, 3) == []
    for size in (5 * MIB, 16 * MIB):
        for n_bytes in (40 * MIB, 40 * MIB + 1, 48 * MIB - 1):
            assert size in part_sizes(n_bytes, -(-n_bytes // size))


def test_a_file_that_differs_from_its_etag_is_refused(server, tmp_path):
    server.offer(a=1000)
    server.etags[f"/{A}"] = f'"{"0" * 32}"'
    with pytest.raises(IncompleteFetch, match=rf'content of {A}: expected ETag "0{{32}}", which .* 2 times'):
        fetch([stated(server)], tmp_path)
    assert_holds(tmp_path, {})
    assert not (tmp_path / STATEMENTS).exists()


def test_parts_of_an_unusual_size_are_accepted_if_two_downloads_are_equal(server, tmp_path):
    contents = server.offer(a=9 * MIB)
    server.etags[f"/{A}"] = etag_of_parts(contents[A], 8_000_000)
    watching = Watching()
    assert fetch([stated(server)], tmp_path, progress=watching).proofs == {A: "size"}
    assert server.gets() == [(A, None)] * 2
    assert any("fits no usual size of parts; two downloads were equal" in line for line in watching.lines)
    assert recorded(tmp_path)["sha256"] == hashlib.sha256(contents[A]).hexdigest()
    assert fetch([stated(server)], tmp_path).bytes_fetched == 0


def test_two_downloads_that_differ_are_refused(server, tmp_path):
    contents = server.offer(a=9 * MIB)
    server.etags[f"/{A}"] = etag_of_parts(contents[A], 8_000_000)

    changed: set[str] = set()

    def change(path: str) -> None:
        if path not in changed:
            changed.add(path)
            server.put(path, bytes(5) + contents[A][5:])

    server.during = change
    with pytest.raises(IncompleteFetch, match=f"content of {A}"):
        fetch([stated(server)], tmp_path)
    assert_holds(tmp_path, {})


@pytest.mark.parametrize("etag", ['W/"abc"', '"no-checksum"', None])
def test_without_a_checksum_the_size_is_compared_and_the_sha256_recorded(server, tmp_path, etag):
    contents = server.offer(a=5000)
    server.etags[f"/{A}"] = etag
    assert fetch([stated(server)], tmp_path).proofs == {A: "size"}
    assert recorded(tmp_path) == {
        "etag": etag,
        "bytes": 5000,
        "sha256": hashlib.sha256(contents[A]).hexdigest(),
        "proof": "size",
    }
    assert fetch([stated(server)], tmp_path).bytes_fetched == 0
    assert len(server.gets()) == 1
    server.put(A, bytes(6000))
    assert fetch([stated(server)], tmp_path).bytes_fetched == 6000


def test_a_server_that_refuses_the_question_states_it_with_the_file(server, tmp_path):
    contents = server.offer(a=5000)
    server.headless = True
    assert fetch([stated(server)], tmp_path).proofs == {A: "statement"}
    assert_holds(tmp_path, contents)
    assert fetch([stated(server)], tmp_path).bytes_fetched == 0
    (tmp_path / STATEMENTS).unlink()
    assert fetch([stated(server)], tmp_path).bytes_fetched == 5000
    server.etags[f"/{A}"] = f'"{"0" * 32}"'
    (tmp_path / A).unlink()
    with pytest.raises(IncompleteFetch, match="ETag"):
        fetch([stated(server)], tmp_path)


def test_a_file_that_changed_since_the_partial_one_is_downloaded_from_the_start(server, tmp_path):
    old = server.offer(a=300_000)[A]
    leave_part(tmp_path, A, old[:200_000], etag=server.etag(A), n_bytes=300_000)
    new = bytes(300_000)
    server.put(A, new)
    assert fetch([stated(server)], tmp_path).bytes_fetched == 300_000
    assert server.gets() == [(A, "bytes=200000-")]
    assert_holds(tmp_path, {A: new})
    leave_part(tmp_path, "b", new[:5], etag=server.etag(A), n_bytes=300_000)
    server.put("b", new)
    assert fetch([stated(server, "b")], tmp_path).bytes_fetched == 299_995


def test_a_file_that_changes_during_the_download_is_refused_even_by_a_careless_server(server, tmp_path):
    old = server.offer(a=300_000)[A]
    server.careless = True
    server.cuts[f"/{A}"] = [200_000]
    server.during = lambda path: server.put(path, bytes(300_000))
    with pytest.raises(IncompleteFetch, match="another one, with ETag .*changed on the server"):
        fetch([stated(server)], tmp_path)
    server.during = None
    assert fetch([stated(server)], tmp_path).proofs == {A: "statement"}
    assert_holds(tmp_path, {A: bytes(len(old))})


def test_a_new_version_on_the_server_replaces_the_file(server, tmp_path):
    server.offer(a=5000)
    fetch([stated(server)], tmp_path)
    server.put(A, bytes(5000))
    assert [each.path for each in fetch([stated(server)], tmp_path).replaced] == [A]
    assert_holds(tmp_path, {A: bytes(5000)})


def test_a_missing_file_and_a_silent_server_are_named(server, tmp_path, monkeypatch):
    contents = server.offer(a=10)
    monkeypatch.setattr(statements, "_PAUSE", 0.0)
    silent = RemoteFile("c", "http://127.0.0.1:9/c", None, as_stated=True)
    with pytest.raises(IncompleteFetch) as e:
        fetch([stated(server), stated(server, "b"), silent], tmp_path)
    assert {path: type(error).__name__ for path, error in e.value.failures.items()} == {
        "b": "BadInput",
        "c": "Unreachable",
    }
    assert "404" in str(e.value.failures["b"])
    assert_holds(tmp_path, contents)
    with pytest.raises(BadInput, match="size and ETag of the file at http://127.0.0.1:9/c"):
        plan([silent], tmp_path)


def test_a_published_md5_proves_a_file(server, tmp_path):
    contents = server.offer(a=300_000)
    server.etags[f"/{A}"] = None
    md5 = hashlib.md5(contents[A]).hexdigest()
    file = RemoteFile(A, f"{server.url}/{A}", 300_000, md5=md5)
    leave_part(tmp_path, A, contents[A][:100_000])
    done = fetch([file], tmp_path)
    assert (done.proofs, done.bytes_fetched) == ({A: "md5"}, 200_000)
    assert_holds(tmp_path, contents)
    assert fetch([file], tmp_path).proofs == {A: "md5"}
    with pytest.raises(IncompleteFetch, match="content of sub-01/a.pkl: expected md5 0{32}, found sha256"):
        fetch([replace(file, md5="0" * 32)], tmp_path)


@pytest.mark.parametrize(
    ("proof", "message"),
    [
        ({"md5": "0" * 31}, "MD5 of a: expected 32 hexadecimal digits"),
        ({"md5": "0" * 32, "as_stated": True}, "proof of a: .*found several"),
        ({"sha256": "0" * 64, "md5": "0" * 32}, "proof of a: .*found several"),
        ({}, "sha256 of a"),
    ],
)
def test_a_file_has_one_proof(proof, message):
    with pytest.raises(BadInput, match=message):
        RemoteFile("a", "https://server/a", 1, **proof)


def test_the_command_says_what_was_proved(server, tmp_path, capsys):
    contents = server.offer(a=2000, b=3000, c=4000)
    server.etags["/sub-01/b.pkl"] = None
    files = [
        stated(server),
        stated(server, "sub-01/b.pkl"),
        *server.listed({"sub-01/c.pkl": contents["sub-01/c.pkl"]}),
    ]
    show_plan(files, tmp_path)
    listed = capsys.readouterr().out
    assert "2,000  sub-01/a.pkl  (to fetch)" in listed
    assert "3 files, 9.0 kB: 0 verified, 3 to fetch (9.0 kB)" in listed
    assert "No checksum is published of 2 files." in listed
    assert list(tmp_path.iterdir()) == []
    fetch_dataset(files, tmp_path, allow_http=True, workers=2)
    said = capsys.readouterr().out
    assert "Verified by sha256: 1 files, 4.0 kB.\n" in said
    assert "Equal to what the server states, by size and ETag: 1 files, 2.0 kB.\n" in said
    assert "Of the size that the server states: 1 files, 3.0 kB; 3 fetched now (9.0 kB).\n" in said
    assert "but not that it is the makers' file." in said
    assert "Only the size of sub-01/b.pkl could be compared" in said
    assert f"recorded in {tmp_path / STATEMENTS}" in said
