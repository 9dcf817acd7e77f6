"""Checkpoints on a local web server that can be told to fail, and what is in the folder they come to."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.checkpoint_files import LOCK_FILE

_PIECE = 64 * 1024


class Web(ThreadingHTTPServer):
    """Files in memory, served with ranges, and the faults that a test asks for.

    asked : (method, path, Range, If-Range) of each request. cuts : path -> after how many bytes each of its
    next bodies breaks off. answers : path -> (status, headers) of its next GETs. deaf : ignores Range.
    careless : ignores If-Range. etags : path -> ETag; None for no header. pause : seconds after each piece.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str | None] = {}
        self.modified: str | None = None
        self.asked: list[tuple[str, str, str | None, str | None]] = []
        self.cuts: dict[str, list[int]] = {}
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.deaf = self.careless = self.headless = self.unsized = False
        self.pause = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def gets(self) -> list[tuple[str, str | None, str | None]]:
        return [rest for method, *rest in self.asked if method == "GET"]

    def etag(self, path: str) -> str | None:
        return self.etags.get(path, f'"{hashlib.md5(self.files[path]).hexdigest()}"')

    def offer(self, *names: str, size: int = 300_000) -> list[Network]:
        """Networks x3d_s, x3d_m, ... whose checkpoints are new files on this server."""
        known = [network for network in catalog().values() if network.source == "mmaction2"]
        return [
            self.network(known[i], name, random.Random(name).randbytes(size)) for i, name in enumerate(names)
        ]

    def network(self, like: Network, name: str, content: bytes) -> Network:
        start = hashlib.sha256(content).hexdigest()[:8]
        file = f"{name}-{start}.pth"
        self.files[f"/{file}"] = content
        return like.model_copy(
            update={"weights": file, "weights_url": self.url + file, "weights_sha_prefix": start}
        )

    def handle_error(self, request: object, client_address: object) -> None: ...


class Handler(BaseHTTPRequestHandler):
    server: Web

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def log_message(self, format: str, *args: object) -> None: ...

    def _serve(self, body: bool) -> None:
        web, path = self.server, self.path
        ranged, if_range = self.headers.get("Range"), self.headers.get("If-Range")
        web.asked.append((self.command, path, ranged, if_range))
        if not body and web.headless:
            return self._empty(405, {})
        if body and web.answers.get(path):
            return self._empty(*web.answers[path].pop(0))
        if path not in web.files:
            return self._empty(404, {})
        content, etag = web.files[path], web.etag(path)
        start = int(ranged.removeprefix("bytes=").removesuffix("-")) if ranged and not web.deaf else 0
        if if_range and not web.careless and if_range not in (etag, web.modified):
            start = 0
        if start and start >= len(content):
            return self._empty(416, {"Content-Range": f"bytes */{len(content)}"})
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in (("ETag", etag), ("Last-Modified", web.modified)):
            if value:
                self.send_header(name, value)
        if not web.unsized:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            self._body(content[start:])

    def _body(self, content: bytes) -> None:
        cuts = self.server.cuts.get(self.path)
        content = content[: cuts.pop(0)] if cuts else content
        for at in range(0, len(content), _PIECE):
            self.wfile.write(content[at : at + _PIECE])
            time.sleep(self.server.pause)

    def _empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class Watching:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.total = self.came = self.files = 0
        self.done: list[str] = []
        self.lines: list[str] = []

    def begin(self, total_bytes: int, files: int) -> None:
        self.total, self.files = total_bytes, files

    def advance(self, bytes: int) -> None:
        self.came += bytes

    def file_done(self, path: str) -> None:
        self.done.append(path)

    def say(self, line: str) -> None:
        self.lines.append(line)


def content_of(web: Web, network: Network) -> bytes:
    return web.files[f"/{network.weights}"]


def leave_part(folder: Path, network: Network, content: bytes, **version: object) -> None:
    (folder / f".{network.weights}.part").write_bytes(content)
    kept = {"etag": None, "modified": None, "n_bytes": None, **version}
    (folder / f".{network.weights}.part.json").write_text(json.dumps(kept))


def assert_holds(folder: Path, web: Web, networks: list[Network]) -> None:
    """Exactly the checkpoints of these networks, and no parts of any."""
    there = {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not path.name.startswith(".alignhouse-") and path.name != LOCK_FILE
    }
    assert there == {network.weights: content_of(web, network) for network in networks}


@contextmanager
def checkpoint_web() -> Iterator[Web]:
    """A server that runs while the block does."""
    server = Web()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
