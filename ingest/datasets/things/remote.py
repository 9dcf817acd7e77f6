"""The files of THINGS-fMRI on OpenNeuro (ds004192, CC0), listed in `files.csv` with size and MD5.

Size and MD5 are those of the keys (MD5E) in the data set's git-annex repository. The tables of stimuli have
no such keys, so they are compared with what the server states.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import resources

from alignhouse.ingest.datasets.choosing import S3, choose_subjects, on_mirror
from alignhouse.ingest.datasets.things.layout import OPENNEURO
from alignhouse.ingest.datasets.things.regions import select_columns
from alignhouse.ingest.downloads.remote_file import RemoteFile

_FOLDER = "openneuro.org/ds004192"


def things_files(
    version: str | None,
    subjects: Sequence[str] | None,
    regions: str | Sequence[str] | None,
    *,
    annotations: bool,
    motion_energy: bool,
    endpoint_url: str | None,
) -> list[RemoteFile]:
    """The three files of each person, which have all regions; see `SelectFiles`.

    There are no versions, annotations or motion energy.

    Raises
    ------
    BadInput : a subject or a region is unknown, or nothing is selected.
    """
    text = resources.files(__package__).joinpath("files.csv").read_text(encoding="utf-8")
    by_subject: dict[str, list[RemoteFile]] = {}
    for row in csv.DictReader(text.splitlines()):
        path = f"{OPENNEURO}/{row['path']}"
        file = RemoteFile(
            path,
            f"{S3}/{_FOLDER}/{path}",
            int(row["bytes"]) if row["bytes"] else None,
            md5=row["md5"],
            as_stated=not row["md5"],
        )
        by_subject.setdefault(row["path"].partition("/")[0], []).append(file)
    chosen = choose_subjects(subjects, list(by_subject))
    if regions is not None:
        select_columns(regions)
    files = [file for subject in chosen for file in by_subject[subject]] if regions is not None else []
    return on_mirror(files, S3, endpoint_url)
