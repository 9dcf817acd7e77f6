"""A local web server for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from file_server import FileServer, file_server

from alignhouse.ingest.downloads import transfer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server without files and faults; downloads pause only for milliseconds."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfer, "_FIRST_PAUSE", 0.01)
    with file_server() as running:
        yield running
        assert running.credentials == []


@pytest.fixture(params=[True, False], ids=["known", "prefix"])
def known(request: pytest.FixtureRequest) -> bool:
    """Whether the size and full sha256 of files are known in advance, or only the start of the sha256."""
    return request.param
