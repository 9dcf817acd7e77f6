"""Checkpoints that are wrong, missing or refused, and folders that cannot take them. Without torch."""

from __future__ import annotations

import json
import os
import time
from collections import namedtuple
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from checkpoint_web import Watching, Web, assert_holds, checkpoint_web, content_of, leave_part

from alignhouse.ingest.downloads.destination import fetching_into
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.ingest.models import checkpoint_http, checkpoint_transfer
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.checkpoint_files import LOCK_FILE
from alignhouse.ingest.models.checkpoints import fetch_checkpoints
from alignhouse.warehouse.errors import BadInput

MIB = 2**20


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(checkpoint_transfer, "_FIRST_PAUSE", 0.01)
    with checkpoint_web() as server:
        yield server


def test_wrong_content_is_fetched_once_more_then_refused(web: Web, tmp_path: Path):
    bad, good = web.offer("bad", "good")
    web.files[f"/{bad.weights}"] = b"x" * 300_000
    watching = Watching()
    with pytest.raises(IncompleteFetch) as caught:
        fetch_checkpoints([bad, good], tmp_path, progress=watching)
    message = str(caught.value)
    for words in (bad.name, bad.weights, f"sha256 {bad.weights_sha_prefix}...", "2 times", "damaged"):
        assert words in message
    assert [asked[:2] for asked in web.gets() if bad.weights in asked[0]] == [[f"/{bad.weights}", None]] * 2
    assert_holds(tmp_path, web, [good])
    assert list(json.loads((tmp_path / LOCK_FILE).read_text())) == [good.weights]
    assert list(caught.value.failures) == [bad.weights]
    assert watching.came == 300_000


