"""Computes sha256 of raw files in parallel, with progress and a cache, and reuses hashes of downloads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alignhouse.ingest.downloads.destination import LEDGER
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.progress import Progress

# Hashing 40 GB takes half a minute, so the cache is saved at intervals.
FILES_BETWEEN_SAVES = 200


def hash_files(
    paths: Sequence[Path], hashes: Hashes, progress: Progress, fetched: Path | None = None
) -> dict[Path, str]:
    """The sha256 of each file, as 64 hexadecimal digits.

    Parameters
    ----------
    hashes : the cache; new hashes are added and saved.
    fetched : a folder that `alignhouse ingest fetch` filled. Files that it verified are not read again.
    """
    ledger = Hashes(fetched, LEDGER) if fetched is not None and (fetched / LEDGER).is_file() else None
    unknown = [path for path in paths if not hashes.knows(path)]
    progress.stage("Checking files", len(unknown), len(paths) - len(unknown))
    if unknown:
        with ThreadPoolExecutor(cores()) as pool:
            hashing = pool.map(
                lambda path: hashes.of(path, ledger.of) if ledger else hashes.of(path), unknown
            )
            for done, (path, _) in enumerate(zip(unknown, hashing, strict=True), start=1):
                progress.job(path.name)
                progress.job_done()
                if done % FILES_BETWEEN_SAVES == 0:
                    hashes.save()
        hashes.save()
    return {path: hashes.of(path) for path in paths}
