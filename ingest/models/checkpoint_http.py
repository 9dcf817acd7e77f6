"""Reading a file over HTTP(S) from any byte on, and knowing whether it is still the same file there.

With the standard library only, which is imported when the first request is made.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from alignhouse.ingest.downloads.s3 import CHUNK, Broken
from alignhouse.ingest.downloads.transfer import Unreachable
from alignhouse.warehouse.errors import BadInput

_READ_TIMEOUT = 30.0  # seconds without a byte
_HEAD_TIMEOUT = 10.0  # a size is not worth a longer wait
_LATER = {408, 425, 429, 500, 502, 503, 504}  # may be over a moment later
_HEADERS = {"User-Agent": "alignhouse", "Accept-Encoding": "identity"}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_NO_RANGE = re.compile(r"bytes \*/(\d+)")


class Throttled(Broken):
    """The server asks to come back after so many seconds."""

    def __init__(self, cause: Exception, seconds: float) -> None:
        super().__init__(cause)
        self.seconds = seconds


class PastTheEnd(Exception):
    """The server has no byte to give from there on. n_bytes : the size of its file, if it says it."""

    def __init__(self, n_bytes: int | None) -> None:
        super().__init__(n_bytes)
        self.n_bytes = n_bytes


@dataclass(frozen=True)
class Version:
    """What a server says of a file to tell it from others at the same address: None where it says nothing."""

    etag: str | None = None
    modified: str | None = None
    n_bytes: int | None = None

    @property
    def if_range(self) -> str | None:
        """For the header If-Range, which takes no weak ETag (RFC 9110, 13.1.5)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def may_be(self, other: Version) -> bool:
        """Whether nothing that is said of both differs."""
        pairs = (
            (self.etag, other.etag),
            (self.modified, other.modified),
            (self.n_bytes, other.n_bytes),
        )
        return all(one == another for one, another in pairs if one is not None and another is not None)


@dataclass(frozen=True)
class Answer:
    """The content from byte `start` on, which need not be the one asked for; read `chunks` to the end.

    start : None where the server gives something else than one piece of the file. Reading raises Broken where
    the connection fails, or less comes than was announced.
    """

    start: int | None
    version: Version
    chunks: Generator[bytes, None, None]


def get(url: str, what: str, start: int = 0, version: Version | None = None) -> Answer:
    """The content of the file at `url`, asking for it from byte `start` on.

    Parameters
    ----------
    what : the file, for errors.
    version : of the bytes before `start`; the server is asked for all of the file if it has another by now.

    Raises
    ------
    Broken (Throttled) : what may be tried again.
    PastTheEnd : the file ends at `start` or before.
    BadInput : the file is not there, or refused.
    """
    wanted = {"Range": f"bytes={start}-"} if start else {}
    if start and version and version.if_range:
        wanted["If-Range"] = version.if_range
    response = _open(url, what, "GET", wanted, _READ_TIMEOUT)
    chunks = _chunks(response)
    if response.status == 200:
        return Answer(0, _version(response, response.length), chunks)
    if response.status == 206 and start:
        extent = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        size = int(extent[2]) if extent and extent[2] != "*" else None
        return Answer(int(extent[1]) if extent else None, _version(response, size), chunks)
    response.close()
    raise BadInput(what, expected=f"the file at {url}", found=f"{response.status} {response.reason}")


def size_at(url: str, what: str) -> int | None:
    """The size in bytes of the file at `url`, None where the server does not say it.

    Raises
    ------
    Broken, BadInput : as `get`.
    """
    with closing(_open(url, what, "HEAD", {}, _HEAD_TIMEOUT)) as response:
        said = response.headers.get("Content-Length", "")
        return int(said) if said.isdecimal() else None


def may_redirect(before: str, after: str) -> bool:
    """Whether a server may send on from one address to another: to http or https, and never out of https.

    What comes the first time is known by few digits of its hash, so who sends it matters.
    """
    scheme = urlsplit(after).scheme
    return scheme == "https" or (scheme == "http" and urlsplit(before).scheme == "http")


def _open(url: str, what: str, method: str, headers: dict[str, str], timeout: float) -> Any:
    import http.client
    import ssl
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, headers=_HEADERS | headers, method=method)
    try:
        return _opener(what).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, url, what, ranged="Range" in headers) from error
    except urllib.error.URLError as error:
        cause = error.reason if isinstance(error.reason, Exception) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Unreachable(
                what, expected=f"the server of {url}", found=cause, hint="the server is not who it should be"
            ) from error
        raise Broken(cause, unreachable=True) from error
    except (http.client.HTTPException, OSError) as error:
        raise Broken(error) from error


def _opener(what: str) -> Any:
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request | None:
            if not may_redirect(req.full_url, newurl):
                fp.close()
                raise BadInput(
                    what, expected=f"the file at {req.full_url}", found=f"a redirect to {newurl}, refused"
                )
            again = super().redirect_request(req, fp, code, msg, headers, newurl)
            if again is not None:
                again.method = req.get_method()  # a HEAD would become a GET
            return again

    return urllib.request.build_opener(Redirects)


def _refusal(error: Any, url: str, what: str, *, ranged: bool) -> Exception:
    if ranged and error.code == 416:
        size = _NO_RANGE.fullmatch(error.headers.get("Content-Range", ""))
        return PastTheEnd(int(size[1]) if size else None)
    if error.code in _LATER:
        seconds = _seconds(error.headers.get("Retry-After", ""))
        return Broken(error) if seconds is None else Throttled(error, seconds)
    hint = "the file has moved, or is gone" if error.code in (404, 410) else None
    return BadInput(what, expected=f"the file at {url}", found=f"{error.code} {error.msg}", hint=hint)


def _seconds(retry_after: str) -> float | None:
    """The header is a number of seconds or a date; None for neither."""
    from email.utils import parsedate_to_datetime

    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - dt.datetime.now(dt.UTC)).total_seconds())


def _version(response: Any, n_bytes: int | None) -> Version:
    headers = response.headers
    return Version(headers.get("ETag"), headers.get("Last-Modified"), n_bytes)


def _chunks(response: Any) -> Generator[bytes, None, None]:
    import http.client

    length, came = response.length, 0
    try:
        while length is None or came < length:
            try:
                # What has come, rather than a whole chunk, of which a break would lose the beginning.
                chunk = response.read1(CHUNK if length is None else min(CHUNK, length - came))
            except (http.client.HTTPException, OSError) as error:
                raise Broken(error) from error
            if not chunk:
                break
            came += len(chunk)
            yield chunk
        if length is not None and came < length:
            raise Broken(EOFError(f"{came:,} of {length:,} bytes came"))
    finally:
        response.close()
