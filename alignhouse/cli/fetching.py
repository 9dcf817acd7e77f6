"""Downloads on the command line: the plan, the progress bars and the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from alignhouse.cli.progress import byte_bars
from alignhouse.console import plain_console
from alignhouse.ingest.downloads.destination import DownloadPlan, plan
from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.outcome import Fetched, IncompleteFetch
from alignhouse.ingest.downloads.remote_file import Proof, RemoteFile
from alignhouse.ingest.downloads.statements import STATEMENTS
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.checkpoint_files import SOURCE
from alignhouse.ingest.models.checkpoints import fetch_checkpoints
from alignhouse.warehouse.errors import some_names
from alignhouse.warehouse.sizes import size_in_words

_PROOFS: dict[Proof, str] = {
    "sha256": "Verified by sha256",
    "md5": "Verified by MD5",
    "statement": "Equal to what the server states, by size and ETag",
    "size": "Of the size that the server states",
}
_NO_CHECKSUM = (
    "Size and ETag that the server states prove that a file is complete and undamaged in transit, "
    "but not that it is the makers' file."
)


def show_plan(files: Sequence[RemoteFile], to: Path) -> None:
    """Print each file with its size and state, then the totals. The server is asked for unknown sizes."""
    console = plain_console(highlight=False)
    planned = plan(files, to)
    verified, partial = {each.path for each in planned.verified}, planned.partial
    known = {each.path: each for each in (*planned.verified, *planned.left)}
    files = [known.get(file.path, file) for file in files]
    for file in files:
        state = "verified" if file.path in verified else "to fetch"
        if file.path in planned.unreadable:
            state = str(planned.unreadable[file.path])
        if file.path in partial:
            state += f", {size_in_words(partial[file.path])} are here"
        size = "size unknown" if file.bytes is None else f"{file.bytes:,}"
        console.print(f"{size:>13}  {file.path}  ({state})", soft_wrap=True)
    console.print(_totals(planned, files))
    if count := sum(file.as_stated for file in files):
        console.print(f"No checksum is published of {count:,} files. {_NO_CHECKSUM}", soft_wrap=True)


def fetch_dataset(files: Sequence[RemoteFile], to: Path, *, allow_http: bool, workers: int) -> None:
    """Download files with progress bars, and print the result.

    Raises
    ------
    BadInput : as `fetch`. Files that were completed before the error stay, and are printed.
    """
    with byte_bars(plain_console(stderr=True)) as shown:
        try:
            done = fetch(files, to, allow_http=allow_http, workers=workers, progress=shown)
        except IncompleteFetch as error:
            _show(error.done, to)
            raise
    _show(done, to)


def fetch_weights(networks: Sequence[Network], to: Path, *, workers: int) -> None:
    """Download the checkpoints of mmaction2's networks with progress bars, and print the result.

    Raises
    ------
    BadInput : as `fetch_checkpoints`. Files that were completed before the error stay, and are printed.
    """
    with byte_bars(plain_console(stderr=True)) as shown:
        try:
            done = fetch_checkpoints(networks, to, progress=shown, workers=workers)
        except IncompleteFetch as error:
            _show_weights(error.done, networks, to)
            raise
    _show_weights(done, networks, to)


def _show_weights(done: Fetched, networks: Sequence[Network], to: Path) -> None:
    console = plain_console(highlight=False)
    for each in done.replaced:
        console.print(
            f"Replaced, because its content was not the published one: {to / each.path}", soft_wrap=True
        )
    if count := sum(network.source != SOURCE for network in networks):
        console.print(f"Weights that torchvision and timm download from their hubs when needed: {count}.")
    there = len(done.verified) + len(done.fetched)
    came = f"{len(done.fetched):,} fetched now ({size_in_words(done.bytes_fetched)})"
    console.print(f"Verified by sha256: {there:,} checkpoints in {to}; {came}.", soft_wrap=True)


def _show(done: Fetched, to: Path) -> None:
    console = plain_console(highlight=False)
    there = [*done.verified, *done.fetched]
    for folder, count in sorted(Counter(str(PurePosixPath(each.path).parent) for each in there).items()):
        console.print(f"{count:>6,} files  {to / folder}", soft_wrap=True)
    for each in done.replaced:
        console.print(
            f"Replaced, because its content was not the data set's: {to / each.path}", soft_wrap=True
        )
    came = f"{len(done.fetched):,} fetched now ({size_in_words(done.bytes_fetched)})"
    by_proof = {proof: [each for each in there if done.proofs[each.path] == proof] for proof in _PROOFS}
    lines = {proof: f"{words}: {_counted(by_proof[proof])}" for proof, words in _PROOFS.items()}
    shown = [line for proof, line in lines.items() if by_proof[proof]] or [lines["sha256"]]
    for line in shown[:-1]:
        console.print(f"{line}.", soft_wrap=True)
    console.print(f"{shown[-1]}; {came}.", soft_wrap=True)
    if by_proof["statement"]:
        console.print(_NO_CHECKSUM, soft_wrap=True)
    if by_proof["size"]:
        names = some_names([each.path for each in by_proof["size"]], 4)
        line = f"Only the size of {names} could be compared: the ETag is no checksum that could be checked."
        console.print(line, soft_wrap=True)
        line = f"The sha256 of what came is recorded in {to / STATEMENTS}."
        console.print(line, soft_wrap=True)


def _counted(files: Sequence[RemoteFile]) -> str:
    return f"{len(files):,} files, {size_in_words(sum(each.bytes or 0 for each in files))}"


def _totals(planned: DownloadPlan, files: Sequence[RemoteFile]) -> str:
    total = size_in_words(sum(each.bytes or 0 for each in files))
    return (
        f"{len(files):,} files, {total}: {len(planned.verified):,} verified, "
        f"{len(planned.left):,} to fetch ({size_in_words(planned.bytes_left)})"
    )
