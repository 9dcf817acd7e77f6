"""The files of MOSAIC (Lahner et al. 2025, doi 10.64898/2025.11.28.690060), and the trials that they hold.

The layout is that of `create_hdf5_pkl.py` in the makers' repository blahner/mosaic-preprocessing, which
writes the files, and of their package mosaic-dataset 0.0.6, which reads them. A file `sub-01_NSD.hdf5` has
all trials of one person in one data set. In its group `betas`, each trial is a dataset of 91,282
grayordinates (fsLR32k), called

    sub-01_NSD_stimulus-NAME_phase-train_rep-0

NAME is the name of the stimulus' file without suffix. The phase is train or test; artificial stimuli are of
phase test. Repetitions count from 0. Betas are normalised already, by the mean and standard deviation of the
training trials. Names of older files end with `_crc32-` and 8 hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignhouse.ingest.arrays.hdf5 import is_group, member_of, opened_hdf5
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.trials import Trials
from alignhouse.ingest.datasets.mosaic.parcellation import parcellation_file
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput, near_names, some_names

DATA_SETS = ("BMD", "BOLD5000", "deeprecon", "GOD", "HAD", "NOD", "NSD", "THINGS")
SPLITS = ("train", "test")
BETAS = "betas"
_FILE = re.compile(
    rf"(?P<subject>sub-\d+)_(?P<data_set>{'|'.join(DATA_SETS)})(_crc32-[0-9a-f]{{8}})?\.hdf5", re.ASCII
)
_TRIAL = re.compile(
    r"(?P<subject>sub-\d+)_(?P<data_set>[A-Za-z0-9]+)_stimulus-(?P<stimulus>.+)"
    r"_phase-(?P<phase>train|test)_rep-(?P<repetition>\d+)",
    re.ASCII | re.DOTALL,
)


@dataclass(frozen=True)
class PersonFile:
    """The file of one person in one of the data sets."""

    subject: str
    data_set: str
    path: Path


def people_in(root: Path) -> list[PersonFile]:
    """Every person's file in a folder, or in the folders in it; by data set, then in natural order.

    Raises
    ------
    BadInput : there is no folder, or a person has two files.
    """
    if not root.is_dir():
        raise BadInput(f"there is no folder {root}", expected="files of MOSAIC: sub-01_NSD.hdf5, ...")
    found: dict[tuple[str, str], PersonFile] = {}
    for path in sorted([*root.glob("*.hdf5"), *root.glob("*/*.hdf5")]):
        if not _FILE.fullmatch(path.name):
            continue
        person = person_of(path)
        other = found.setdefault((person.data_set, person.subject), person)
        if other is not person:
            raise BadInput(
                f"two files of {person.subject} in {person.data_set}", found=f"{other.path} and {path}"
            )
    return sorted(
        found.values(), key=lambda each: (DATA_SETS.index(each.data_set), natural_key(each.subject))
    )


def person_of(path: Path) -> PersonFile:
    """Whose file it is, by its name; raises BadInput for another name."""
    if not (named := _FILE.fullmatch(path.name)):
        raise BadInput(f"{path} is no file of MOSAIC", expected="sub-01_NSD.hdf5, ...")
    return PersonFile(named["subject"], named["data_set"], path)


def find_trial_files(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None = None
) -> list[BetaFile]:
    """The file of every part in every person of a data set; see `BetaSource.find`.

    Parameters
    ----------
    version : the data set, one of `DATA_SETS`. parts : areas in one hemisphere, L_V1.

    Raises
    ------
    BadInput : see `people_in`; there are no files of the data set or of a subject, or no parcellation.
    """
    root = Path(root)
    there = people_in(root)
    people = {each.subject: each for each in there if each.data_set == version}
    if not people:
        sets = list(dict.fromkeys(each.data_set for each in there))
        raise BadInput(
            f"no files of {version or 'a data set'} in {root}",
            expected=f"sub-01_{version or 'NSD'}.hdf5, ... and brain.version = {' or '.join(DATA_SETS)}",
            found=f"files of {some_names(sets, 8)}" if sets else "no files of MOSAIC",
        )
    for name in subjects or ():
        if name not in people:
            raise BadInput(f"there is no {name} of {version} in {root}", hint=near_names(name, people))
    also = (parcellation_file(root),)
    return [
        BetaFile(subject, part, person.path, also)
        for subject, person in people.items()
        if subjects is None or subject in subjects
        for part in dict.fromkeys(parts)
    ]


@dataclass(frozen=True)
class StoredTrials:
    """The trials of an open file. group : their datasets. names : of the datasets, (n_trials,)."""

    group: Any
    names: tuple[str, ...]
    trials: Trials


@contextmanager
def opened_trials(person: PersonFile) -> Iterator[StoredTrials]:
    """Open a person's file; reads the names of the trials, but no betas.

    Trials are in the order of their splits, then of the names of their stimuli, then of repetitions.

    Raises
    ------
    BadInput : the file is damaged, has no betas, or has trials of another person or data set.
    """
    with opened_hdf5(person.path) as file:
        names = list(file)  # does not follow links
        group = member_of(file, BETAS, person.path) if BETAS in names else None
        if group is None or not is_group(group):
            raise BadInput(
                f"{person.path} has no betas",
                expected=f"a group {BETAS}",
                found=some_names(names, 8) or "nothing",
            )
        found = [(_parsed(name, person), name) for name in group]
        if not found:
            raise BadInput(
                f"{person.path} has no betas", expected=f"trials in the group {BETAS}", found="none"
            )
        found.sort(key=lambda each: (SPLITS.index(each[0][1]), natural_key(each[0][0]), each[0][2]))
        stimuli = tuple(stimulus for (stimulus, _, _), _ in found)
        splits = tuple(split for (_, split, _), _ in found)
        _refuse_two_splits(stimuli, splits, person)
        trials = Trials(stimuli, splits, None, f"the trials of {person.path}")
        yield StoredTrials(group, tuple(name for _, name in found), trials)


def splits_in_files(root: Path) -> dict[str, str]:
    """Stimulus -> its split, from all people's files.

    Raises
    ------
    BadInput : a file is damaged, or files differ in the split of a stimulus.
    """
    found: dict[str, str] = {}
    for person in people_in(root):
        with opened_trials(person) as stored:
            for name, split in zip(stored.trials.stimuli, stored.trials.splits, strict=True):
                if found.setdefault(name, split) != split:
                    raise BadInput(
                        f"the split of {name} in {person.path}",
                        expected=f"{found[name]}, as in the files before it",
                        found=split,
                        hint="data sets may differ in it: give each a folder of its own, and a study",
                    )
    return found


def _parsed(name: str, person: PersonFile) -> tuple[str, str, int]:
    """The stimulus, split and repetition of a trial, from its name."""
    parsed = _TRIAL.fullmatch(name)
    if not parsed or (parsed["subject"], parsed["data_set"]) != (person.subject, person.data_set):
        raise BadInput(
            f"a trial in {person.path}",
            expected=f"{person.subject}_{person.data_set}_stimulus-NAME_phase-(train or test)_rep-NUMBER",
            found=repr(name),
        )
    return parsed["stimulus"], parsed["phase"], int(parsed["repetition"])


def _refuse_two_splits(stimuli: Sequence[str], splits: Sequence[str], person: PersonFile) -> None:
    found: dict[str, str] = {}
    for name, split in zip(stimuli, splits, strict=True):
        if found.setdefault(name, split) != split:
            raise BadInput(f"stimulus {name} in {person.path}", expected="one phase", found="train and test")
