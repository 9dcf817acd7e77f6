"""Looks at a folder of MOSAIC's files: which data set, who saw what how often."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.datasets.folder import FolderSummary, names_in_line
from alignhouse.ingest.datasets.mosaic.layout import opened_trials, people_in
from alignhouse.ingest.datasets.mosaic.parcellation import parcellation_file
from alignhouse.ingest.datasets.who_saw_what import who_saw_what
from alignhouse.warehouse.errors import BadInput


def look_at_mosaic(folder: Path) -> FolderSummary | None:
    """What there is of MOSAIC in a folder; None if there is nothing of it. Reads no betas.

    Raises
    ------
    BadInput : a file is damaged, or a person has two files.
    """
    people = people_in(folder)
    if not people:
        return None
    sets = list(dict.fromkeys(each.data_set for each in people))
    taken = ["layout: MOSAIC", names_in_line(sets, "data sets")]
    if len(sets) > 1:
        return FolderSummary({}, taken, [f"which data set to use: {' or '.join(sets)}; set version"])
    taken.append(names_in_line([each.subject for each in people], "subjects"))
    unknown = []
    try:
        taken.append(f"regions: areas of MMP 1.0 by {parcellation_file(folder)}")
    except BadInput as error:
        unknown.append(f"which grayordinates are in which area: {error}")
    seen = []
    for person in people:
        with opened_trials(person) as stored:
            seen.append(stored.trials)
    found = who_saw_what(seen, "the trials")
    return FolderSummary(
        {"version": sets[0]}, [*taken, *found.taken], [*unknown, *found.unknown], found.stimuli
    )
