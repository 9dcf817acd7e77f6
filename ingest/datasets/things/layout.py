"""The files of THINGS-fMRI (Hebart et al. 2023, doi 10.7554/eLife.82580): three for each person.

The makers publish the same tables in two places. `fmri_usage.ipynb` in their repository
ViCCo-Group/THINGS-data describes them: responses of voxels (rows) to trials (columns); a row for each trial,
with trial_type (train or test), session and stimulus; and a row for each voxel, with a column of 0 and 1 for
each region.

    figshare   betas_csv/sub-01_ResponseData.h5, sub-01_StimulusMetadata.csv, sub-01_VoxelMetadata.csv
    OpenNeuro  derivatives/ICA-betas/sub-01/voxel-metadata/sub-01_task-things_voxel-wise-responses.h5,
               ..._stimulus-metadata.tsv, ..._voxel-metadata.tsv (with commas, in spite of their names)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.arrays.tables import column_names, read_columns
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.trials import Trials
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.ingest.stimuli.videos import stimulus_of
from alignhouse.warehouse.errors import BadInput, near_names

SPLITS = ("train", "test")
OPENNEURO = "derivatives/ICA-betas"
_PLACES = (".", "betas_csv", "sub-*/voxel-metadata", f"{OPENNEURO}/sub-*/voxel-metadata")
_FORMS = {
    "figshare": ("_ResponseData.h5", "_StimulusMetadata.csv", "_VoxelMetadata.csv"),
    "OpenNeuro": (
        "_task-things_voxel-wise-responses.h5",
        "_task-things_stimulus-metadata.tsv",
        "_task-things_voxel-metadata.tsv",
    ),
}
_SUBJECT = re.compile(r"sub-\d\d", re.ASCII)
_TYPE, _STIMULUS, _SESSION, _TRIAL = "trial_type", "stimulus", "session", "trial_id"
VOXEL = "voxel_id"


@dataclass(frozen=True)
class PersonTables:
    """The files of one person. form : figshare or OpenNeuro."""

    subject: str
    form: str
    responses: Path
    stimuli: Path
    voxels: Path


def tables_in(root: Path) -> list[PersonTables]:
    """Everyone whose responses are in a folder, or where the makers have them in it; in natural order.

    Raises
    ------
    BadInput : a person has responses twice, or without the two tables.
    """
    found: dict[str, PersonTables] = {}
    for form, (responses, stimuli, voxels) in _FORMS.items():
        for place in _PLACES:
            for path in sorted(root.glob(f"{place}/*{responses}")):
                subject = path.name.removesuffix(responses)
                if not _SUBJECT.fullmatch(subject):
                    continue
                tables = [path.with_name(f"{subject}{each}") for each in (stimuli, voxels)]
                if missing := [each for each in tables if not each.is_file()]:
                    raise BadInput(f"{path} is alone", expected=str(missing[0]), found="no such file")
                person = PersonTables(subject, form, path, *tables)
                other = found.setdefault(subject, person)
                if other is not person:
                    raise BadInput(
                        f"two files of responses of {subject}", found=f"{other.responses} and {path}"
                    )
    return [found[subject] for subject in sorted(found, key=natural_key)]


def find_response_files(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None = None
) -> list[BetaFile]:
    """The files of every part in every person; see `BetaSource.find`. Parts are columns.

    Raises
    ------
    BadInput : see `tables_in`; there are no people, no such subject, or a person has no such column.
    """
    root = Path(root)
    people = {each.subject: each for each in tables_in(root)}
    if not people:
        raise BadInput(
            f"no files of THINGS-fMRI in {root}",
            expected="sub-01_ResponseData.h5 with its tables, or those of OpenNeuro",
            found="none",
            hint="alignhouse ingest fetch things, or docs/things.md",
        )
    for name in subjects or ():
        if name not in people:
            raise BadInput(f"there is no {name} in {root}", hint=near_names(name, people))
    files = []
    for subject, person in people.items():
        if subjects is not None and subject not in subjects:
            continue
        columns = column_names(person.voxels)
        for part in dict.fromkeys(parts):
            if part not in columns:
                hint = f"{near_names(part, columns)}; leave the region out"
                raise BadInput(f"{person.voxels} has no column {part}", hint=hint)
            files.append(BetaFile(subject, part, person.responses, (person.stimuli, person.voxels)))
    return files


def read_things_trials(path: Path) -> Trials:
    """The trials of a person, from its table of stimuli.

    Raises
    ------
    BadInput : the table is damaged, a trial is neither train nor test, or trials are not in their order.
    """
    there = column_names(path)
    if missing := [name for name in (_TYPE, _STIMULUS, _SESSION) if name not in there]:
        raise BadInput(f"{path}", expected=f"a column {missing[0]}", found=", ".join(there))
    table = read_columns(path, [_TYPE, _STIMULUS, _SESSION, *([_TRIAL] if _TRIAL in there else [])])
    for row, split in enumerate(table[_TYPE], start=1):
        if split not in SPLITS:
            raise BadInput(f"{path}, trial_type of row {row}", expected="train or test", found=repr(split))
    # The columns of the responses are the trials in their order.
    if _TRIAL in table and table[_TRIAL] != [str(number) for number in range(len(table[_TRIAL]))]:
        raise BadInput(f"{path}", expected="trials in the order of trial_id, from 0", found="another order")
    stimuli = tuple(stimulus_of(name) for name in table[_STIMULUS])
    split_of: dict[str, str] = {}
    for name, split in zip(stimuli, table[_TYPE], strict=True):
        if split_of.setdefault(name, split) != split:
            raise BadInput(f"stimulus {name} in {path}", expected="one trial_type", found="train and test")
    return Trials(stimuli, tuple(table[_TYPE]), tuple(table[_SESSION]), str(path))