def test_a_wrong_half_costs_one_fetch_more(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    leave_part(tmp_path, network, b"x" * 200_000, etag=web.etag(f"/{network.weights}"), n_bytes=300_000)
    assert fetch_checkpoints([network], tmp_path).bytes_fetched == 400_000
    assert_holds(tmp_path, web, [network])


def note_as_seen(folder: Path, network: Network, sha256: str) -> None:
    (folder / LOCK_FILE).write_text(json.dumps({network.weights: {"sha256": sha256, "bytes": 300_000}}))


def test_a_download_must_be_what_was_once_seen_though_the_start_of_its_hash_fits(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    note_as_seen(tmp_path, network, network.weights_sha_prefix + "0" * 56)
    before = (tmp_path / LOCK_FILE).read_bytes()
    with pytest.raises(IncompleteFetch, match=rf"sha256 {network.weights_sha_prefix}0+.*{LOCK_FILE}"):
        fetch_checkpoints([network], tmp_path)
    assert len(web.gets()) == 2
    assert_holds(tmp_path, web, [])
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_a_file_that_is_there_must_be_what_was_once_seen(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    (tmp_path / network.weights).write_bytes(content_of(web, network))
    note_as_seen(tmp_path, network, network.weights_sha_prefix + "0" * 56)
    with pytest.raises(IncompleteFetch):
        fetch_checkpoints([network], tmp_path)


@pytest.mark.parametrize(
    "damage",
    ["{", "[]", '{"a-12345678.pth": "x"}', '{"a-12345678.pth": {"sha256": "' + "0" * 64 + '", "bytes": 1}}'],
)
def test_a_damaged_note_of_what_was_seen_is_not_passed_over(web: Web, tmp_path: Path, damage: str):
    (tmp_path / LOCK_FILE).write_text(damage)
    with pytest.raises(BadInput, match=LOCK_FILE):
        fetch_checkpoints(web.offer("a"), tmp_path)
    assert web.asked == []


def test_a_missing_file_names_network_and_address_and_stops_no_other(web: Web, tmp_path: Path):
    gone, good = web.offer("gone", "good")
    del web.files[f"/{gone.weights}"]
    with pytest.raises(IncompleteFetch) as caught:
        fetch_checkpoints([gone, good], tmp_path, workers=1)
    for words in (gone.name, gone.weights_url, "404", "1 of 2", "1 files are verified"):
        assert words in str(caught.value)
    assert_holds(tmp_path, web, [good])


@pytest.mark.parametrize("after", ["1", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(web: Web, tmp_path: Path, status: int, after: str):
    [network] = web.offer("a")
    asks = formatdate(time.time() + 2, usegmt=True) if after == "date" else after
    web.answers[f"/{network.weights}"] = [(status, {"Retry-After": asks})]
    began = time.monotonic()
    fetch_checkpoints([network], tmp_path)
    assert time.monotonic() - began > 0.9
    assert_holds(tmp_path, web, [network])


def test_a_server_that_asks_for_an_hour_is_not_waited_for(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    web.answers[f"/{network.weights}"] = [(503, {"Retry-After": "3600"})]
    with pytest.raises(IncompleteFetch, match=r"come back in 3,600 s"):
        fetch_checkpoints([network], tmp_path)


def test_redirects_are_followed_and_keep_the_range(web: Web, tmp_path: Path):
    [network] = web.offer("a")
    content, path = content_of(web, network), f"/{network.weights}"
    web.answers["/moved"] = [(302, {"Location": web.url + network.weights})]
    leave_part(tmp_path, network, content[:200_000], etag=web.etag(path), n_bytes=len(content))
    fetch_checkpoints([network], tmp_path, url_of=lambda network: web.url + "moved")
    assert web.gets()[-1] == [path, "bytes=200000-", web.etag(path)]
    assert_holds(tmp_path, web, [network])


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/a", "file:///etc/hostname"])
def test_a_redirect_to_another_scheme_is_refused(web: Web, tmp_path: Path, to: str):
    [network] = web.offer("a")
    web.answers[f"/{network.weights}"] = [(302, {"Location": to})]
    with pytest.raises(IncompleteFetch, match=to):
        fetch_checkpoints([network], tmp_path)
    assert_holds(tmp_path, web, [])


def test_a_redirect_never_leads_out_of_https():
    assert checkpoint_http.may_redirect("http://a", "https://b")
    assert checkpoint_http.may_redirect("https://a", "https://b")
    assert not checkpoint_http.may_redirect("https://a", "http://b")


@pytest.mark.parametrize(
    "update",
    [
        {"weights_url": "ftp://somewhere/a-12345678.pth"},
        {"weights_url": "https:///a"},
        {"weights_url": "https://a/b c"},
        {"weights_url": None},
        {"weights": "a.pth"},
        {"weights": "../a-12345678.pth"},
        {"weights_sha_prefix": "00000000"},
    ],
)
def test_a_network_that_cannot_be_fetched_is_named_before_anything_begins(tmp_path: Path, update: dict):
    network = catalog()["x3d_s"].model_copy(update=update)
    with pytest.raises(BadInput, match="x3d_s"):
        fetch_checkpoints([network], tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_one_file_at_two_addresses_is_refused(tmp_path: Path):
    network = catalog()["x3d_s"]
    twin = network.model_copy(update={"name": "twin", "weights_url": "https://elsewhere/a"})
    with pytest.raises(BadInput, match=r"twin: .*two addresses"):
        fetch_checkpoints([network, twin], tmp_path)


def test_a_server_that_cannot_be_reached_is_tried_for_one_file_only(web: Web, tmp_path: Path):
    away = web.offer("a", "b", "c")
    [good] = web.offer("good")
    watching = Watching()

    def url_of(network: Network) -> str:
        return network.weights_url if network is good else f"http://127.0.0.1:9/{network.weights}"

    with pytest.raises(IncompleteFetch, match=r"3 of 4 .*refused.*1 files are verified") as caught:
        fetch_checkpoints([*away, good], tmp_path, workers=1, url_of=url_of, progress=watching)
    assert len(caught.value.failures) == 3
    assert len({line.split(":")[0] for line in watching.lines if "going on" in line}) == 1
    assert_holds(tmp_path, web, [good])


def test_too_little_disk_is_said_before_anything_is_fetched(web: Web, tmp_path: Path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(500_000))
    with pytest.raises(BadInput, match=r"expected 600\.0 kB free, found 500\.0 kB"):
        fetch_checkpoints(web.offer("a", "b"), tmp_path)
    assert web.gets() == []


def test_too_little_disk_is_said_when_the_size_is_known_only_late(web: Web, tmp_path: Path, monkeypatch):
    web.headless = True
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(200_000))
    with pytest.raises(IncompleteFetch, match=r"too little room"):
        fetch_checkpoints(web.offer("a"), tmp_path)


def test_two_fetches_into_one_folder_are_refused(web: Web, tmp_path: Path):
    with fetching_into(tmp_path), pytest.raises(BadInput, match=f"fetching into .*process {os.getpid()}"):
        fetch_checkpoints(web.offer("a"), tmp_path)
