"""What to download: the address of a file, where it goes, and what content it must have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from alignhouse.warehouse.errors import BadInput

Proof = Literal["sha256", "md5", "statement", "size"]
"""What proved the content of a file: its published sha256 or MD5; what the server states, its size and a
checksum in its ETag; or its size alone, because the ETag is no checksum that could be checked."""
_SHA256 = re.compile(r"[0-9a-f]{8,64}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_PRINTABLE = re.compile(r"[!-~]+")  # ASCII without blanks: what the first line of a request can hold
_RESERVED = re.compile(r"\.alignhouse-.*|\..*\.part(\.json)?")  # names that the engine itself uses


@dataclass(frozen=True)
class RemoteFile:
    """A file to download, with one proof of its content: sha256, md5 or what the server states.

    Parameters
    ----------
    path : relative path below the destination folder, with forward slashes.
    url : where the file is, https://... (http://... only where the caller of `fetch` allows it).
    bytes : its size; None if it is not known in advance.
    sha256 : its sha256 in hexadecimal, or the first 8 or more digits, if no more is known.
    md5 : its MD5 in hexadecimal, where that is what is published.
    as_stated : nothing is published. The file is compared with its size and ETag on the server. This proves
        that it is complete and undamaged in transit, but not that it is the makers' file.
    etag : what the server states; None if it was not asked, or sends none.
    label : what messages call the file; by default its path.
    hint : what to do if the server's content has another sha256.

    Raises
    ------
    BadInput : `path` could leave the destination folder or is a name that the engine uses; `url` is not a
        plain web address, or contains a password; `bytes` is negative; there is no proof, or more than one.
    """

    path: str
    url: str
    bytes: int | None
    sha256: str = ""
    md5: str = field(default="", kw_only=True)
    as_stated: bool = field(default=False, kw_only=True)
    etag: str | None = field(default=None, kw_only=True)
    label: str = field(default="", compare=False)
    hint: str = field(default="the server's copy is damaged, or is another version", compare=False)

    def __post_init__(self) -> None:
        _check_path(self.path)
        check_address(self.url, f"address of {self.name}")
        if self.bytes is not None and self.bytes < 0:
            raise BadInput(f"size of {self.name}", expected="0 or more bytes", found=self.bytes)
        proofs = [bool(self.sha256), bool(self.md5), self.as_stated]
        if sum(proofs) > 1:
            raise BadInput(f"proof of {self.name}", expected="sha256, md5 or as_stated", found="several")
        if self.md5 and not _MD5.fullmatch(self.md5):
            raise BadInput(f"MD5 of {self.name}", expected="32 hexadecimal digits", found=repr(self.md5))
        if not any(proofs[1:]) and not _SHA256.fullmatch(self.sha256):
            raise BadInput(
                f"sha256 of {self.name}", expected="8 to 64 hexadecimal digits", found=repr(self.sha256)
            )

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.label or self.path

    @property
    def host(self) -> str:
        """The server, with its port."""
        return urlsplit(self.url).netloc

    @property
    def has_full_checksum(self) -> bool:
        """Whether a complete checksum is published, so that it alone identifies the content."""
        return bool(self.md5) or len(self.sha256) == 64

    @property
    def content_in_words(self) -> str:
        """The proof, for messages."""
        if self.md5:
            return f"md5 {self.md5}"
        if self.as_stated:
            return f"ETag {self.etag}, which the server states"
        return f"sha256 {self.sha256}" + ("" if self.has_full_checksum else "...")


def check_address(url: str, what: str) -> None:
    """Raise BadInput, naming `what`, unless `url` is a web address without user name and password."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or brackets that do not match
        valid = False
    if not valid or not _PRINTABLE.fullmatch(url):
        raise BadInput(what, expected="https://... or http://...", found=repr(url))
    if "@" in parts.netloc:
        # The message leaves the password out.
        found = f"{parts.scheme}://...@{parts.hostname}"
        raise BadInput(what, expected="an address without user name and password", found=found)


def refuse_plain_http(files: Sequence[RemoteFile]) -> None:
    """Raise BadInput for the first file whose address is not https."""
    for file in files:
        if urlsplit(file.url).scheme != "https":
            raise BadInput(f"address of {file.name}", expected="https://...", found=file.url)


def refuse_repeated(files: Sequence[RemoteFile]) -> None:
    """Raise BadInput for the first path that two files share."""
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise BadInput(f"{file.path} is listed twice", expected="each file once")
        seen.add(file.path)


def _check_path(path: str) -> None:
    plain = PurePosixPath(path)
    stays_inside = bool(plain.name) and not plain.is_absolute() and not {"..", "."} & set(plain.parts)
    if path != str(plain) or not stays_inside or not path.isprintable():
        raise BadInput("a file to download", expected="a plain relative path", found=repr(path))
    if _RESERVED.fullmatch(plain.name):
        raise BadInput("a file to download", expected="a name that downloads do not use", found=repr(path))
