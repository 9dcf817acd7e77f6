"""The beta files of the BOLD Moments data set (OpenNeuro ds005165): their folders and names.

There is a file for each subject and part of a region. It has the responses to the training videos 0001-1000,
shown three times each, and to the test videos 1001-1102, shown ten times each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.datasets.bmd.regions import VERSIONS, hemisphere_of
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput, near_names

_FOLDERS = {
    "A": ("derivatives", "versionA", "MNI152", "prepared_data", "prepared_allvoxel_pkl", "TRavg56789"),
    "B": ("derivatives", "versionB", "MNI152", "prepared_allvoxel_pkl"),
}
_FILE_NAMES = {
    "A": "{part}_TRavg-56789_allvoxel.pkl",
    "B": "{subject}_roi-{part}_betas_normalized.pkl",
}
ARRAYS = {"train": "train_data_allvoxel", "test": "test_data_allvoxel"}
"""Split -> key of its betas in the pickled dict of a file."""
_SUBJECT = re.compile(r"sub-[0-9]+")


def find_beta_files(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None = None
) -> list[BetaFile]:
    """The files of `parts` for every subject, by subject (natural order), then in the order of `parts`.

    Parameters
    ----------
    root : the data set's root, the folder with the sub-XX folders, or any folder between them.
    version : "A" or "B".
    parts : as in `Region.parts`. subjects : "sub-01", ...; None for all subjects in the folder.

    Raises
    ------
    BadInput : the folder is missing or has no subjects, a subject is missing, or a subject lacks a file.
    """
    if version is None or version not in VERSIONS:
        raise BadInput("unknown version of the data set", expected="A or B", found=version)
    folder = _folder_of_subjects(Path(root), version)
    present = _subjects_in(folder)
    wanted = present if subjects is None else sorted(set(subjects), key=natural_key)
    if not wanted:
        raise BadInput("no subjects are selected", expected=f"some of {', '.join(present)}")
    for subject in wanted:
        if subject not in present:
            raise BadInput(f"there is no subject {subject} in {folder}", hint=near_names(subject, present))
    files = [
        BetaFile(subject, part, folder / subject / _FILE_NAMES[version].format(subject=subject, part=part))
        for subject in wanted
        for part in dict.fromkeys(parts)
    ]
    _refuse_missing(files)
    return files


def subjects_by_version(root: Path) -> dict[str, list[str]]:
    """Version -> the subjects whose betas of it are in `root`, as `find_beta_files` would find them."""
    found = {}
    for version, name in _FILE_NAMES.items():
        try:
            folder = _folder_of_subjects(Path(root), version)
        except BadInput:
            continue
        pattern = name.format(part="*", subject="sub-*")
        subjects = [each for each in _subjects_in(folder) if any((folder / each).glob(pattern))]
        if subjects:
            found[version] = subjects
    return found


def _folder_of_subjects(root: Path, version: str) -> Path:
    if not root.is_dir():
        raise BadInput(f"there is no folder {root}", expected="betas of the BOLD Moments data set")
    path_down = _FOLDERS[version]
    # Try the deepest folder first: the data set's root also has sub-XX folders, with other files.
    for start in range(len(path_down) + 1):
        folder = root.joinpath(*path_down[start:])
        if folder.is_dir() and _subjects_in(folder):
            return folder
    raise BadInput(
        f"no subjects in {root}",
        expected="sub-01, sub-02, ... in it or in " + "/".join(path_down),
        found="none of them",
    )


def _subjects_in(folder: Path) -> list[str]:
    names = (path.name for path in folder.iterdir() if path.is_dir() and _SUBJECT.fullmatch(path.name))
    return sorted(names, key=natural_key)


def _refuse_missing(files: Sequence[BetaFile]) -> None:
    missing = [file for file in files if not file.path.is_file()]
    if not missing:
        return
    first = missing[0]
    side = hemisphere_of(first.part)
    where = f"{first.part}, {side} hemisphere" if side != "both" else first.part
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise BadInput(
        f"{first.subject} has no betas of {where}",
        expected=f"{first.path}{more}",
        hint="fetch the missing files, or leave the region or the subject out",
    )
