"""`alignhouse ingest weights`, and what is said where weights are missing."""

from __future__ import annotations

import pytest
from checkpoint_web import Web

from alignhouse.cli import fetching
from alignhouse.ingest.downloads.outcome import IncompleteFetch
from alignhouse.ingest.models.catalog import catalog
from alignhouse.warehouse.errors import BadInput


@pytest.fixture
def address(monkeypatch):
    """A web server with one checkpoint; gives the network that it is of."""
    import hashlib
    import threading

    web = Web()
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    content = b"weights" * 1000
    start = hashlib.sha256(content).hexdigest()[:8]
    name = f"x3d-{start}.pth"
    web.files[f"/{name}"] = content
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    network = catalog()["x3d_s"].model_copy(
        update={
            "weights": name,
            "weights_sha_prefix": start,
            "weights_url": f"http://127.0.0.1:{web.server_port}/{name}",
        }
    )
    yield network
    web.shutdown()
    thread.join()


def test_what_was_fetched_and_what_was_passed_over_is_printed(address, tmp_path, capsys):
    fetching.fetch_weights([address, catalog()["AlexNet"]], tmp_path, workers=2)
    printed = capsys.readouterr().out
    assert "Weights that the hubs of torchvision and timm give when they are needed: 1." in printed
    assert f"Verified by sha256: 1 checkpoints in {tmp_path}; 1 fetched now (7.0 kB)." in printed
    fetching.fetch_weights([address], tmp_path, workers=2)
    assert "0 fetched now" in capsys.readouterr().out


def test_what_failed_is_an_error_after_what_came_is_printed(address, tmp_path, capsys):
    lost = address.model_copy(update={"weights": f"other-{address.weights_sha_prefix}.pth"})
    lost = lost.model_copy(update={"weights_url": address.weights_url.replace("x3d-", "other-")})
    with pytest.raises(IncompleteFetch, match="1 of 2 checkpoints could not be fetched"):
        fetching.fetch_weights([address, lost], tmp_path, workers=1)
    assert "Verified by sha256: 1 checkpoints" in capsys.readouterr().out


def test_missing_checkpoints_name_the_command_that_fetches_them(tmp_path):
    from alignhouse.ingest.models.weights import check_weights

    with pytest.raises(BadInput, match="no file .*get them with `alignhouse ingest weights`"):
        check_weights([catalog()["x3d_s"]], "pretrained", folder=tmp_path)
