"""Which checkpoint files networks ask for, where they come from, and what content they must have.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import write_text

SOURCE = "mmaction2"  # the networks of the other sources get their weights through their own hubs
LOCK_FILE = "checkpoints.json"
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*-(?P<start>[0-9a-f]{8})\.pth", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[!-~]+")  # printable ASCII without blanks, as in a request's first line


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file to fetch.

    name : of the file, which alone identifies it. url : where it is. sha_start : first hexadecimal digits of
    its sha256, which several files may share. networks : names of those that are built from it.
    """

    name: str
    url: str
    sha_start: str
    networks: tuple[str, ...]

    def __str__(self) -> str:
        return f"weights of {', '.join(self.networks)} ({self.name})"


def address_of(network: Network) -> str:
    """Where the catalog says that the network's weights are.

    Raises
    ------
    BadInput : it does not say.
    """
    if network.weights_url is None:
        raise BadInput(f"weights of {network.name}", expected="an address", found="none in the catalog")
    return network.weights_url


def checkpoints_of(
    networks: Sequence[Network], url_of: Callable[[Network], str] = address_of
) -> list[Checkpoint]:
    """The checkpoint files of the networks of mmaction2 among these, each once, in their order.

    Parameters
    ----------
    url_of : where a network's file is.

    Raises
    ------
    BadInput : a file's name does not end in the start of a hash, or in another than the catalog's; an address
        that is not of http or https; one file at two addresses.
    """
    files: dict[str, Checkpoint] = {}
    for network in networks:
        if network.source != SOURCE:
            continue
        name, url = network.weights, _checked(network, url_of(network))
        known = files.get(name)
        if known and known.url != url:
            raise BadInput(
                f"weights of {network.name}: {name} has two addresses", expected=known.url, found=url
            )
        users = dict.fromkeys((*(known.networks if known else ()), network.name))
        files[name] = Checkpoint(name, url, _hash_in_name(network), tuple(users))
    return list(files.values())


class OnceSeen:
    """What each checkpoint file was when it was first verified: a small file, read by people too.

    The start of a hash is all that is published of a checkpoint; from the first time that it comes, it must
    stay the same to the last bit. Safe to share between threads.

    Parameters
    ----------
    folder : of the checkpoints; the file in it is `checkpoints.json`, {name: {"sha256": ..., "bytes": ...}}.

    Raises
    ------
    BadInput : the file cannot be read, which is not passed over: later downloads are held to what it says.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        self._lock = threading.Lock()
        self._known = _read(self.path) if self.path.exists() else {}

    def expected(self, file: Checkpoint) -> str:
        """What the file's sha256 must start with: all of it, once it has been seen."""
        return self.sha256_of(file.name) or file.sha_start

    def sha256_of(self, name: str) -> str | None:
        """All of the sha256 of the file of that name, if it has been seen."""
        with self._lock:
            known = self._known.get(name)
        return str(known["sha256"]) if known else None

    def keep(self, file: Checkpoint, sha256: str, n_bytes: int) -> None:
        """Hold the file to this content from now on; OSError where that cannot be written down."""
        entry: dict[str, str | int] = {"sha256": sha256, "bytes": n_bytes}
        with self._lock:
            if self._known.get(file.name) == entry:
                return
            known = {**self._known, file.name: entry}
            write_text(self.path, json.dumps(known, indent=1, sort_keys=True) + "\n")
            self._known = known


def _hash_in_name(network: Network) -> str:
    found = _NAME.fullmatch(network.weights)
    if not found:
        raise BadInput(
            f"weights of {network.name}",
            expected="a file name that ends in -xxxxxxxx.pth, the start of its sha256",
            found=repr(network.weights),
        )
    if network.weights_sha_prefix not in (None, found["start"]):
        raise BadInput(
            f"weights of {network.name}: {network.weights}",
            expected=f"the catalog's sha256 {network.weights_sha_prefix}... in the name",
            found=found["start"],
        )
    return found["start"]


def _checked(network: Network, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _ADDRESS.fullmatch(url):
        raise BadInput(
            f"address of the weights of {network.name}", expected="https://... or http://...", found=url
        )
    return url


def _read(path: Path) -> dict[str, dict[str, str | int]]:
    hint = "restore the file; or delete it, and what the servers give next counts as right"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}", found=error, hint=hint) from error
    if not isinstance(known, dict):
        raise BadInput(f"{path}", expected="names of files", found=type(known).__name__, hint=hint)
    for name, entry in known.items():
        if not _is_entry(name, entry):
            raise BadInput(
                f"{path}, entry {name!r}",
                expected="sha256, of which the name has the start, and bytes",
                found=entry,
                hint=hint,
            )
    return known


def _is_entry(name: str, entry: object) -> bool:
    named = _NAME.fullmatch(name)
    if not named or not isinstance(entry, dict) or set(entry) != {"sha256", "bytes"}:
        return False
    sha256 = str(entry["sha256"])
    return (
        bool(_SHA256.fullmatch(sha256)) and sha256.startswith(named["start"]) and type(entry["bytes"]) is int
    )
