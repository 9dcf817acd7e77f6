"""Looks at a folder of THINGS-fMRI: whose betas, and who saw what how often."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.datasets.folder import FolderSummary, names_in_line
from alignhouse.ingest.datasets.things.layout import read_things_trials, tables_in
from alignhouse.ingest.datasets.who_saw_what import who_saw_what


def look_at_things(folder: Path) -> FolderSummary | None:
    """What there is of THINGS-fMRI in a folder; None if there is nothing of it. Reads no betas.

    Raises
    ------
    BadInput : a table is missing or damaged, or a person has two files.
    """
    people = tables_in(folder)
    if not people:
        return None
    forms = list(dict.fromkeys(each.form for each in people))
    found = who_saw_what([read_things_trials(each.stimuli) for each in people], "the tables of stimuli")
    taken = [
        f"layout: THINGS-fMRI, as on {' and '.join(forms)}",
        names_in_line([each.subject for each in people], "subjects"),
        "regions: columns of the tables of voxels",
    ]
    return FolderSummary({}, [*taken, *found.taken], found.unknown, found.stimuli)
