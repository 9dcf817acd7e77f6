"""The job that puts annotations of the videos into their tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from alignhouse.ingest.datasets.bmd.annotations import read_annotations
from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output, Tick

VERSION = 1

_VIDEO = [("dataset", pa.string()), ("stimulus", pa.string())]
_PLACE = [("annotator", pa.int32()), ("label_order", pa.int32())]

# As in sql/schema, less `artifact`. Written out, since a column that is all null has no type of its own.
SCHEMAS: dict[str, Any] = {
    "stimulus_object": pa.schema([*_VIDEO, *_PLACE, ("object", pa.string()), ("things_id", pa.string())]),
    "stimulus_scene": pa.schema([*_VIDEO, *_PLACE, ("scene", pa.string()), ("places365_id", pa.string())]),
    "stimulus_action": pa.schema([*_VIDEO, *_PLACE, ("action", pa.string()), ("mit_id", pa.string())]),
    "stimulus_sentence": pa.schema(
        [*_VIDEO, ("source", pa.string()), ("sentence_order", pa.int32()), ("sentence", pa.string())]
    ),
    "stimulus_memorability": pa.schema(
        [
            *_VIDEO,
            ("memorability", pa.float64()),
            ("memorability_decay", pa.float64()),
            ("mit_file_name", pa.string()),
            ("mit_url", pa.string()),
        ]
    ),
}


def annotations_job(dataset: str, paths: Mapping[str, Path], sha256: Mapping[str, str]) -> Job:
    """Objects, scenes, actions, sentences and memorability of the videos, each a table if it has rows.

    One job reads both files, since the table of sentences has rows from both.

    Parameters
    ----------
    dataset : the data set of the videos.
    paths : the files, from `find_annotations`. sha256 : name -> hash, by the same names.
    """

    def work(tick: Tick) -> Iterator[Output]:
        annotations = read_annotations(dataset, paths)
        outputs = []
        for table, schema in SCHEMAS.items():
            rows = getattr(annotations, table)
            if rows:
                data = pa.Table.from_pylist(rows, schema=schema)
                outputs.append(Output(("facts", hive("table", table)), data, table=table, slot=("dataset",)))
        if not outputs:
            names = ", ".join(str(path) for path in paths.values())
            raise BadInput(f"{names}: no annotations", expected="labels, sentences or memorability")
        tick(1, 1)
        yield from outputs

    return Job(
        method="annotations",
        version=VERSION,
        settings={"dataset": dataset},
        inputs={name: sha256[name] for name in sorted(paths)},
        label="annotations of the videos",
        work=work,
    )
