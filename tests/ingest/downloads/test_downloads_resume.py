"""Partial files, broken connections, and files that change on the server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from file_server import MIB, FileServer, Watching, assert_holds, fetch, leave_part, part

from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.warehouse.errors import BadInput

A, B = "sub-01/a.pkl", "sub-01/b.pkl"


@pytest.mark.parametrize("said", ["etag", "modified"])
def test_a_partial_file_is_resumed_if_it_is_the_same_on_the_server(server, tmp_path, said, known):
    contents = server.offer(a=300_000)
    if said == "modified":
        server.etags[f"/{A}"] = 'W/"weak"'  # which If-Range must not have
        server.modified = "Thu, 01 Sep 2022 00:00:00 GMT"
    condition = server.etag(A) if said == "etag" else server.modified
    version = {"etag": server.etag(A), "modified": server.modified, "n_bytes": 300_000}
    leave_part(tmp_path, A, contents[A][:200_000], **version)
    watching = Watching()

    fetched = fetch(server.listed(contents, known=known), tmp_path, progress=watching)

    assert server.asked[-1] == ("GET", f"/{A}", "bytes=200000-", condition)
    assert len(server.gets()) == 1
    assert fetched.bytes_fetched == watching.total == watching.came == 100_000
    assert_holds(tmp_path, contents)


def test_a_partial_file_of_unknown_version_is_resumed_if_the_sha256_is_known(server, tmp_path):
    contents = server.offer(a=2 * MIB)
    leave_part(tmp_path, A, contents[A][:1_500_000])
    watching = Watching()
    fetched = fetch(server.listed(contents), tmp_path, progress=watching)
    assert server.asked == [("GET", f"/{A}", "bytes=1500000-", None)]
    assert fetched.bytes_fetched == watching.total == watching.came == 2 * MIB - 1_500_000
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("note", [None, "{", '{"etag": 3}', '{"other": null}', "[]", '{"n_bytes": "9"}'])
def test_a_partial_file_of_unknown_version_is_discarded_if_the_sha256_is_unknown(server, tmp_path, note):
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, contents[A][:200_000])
    if note is not None:
        (tmp_path / "sub-01/.a.pkl.part.json").write_text(note)
    watching = Watching()
    fetch(server.listed(contents, known=False), tmp_path, progress=watching)
    assert server.gets() == [(A, None)]
    assert watching.came == watching.total == 300_000
    assert any("unknown version; it is thrown away" in line for line in watching.lines)
    assert_holds(tmp_path, contents)


def test_a_complete_partial_file_is_verified_without_a_request(server, tmp_path):
    contents = server.offer(a=1000)
    leave_part(tmp_path, A, contents[A])
    fetch(server.listed(contents), tmp_path)
    assert server.asked == []
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("sized", [True, False])
def test_a_complete_partial_file_of_unknown_size_needs_one_request_at_most(server, tmp_path, sized):
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, contents[A], n_bytes=300_000 if sized else None, etag=server.etag(A))
    assert fetch(server.listed(contents, known=False), tmp_path).bytes_fetched == 0
    assert len(server.gets()) == (0 if sized else 1)
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize(("size", "ranges"), [(5000, [None]), (4000, [None]), (1500, ["bytes=1500-", None])])
def test_a_partial_file_with_other_content_costs_one_download_more(server, tmp_path, size, ranges):
    contents = server.offer(a=4000)
    leave_part(tmp_path, A, b"?" * size)
    watching = Watching()
    fetch(server.listed(contents), tmp_path, progress=watching)
    assert [ranged for _, ranged in server.gets()] == ranges
    assert_holds(tmp_path, contents)
    assert watching.came == watching.total
    assert any("thrown away" in line for line in watching.lines)


def test_other_content_under_the_right_version_costs_one_download_more(server, tmp_path, known):
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, b"x" * 200_000, etag=server.etag(A), n_bytes=300_000)
    assert fetch(server.listed(contents, known=known), tmp_path).bytes_fetched == 400_000
    assert_holds(tmp_path, contents)


def test_a_partial_file_that_is_longer_than_the_servers_file_is_thrown_away(server, tmp_path):
    contents = server.offer(a=4000)
    leave_part(tmp_path, A, b"?" * 5000, etag=server.etag(A))
    fetch(server.listed(contents, known=False), tmp_path)
    assert server.gets() == [(A, "bytes=5000-"), (A, None)]
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("careless", [False, True])
def test_a_file_that_changed_on_the_server_starts_again(server, tmp_path, careless, known):
    server.careless = careless  # answers 206 with another ETag
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, b"x" * 200_000, etag='"old"', n_bytes=300_000)
    watching = Watching()

    fetched = fetch(server.listed(contents, known=known), tmp_path, progress=watching)

    assert fetched.bytes_fetched == 300_000
    gets = [asked for asked in server.asked if asked[0] == "GET"]
    assert gets[0][2:] == ("bytes=200000-", '"old"')
    assert len(gets) == 1 + careless
    assert watching.came == watching.total == 100_000
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("careless", [False, True])
def test_a_file_that_changes_between_two_requests_starts_again(server, tmp_path, careless):
    contents = server.offer(a=300_000)
    old = b"x" * 300_000
    server.careless, server.cuts[f"/{A}"] = careless, [200_000]
    server.put(A, old)
    files = server.listed(contents, known=False)
    server.during = lambda path: server.put(A, contents[A])
    fetch(files, tmp_path)
    assert [ranged for _, ranged in server.gets()] == [None, "bytes=200000-"] + [None] * careless
    assert_holds(tmp_path, contents)


def test_a_server_without_ranges_sends_the_whole_file_again(server, tmp_path, known):
    server.deaf = True
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, contents[A][:1000], etag=server.etag(A))
    server.cuts[f"/{A}"] = [200_000]
    watching = Watching()
    fetched = fetch(server.listed(contents, known=known), tmp_path, progress=watching)
    assert_holds(tmp_path, contents)
    assert fetched.bytes_fetched == 500_000
    assert watching.came == watching.total == 299_000


def test_a_file_that_such_a_server_never_sends_in_one_piece_fails(server, tmp_path, known):
    server.deaf = True
    contents = server.offer(a=3 * MIB)
    server.cuts[f"/{A}"] = [2 * MIB] * 20  # each try makes progress, so breaks never end it
    with pytest.raises(IncompleteFetch, match=r"none, 4 times; the server sends the whole file again"):
        fetch(server.listed(contents, known=known), tmp_path)


@pytest.mark.parametrize("resets", [False, True])
def test_a_broken_connection_is_resumed_where_it_broke(server, tmp_path, known, resets):
    server.resets = resets
    contents = server.offer(a=2 * MIB)
    server.cuts[f"/{A}"] = [900_000, 600_000]
    watching = Watching()
    fetched = fetch(server.listed(contents, known=known), tmp_path, progress=watching)
    starts = [int(ranged[6:-1]) if ranged else 0 for _, ranged in server.gets()]
    if resets:  # the system may drop what was received but not yet read
        assert starts[1] <= 900_000
        assert starts[2] <= starts[1] + 600_000
    else:
        assert starts == [0, 900_000, 1_500_000]
    assert fetched.bytes_fetched == watching.came == watching.total == 2 * MIB
    assert_holds(tmp_path, contents)


def test_a_connection_that_keeps_breaking_fails_and_the_partial_file_stays(server, tmp_path, known):
    contents = server.offer(a=3 * MIB, b=10)
    server.cuts[f"/{A}"] = [2 * MIB, *[1] * 20]
    with pytest.raises(
        BadInput,
        match=r"1 of 2.*a.pkl failed 6 times in a row, last after 2.1 MB.*1 files are verified and safe",
    ):
        fetch(server.listed(contents, known=known), tmp_path)
    kept = part(tmp_path, A).read_bytes()
    assert len(kept) >= 2 * MIB
    assert contents[A].startswith(kept)
    assert not (tmp_path / A).exists()
    server.cuts.clear()
    fetch(server.listed(contents, known=known), tmp_path)
    assert server.gets()[-1] == (A, f"bytes={len(kept)}-")
    assert_holds(tmp_path, contents)


def test_a_server_that_falls_silent_is_asked_again_for_the_rest(server, tmp_path, monkeypatch):
    monkeypatch.setattr("alignhouse.ingest.downloads.http._READ_TIMEOUT", 0.5)
    contents, over, pieces = server.offer(a=300_000), threading.Event(), []

    def fall_silent_once(path: str) -> None:
        pieces.append(path)
        if len(pieces) == 2:
            over.wait(60)

    server.during = fall_silent_once
    watching = Watching()
    fetch(server.listed(contents), tmp_path, progress=watching)
    over.set()
    assert server.gets() == [(A, None), (A, f"bytes={2 * 64 * 1024}-")]
    assert sum("timed out" in line for line in watching.lines) == 1
    assert_holds(tmp_path, contents)


def test_a_resumed_file_of_unknown_version_must_match_the_version_of_the_response(server, tmp_path):
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, contents[A][:100_000])
    server.cuts[f"/{A}"] = [50_000]
    fetch(server.listed(contents), tmp_path)
    assert [asked[2:] for asked in server.asked] == [
        ("bytes=100000-", None),
        ("bytes=150000-", server.etag(A)),
    ]
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("cut", [0, 1])
def test_bodies_of_unknown_size_that_keep_breaking_fail(server, tmp_path, cut):
    server.unsized = True
    contents = server.offer(a=1000)
    server.cuts[f"/{A}"] = [cut] * 20
    with pytest.raises(BadInput, match="failed 6 times in a row.*the server ended early"):
        fetch(server.listed(contents), tmp_path)
    assert len(server.gets()) == 6


def test_a_connection_that_breaks_before_the_first_byte_leaves_no_empty_file(server, tmp_path):
    contents = server.offer(a=1000)
    server.cuts[f"/{A}"] = [0] * 20
    with pytest.raises(BadInput, match="failed 6 times in a row, last after 0 bytes"):
        fetch(server.listed(contents, known=False), tmp_path)
    assert_holds(tmp_path, {})


def test_breaks_do_not_count_while_the_file_makes_headway(server, tmp_path):
    contents = server.offer(a=12 * MIB)
    server.cuts[f"/{A}"] = [5 * MIB // 4] * 8
    fetch(server.listed(contents), tmp_path)
    assert len(server.gets()) == 9
    assert_holds(tmp_path, contents)


def test_a_body_of_unknown_size_is_complete_when_the_connection_closes(server, tmp_path, known):
    server.unsized = True
    contents = server.offer(a=300_000)
    watching = Watching()
    fetch(server.listed(contents, known=known), tmp_path, progress=watching)
    assert watching.total == (300_000 if known else 0)
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("cut", [0, 100_000])
def test_a_body_of_unknown_size_that_breaks_is_noticed(server, tmp_path, known, cut):
    server.unsized = True
    contents = server.offer(a=300_000)
    server.cuts[f"/{A}"] = [cut]
    fetch(server.listed(contents, known=known), tmp_path)
    # By the known size, and resumed; or only by the hash.
    assert server.gets() == [(A, None), (A, f"bytes={cut}-" if known and cut else None)]
    assert_holds(tmp_path, contents)


def test_a_server_without_head_is_no_obstacle(server: FileServer, tmp_path: Path):
    server.headless = True
    contents = server.offer(a=300_000)
    fetch(server.listed(contents, known=False), tmp_path)
    assert_holds(tmp_path, contents)
