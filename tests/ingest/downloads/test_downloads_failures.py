"""Downloads that fail: wrong content, refusals, busy or absent servers, full disks, unsuitable folders."""

from __future__ import annotations

import os
import shutil
import time
from collections import namedtuple
from email.utils import formatdate
from pathlib import Path

import pytest
from file_server import Watching, assert_holds, fetch, file_server, leave_part, part

from alignhouse.ingest.downloads import transfer
from alignhouse.ingest.downloads.destination import fetching_into, plan
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.warehouse.errors import BadInput

A, B, C = (f"sub-01/{name}.pkl" for name in "abc")
SHA = "0" * 64


def test_wrong_content_on_the_server_never_gets_the_files_name(server, tmp_path, known):
    contents = server.offer(a=500_000, b=1000, c=2000)
    files = server.listed(contents, known=known)
    server.put(A, b"x" * 500_000)
    watching = Watching()

    with pytest.raises(
        IncompleteFetch,
        match=r"1 of 3 files.*content of sub-01/a.pkl.*2 times.*damaged.*2 files are verified",
    ) as e:
        fetch(files, tmp_path, progress=watching)

    assert files[0].sha256 + ("" if known else "...,") in str(e.value)
    assert server.gets().count((A, None)) == 2
    assert list(e.value.failures) == [A]
    assert {file.path for file in e.value.done.fetched} == {B, C}
    assert_holds(tmp_path, {path: contents[path] for path in (B, C)})
    assert watching.came == 3000
    server.put(A, contents[A])
    assert [file.path for file in fetch(files, tmp_path).fetched] == [A]
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("status", [404, 410])
def test_missing_files_are_named_and_do_not_stop_the_others(server, tmp_path, status, known):
    contents = server.offer(b=1000)
    absent = {f"sub-0{i}/x.pkl": b"x" for i in range(1, 6)}
    server.answers = {f"/{path}": [(status, {})] for path in absent}
    with pytest.raises(
        BadInput,
        match=rf"5 of 6.*sub-01/x.pkl: expected the file at {server.url}/sub-01/x.pkl, "
        rf"found {status} .*moved or deleted.*and 2 more.*1 files",
    ) as e:
        fetch(server.listed({**absent, **contents}, known=known), tmp_path, workers=1)
    assert str(e.value).count("expected the file") == 3
    assert len(server.gets()) == 6
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("status", [400, 401, 403, 204])
def test_a_refusal_is_not_retried(server, tmp_path, status):
    contents = server.offer(a=10)
    server.answers[f"/{A}"] = [(status, {})]
    with pytest.raises(IncompleteFetch, match=f"found {status}"):
        fetch(server.listed(contents), tmp_path)
    assert len(server.gets()) == 1
    assert_holds(tmp_path, {})


@pytest.mark.parametrize(("on_server", "begun"), [(4001, 0), (3999, 0), (4001, 10), (3999, 10), (500, 2000)])
@pytest.mark.parametrize("versioned", [False, True])
def test_another_size_on_the_server_fails_that_file_only(server, tmp_path, on_server, begun, versioned):
    contents = server.offer(a=4000, b=10)
    leave_part(tmp_path, A, contents[A][:begun], **({"etag": '"old"'} if versioned else {}))
    server.put(A, contents[A][:1] * on_server)
    with pytest.raises(BadInput, match="1 of 2 .*size of sub-01/a.pkl: expected 4,000 bytes, found"):
        fetch(server.listed(contents), tmp_path)
    assert not (tmp_path / A).exists()
    assert (tmp_path / B).exists()


def test_more_content_than_was_announced_fails(server, tmp_path):
    server.unsized = True
    contents = server.offer(a=4000)
    files = server.listed(contents)
    server.put(A, contents[A] + b"x")
    with pytest.raises(BadInput, match="expected 4,000 bytes, found more on the server"):
        fetch(files, tmp_path)
    assert not (tmp_path / A).exists()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_of_the_server_is_retried(server, tmp_path, status):
    contents = server.offer(a=1000)
    server.answers[f"/{A}"] = [(status, {})] * 2
    watching = Watching()
    fetch(server.listed(contents), tmp_path, progress=watching)
    assert len(server.gets()) == 3
    assert sum("trying again" in line and str(status) in line for line in watching.lines) == 2
    assert_holds(tmp_path, contents)


def test_a_server_that_stays_busy_fails_after_six_requests(server, tmp_path):
    contents = server.offer(a=1000)
    server.busy = 5
    fetch(server.listed(contents), tmp_path / "five")
    server.busy = 6
    with pytest.raises(IncompleteFetch, match="failed 6 times in a row.*503"):
        fetch(server.listed(contents), tmp_path / "six")


