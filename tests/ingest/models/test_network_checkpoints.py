"""Checkpoints that come, are resumed, and are not fetched twice. Without torch."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkpoint_web import Watching, Web, assert_holds, checkpoint_web, content_of, leave_part

from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.ingest.models import checkpoint_transfer
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.checkpoint_files import LOCK_FILE, checkpoints_of
from alignhouse.ingest.models.checkpoints import fetch_checkpoints

MIB = 2**20


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(checkpoint_transfer, "_FIRST_PAUSE", 0.01)
    with checkpoint_web() as server:
        yield server


def test_checkpoints_come_under_their_own_names_and_others_are_left_to_their_hubs(web: Web, tmp_path: Path):
    networks = web.offer("a", "b", "c", size=MIB + 17)
    watching = Watching()

    done = fetch_checkpoints([*networks, catalog()["AlexNet"]], tmp_path, progress=watching)

    assert_holds(tmp_path, web, networks)
    assert sorted(file.name for file in done.fetched) == sorted(watching.done)
    assert (done.verified, done.replaced, done.passed_over) == ([], [], ["AlexNet"])
    assert done.bytes_fetched == watching.total == watching.came == 3 * (MIB + 17)
    assert watching.files == 3
    assert json.loads((tmp_path / LOCK_FILE).read_text()) == {
        network.weights: {
            "sha256": hashlib.sha256(content_of(web, network)).hexdigest(),
            "bytes": MIB + 17,
        }
        for network in networks
    }


def test_a_second_fetch_asks_the_server_for_nothing(web: Web, tmp_path: Path, monkeypatch):
    networks = web.offer("a", "b")
    fetch_checkpoints(networks, tmp_path)
    web.asked.clear()
    monkeypatch.setattr("alignhouse.ingest.models.checkpoints.hashing_until", lambda stop: pytest.fail)

    again = fetch_checkpoints(networks, tmp_path)

    assert web.asked == []
    assert [file.name for file in again.verified] == [network.weights for network in networks]
    assert (again.fetched, again.bytes_fetched) == ([], 0)


def test_files_that_a_person_put_there_count_if_right_and_are_noted(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    (tmp_path / network.weights).write_bytes(content_of(web, network))
    done = fetch_checkpoints([network], tmp_path)
    assert (len(done.verified), web.asked) == (1, [])
    assert network.weights in json.loads((tmp_path / LOCK_FILE).read_text())


def test_without_networks_of_mmaction2_nothing_is_made(tmp_path: Path):
    done = fetch_checkpoints([catalog()["AlexNet"]], tmp_path / "none")
    assert done.passed_over == ["AlexNet"]
    assert not (tmp_path / "none").exists()


def test_networks_that_share_a_checkpoint_fetch_it_once(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    twin = network.model_copy(update={"name": "twin"})
    done = fetch_checkpoints([network, twin], tmp_path)
    assert len(web.gets()) == 1
    assert done.fetched[0].networks == (network.name, "twin")


def test_files_that_share_the_start_of_their_hash_are_told_apart():
    known = catalog()
    files = checkpoints_of([known["slow_r50_in1k"], known["slow_r50_in1k_embgauss"]])
    assert len({file.name for file in files}) == 2
    assert {file.sha_start for file in files} == {"df42dc84"}


def test_every_checkpoint_of_the_catalog_can_be_asked_for():
    known = [network for network in catalog().values() if network.source == "mmaction2"]
    assert len(checkpoints_of(known)) == len({network.weights for network in known})


@pytest.mark.parametrize("said", ["etag", "modified"])
def test_a_half_file_is_resumed_if_it_is_still_the_same_on_the_server(web: Web, tmp_path: Path, said: str):
    [network] = web.offer("a")
    content, path = content_of(web, network), f"/{network.weights}"
    if said == "modified":
        web.etags[path] = 'W/"weak"'  # which If-Range must not have
        web.modified = "Thu, 01 Sep 2022 00:00:00 GMT"
    condition = web.etag(path) if said == "etag" else web.modified
    leave_part(
        tmp_path, network, content[:200_000], etag=web.etag(path), modified=web.modified, n_bytes=len(content)
    )
    watching = Watching()

    done = fetch_checkpoints([network], tmp_path, progress=watching)

    assert web.gets() == [[path, "bytes=200000-", condition]]
    assert done.bytes_fetched == watching.total == watching.came == 100_000
    assert_holds(tmp_path, web, [network])


@pytest.mark.parametrize("careless", [False, True])
def test_a_file_that_changed_on_the_server_begins_again(web: Web, tmp_path: Path, careless: bool):
    web.careless = careless  # answers 206 with another ETag
    [network] = web.offer("a")
    leave_part(tmp_path, network, b"x" * 200_000, etag='"old"', n_bytes=300_000)
    watching = Watching()

    fetch_checkpoints([network], tmp_path, progress=watching)

    assert web.gets()[0][1:] == ["bytes=200000-", '"old"']
    assert len(web.gets()) == 1 + careless
    assert watching.came == watching.total == 100_000
    assert_holds(tmp_path, web, [network])


def test_a_server_that_ignores_ranges_gives_it_all_again(web: Web, tmp_path: Path):
    web.deaf = True
    [network] = web.offer("a")
    web.cuts[f"/{network.weights}"] = [200_000]
    done = fetch_checkpoints([network], tmp_path)
    assert done.bytes_fetched == 500_000
    assert_holds(tmp_path, web, [network])


def test_a_file_that_never_comes_in_one_piece_from_such_a_server_is_given_up(web: Web, tmp_path: Path):
    web.deaf = True
    [network] = web.offer("a", size=3 * MIB)
    web.cuts[f"/{network.weights}"] = [2 * MIB] * 20  # headway each time, so no end of it otherwise
    with pytest.raises(IncompleteFetch, match=r"none, 4 times; the server gives the whole file again"):
        fetch_checkpoints([network], tmp_path)


def test_a_part_that_nobody_knows_of_what_is_thrown_away(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    leave_part(tmp_path, network, b"x" * 200_000)
    (tmp_path / f".{network.weights}.part.json").write_text("{")
    watching = Watching()
    fetch_checkpoints([network], tmp_path, progress=watching)
    assert watching.came == watching.total == 300_000
    assert_holds(tmp_path, web, [network])


@pytest.mark.parametrize("known", [True, False])
def test_a_part_that_is_whole_is_only_verified(web: Web, tmp_path: Path, known: bool):
    [network] = web.offer("a")
    content = content_of(web, network)
    leave_part(tmp_path, network, content, n_bytes=len(content) if known else None)
    assert fetch_checkpoints([network], tmp_path).bytes_fetched == 0
    assert len(web.gets()) == (0 if known else 1)
    assert_holds(tmp_path, web, [network])


def test_a_truncated_body_is_a_broken_connection_and_resumed(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    web.cuts[f"/{network.weights}"] = [100_000, 100_000]
    watching = Watching()
    done = fetch_checkpoints([network], tmp_path, progress=watching)
    assert [asked[1] for asked in web.gets()] == [None, "bytes=100000-", "bytes=200000-"]
    assert done.bytes_fetched == watching.came == 300_000
    assert_holds(tmp_path, web, [network])


def test_a_connection_that_keeps_breaking_ends_in_an_error_and_the_part_stays(web: Web, tmp_path: Path):
    bad, good = web.offer("bad", "good")
    web.cuts[f"/{bad.weights}"] = [100_000] + [0] * 20
    with pytest.raises(IncompleteFetch, match=r"1 of 2 .*broke off 6 times.*1 files are verified and safe"):
        fetch_checkpoints([bad, good], tmp_path)
    assert (tmp_path / f".{bad.weights}.part").stat().st_size == 100_000
    assert not (tmp_path / bad.weights).exists()
    web.cuts.clear()
    assert fetch_checkpoints([bad, good], tmp_path).bytes_fetched == 200_000
    assert_holds(tmp_path, web, [bad, good])


def test_a_body_of_unknown_size_ends_where_it_ends(web: Web, tmp_path: Path):
    web.unsized = True
    [network] = web.offer("a")
    fetch_checkpoints([network], tmp_path)
    assert_holds(tmp_path, web, [network])


def test_a_server_without_head_is_fetched_from_all_the_same(web: Web, tmp_path: Path):
    web.headless = True
    [network] = web.offer("a")
    fetch_checkpoints([network], tmp_path)
    assert_holds(tmp_path, web, [network])


def test_a_file_that_was_damaged_here_is_replaced(web: Web, tmp_path: Path):
    networks = web.offer("a", "b")
    fetch_checkpoints(networks, tmp_path)
    (tmp_path / networks[0].weights).write_bytes(b"x" * 300_000)
    watching = Watching()
    done = fetch_checkpoints(networks, tmp_path, progress=watching)
    assert [file.name for file in done.replaced] == [networks[0].weights]
    assert any("is fetched again" in line for line in watching.lines)
    assert_holds(tmp_path, web, networks)


_FETCH = """
import signal
import sys
from pathlib import Path
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.checkpoints import fetch_checkpoints
assert not {"torch", "urllib.request", "http.client"} & set(sys.modules), "importing is to be light"
# A process that a shell started in the background ignores interrupts, and Python leaves it so.
signal.signal(signal.SIGINT, signal.default_int_handler)
fetch_checkpoints([Network.model_validate_json(sys.argv[1])], Path(sys.argv[2]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_fetch_that_was_killed_or_stopped_is_resumed(web: Web, tmp_path: Path, how: signal.Signals):
    [network] = web.offer("a", size=4 * MIB)
    web.pause = 0.02
    part = tmp_path / f".{network.weights}.part"
    command = [sys.executable, "-c", _FETCH, network.model_dump_json(), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size > MIB):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(how)
        began = time.monotonic()
        assert process.wait(10) != 0
        assert time.monotonic() - began < 5
    assert not (tmp_path / network.weights).exists()
    assert MIB < part.stat().st_size < 4 * MIB
    web.pause, here = 0.0, part.stat().st_size
    web.asked.clear()

    done = fetch_checkpoints([network], tmp_path)

    assert done.bytes_fetched == 4 * MIB - here
    assert web.gets() == [[f"/{network.weights}", f"bytes={here}-", web.etag(f"/{network.weights}")]]
    assert_holds(tmp_path, web, [network])
