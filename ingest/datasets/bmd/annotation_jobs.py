"""The job that stores annotations of the videos in tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from alignhouse.ingest.datasets.bmd.annotations import read_annotations
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output, table_schema

VERSION = 1
TABLES = (
    "stimulus_object",
    "stimulus_scene",
    "stimulus_action",
    "stimulus_sentence",
    "stimulus_memorability",
)


class AnnotationSettings(JobSettings):
    """Settings of the annotations of a data set's videos."""

    dataset: str


def annotations_batch(dataset: str, paths: Mapping[str, Path], sha256: Mapping[str, str]) -> Batch:
    """Tables of objects, scenes, actions, sentences and memorability of the videos; empty tables are omitted.

    One job reads both files, because the table of sentences has rows from both.

    Parameters
    ----------
    dataset : the data set of the videos.
    paths : the files, from `find_annotations`. sha256 : the hash of each file, by the same names.
    """
    job = Job(
        method="annotations",
        version=VERSION,
        settings=AnnotationSettings(dataset=dataset).as_json(),
        inputs={name: sha256[name] for name in sorted(paths)},
        label="annotations of the videos",
    )
    return single(job, store_annotations, paths=dict(paths))


def store_annotations(job: Job, reporter: Reporter, paths: Mapping[str, Path]) -> Iterator[Output]:
    """The rows of `TABLES`; see `annotations_batch`.

    Raises
    ------
    BadInput : a file is damaged, or the files have no annotations.
    """
    annotations = read_annotations(AnnotationSettings.of(job).dataset, paths)
    rows_of = {table: getattr(annotations, table) for table in TABLES}
    if not any(rows_of.values()):
        names = ", ".join(str(path) for path in paths.values())
        raise BadInput(f"{names}: no annotations", expected="labels, sentences or memorability")
    for table, rows in rows_of.items():
        if rows:
            columns = {name: [row.get(name) for row in rows] for name in table_schema(table).names}
            yield rows_output(table, columns, ("dataset",))
