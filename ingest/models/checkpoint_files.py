"""The checkpoint files of networks: their addresses, and the content that each must have.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from alignhouse.ingest.downloads.remote_file import RemoteFile, check_address
from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import write_text

SOURCE = "mmaction2"  # the other sources download weights through their own hubs
LOCK_FILE = "checkpoints.json"
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*-(?P<start>[0-9a-f]{8})\.pth", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def address_of(network: Network) -> str:
    """The address of the network's weights in the catalog.

    Raises
    ------
    BadInput : the catalog has none.
    """
    if network.weights_url is None:
        raise BadInput(f"weights of {network.name}", expected="an address", found="none in the catalog")
    return network.weights_url


def checkpoints_of(
    networks: Sequence[Network], url_of: Callable[[Network], str] = address_of
) -> list[RemoteFile]:
    """The checkpoint files of those networks that are from mmaction2, each once, in their order.

    Sizes are unknown. Of each sha256, the file's name gives the first eight digits, which files may share.

    Parameters
    ----------
    url_of : returns the address of a network's file.

    Raises
    ------
    BadInput : a file name does not end in the start of a hash, or in another start than the catalog's; an
        address is not http or https; one file has two addresses.
    """
    files: dict[str, RemoteFile] = {}
    users: dict[str, list[str]] = {}
    for network in networks:
        if network.source != SOURCE:
            continue
        name, url = network.weights, url_of(network)
        sha256 = _start_of_sha256(network)
        check_address(url, f"address of the weights of {network.name}")
        if name in files and files[name].url != url:
            raise BadInput(
                f"weights of {network.name}: {name} has two addresses", expected=files[name].url, found=url
            )
        users.setdefault(name, []).append(network.name)
        label = f"weights of {', '.join(dict.fromkeys(users[name]))} ({name})"
        files[name] = RemoteFile(name, url, None, sha256, label, f"the copy at {url} is damaged")
    return list(files.values())


class OnceSeen:
    """The full sha256 and size of each checkpoint when it was first verified, in a small JSON file.

    Only the start of a checkpoint's sha256 is published. From its first download on, the whole sha256 must
    stay the same. Can be shared between threads.

    Parameters
    ----------
    folder : of the checkpoints; the file in it is `checkpoints.json`, {name: {"sha256": ..., "bytes": ...}}.

    Raises
    ------
    BadInput : the file exists and cannot be read. It is not ignored, because later downloads must match it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        self._hint = (
            f"it is not the content noted in {self.path.name}; remove the entry there if the new one is right"
        )
        self._lock = threading.Lock()
        self._known = _read(self.path) if self.path.exists() else {}

    def pinned(self, file: RemoteFile) -> RemoteFile:
        """The checkpoint with its full sha256, if it was verified before."""
        sha256 = self.sha256_of(file.path)
        if sha256 is None:
            return file
        return replace(file, sha256=sha256, hint=self._hint)

    def sha256_of(self, name: str) -> str | None:
        """The full sha256 of the file of that name, None if it was never verified."""
        with self._lock:
            known = self._known.get(name)
        return str(known["sha256"]) if known else None

    def keep(self, file: RemoteFile, sha256: str, n_bytes: int) -> None:
        """Store the sha256 and size that the file must have from now on.

        Raises
        ------
        BadInput : another sha256 is stored. OSError : they cannot be written.
        """
        entry: dict[str, str | int] = {"sha256": sha256, "bytes": n_bytes}
        with self._lock:
            # Read again, because another process may have added files before this one locked the folder.
            known = _read(self.path) if self.path.exists() else {}
            stored = known.get(file.path, entry)
            if stored["sha256"] != sha256:
                raise BadInput(
                    f"content of {file.name}",
                    expected=f"sha256 {stored['sha256']}",
                    found=sha256,
                    hint=self._hint,
                )
            self._known = {**known, file.path: entry}
            if self._known != known:
                write_text(self.path, json.dumps(self._known, indent=1, sort_keys=True) + "\n")


def _start_of_sha256(network: Network) -> str:
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


def _read(path: Path) -> dict[str, dict[str, str | int]]:
    hint = "restore the file; or delete it, and the next downloads count as right"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {path}", found=error, hint=hint) from error
    if not isinstance(known, dict):
        raise BadInput(f"{path}", expected="names of files", found=type(known).__name__, hint=hint)
    for name, entry in known.items():
        if not _is_entry(name, entry):
            raise BadInput(
                f"{path}, entry {name!r}",
                expected="bytes, and a sha256 that starts as the name ends",
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
