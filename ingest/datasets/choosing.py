"""What data sets share when they choose the files that a study needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alignhouse.ingest.downloads.remote_file import RemoteFile, check_address
from alignhouse.warehouse.errors import BadInput, near_names

S3 = "https://s3.amazonaws.com"
"""Amazon's S3, for buckets whose name has a dot, such as openneuro.org. Wildcard certificates do not cover
host names with such a bucket, so it is part of the path."""


def choose_subjects(subjects: str | Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The chosen subjects, in the order of `known`; all of them for None.

    Raises
    ------
    BadInput : a subject is unknown (similar names are listed), or none is chosen.
    """
    if subjects is None:
        return list(known)
    if isinstance(subjects, str):
        subjects = [subjects]
    for subject in subjects:
        if subject not in known:
            raise BadInput(f"unknown subject {subject!r}", hint=near_names(str(subject), known))
    if not subjects:
        raise BadInput("no subjects are selected", expected=f"some of {', '.join(known)}")
    return [subject for subject in known if subject in subjects]


def on_mirror(files: Sequence[RemoteFile], server: str, mirror: str | None) -> list[RemoteFile]:
    """The files, with the address of a mirror in place of the server's; None for no mirror.

    Raises
    ------
    BadInput : there are no files, or `mirror` is not a web address.
    """
    if not files:
        raise BadInput("no files are selected", expected="regions, annotations or motion energy")
    if mirror is None:
        return list(files)
    check_address(mirror, "address of the mirror")
    place = mirror.rstrip("/")
    return [replace(file, url=f"{place}{file.url.removeprefix(server)}") for file in files]
