"""The tables of a report as files beside it: CSV for people, Parquet for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from alignhouse.analysis.report.content import ReportContent
from alignhouse.analysis.report.tables import in_bytes, whole
from alignhouse.warehouse.exports import csv_text
from alignhouse.warehouse.files import sha256_of

FOLDER = "data"
# The tables in the order of the page: field of the content -> what a row is.
TABLES = {
    "best_layer": "a network in one region, by its best layer",
    "leaderboard": "a network in one region, with its ranks",
    "layer_score": "one layer of a network in one region, over subjects",
    "depth_profile": "a network in one region at one depth of the common grid",
    "noise_ceiling": "a region",
    "group_comparison": "a group of networks in one region, or the difference of two",
    "layer_choice": "a network's layer in one region, chosen on other stimuli",
    "complexity": "the correlation of alignment with a figure of networks, in one region",
    "controls": "a control model in one region, by its best layer",
    "beyond_controls": "a network in one region given the control models, by its best layer",
    "frame_order": "a network in one region, compared with itself with frames in another order",
    "encoding": "a network in one region, by the layer that predicts its voxels best",
    "encoding_layer": "one layer of a network in one region: how well it predicts voxels, over subjects",
    "variance_partition": "a network in one region: the variance that it and the controls explain",
    "networks": "a network",
    "inputs": "an input file or RDM, with its hash",
}


@dataclass(frozen=True)
class Download:
    """A table beside the page: `csv` and `parquet` are links from the page; sizes are text."""

    name: str
    row: str
    rows: str
    csv: str
    csv_size: str
    parquet: str
    parquet_size: str
    sha256: str


def write_downloads(content: ReportContent, folder: Path) -> list[Download]:
    """Write each table that has rows to `folder`/NAME.csv and `folder`/NAME.parquet.

    CSV has no nested values, so they are written as JSON, and formulas of spreadsheets are escaped. The
    sha256 is that of the Parquet file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    downloads = []
    for name, row in TABLES.items():
        frame: pl.DataFrame = getattr(content, name)
        if frame.is_empty():
            continue
        csv, parquet = folder / f"{name}.csv", folder / f"{name}.parquet"
        csv.write_text(csv_text(_flat(frame)), encoding="utf-8")
        frame.write_parquet(parquet)
        downloads.append(
            Download(
                name=name,
                row=row,
                rows=whole(frame.height),
                csv=f"{FOLDER}/{csv.name}",
                csv_size=in_bytes(csv.stat().st_size),
                parquet=f"{FOLDER}/{parquet.name}",
                parquet_size=in_bytes(parquet.stat().st_size),
                sha256=sha256_of(parquet),
            )
        )
    return downloads


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(
        pl.Series(name, list(map(_json, frame[name].to_list())), dtype=pl.String) for name in nested
    )


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, default=str)
