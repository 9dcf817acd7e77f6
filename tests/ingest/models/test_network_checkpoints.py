"""Downloads of checkpoints: which ones, from where, and which content is accepted. Runs without torch."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from file_server import FileServer, Watching, assert_holds, file_server, leave_part, part

from alignhouse.ingest.downloads.outcome import Fetched, IncompleteFetch
from alignhouse.ingest.models import checkpoints
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.checkpoint_files import LOCK_FILE, OnceSeen, checkpoints_of
from alignhouse.warehouse.errors import BadInput

fetch_checkpoints = partial(checkpoints.fetch_checkpoints, allow_http=True)
SIZE = 300_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with file_server() as running:
        yield running


@pytest.fixture
def offer(server: FileServer) -> Callable[..., list[Network]]:
    """Makes networks whose checkpoints have these names on the server."""

    def offer(*names: str) -> list[Network]:
        known = [network for network in catalog().values() if network.source == "mmaction2"]
        offered = []
        for network, name in zip(known, names, strict=False):
            content = random.Random(name).randbytes(SIZE)
            start = hashlib.sha256(content).hexdigest()[:8]
            file = f"{name}-{start}.pth"
            server.put(file, content)
            at = {"weights": file, "weights_url": f"{server.url}/{file}", "weights_sha_prefix": start}
            offered.append(network.model_copy(update=at))
        return offered

    return offer


def contents_of(server: FileServer, networks: list[Network]) -> dict[str, bytes]:
    return {network.weights: server.files[f"/{network.weights}"] for network in networks}


def assert_folder_holds(folder: Path, server: FileServer, networks: list[Network]) -> None:
    """The checkpoints of these networks, the note of their hashes, and no partial files."""
    note = {LOCK_FILE: (folder / LOCK_FILE).read_bytes()} if (folder / LOCK_FILE).exists() else {}
    assert_holds(folder, contents_of(server, networks) | note)


def note_as_seen(folder: Path, network: Network, sha256: str) -> None:
    (folder / LOCK_FILE).write_text(json.dumps({network.weights: {"sha256": sha256, "bytes": SIZE}}))


def test_checkpoints_get_their_own_names_and_their_hashes_are_noted(server, offer, tmp_path):
    networks, watching = offer("a", "b", "c"), Watching()

    done = fetch_checkpoints([*networks, catalog()["AlexNet"]], tmp_path, progress=watching)

    assert_folder_holds(tmp_path, server, networks)
    assert sorted(file.path for file in done.fetched) == sorted(watching.done)
    assert (done.verified, done.replaced) == ([], [])
    assert done.bytes_fetched == watching.total == watching.came == 3 * SIZE
    assert watching.files == 3
    assert json.loads((tmp_path / LOCK_FILE).read_text()) == {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": SIZE}
        for name, content in contents_of(server, networks).items()
    }


def test_a_second_fetch_sends_no_request(server, offer, tmp_path):
    networks = offer("a", "b")
    fetch_checkpoints(networks, tmp_path)
    server.asked.clear()
    again = fetch_checkpoints(networks, tmp_path)
    assert server.asked == []
    assert [file.path for file in again.verified] == [network.weights for network in networks]
    assert (again.fetched, again.bytes_fetched) == ([], 0)


def test_files_that_a_user_copied_there_are_accepted_if_correct_and_recorded(server, offer, tmp_path):
    [network] = offer("a")
    (tmp_path / network.weights).write_bytes(contents_of(server, [network])[network.weights])
    done = fetch_checkpoints([network], tmp_path)
    assert (len(done.verified), server.asked) == (1, [])
    assert network.weights in json.loads((tmp_path / LOCK_FILE).read_text())


def test_without_networks_of_mmaction2_nothing_is_created(tmp_path):
    assert fetch_checkpoints([catalog()["AlexNet"]], tmp_path / "none") == Fetched()
    assert not (tmp_path / "none").exists()


def test_networks_that_share_a_checkpoint_download_it_once(server, offer, tmp_path):
    [network] = offer("a")
    twin = network.model_copy(update={"name": "twin"})
    done = fetch_checkpoints([network, twin], tmp_path)
    assert len(server.gets()) == 1
    assert done.fetched[0].label == f"weights of {network.name}, twin ({network.weights})"


def test_files_whose_hashes_start_alike_are_distinguished():
    known = catalog()
    files = checkpoints_of([known["slow_r50_in1k"], known["slow_r50_in1k_embgauss"]])
    assert len({file.path for file in files}) == 2
    assert {file.sha256 for file in files} == {"df42dc84"}


def test_every_checkpoint_of_the_catalog_can_be_downloaded():
    known = [network for network in catalog().values() if network.source == "mmaction2"]
    files = checkpoints_of(known)
    assert len(files) == len({network.weights for network in known})
    assert all(file.url.startswith("https://") for file in files)


def test_a_checkpoint_that_was_damaged_is_replaced(server, offer, tmp_path):
    networks, watching = offer("a", "b"), Watching()
    fetch_checkpoints(networks, tmp_path)
    (tmp_path / networks[0].weights).write_bytes(b"x" * SIZE)
    done = fetch_checkpoints(networks, tmp_path, progress=watching)
    assert [file.path for file in done.replaced] == [networks[0].weights]
    assert any("is downloaded again" in line for line in watching.lines)
    assert_folder_holds(tmp_path, server, networks)


def test_a_partial_checkpoint_is_resumed(server, offer, tmp_path):
    [network] = offer("a")
    content = contents_of(server, [network])[network.weights]
    leave_part(tmp_path, network.weights, content[:200_000], etag=server.etag(network.weights))
    assert fetch_checkpoints([network], tmp_path).bytes_fetched == 100_000
    assert server.gets() == [(network.weights, "bytes=200000-")]
    assert_folder_holds(tmp_path, server, [network])


def test_wrong_content_is_downloaded_twice_then_refused(server, offer, tmp_path):
    bad, good = offer("bad", "good")
    server.put(bad.weights, b"x" * SIZE)
    with pytest.raises(IncompleteFetch) as caught:
        fetch_checkpoints([bad, good], tmp_path)
    message = str(caught.value)
    for words in (bad.name, bad.weights, f"sha256 {bad.weights_sha_prefix}...", "2 times", "damaged"):
        assert words in message
    assert server.gets().count((bad.weights, None)) == 2
    assert_folder_holds(tmp_path, server, [good])
    assert list(json.loads((tmp_path / LOCK_FILE).read_text())) == [good.weights]
    assert list(caught.value.failures) == [bad.weights]


def test_a_download_must_have_the_noted_hash_though_the_start_is_right(server, offer, tmp_path):
    [network] = offer("a")
    note_as_seen(tmp_path, network, network.weights_sha_prefix + "0" * 56)
    before = (tmp_path / LOCK_FILE).read_bytes()
    with pytest.raises(IncompleteFetch, match=rf"sha256 {network.weights_sha_prefix}0+.*{LOCK_FILE}"):
        fetch_checkpoints([network], tmp_path)
    assert len(server.gets()) == 2
    assert_folder_holds(tmp_path, server, [])
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_a_file_that_exists_must_have_the_noted_hash(server, offer, tmp_path):
    [network] = offer("a")
    (tmp_path / network.weights).write_bytes(contents_of(server, [network])[network.weights])
    note_as_seen(tmp_path, network, network.weights_sha_prefix + "0" * 56)
    with pytest.raises(IncompleteFetch, match=LOCK_FILE):
        fetch_checkpoints([network], tmp_path)


def test_a_hash_that_another_process_noted_meanwhile_is_kept_and_must_match(offer, tmp_path):
    networks = offer("a", "b")
    a, b = checkpoints_of(networks)
    early = OnceSeen(tmp_path)
    OnceSeen(tmp_path).keep(a, a.sha256 + "0" * 56, SIZE)
    early.keep(b, b.sha256 + "0" * 56, SIZE)
    assert list(json.loads((tmp_path / LOCK_FILE).read_text())) == [a.path, b.path]
    with pytest.raises(BadInput, match=rf"expected sha256 {a.sha256}0+, found {a.sha256}1+.*{LOCK_FILE}"):
        early.keep(a, a.sha256 + "1" * 56, SIZE)
    assert early.pinned(a).sha256 == OnceSeen(tmp_path).pinned(a).sha256 == a.sha256 + "0" * 56


@pytest.mark.parametrize(
    "damage",
    ["{", "[]", '{"a-12345678.pth": "x"}', '{"a-12345678.pth": {"sha256": "' + "0" * 64 + '", "bytes": 1}}'],
)
def test_a_damaged_note_of_hashes_is_not_ignored(server, offer, tmp_path, damage):
    (tmp_path / LOCK_FILE).write_text(damage)
    with pytest.raises(BadInput, match=LOCK_FILE):
        fetch_checkpoints(offer("a"), tmp_path)
    assert server.asked == []


def test_a_note_of_hashes_that_cannot_be_written_fails_the_file_and_it_gets_no_name(
    server, offer, tmp_path, monkeypatch
):
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alignhouse.ingest.models.checkpoint_files.write_text", full)
    [network] = offer("a")
    with pytest.raises(IncompleteFetch, match="No space left"):
        fetch_checkpoints([network], tmp_path)
    assert not (tmp_path / network.weights).exists()
    assert part(tmp_path, network.weights).stat().st_size == SIZE


def test_a_missing_file_names_network_and_address_and_stops_no_other(server, offer, tmp_path):
    gone, good = offer("gone", "good")
    del server.files[f"/{gone.weights}"]
    with pytest.raises(IncompleteFetch) as caught:
        fetch_checkpoints([gone, good], tmp_path, workers=1)
    for words in (gone.name, gone.weights_url, "404", "1 of 2", "1 files are verified"):
        assert words in str(caught.value)
    server.put(gone.weights, b"")
    assert_folder_holds(tmp_path, server, [good])


def test_the_caller_can_give_other_addresses(server, offer, tmp_path):
    [network] = offer("a")
    server.put("mirror", contents_of(server, [network])[network.weights])
    fetch_checkpoints([network], tmp_path, url_of=lambda network: f"{server.url}/mirror")
    assert server.gets() == [("mirror", None)]
    assert_folder_holds(tmp_path, server, [network])


@pytest.mark.parametrize(
    "update",
    [
        {"weights_url": "ftp://somewhere/a-12345678.pth"},
        {"weights_url": "http://somewhere/a-12345678.pth"},
        {"weights_url": "https:///a"},
        {"weights_url": "https://a/b c"},
        {"weights_url": None},
        {"weights": "a.pth"},
        {"weights": "../a-12345678.pth"},
        {"weights_sha_prefix": "00000000"},
    ],
)
def test_a_network_that_cannot_be_downloaded_is_named_before_anything_begins(tmp_path, update):
    network = catalog()["x3d_s"].model_copy(update=update)
    with pytest.raises(BadInput, match="x3d_s"):
        checkpoints.fetch_checkpoints([network], tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_one_file_at_two_addresses_is_refused(tmp_path):
    network = catalog()["x3d_s"]
    twin = network.model_copy(update={"name": "twin", "weights_url": "https://elsewhere/a"})
    with pytest.raises(BadInput, match=r"twin: .*two addresses"):
        fetch_checkpoints([network, twin], tmp_path)


def test_importing_loads_neither_torch_nor_an_http_client():
    code = (
        "import sys, alignhouse.ingest.models.checkpoints\n"
        "sys.exit(bool({'torch', 'urllib.request', 'http.client'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
