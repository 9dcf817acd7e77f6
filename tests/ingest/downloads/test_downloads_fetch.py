"""Fetching from an S3 server that behaves, and from one that does not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import pytest

from alignhouse.ingest.downloads.destination import LEDGER, fetching_into, plan
from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

MIB = 2**20
A, B, C = (f"sub-01/{name}.pkl" for name in "abc")


class Watching:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.total = self.came = 0
        self.done: list[str] = []
        self.lines: list[str] = []
        self.threads: set[int] = set()

    def begin(self, total_bytes: int, files: int) -> None:
        self.total, self.files = total_bytes, files

    def advance(self, bytes: int) -> None:
        self.came += bytes
        self.threads.add(threading.get_ident())

    def file_done(self, path: str) -> None:
        self.done.append(path)

    def say(self, line: str) -> None:
        self.lines.append(line)


def part(folder: Path, path: str) -> Path:
    final = folder / path
    return final.with_name(f".{final.name}.part")


def leave_part(folder: Path, path: str, content: bytes) -> None:
    part(folder, path).parent.mkdir(parents=True, exist_ok=True)
    part(folder, path).write_bytes(content)


def assert_holds(folder: Path, contents: dict[str, bytes]) -> None:
    """Exactly these files, by their sha256, and no parts of any."""
    there = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".alignhouse-")
    }
    assert there == {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}


def test_a_fetch_brings_every_file_under_its_own_path(server, listed, tmp_path):
    contents = server.offer(a=3 * MIB + 17, b=1, c=700_000, empty=0)
    files, watching = listed(contents), Watching()

    fetched = fetch(files, tmp_path, **server.where(), progress=watching)

    assert_holds(tmp_path, contents)
    assert sorted(file.path for file in fetched.fetched) == sorted(contents) == sorted(watching.done)
    assert (fetched.verified, fetched.replaced) == ([], [])
    size = sum(map(len, contents.values()))
    assert fetched.bytes_fetched == watching.total == watching.came == size
    assert watching.files == 4
    assert watching.threads == {threading.get_ident()}


def test_a_second_fetch_asks_the_server_for_nothing_and_reads_no_file(server, listed, tmp_path, monkeypatch):
    files = listed(server.offer(a=100_000, b=50))
    fetch(files, tmp_path, **server.where())
    server.gets.clear()
    monkeypatch.setattr("alignhouse.ingest.downloads.destination.hashing_until", lambda stop: pytest.fail)

    again = fetch(files, tmp_path, **server.where())

    assert server.gets == []
    assert (again.verified, again.fetched, again.bytes_fetched) == (files, [], 0)
    assert plan(files, tmp_path).bytes_left == 0


def test_a_destination_that_was_renamed_is_still_known(server, listed, tmp_path, monkeypatch):
    files = listed(server.offer(a=1000))
    fetch(files, tmp_path / "here", **server.where())
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.setattr("alignhouse.ingest.downloads.destination.hashing_until", lambda stop: pytest.fail)
    assert plan(files, tmp_path / "there").verified == files


@pytest.mark.parametrize("damage", ["{", "[1, 2]", '{"sub-01/a.pkl": 3}', "\udcff"])
def test_files_without_a_ledger_are_read_and_count_if_right(server, listed, tmp_path, damage):
    contents = server.offer(a=100_000)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / A).write_bytes(contents[A])
    (tmp_path / LEDGER).write_bytes(damage.encode(errors="surrogateescape"))
    assert fetch(listed(contents), tmp_path, **server.where()).verified == listed(contents)
    assert server.gets == []
    assert A in json.loads((tmp_path / LEDGER).read_text())


def test_what_a_fetch_would_do_is_told_beforehand_and_changes_nothing(server, listed, tmp_path):
    contents = server.offer(a=1000, b=2000, c=3000, d=4000)
    files = listed(contents)
    fetch(files[:1], tmp_path, **server.where())
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


def test_a_half_file_is_resumed_and_its_bytes_are_not_fetched_again(server, listed, tmp_path):
    contents = server.offer(a=2 * MIB)
    leave_part(tmp_path, A, contents[A][:1_500_000])
    watching = Watching()
    fetched = fetch(listed(contents), tmp_path, **server.where(), progress=watching)
    assert server.gets == [(A, "bytes=1500000-")]
    assert fetched.bytes_fetched == watching.total == watching.came == 2 * MIB - 1_500_000
    assert_holds(tmp_path, contents)


def test_a_part_that_is_whole_is_verified_and_needs_no_request(server, listed, tmp_path):
    contents = server.offer(a=1000)
    leave_part(tmp_path, A, contents[A])
    fetch(listed(contents), tmp_path, **server.where())
    assert server.gets == []
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize(("size", "ranges"), [(5000, [None]), (4000, [None]), (1500, ["bytes=1500-", None])])
def test_a_part_with_other_content_is_thrown_away_and_the_file_fetched_from_zero(
    server, listed, tmp_path, size, ranges
):
    contents = server.offer(a=4000)
    leave_part(tmp_path, A, b"?" * size)
    watching = Watching()
    fetch(listed(contents), tmp_path, **server.where(), progress=watching)
    assert [asked for _, asked in server.gets] == ranges
    assert_holds(tmp_path, contents)
    assert watching.came == watching.total
    assert any("thrown away" in line for line in watching.lines)


def test_a_server_that_cannot_resume_sends_the_whole_file(server, listed, tmp_path):
    contents = server.offer(a=300_000)
    leave_part(tmp_path, A, contents[A][:1000])
    server.deaf = True
    watching = Watching()
    fetch(listed(contents), tmp_path, **server.where(), progress=watching)
    assert_holds(tmp_path, contents)
    assert watching.came == watching.total == 299_000


def test_content_that_is_wrong_on_the_server_is_never_put_in_place(server, listed, tmp_path):
    contents = server.offer(a=500_000, b=1000, c=2000)
    files = listed(contents)
    server.put(A, b"x" * 500_000)

    with pytest.raises(
        IncompleteFetch, match=r"1 of 3 files.*content of sub-01/a.pkl.*2 files are verified"
    ) as e:
        fetch(files, tmp_path, **server.where())

    assert server.gets.count((A, None)) == 2
    assert list(e.value.failures) == [A]
    assert {file.path for file in e.value.done.fetched} == {B, C}
    assert_holds(tmp_path, {path: contents[path] for path in (B, C)})
    server.put(A, contents[A])
    assert [file.path for file in fetch(files, tmp_path, **server.where()).fetched] == [A]
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize("spoil", [lambda content: b"x" + content[1:], lambda content: content[:-1]])
def test_a_file_that_was_spoilt_here_is_fetched_again_and_said_to_be_replaced(
    server, listed, tmp_path, spoil
):
    contents = server.offer(a=5000, b=100)
    files = listed(contents)
    fetch(files, tmp_path, **server.where())
    times = (tmp_path / A).stat()
    (tmp_path / A).write_bytes(spoil(contents[A]))
    os.utime(tmp_path / A, ns=(times.st_atime_ns, times.st_mtime_ns))
    watching = Watching()

    fetched = fetch(files, tmp_path, **server.where(), progress=watching)

    assert fetched.replaced == fetched.fetched == files[:1]
    assert fetched.verified == files[1:]
    assert any(A in line and "fetched again" in line for line in watching.lines)
    assert_holds(tmp_path, contents)


def test_missing_files_are_named_and_do_not_stop_the_others(server, listed, tmp_path):
    contents = server.offer(b=1000)
    absent = {f"sub-0{i}/x.pkl": b"x" for i in range(1, 6)}
    with pytest.raises(
        BadInput, match=r"5 of 6.*sub-01/x.pkl is not at .*NoSuchKey.*and 2 more.*1 files"
    ) as e:
        fetch(listed({**absent, **contents}), tmp_path, **server.where(), workers=1)
    assert str(e.value).count("is not at") == 3
    assert_holds(tmp_path, contents)


@pytest.mark.parametrize(("on_server", "begun"), [(4001, 0), (3999, 0), (4001, 10), (3999, 10), (500, 2000)])
def test_another_size_on_the_server_is_an_error_for_that_file(server, listed, tmp_path, on_server, begun):
    contents = server.offer(a=4000, b=10)
    leave_part(tmp_path, A, contents[A][:begun])
    server.put(A, contents[A][:1] * on_server)
    with pytest.raises(BadInput, match="1 of 2 .*size of sub-01/a.pkl: expected 4,000 bytes, found"):
        fetch(listed(contents), tmp_path, **server.where())
    assert not (tmp_path / A).exists()
    assert (tmp_path / B).exists()


def test_a_server_that_throttles_is_asked_again(server, listed, tmp_path):
    contents = server.offer(a=1000)
    server.throttled = 2
    fetch(listed(contents), tmp_path, **server.where())
    assert len(server.gets) == 3
    assert_holds(tmp_path, contents)


def test_throttling_that_outlasts_botocores_patience_is_waited_out(server, listed, tmp_path, monkeypatch):
    monkeypatch.setattr("alignhouse.ingest.downloads.s3._ATTEMPTS", 1)
    contents = server.offer(a=1000)
    server.throttled = 4
    watching = Watching()
    fetch(listed(contents), tmp_path, **server.where(), progress=watching)
    assert sum("broke off" in line and "SlowDown" in line for line in watching.lines) == 4
    assert_holds(tmp_path, contents)


def test_a_connection_that_breaks_in_mid_stream_goes_on_from_there(server, listed, tmp_path):
    contents = server.offer(a=2 * MIB)
    server.cuts[A] = [900_000, 600_000]
    fetched = fetch(listed(contents), tmp_path, **server.where())
    starts = [int(asked[6:-1]) if asked else 0 for _, asked in server.gets]
    assert len(starts) == 3
    assert 0 < starts[1] <= 900_000
    assert starts[1] < starts[2] <= starts[1] + 600_000
    assert fetched.bytes_fetched == 2 * MIB
    assert_holds(tmp_path, contents)


def test_a_connection_that_never_holds_is_given_up_and_the_part_stays(server, listed, tmp_path):
    contents = server.offer(a=3 * MIB, b=10)
    server.cuts[A] = [2 * MIB, *[1] * 20]
    with pytest.raises(BadInput, match=r"1 of 2.*sub-01/a.pkl broke off 6 times in a row, last after 2.1 MB"):
        fetch(listed(contents), tmp_path, **server.where())
    kept = part(tmp_path, A).read_bytes()
    assert len(kept) >= 2 * MIB
    assert contents[A].startswith(kept)
    server.cuts.clear()
    fetch(listed(contents), tmp_path, **server.where())
    assert server.gets[-1] == (A, f"bytes={len(kept)}-")
    assert_holds(tmp_path, contents)


def test_breaks_do_not_count_while_the_file_makes_headway(server, listed, tmp_path):
    contents = server.offer(a=12 * MIB)
    server.cuts[A] = [5 * MIB // 4] * 8
    fetch(listed(contents), tmp_path, **server.where())
    assert len(server.gets) == 9
    assert_holds(tmp_path, contents)


def test_a_server_that_nobody_reaches_ends_the_whole_fetch(server, listed, tmp_path, monkeypatch):
    monkeypatch.setattr("alignhouse.ingest.downloads.s3._ATTEMPTS", 1)
    files = listed({f"sub-{i:02d}/a": b"a" for i in range(50)})
    with pytest.raises(IncompleteFetch, match="could not be fetched.*were not finished") as e:
        fetch(files, tmp_path, endpoint_url="http://127.0.0.1:9", prefix="x", workers=2)
    assert len(e.value.failures) <= 2


SCRIPT = """
import json, sys
from pathlib import Path
from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
to, where, files = json.loads(sys.argv[1])
fetch([RemoteFile(*file) for file in files], Path(to), **where)
"""


def in_another_process(files, to: Path, where: dict[str, str]) -> subprocess.Popen[str]:
    told = [str(to), where, [(file.path, file.bytes, file.sha256) for file in files]]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(told)], stderr=subprocess.PIPE, text=True
    )


def wait_for(condition, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)


def test_a_killed_fetch_goes_on_where_it_stopped(server, listed, tmp_path):
    contents = server.offer(a=4 * MIB, b=1000)
    files, final, half = listed(contents), tmp_path / A, part(tmp_path, A)
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
        process = in_another_process(files, tmp_path, server.where())
        wait_for(lambda: half.exists() and half.stat().st_size > MIB and (tmp_path / B).exists())
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stderr.close()
        kept = half.read_bytes()
        assert MIB < len(kept) < 4 * MIB
        assert contents[A].startswith(kept)
        assert not seen
        server.pause = 0.0
        server.gets.clear()

        fetched = fetch(files, tmp_path, **server.where())
    finally:
        over.set()
        watcher.join()

    assert server.gets == [(A, f"bytes={len(kept)}-")]
    assert fetched.bytes_fetched == 4 * MIB - len(kept)
    assert fetched.verified == files[1:]
    assert seen <= {files[0].sha256}
    assert_holds(tmp_path, contents)


def test_an_interrupt_stops_all_threads_quickly_and_keeps_the_parts(server, listed, tmp_path, request):
    contents = server.offer(a=4 * MIB, b=4 * MIB, c=10)
    files = listed(contents)
    server.pause = 0.05
    interrupted: list[float] = []

    def interrupt(path: str) -> None:
        halves = [part(tmp_path, path) for path in (A, B)]
        if not interrupted and all(half.exists() and half.stat().st_size > MIB for half in halves):
            interrupted.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    server.during = interrupt
    # A process that a shell started in the background ignores interrupts, and Python leaves it so.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, former))
    with pytest.raises(KeyboardInterrupt):
        fetch(files, tmp_path, **server.where())
    assert time.monotonic() - interrupted[0] < 2
    for path in (A, B):
        assert contents[path].startswith(part(tmp_path, path).read_bytes())
    server.during, server.pause = None, 0.0
    assert plan(files, tmp_path).verified == files[2:]
    assert fetch(files, tmp_path, **server.where()).bytes_fetched < 6 * MIB
    assert_holds(tmp_path, contents)


def test_what_the_progress_raises_ends_the_fetch(server, listed, tmp_path):
    class Angry(Watching):
        def advance(self, bytes: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fetch(listed(server.offer(a=MIB)), tmp_path, **server.where(), progress=Angry())


def test_too_little_disk_is_said_before_anything_is_fetched(server, listed, tmp_path, monkeypatch):
    files = listed(server.offer(a=5_000_000, b=10))
    leave_part(tmp_path, A, b"x" * 1_000_000)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 4_000_009))
    with pytest.raises(BadInput, match="too little room.*expected 4.0 MB free, found 4.0 MB"):
        fetch(files, tmp_path, **server.where())
    assert server.gets == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 4_000_010))
    fetch(files, tmp_path, **server.where())


def test_a_disk_that_fills_up_ends_the_fetch_and_says_what_is_safe(server, listed, tmp_path, monkeypatch):
    files = listed(server.offer(**{f"f{i}": 100 for i in range(5)}))
    from alignhouse.ingest.downloads import transfer

    moved: list[Path] = []

    def full_after_two(temporary: Path, final: Path) -> None:
        if len(moved) == 2:
            raise OSError(28, "No space left on device")
        moved.append(final)
        os.replace(temporary, final)

    monkeypatch.setattr(transfer, "move_into_place", full_after_two)
    with pytest.raises(BadInput, match="No space left.*2 were not finished.*2 files are verified"):
        fetch(files, tmp_path, **server.where(), workers=1)


def test_a_second_fetch_at_the_same_time_is_refused_and_told_who(server, listed, tmp_path):
    files = listed(server.offer(a=10))
    with (
        fetching_into(tmp_path),
        pytest.raises(BadInput, match=f"another process is fetching.*process {os.getpid()} of "),
    ):
        fetch(files, tmp_path, **server.where())
    fetch(files, tmp_path, **server.where())


def test_a_destination_that_is_no_folder_is_refused(server, listed, tmp_path):
    files = listed(server.offer(a=10))
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot fetch into"):
        fetch(files, tmp_path / "file", **server.where())
    with pytest.raises(BadInput, match="is no folder"):
        plan(files, tmp_path / "file")


def test_a_file_that_is_listed_twice_is_refused(listed, tmp_path):
    with pytest.raises(BadInput, match="listed twice"):
        fetch(listed({A: b"a"}) * 2, tmp_path)


def test_a_link_of_a_data_set_without_content_is_replaced_by_the_file(server, listed, tmp_path):
    contents = server.offer(a=10)
    (tmp_path / "sub-01").mkdir()
    (tmp_path / A).symlink_to("../.git/annex/objects/not-here")
    fetch(listed(contents), tmp_path, **server.where())
    assert_holds(tmp_path, contents)


def test_boto3_is_imported_only_when_something_is_fetched():
    code = "import sys, alignhouse.ingest.downloads.fetch; sys.exit('botocore' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_data_sets_own_bucket_is_asked_by_its_path(monkeypatch):
    from alignhouse.ingest.downloads.s3 import BUCKET, PREFIX, Source

    source = Source(BUCKET, PREFIX, None, connections=2)
    url = source._client.generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": f"{PREFIX}README"}
    )
    assert url == "https://s3.amazonaws.com/openneuro.org/ds005165/README"