def test_pauses_grow_from_one_failure_to_the_next(server, tmp_path, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(transfer, "_FIRST_PAUSE", 1.0)
    monkeypatch.setattr(transfer.Link, "pause", lambda link, seconds: pauses.append(seconds))
    server.busy = 5
    fetch(server.listed(server.offer(a=1000)), tmp_path)
    assert len(pauses) == 5
    for pause, longest in zip(pauses, [1, 2, 4, 8, 16], strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize("after", ["1", "date", "soon"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(server, tmp_path, monkeypatch, status, after):
    pauses: list[float] = []
    monkeypatch.setattr(transfer.Link, "pause", lambda link, seconds: pauses.append(seconds))
    asks = formatdate(time.time() + 60, usegmt=True) if after == "date" else after
    contents = server.offer(a=1000)
    server.answers[f"/{A}"] = [(status, {"Retry-After": asks})]
    fetch(server.listed(contents), tmp_path)
    [pause] = pauses
    least, most = {"1": (1, 1.1), "date": (30, 61), "soon": (0, 0.1)}[after]
    assert least <= pause <= most
    assert_holds(tmp_path, contents)


def test_a_server_that_asks_for_an_hour_is_not_waited_for(server, tmp_path):
    contents = server.offer(a=1000)
    server.answers[f"/{A}"] = [(503, {"Retry-After": "3600"})]
    with pytest.raises(IncompleteFetch, match=r"wait 3,600 s"):
        fetch(server.listed(contents), tmp_path)


def test_if_the_only_server_cannot_be_reached_the_fetch_ends(server, tmp_path):
    files = [RemoteFile(f"sub-{i:02d}/a", "http://127.0.0.1:9/a", 1, SHA) for i in range(50)]
    with pytest.raises(IncompleteFetch, match="could not be downloaded.*were not finished") as e:
        fetch(files, tmp_path, workers=2)
    assert len(e.value.failures) <= 2


def test_a_server_that_cannot_be_reached_is_tried_for_one_file_and_does_not_stop_another(server, tmp_path):
    away = [RemoteFile(f"x/{name}", f"http://127.0.0.1:9/{name}", None, SHA[:8]) for name in "abc"]
    contents = server.offer(b=1000)
    watching = Watching()
    with pytest.raises(IncompleteFetch, match=r"3 of 4 .*refused.*1 files are verified") as e:
        fetch([*away, *server.listed(contents, known=False)], tmp_path, workers=1, progress=watching)
    assert list(e.value.failures) == ["x/a", "x/b", "x/c"]
    assert {line.split(":")[0] for line in watching.lines if "trying again" in line} == {"x/a"}
    assert_holds(tmp_path, contents)


def test_too_little_disk_is_reported_before_any_download(server, tmp_path, monkeypatch, known):
    contents = server.offer(a=5_000_000, b=10)
    leave_part(tmp_path, A, contents[A][:1_000_000], etag=server.etag(A))
    files, usage = server.listed(contents, known=known), namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 4_000_009))
    with pytest.raises(BadInput, match="too little space.*expected 4,000,010 bytes free, found 4,000,009"):
        fetch(files, tmp_path)
    assert server.gets() == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 4_000_010))
    fetch(files, tmp_path)


def test_too_little_disk_is_reported_when_the_size_is_known_only_late(server, tmp_path, monkeypatch):
    server.headless = True
    monkeypatch.setattr("shutil.disk_usage", lambda path: namedtuple("usage", "free")(200_000))
    with pytest.raises(IncompleteFetch, match=r"too little space"):
        fetch(server.listed(server.offer(a=300_000), known=False), tmp_path)
    assert_holds(tmp_path, {})


def test_a_disk_that_fills_up_ends_the_fetch_and_says_what_is_safe(server, tmp_path, monkeypatch):
    files = server.listed(server.offer(**{f"f{i}": 100 for i in range(5)}))
    moved: list[Path] = []

    def full_after_two(temporary: Path, final: Path) -> None:
        if len(moved) == 2:
            raise OSError(28, "No space left on device")
        moved.append(final)
        os.replace(temporary, final)

    monkeypatch.setattr(transfer, "move_into_place", full_after_two)
    with pytest.raises(BadInput, match="No space left.*2 were not finished.*2 files are verified"):
        fetch(files, tmp_path, workers=1)


def test_a_ledger_that_cannot_be_saved_is_reported_and_costs_nothing_else(server, tmp_path, monkeypatch):
    from alignhouse.warehouse import hashes

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hashes, "write_text", full)
    contents, watching = server.offer(a=10), Watching()
    fetch(server.listed(contents), tmp_path, progress=watching)
    assert any("could not be saved" in line and "No space left" in line for line in watching.lines)
    assert_holds(tmp_path, contents)


def test_a_second_fetch_into_the_folder_is_refused_and_names_the_first_one(server, tmp_path):
    files = server.listed(server.offer(a=10))
    with (
        fetching_into(tmp_path),
        pytest.raises(BadInput, match=f"another process is downloading.*process {os.getpid()} of "),
    ):
        fetch(files, tmp_path)
    assert server.asked == []
    fetch(files, tmp_path)


def test_a_destination_that_is_not_a_folder_is_refused(server, tmp_path):
    files = server.listed(server.offer(a=10))
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot download into"):
        fetch(files, tmp_path / "file")
    with pytest.raises(BadInput, match="is not a folder"):
        plan(files, tmp_path / "file")


