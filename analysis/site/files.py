"""The tables of a site as Parquet files, with their hashes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from alignhouse.analysis.report.downloads import FOLDER, TABLES
from alignhouse.analysis.report.tables import in_bytes, whole
from alignhouse.analysis.site.boards import FRAMES
from alignhouse.analysis.site.content import Site
from alignhouse.warehouse.files import sha256_of

SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class SiteFile:
    """A table of the site: `link` from its first page; numbers are text."""

    name: str
    row: str
    rows: str
    link: str
    size: str
    sha256: str


def write_tables(site: Site, folder: Path) -> list[SiteFile]:
    """Write each table to `folder`/NAME.parquet, and `folder`/SHA256SUMS for `sha256sum --check`.

    The first two columns say which warehouse a row is from, and what the site calls its data set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in FRAMES:
        # Networks have no protocol: those of one split are on the boards of every protocol.
        frames = [
            board.frames[name].select(
                pl.lit(board.source).alias("warehouse"), pl.lit(board.dataset).alias("site_dataset"), pl.all()
            )
            for board in site.boards
            if not board.frames[name].is_empty()
        ]
        if not frames:
            continue
        frame = pl.concat(frames, how="diagonal_relaxed")
        if name == "networks":
            frame = frame.unique(maintain_order=True)
        path = folder / f"{name}.parquet"
        frame.write_parquet(path)
        size = in_bytes(path.stat().st_size)
        link = f"{FOLDER}/{path.name}"
        written.append(SiteFile(name, TABLES[name], whole(frame.height), link, size, sha256_of(path)))
    sums = "".join(f"{each.sha256}  {each.name}.parquet\n" for each in written)
    (folder / SUMS).write_text(sums, encoding="utf-8")
    return written
