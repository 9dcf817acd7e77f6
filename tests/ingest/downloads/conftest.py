"""A local S3 server that can be told to fail, and small data sets on it."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import boto3
import pytest
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
from alignhouse.ingest.downloads import s3, transfer

_PIECE = 64 * 1024
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class _Quiet(MotoRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None: ...


@dataclass
class S3Server:
    """moto behind a gate that records every GET and fails as it is told.

    gets : (path in the data set, Range header or None) of each GET. throttled : how many GETs to answer with
    503. cuts : path -> after how many bytes each of its next bodies breaks off. pause : seconds after each
    64 KiB. deaf : ignores Range. during : called after each 64 KiB.
    """

    app: Callable[..., Iterable[bytes]]
    url: str = ""
    prefix: str = ""
    gets: list[tuple[str, str | None]] = field(default_factory=list)
    throttled: int = 0
    cuts: dict[str, list[int]] = field(default_factory=dict)
    pause: float = 0.0
    deaf: bool = False
    during: Callable[[str], None] | None = None

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        within = f"/{s3.BUCKET}/{self.prefix}"
        if environ["REQUEST_METHOD"] != "GET" or not environ["PATH_INFO"].startswith(within):
            return self.app(environ, start_response)
        path = environ["PATH_INFO"].removeprefix(within)
        self.gets.append((path, environ.get("HTTP_RANGE")))
        assert "HTTP_AUTHORIZATION" not in environ, "requests are to be unsigned"
        if self.throttled > 0:
            self.throttled -= 1
            start_response("503 Slow Down", [("Content-Length", str(len(_SLOW_DOWN)))])
            return [_SLOW_DOWN]
        if self.deaf:
            environ.pop("HTTP_RANGE", None)
        return self._body(path, b"".join(self.app(environ, start_response)))

    def _body(self, path: str, body: bytes) -> Iterator[bytes]:
        cut = self.cuts[path].pop(0) if self.cuts.get(path) else None
        for at in range(0, len(body) if cut is None else cut, _PIECE):
            yield body[at : at + _PIECE][: None if cut is None else cut - at]
            time.sleep(self.pause)
            if self.during:
                self.during(path)
        if cut is not None:
            raise ConnectionResetError("cut by the test")

    def put(self, path: str, content: bytes) -> None:
        self.client().put_object(Bucket=s3.BUCKET, Key=self.prefix + path, Body=content, ACL="public-read")

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=boto3.session.Config(s3={"addressing_style": "path"}),
        )

    def where(self) -> dict[str, str]:
        """What `fetch` needs to know of this server."""
        return {"endpoint_url": self.url, "prefix": self.prefix}

    def offer(self, **sizes: int) -> dict[str, bytes]:
        """Put files of random bytes on the server: a=3 makes "sub-01/a.pkl" of 3 bytes."""
        contents = {f"sub-01/{name}.pkl": noise(size, name) for name, size in sizes.items()}
        for path, content in contents.items():
            self.put(path, content)
        return contents


def noise(size: int, seed: str) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture
def listed() -> Callable[[dict[str, bytes]], list[RemoteFile]]:
    """Makes the manifest of given contents."""
    return lambda contents: [
        RemoteFile(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in contents.items()
    ]


@pytest.fixture(scope="session")
def _running() -> Iterator[S3Server]:
    server = S3Server(DomainDispatcherApplication(create_backend_app))
    http = make_server("127.0.0.1", 0, server, threaded=True, request_handler=_Quiet)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    server.client().create_bucket(Bucket=s3.BUCKET, ACL="public-read")
    yield server
    http.shutdown()
    thread.join()


@pytest.fixture
def server(_running: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> S3Server:
    """The server with nothing in this test's data set, and no faults."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(transfer, "_FIRST_PAUSE", 0.01)
    fresh = S3Server(_running.app)
    for name in ("gets", "throttled", "cuts", "pause", "deaf", "during"):
        setattr(_running, name, getattr(fresh, name))
    _running.prefix = f"ds-{abs(hash(request.node.nodeid))}/"
    return _running
