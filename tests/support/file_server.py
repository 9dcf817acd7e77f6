"""A local web server with files in memory that fails when a test asks for it, and helpers for downloads."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from alignhouse.ingest.downloads import fetch as engine
from alignhouse.ingest.downloads.remote_file import RemoteFile

MIB = 2**20
_PIECE = 64 * 1024

fetch = partial(engine.fetch, allow_http=True)


class FileServer(ThreadingHTTPServer):
    """Files in memory, served with ranges.

    asked : (method, path, Range, If-Range) of each request. credentials : names of received headers that
    contain secrets.
    cuts : path -> number of bytes after which each of its next bodies ends. resets : end them by a reset.
    answers : path -> (status, headers) of its next GETs. busy : number of GETs to answer with 503.
    deaf : ignore Range. careless : ignore If-Range. headless : refuse HEAD. unsized : no Content-Length.
    etags : path -> ETag, None for no header. modified : Last-Modified. pause : seconds after each 64 KiB.
    during : called with the path after each 64 KiB.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str | None] = {}
        self.modified: str | None = None
        self.asked: list[tuple[str, str, str | None, str | None]] = []
        self.credentials: list[str] = []
        self.cuts: dict[str, list[int]] = {}
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.busy = 0
        self.deaf = self.careless = self.headless = self.unsized = self.resets = False
        self.pause = 0.0
        self.during: Callable[[str], None] | None = None

    @property
    def url(self) -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}"

    def use_tls(self, certificate: Path, key: Path) -> None:
        """Serve https; call it before the first request."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def gets(self) -> list[tuple[str, str | None]]:
        """(path without the slash, Range) of each GET."""
        return [(path[1:], ranged) for method, path, ranged, _ in self.asked if method == "GET"]

    def etag(self, path: str) -> str | None:
        return self.etags.get(f"/{path}", f'"{hashlib.md5(self.files[f"/{path}"]).hexdigest()}"')

    def offer(self, **sizes: int) -> dict[str, bytes]:
        """Serve files of random bytes: a=3 makes "sub-01/a.pkl" of 3 bytes."""
        contents = {f"sub-01/{name}.pkl": random.Random(name).randbytes(size) for name, size in sizes.items()}
        for path, content in contents.items():
            self.put(path, content)
        return contents

    def put(self, path: str, content: bytes) -> None:
        self.files[f"/{path}"] = content

    def listed(self, contents: dict[str, bytes], *, known: bool = True) -> list[RemoteFile]:
        """Files with these contents; known : include size and full sha256, else 8 digits of the sha256."""
        return [
            RemoteFile(
                path,
                f"{self.url}/{path}",
                len(content) if known else None,
                hashlib.sha256(content).hexdigest()[: 64 if known else 8],
            )
            for path, content in contents.items()
        ]

    def handle_error(self, request: object, client_address: object) -> None: ...


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def log_message(self, format: str, *args: object) -> None: ...

    def _serve(self, body: bool) -> None:
        server, path = self.server, self.path
        ranged, if_range = self.headers.get("Range"), self.headers.get("If-Range")
        server.asked.append((self.command, path, ranged, if_range))
        secrets = ("Authorization", "Proxy-Authorization", "Cookie")
        server.credentials += [name for name in secrets if name in self.headers]
        if not body and server.headless:
            return self._empty(405, {})
        if body and server.busy > 0:
            server.busy -= 1
            return self._empty(503, {})
        if body and server.answers.get(path):
            return self._empty(*server.answers[path].pop(0))
        if path not in server.files:
            return self._empty(404, {})
        content, etag = server.files[path], server.etag(path[1:])
        start = int(ranged.removeprefix("bytes=").removesuffix("-")) if ranged and not server.deaf else 0
        if if_range and not server.careless and if_range not in (etag, server.modified):
            start = 0
        if start and start >= len(content):
            return self._empty(416, {"Content-Range": f"bytes */{len(content)}"})
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in (("ETag", etag), ("Last-Modified", server.modified)):
            if value:
                self.send_header(name, value)
        if not server.unsized:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            self._body(content[start:])

    def _body(self, content: bytes) -> None:
        server, cuts = self.server, self.server.cuts.get(self.path)
        cut = cuts.pop(0) if cuts else None
        for at in range(0, len(content) if cut is None else cut, _PIECE):
            self.wfile.write(content[at : min(at + _PIECE, len(content) if cut is None else cut)])
            time.sleep(server.pause)
            if server.during:
                server.during(self.path[1:])
        if cut is not None and server.resets:
            # With a linger time of 0 seconds, `close` sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A server that runs during the block."""
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Watching:
    """Progress that records all calls."""

    def __init__(self) -> None:
        self.total = self.came = self.files = 0
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


def leave_part(folder: Path, path: str, content: bytes, **version: object) -> None:
    """Write the partial file of an earlier run, with its version if one is given."""
    part(folder, path).parent.mkdir(parents=True, exist_ok=True)
    part(folder, path).write_bytes(content)
    if version:
        note = part(folder, path).with_name(part(folder, path).name + ".json")
        note.write_text(json.dumps({"etag": None, "modified": None, "n_bytes": None, **version}))


def assert_holds(folder: Path, contents: dict[str, bytes]) -> None:
    """Check that the folder has exactly these files and no partial ones."""
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".alignhouse-")
    }
    assert found == {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