def test_a_folder_in_the_place_of_a_file_fails_that_file_only(server, tmp_path):
    contents = server.offer(a=10, b=10)
    (tmp_path / A / "something").mkdir(parents=True)
    with pytest.raises(IncompleteFetch, match="1 of 2 .*a.pkl: .*directory"):
        fetch(server.listed(contents), tmp_path)
    assert (tmp_path / B).read_bytes() == contents[B]


def test_no_workers_are_refused(server, tmp_path):
    with pytest.raises(BadInput, match="expected 1 or more, found 0"):
        fetch(server.listed(server.offer(a=10)), tmp_path / "new", workers=0)
    assert not (tmp_path / "new").exists()


def test_redirects_are_followed_and_keep_the_range(server, tmp_path, known):
    contents = server.offer(a=300_000)
    [file] = server.listed(contents, known=known)
    moved = RemoteFile(file.path, f"{server.url}/moved", file.bytes, file.sha256)
    server.answers["/moved"] = [(302, {"Location": file.url})]
    leave_part(tmp_path, A, contents[A][:200_000], etag=server.etag(A), n_bytes=300_000)
    fetch([moved], tmp_path)
    assert server.asked[-1] == ("GET", f"/{A}", "bytes=200000-", server.etag(A))
    assert_holds(tmp_path, contents)


def test_a_redirect_for_the_size_stays_a_request_for_the_size(server, tmp_path):
    contents = server.offer(a=3000)
    with file_server() as other:
        other.put(A, contents[A])

        def redirect(handler) -> None:
            handler._empty(302, {"Location": f"{other.url}/{A}"})

        server.RequestHandlerClass = type("Redirecting", (server.RequestHandlerClass,), {"do_HEAD": redirect})
        watching = Watching()
        fetch(server.listed(contents, known=False), tmp_path, progress=watching)
        assert [asked[:2] for asked in other.asked] == [("HEAD", f"/{A}")]
    assert watching.total == watching.came == 3000


@pytest.mark.parametrize(
    "to", ["ftp://127.0.0.1/a", "file:///etc/hostname", "data:,x", "http://user:secret@127.0.0.1/a"]
)
def test_a_redirect_to_another_scheme_or_with_a_password_is_refused(server, tmp_path, to):
    contents = server.offer(a=10)
    server.answers[f"/{A}"] = [(302, {"Location": to})]
    with pytest.raises(IncompleteFetch, match="[Rr]edirect") as e:
        fetch(server.listed(contents), tmp_path)
    assert "secret" not in str(e.value)
    assert_holds(tmp_path, {})


def test_the_password_of_a_proxy_is_not_sent_on_to_the_server_of_a_redirect(server, tmp_path, monkeypatch):
    contents = server.offer(a=10)
    [file] = server.listed(contents)
    with file_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://user:secret@"))
        proxy.answers["http://elsewhere.invalid/a"] = [(302, {"Location": file.url})]
        fetch([RemoteFile(file.path, "http://elsewhere.invalid/a", file.bytes, file.sha256)], tmp_path)
        assert proxy.credentials == ["Proxy-Authorization"]
    assert server.gets() == [(A, None)]
    assert server.credentials == []
    assert_holds(tmp_path, contents)


def test_a_circle_of_redirects_fails(server, tmp_path):
    contents = server.offer(a=10)
    server.answers[f"/{A}"] = [(302, {"Location": f"{server.url}/{A}"})] * 50
    with pytest.raises(IncompleteFetch, match="302"):
        fetch(server.listed(contents), tmp_path)


def test_a_link_to_another_folder_is_refused_before_anything_is_downloaded(server, tmp_path):
    contents = server.offer(a=10)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here/sub-01").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="^folder of sub-01/a.pkl.*found a link to .*elsewhere"):
        fetch(server.listed(contents), tmp_path / "here")
    with pytest.raises(BadInput, match="^folder of sub-01/a.pkl"):
        plan(server.listed(contents), tmp_path / "here")
    assert server.asked == []
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_becomes_a_link_during_the_fetch_is_refused(server, tmp_path):
    contents = server.offer(a=10)
    (tmp_path / "elsewhere").mkdir()

    class Linking(Watching):
        def begin(self, total_bytes: int, files: int) -> None:
            (tmp_path / "here/sub-01").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(IncompleteFetch, match="found a link to .*elsewhere"):
        fetch(server.listed(contents), tmp_path / "here", progress=Linking())
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_partial_file_that_is_a_link_is_not_followed(server, tmp_path, exists):
    contents = server.offer(a=3000)
    precious = tmp_path / "precious"
    if exists:
        precious.write_bytes(contents[A][:2000])
    part(tmp_path / "here", A).parent.mkdir(parents=True)
    part(tmp_path / "here", A).symlink_to(precious)
    watching = Watching()
    fetch(server.listed(contents), tmp_path / "here", progress=watching)
    assert watching.total == watching.came == 3000
    assert server.gets() == [(A, None)]
    assert precious.exists() == exists
    assert not exists or precious.read_bytes() == contents[A][:2000]
    assert_holds(tmp_path / "here", contents)
