"""Fetching for a person who watches: what would come, how it comes, what is there in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rich.console import Console

from alignhouse.cli.progress import byte_bars
from alignhouse.ingest.datasets.bmd.manifest import RemoteFile
from alignhouse.ingest.downloads.destination import Plan, plan
from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.outcome import Fetched, IncompleteFetch
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.checkpoint_files import SOURCE, Checkpoint
from alignhouse.ingest.models.checkpoints import fetch_checkpoints
from alignhouse.warehouse.sizes import in_words


def show_plan(files: Sequence[RemoteFile], to: Path) -> None:
    """Print each file with its size and whether it is there, then the sums."""
    console = Console(highlight=False)
    planned = plan(files, to)
    verified, partial = {each.path for each in planned.verified}, planned.partial
    for file in files:
        state = "verified" if file.path in verified else "to fetch"
        if file.path in partial:
            state += f", {in_words(partial[file.path])} are here"
        console.print(f"{file.bytes:>13,}  {file.path}  ({state})", soft_wrap=True)
    console.print(_in_sum(planned, files))


def fetch_dataset(files: Sequence[RemoteFile], to: Path, *, endpoint_url: str | None, workers: int) -> None:
    """Fetch files, with bars, and print what was verified.

    Raises
    ------
    BadInput : as `fetch`; what came before is verified and stays.
    """
    with byte_bars(Console(stderr=True)) as shown:
        try:
            done = fetch(files, to, endpoint_url=endpoint_url, workers=workers, progress=shown)
        except IncompleteFetch as error:
            _show(error.done, to)
            raise
    _show(done, to)


def fetch_weights(networks: Sequence[Network], to: Path, *, workers: int) -> None:
    """Fetch the checkpoints of networks of mmaction2, with bars, and print what is there.

    Raises
    ------
    BadInput : as `fetch_checkpoints`; what came before is verified and stays.
    """
    with byte_bars(Console(stderr=True)) as shown:
        try:
            done = fetch_checkpoints(networks, to, progress=shown, workers=workers)
        except IncompleteFetch as error:
            _show_weights(error.done, networks, to)
            raise
    _show_weights(done, networks, to)


def _show_weights(done: Fetched[Checkpoint], networks: Sequence[Network], to: Path) -> None:
    console = Console(highlight=False)
    for each in done.replaced:
        console.print(f"Replaced, for it was not the published file: {to / each.name}", soft_wrap=True)
    if count := sum(network.source != SOURCE for network in networks):
        console.print(f"Weights that the hubs of torchvision and timm give when they are needed: {count}.")
    there = len(done.verified) + len(done.fetched)
    came = f"{len(done.fetched):,} fetched now ({in_words(done.bytes_fetched)})"
    console.print(f"Verified by sha256: {there:,} checkpoints in {to}; {came}.", soft_wrap=True)


def _show(done: Fetched[RemoteFile], to: Path) -> None:
    console = Console(highlight=False)
    there = [*done.verified, *done.fetched]
    for folder, count in sorted(Counter(str(PurePosixPath(each.path).parent) for each in there).items()):
        console.print(f"{count:>6,} files  {to / folder}", soft_wrap=True)
    for each in done.replaced:
        console.print(f"Replaced, for it was not the data set's file: {to / each.path}", soft_wrap=True)
    size = in_words(sum(each.bytes for each in there))
    came = f"{len(done.fetched):,} fetched now ({in_words(done.bytes_fetched)})"
    console.print(f"Verified by sha256: {len(there):,} files, {size}; {came}.", soft_wrap=True)


def _in_sum(planned: Plan, files: Sequence[RemoteFile]) -> str:
    total = in_words(sum(each.bytes for each in files))
    return (
        f"{len(files):,} files, {total}: {len(planned.verified):,} verified, "
        f"{len(planned.left):,} to fetch ({in_words(planned.bytes_left)})"
    )
