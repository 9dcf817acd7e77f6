"""`alignhouse ingest weights`, and the messages for missing weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

import pytest
from file_server import file_server

from alignhouse.cli import fetching
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.checkpoints import fetch_checkpoints
from alignhouse.warehouse.errors import BadInput


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """A network whose checkpoint is on a local server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "fetch_checkpoints", partial(fetch_checkpoints, allow_http=True))
    content = b"weights" * 1000
    start = hashlib.sha256(content).hexdigest()[:8]
    name = f"x3d-{start}.pth"
    with file_server() as server:
        server.put(name, content)
        at = {"weights": name, "weights_url": f"{server.url}/{name}", "weights_sha_prefix": start}
        yield catalog()["x3d_s"].model_copy(update=at)


def test_what_was_downloaded_and_what_comes_from_hubs_is_printed(network, tmp_path, capsys):
    fetching.fetch_weights([network, catalog()["AlexNet"]], tmp_path, workers=2)
    printed = capsys.readouterr().out
    assert "Weights that torchvision and timm download from their hubs when needed: 1." in printed
    assert f"Verified by sha256: 1 checkpoints in {tmp_path}; 1 fetched now (7.0 kB)." in printed
    (tmp_path / network.weights).write_bytes(b"damaged")
    fetching.fetch_weights([network], tmp_path, workers=2)
    assert f"its content was not the published one: {tmp_path / network.weights}" in capsys.readouterr().out
    fetching.fetch_weights([network], tmp_path, workers=2)
    assert "0 fetched now" in capsys.readouterr().out


def test_what_failed_is_an_error_after_the_completed_files_are_printed(network, tmp_path, capsys):
    lost = network.model_copy(update={"weights": f"other-{network.weights_sha_prefix}.pth"})
    lost = lost.model_copy(update={"weights_url": network.weights_url.replace("x3d-", "other-")})
    with pytest.raises(IncompleteFetch, match="1 of 2 files could not be downloaded"):
        fetching.fetch_weights([network, lost], tmp_path, workers=1)
    assert "Verified by sha256: 1 checkpoints" in capsys.readouterr().out


def test_missing_checkpoints_name_the_command_that_downloads_them(tmp_path):
    from alignhouse.ingest.models.weights import check_weights

    with pytest.raises(BadInput, match="no file .*get them with `alignhouse ingest weights`"):
        check_weights([catalog()["x3d_s"]], "pretrained", folder=tmp_path)
