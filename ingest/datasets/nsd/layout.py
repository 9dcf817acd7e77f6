"""The files of NSD's prepared betas, as the NSD Data Manual (cvnlab.slite.page) describes them.

    nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR/betas_session01.hdf5 (or .nii.gz)
    nsddata/ppdata/subj01/func1pt8mm/roi/prf-visualrois.nii.gz, lh.prf-visualrois.nii.gz, ...
    nsddata/experiments/nsd/nsd_expdesign.mat
    nsddata/freesurfer/subj01/label/prf-visualrois.mgz.ctab

Page "Functional data (NSD)": a session has 750 trials; betas are percent signal change, times 300, as int16.
In HDF5, `/betas` is X x Y x Z x 750 in MATLAB, so the axes are reversed in other programs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.datasets.nsd.regions import label_file_of, volume_of
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput, near_names

VERSIONS = ("betas_fithrf_GLMdenoise_RR", "betas_fithrf", "betas_assumehrf")
SPACE = "func1pt8mm"
BETAS, DATA = "nsddata_betas/ppdata", "nsddata"
DESIGN = f"{DATA}/experiments/nsd/nsd_expdesign.mat"
GET_IT = "NSD gives access after its data agreement: naturalscenesdataset.org; docs/nsd.md lists the files"
_SUBJECT = re.compile(r"subj0*(?P<number>[1-8])", re.ASCII)
_SESSION = re.compile(r"betas_session(?P<number>\d\d)\.(hdf5|nii\.gz)", re.ASCII)
LABELS, VOLUMES = ".ctab", ".nii.gz"


@dataclass(frozen=True)
class PersonFiles:
    """The betas of one person. sessions : number of a session -> its file, ascending."""

    subject: str
    sessions: Mapping[int, Path]


def subject_number(subject: str) -> int:
    """The number of a subject, 1 for subj01; raises BadInput for another name."""
    if not (named := _SUBJECT.fullmatch(subject)):
        raise BadInput(f"{subject} is no subject of NSD", expected="subj01 to subj08")
    return int(named["number"])


def session_number(path: Path) -> int | None:
    """The number of the session that a file of betas has; None for any other file."""
    named = _SESSION.fullmatch(path.name)
    return int(named["number"]) if named else None


def people_with_betas(root: Path, version: str) -> list[PersonFiles]:
    """Everyone with betas of a version, in natural order; [] if there are none.

    Raises
    ------
    BadInput : a session has two files.
    """
    people = []
    place = root / BETAS
    subjects = [each.name for each in place.iterdir()] if place.is_dir() else []
    for subject in sorted(filter(_SUBJECT.fullmatch, subjects), key=natural_key):
        folder = place / subject / SPACE / version
        found: dict[int, Path] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (number := session_number(path)) is not None and found.setdefault(number, path) != path:
                raise BadInput(
                    f"two files of session {number} in {folder}",
                    expected="HDF5 or NIfTI",
                    found=f"{found[number].name} and {path.name}",
                )
        if found:
            people.append(PersonFiles(subject, dict(sorted(found.items()))))
    return people


def design_file(root: Path) -> Path:
    """The file with the design of the experiment; raises BadInput if it is missing."""
    path = root / DESIGN
    if not path.is_file():
        raise BadInput(f"there is no {DESIGN} in {root}", expected="the images of the trials", hint=GET_IT)
    return path


def find_session_files(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None = None
) -> list[BetaFile]:
    """The files of every part in every person; see `BetaSource.find`.

    Parameters
    ----------
    version : of the betas, one of `VERSIONS`. parts : such as prf-visualrois.V1v.

    Raises
    ------
    BadInput : a session has two files; there are no betas, no design, no subject or no volume of a part.
    """
    root, version = Path(root), version or VERSIONS[0]
    people = {each.subject: each for each in people_with_betas(root, version)}
    if not people:
        there = [each for each in VERSIONS if people_with_betas(root, each)]
        raise BadInput(
            f"no betas of NSD in {root}",
            expected=f"{BETAS}/subj01/{SPACE}/{version}/betas_session01.hdf5, ...",
            found=f"betas of version {' and '.join(there)}" if there else "none",
            hint=f"set brain.version to {there[0]}" if there else GET_IT,
        )
    for name in subjects or ():
        if name not in people:
            raise BadInput(f"there are no betas of {name} in {root}", hint=near_names(name, people))
    design = design_file(root)
    return [
        BetaFile(
            subject,
            part,
            first,
            (*others, design, _volume(root, subject, part), *_labels(root, subject, part)),
        )
        for subject, person in people.items()
        if subjects is None or subject in subjects
        for first, *others in [tuple(person.sessions.values())]
        for part in dict.fromkeys(parts)
    ]


def _volume(root: Path, subject: str, part: str) -> Path:
    path = root / DATA / "ppdata" / subject / SPACE / "roi" / f"{volume_of(part)}{VOLUMES}"
    if not path.is_file():
        raise BadInput(
            f"the regions of {subject} are incomplete",
            expected=str(path),
            found="no such file",
            hint=f"get it, or leave the regions of {volume_of(part)} out",
        )
    return path


def _labels(root: Path, subject: str, part: str) -> list[Path]:
    """The labels of a part's atlas: those of the subject, else of fsaverage; [] if there is no file."""
    places = [root / DATA / "freesurfer" / each / "label" for each in (subject, "fsaverage")]
    files = [place / label_file_of(part) for place in places]
    return [path for path in files if path.is_file()][:1]
