"""The files of betas in the BOLD Moments data set (OpenNeuro ds005165): its folders and names.

One file a subject and part of a region, with the responses to the training videos 0001-1000, three times
each, and to the test videos 1001-1102, ten times each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
"""What the pickled dict calls the betas of each split."""
_FIRST_VIDEO = {"train": 1, "test": 1001}
_VIDEOS = {"train": 1000, "test": 102}
_SUBJECT = re.compile(r"sub-[0-9]+")


@dataclass(frozen=True)
class BetaFile:
    """The file of one part of a region (lV1v) in one subject (sub-01)."""

    subject: str
    part: str
    path: Path


def find_beta_files(
    root: Path, version: str, parts: Sequence[str], subjects: Sequence[str] | None = None
) -> list[BetaFile]:
    """The files of `parts` in every subject, by subject (in natural order) and then in the order of `parts`.

    Parameters
    ----------
    root : the data set's own root, or any folder of it on the way down to the one that holds sub-XX.
    version : "A" or "B".
    parts : as in Region.parts. subjects : "sub-01", ...; None takes all that are there.

    Raises BadInput where the folder is missing or holds no subject, a subject is not there, or one lacks a
    file, which it names.
    """
    if version not in VERSIONS:
        raise BadInput("unknown version of the data set", expected="A or B", found=version)
    folder = _folder_of_subjects(Path(root), version)
    present = _subjects_in(folder)
    wanted = present if subjects is None else sorted(set(subjects), key=natural_key)
    if not wanted:
        raise BadInput("no subjects were asked for", expected=f"some of {', '.join(present)}")
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


def stimulus_names(split: str, n: int) -> list[str]:
    """The videos of the first `n` rows: 0001, 0002, ... of "train", 1001, 1002, ... of "test"."""
    if split not in _VIDEOS:
        raise BadInput("unknown split of betas", expected="train or test", found=split)
    if not 0 < n <= _VIDEOS[split]:
        raise BadInput(f"betas of split {split}", expected=f"1 to {_VIDEOS[split]:,} stimuli", found=n)
    return [f"{_FIRST_VIDEO[split] + row:04d}" for row in range(n)]


def _folder_of_subjects(root: Path, version: str) -> Path:
    if not root.is_dir():
        raise BadInput(f"there is no folder {root}", expected="betas of the BOLD Moments data set")
    way_down = _FOLDERS[version]
    # Deepest way first: the data set's own root holds sub-XX folders too, with other files.
    for start in range(len(way_down) + 1):
        folder = root.joinpath(*way_down[start:])
        if folder.is_dir() and _subjects_in(folder):
            return folder
    raise BadInput(
        f"no subjects in {root}",
        expected="sub-01, sub-02, ... in it or in " + "/".join(way_down),
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
