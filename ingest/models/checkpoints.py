"""Download of the checkpoints of mmaction2's networks.

Importing this module loads no deep-learning library and no HTTP client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from alignhouse.ingest.downloads.fetch import fetch
from alignhouse.ingest.downloads.outcome import Fetched
from alignhouse.ingest.downloads.progress import TransferProgress
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.checkpoint_files import OnceSeen, address_of, checkpoints_of


def fetch_checkpoints(
    networks: Sequence[Network],
    folder: Path,
    *,
    progress: TransferProgress | None = None,
    workers: int = 4,
    url_of: Callable[[Network], str] = address_of,
    allow_http: bool = False,
) -> Fetched:
    """Download the checkpoints of those networks that are from mmaction2 to `folder`, under their own names.

    A file's sha256 must start as its name says. Once the folder has held the file, `checkpoints.json` there
    holds the full sha256, and it must stay the same. Files are resumed, replaced and verified as by
    `alignhouse.ingest.downloads.fetch.fetch`.

    Parameters
    ----------
    url_of : returns the address of a network's checkpoint; by default the catalog's.
    progress, workers, allow_http : as `fetch`. Sizes that the servers do not send are not in the total.

    Raises
    ------
    BadInput : as `fetch`; also for a network without a usable file name or address, and a `checkpoints.json`
        that cannot be read.
    IncompleteFetch : a BadInput, at the end, if files failed. The others are complete and verified.
    """
    files = checkpoints_of(networks, url_of)
    if not files:
        return Fetched()
    seen = OnceSeen(folder)
    pinned = [seen.pinned(file) for file in files]
    return fetch(
        pinned, folder, allow_http=allow_http, workers=workers, progress=progress, verified=seen.keep
    )
