"""Finds what a folder of NSD holds: subjects, the sessions of their betas, and regions."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.betas.sessions import ZSCORE
from alignhouse.ingest.datasets.folder import FolderSummary, names_in_line
from alignhouse.ingest.datasets.nsd.design import read_design
from alignhouse.ingest.datasets.nsd.layout import VERSIONS, design_file, people_with_betas, subject_number
from alignhouse.ingest.datasets.who_saw_what import who_saw_what


def look_at_nsd(folder: Path) -> FolderSummary | None:
    """What there is of NSD in a folder; None if there are no betas of it. Reads no betas.

    Raises
    ------
    BadInput : the design is missing or damaged, or a session has two files.
    """
    versions = [version for version in VERSIONS if people_with_betas(folder, version)]
    if not versions:
        return None
    people = people_with_betas(folder, versions[0])
    design = read_design(design_file(folder))
    seen = [design.trials(subject_number(each.subject), list(each.sessions)) for each in people]
    found = who_saw_what(seen, "nsd_expdesign.mat: nsd-00001 is 73k ID 1")
    taken = [
        "layout: NSD's prepared betas, func1pt8mm",
        names_in_line(
            [f"{each.subject} with {len(each.sessions)}" for each in people], "subjects, and sessions"
        ),
        f"version: {versions[0]}" + (f"; there is {' and '.join(versions[1:])} too" if versions[1:] else ""),
        "zscore: within sessions, as the makers recommend",
        "splits: test for images that all subjects were to see, train for the others",
    ]
    keys: dict[str, object] = {ZSCORE: "session"}
    if versions[0] != VERSIONS[0]:
        keys["version"] = versions[0]
    return FolderSummary(keys, [*taken, *found.taken], found.unknown, found.stimuli)
