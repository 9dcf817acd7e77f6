"""HTTP(S) requests for a file or the rest of one, and detection of a file that changed on the server.

Uses the standard library only. Its HTTP client is imported with the first request, so that importing this
module is fast.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from alignhouse.ingest.downloads.remote_file import RemoteFile, check_address
from alignhouse.warehouse.errors import BadInput

CHUNK = 256 * 1024  # bytes
_READ_TIMEOUT = 30.0  # seconds without a byte
_HEAD_TIMEOUT = 10.0  # a size is not worth a longer wait
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}  # statuses that may be over a moment later
# No credentials: files are public, and a header would follow redirects to other servers.
_HEADERS = {"User-Agent": "alignhouse", "Accept-Encoding": "identity"}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NO_RANGE = re.compile(r"bytes \*/(\d+)")


class Unreachable(BadInput):
    """The server cannot be reached, so no other file of it can be downloaded either."""


class Broken(Exception):
    """A failure of the server or the connection that may be over a moment later.

    unreachable : no connection could be made. wait : seconds that the server asks to wait, 0 if it does not.
    """

    def __init__(self, cause: Exception, *, unreachable: bool = False, wait: float = 0.0) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.unreachable, self.wait = unreachable, wait


class PastTheEnd(Exception):
    """The requested range begins at or after the end. n_bytes : size of the server's file, if it sends it."""

    def __init__(self, n_bytes: int | None) -> None:
        super().__init__(n_bytes)
        self.n_bytes = n_bytes


@dataclass(frozen=True)
class Version:
    """What identifies a version of a file on its server: each None if the server does not send it."""

    etag: str | None = None
    modified: str | None = None
    n_bytes: int | None = None

    @property
    def if_range(self) -> str | None:
        """Value of the header If-Range, which must not be a weak ETag (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def may_be(self, other: Version) -> bool:
        """Whether both can be the same version: nothing that is known of both differs."""
        pairs = (
            (self.etag, other.etag),
            (self.modified, other.modified),
            (self.n_bytes, other.n_bytes),
        )
        return all(one == another for one, another in pairs if one is not None and another is not None)


@dataclass(frozen=True)
class Answer:
    """Content from byte `start` on, which can differ from the requested one.

    start : None if the answer is not a single range. version : of the whole file. chunks : the content; close
    it after use. Reading it raises Broken if the connection fails or ends before the announced length.
    """

    start: int | None
    version: Version
    chunks: Generator[bytes, None, None]


def get(file: RemoteFile, start: int = 0, version: Version | None = None) -> Answer:
    """Request the content of a file from byte `start` on.

    Parameters
    ----------
    version : of the bytes before `start`. If the server has another version by now, it sends the whole file.

    Raises
    ------
    Broken : the request failed, but may succeed later.
    PastTheEnd : the file ends at `start` or before.
    BadInput : the file does not exist, or the server or this function refuses.
    """
    wanted = {"Range": f"bytes={start}-"} if start else {}
    if start and version and version.if_range:
        wanted["If-Range"] = version.if_range
    response = _open(file, "GET", wanted, _READ_TIMEOUT)
    chunks = _chunks(response)
    if response.status == 200:
        return Answer(0, _version(response, response.length), chunks)
    if response.status == 206 and start:
        extent = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        size = int(extent[2]) if extent and extent[2] != "*" else None
        return Answer(int(extent[1]) if extent else None, _version(response, size), chunks)
    response.close()
    raise BadInput(
        file.name, expected=f"the file at {file.url}", found=f"{response.status} {response.reason}"
    )


def version_on_server(file: RemoteFile) -> Version:
    """What the server states about a file, without its content.

    Raises
    ------
    Broken, BadInput : as `get`.
    """
    with closing(_open(file, "HEAD", {}, _HEAD_TIMEOUT)) as response:
        length = response.headers.get("Content-Length", "")
        return _version(response, int(length) if length.isdecimal() else None)


def may_redirect(before: str, after: str) -> bool:
    """Whether a redirect between two addresses is allowed: to https, and to http only from http.

    Often only some digits of the sha256 are known, so it must be certain which server sends the file.
    """
    scheme = urlsplit(after).scheme
    return scheme == "https" or (scheme == "http" and urlsplit(before).scheme == "http")


def _open(file: RemoteFile, method: str, headers: dict[str, str], timeout: float) -> Any:
    import http.client
    import ssl
    import urllib.error
    import urllib.request

    request = urllib.request.Request(file.url, headers=_HEADERS | headers, method=method)
    try:
        return _opener(file).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, file, ranged="Range" in headers) from error
    except urllib.error.URLError as error:
        cause = error.reason if isinstance(error.reason, Exception) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Unreachable(
                file.name,
                expected=f"the server of {file.url}",
                found=cause,
                hint="the certificate does not prove that it is this server",
            ) from error
        raise Broken(cause, unreachable=True) from error
    except (http.client.HTTPException, OSError) as error:
        raise Broken(error) from error


def _opener(file: RemoteFile) -> Any:
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request | None:
            if not may_redirect(req.full_url, newurl):
                fp.close()
                raise BadInput(
                    file.name,
                    expected=f"the file at {req.full_url}",
                    found=f"a redirect to {newurl}, refused",
                )
            check_address(newurl, f"redirect from {req.full_url}")
            again = super().redirect_request(req, fp, code, msg, headers, newurl)
            if again is not None:
                again.method = req.get_method()  # the base class turns a HEAD into a GET
                again.remove_header("Proxy-authorization")  # the base class copies it
            return again

    opener = urllib.request.OpenerDirector()
    # Not `build_opener`, which also opens ftp:, file: and data: addresses.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _refusal(error: Any, file: RemoteFile, *, ranged: bool) -> Exception:
    if ranged and error.code == 416:
        size = _NO_RANGE.fullmatch(error.headers.get("Content-Range", ""))
        return PastTheEnd(int(size[1]) if size else None)
    if error.code in _TEMPORARY:
        return Broken(error, wait=_seconds(error.headers.get("Retry-After", "")))
    hint = "the file was moved or deleted" if error.code in (404, 410) else None
    return BadInput(
        file.name, expected=f"the file at {file.url}", found=f"{error.code} {error.msg}", hint=hint
    )


def _seconds(retry_after: str) -> float:
    """Seconds to wait by the header Retry-After, which is a number or a date; 0 for anything else."""
    from email.utils import parsedate_to_datetime

    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds())


def _version(response: Any, n_bytes: int | None) -> Version:
    headers = response.headers
    return Version(headers.get("ETag"), headers.get("Last-Modified"), n_bytes)


def _chunks(response: Any) -> Generator[bytes, None, None]:
    import http.client

    length, received = response.length, 0
    try:
        while length is None or received < length:
            try:
                # read1 returns each received piece at once, so that a broken connection loses nothing.
                chunk = response.read1(CHUNK if length is None else min(CHUNK, length - received))
            except (http.client.HTTPException, OSError) as error:
                raise Broken(error) from error
            if not chunk:
                break
            received += len(chunk)
            yield chunk
        if length is not None and received < length:
            raise Broken(EOFError(f"{received:,} of {length:,} bytes received"))
    finally:
        response.close()
