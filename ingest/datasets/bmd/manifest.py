"""The files of the BOLD Moments data set (OpenNeuro ds005165), and those of them that a study needs.

`ingest/brain/bmd_manifest.csv` holds the facts: path, size and sha256 of each, as the data set's own version
record has them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from alignhouse.ingest.datasets.bmd.regions import VERSIONS, resolve
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, near_names

MANIFEST = "manifest.csv"
_COLUMNS = ["path", "bytes", "algorithm", "digest"]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BETAS = {
    "A": re.compile(r"derivatives/versionA/.*/(?P<subject>sub-\d+)/(?P<part>.+)_TRavg-56789_allvoxel\.pkl"),
    "B": re.compile(
        r"derivatives/versionB/.*/(?P<subject>sub-\d+)/(?P=subject)_roi-(?P<part>.+)_betas_normalized\.pkl"
    ),
}
_MOTION_ENERGY = re.compile(r"derivatives/stimuli_metadata/ME_feats_matlab/.+\.mat")
_OF_VERSION = re.compile(r"derivatives/version(?P<version>[AB])/.+")


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch: its path in the data set (and below the destination), size in bytes and sha256.

    Raises BadInput for a path that is not relative and plain, a negative size, and what is no sha256.
    """

    path: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        plain = PurePosixPath(self.path)
        # What a list of files says must not lead out of the destination.
        if self.path != str(plain) or plain.is_absolute() or {"..", "."} & set(plain.parts):
            raise BadInput("a file to fetch", expected="a plain relative path", found=repr(self.path))
        if self.bytes < 0:
            raise BadInput(f"size of {self.path}", expected="0 or more bytes", found=self.bytes)
        if not _SHA256.fullmatch(self.sha256):
            raise BadInput(f"sha256 of {self.path}", expected="64 hexadecimal digits", found=self.sha256)


@dataclass(frozen=True)
class _Contents:
    """The manifest, sorted. betas : version -> subject -> part. documents : by version, "" for both."""

    betas: dict[str, dict[str, dict[str, RemoteFile]]]
    documents: dict[str, list[RemoteFile]]
    motion_energy: list[RemoteFile]


def select_files(
    version: str = "B",
    subjects: Sequence[str] | None = None,
    regions: str | Sequence[str] | None = "study",
    *,
    annotations: bool = True,
    motion_energy: bool = False,
) -> list[RemoteFile]:
    """The files of the data set that a study needs: small ones first, then betas by subject and region.

    Parameters
    ----------
    version : "A" or "B" of the betas.
    subjects : "sub-01", ...; None takes all ten.
    regions : as in `alignhouse.ingest.datasets.bmd.regions.resolve`; None takes no betas.
    annotations : also what describes the data set and its videos: annotations, readmes, changes.
    motion_energy : also the motion-energy features of the videos, a file each.

    Raises BadInput for an unknown version, subject or region (listing near ones), and where nothing is left.
    """
    if version not in VERSIONS:
        raise BadInput("unknown version of the data set", expected="A or B", found=version)
    contents = _contents()
    of_subject = contents.betas[version]
    wanted = _subjects(subjects, list(of_subject))
    files: list[RemoteFile] = []
    if annotations:
        files += contents.documents[""] + contents.documents[version]
    if motion_energy:
        files += contents.motion_energy
    if regions is not None:
        parts = list(dict.fromkeys(part for region in resolve(regions, version) for part in region.parts))
        files += [_betas_of(of_subject[subject], subject, part) for subject in wanted for part in parts]
    if not files:
        raise BadInput("nothing was asked for", expected="regions, annotations or motion energy")
    return files


def known_files() -> list[RemoteFile]:
    """Every file of the manifest, in its order.

    Raises BrokenWarehouse where the manifest is damaged, naming its first bad line.
    """
    text = resources.files(__package__).joinpath(MANIFEST).read_text(encoding="utf-8")
    return read_manifest(text)


def read_manifest(text: str) -> list[RemoteFile]:
    """The files that the text of a manifest (CSV: path, bytes, algorithm, digest) lists.

    Raises BrokenWarehouse for other columns, an algorithm that is not sha256, what RemoteFile refuses, a path
    listed twice, and for no file at all.
    """
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames != _COLUMNS:
        raise BrokenWarehouse(
            f"{MANIFEST} is damaged", expected=f"columns {_COLUMNS}", found=reader.fieldnames
        )
    files: dict[str, RemoteFile] = {}
    for record in reader:
        try:
            file = RemoteFile(record["path"], int(record["bytes"]), record["digest"])
        except (BadInput, TypeError, ValueError) as error:
            raise BrokenWarehouse(f"{MANIFEST}, line {reader.line_num}, is damaged: {error}") from error
        if record["algorithm"] != "sha256" or file.path in files:
            raise BrokenWarehouse(
                f"{MANIFEST}, line {reader.line_num}, is damaged",
                expected="a sha256, and each path once",
                found=record,
            )
        files[file.path] = file
    if not files:
        raise BrokenWarehouse(f"{MANIFEST} is damaged", expected="files", found="none")
    return list(files.values())


def _subjects(subjects: Sequence[str] | None, known: list[str]) -> list[str]:
    if subjects is None:
        return known
    if isinstance(subjects, str):
        subjects = [subjects]
    for subject in subjects:
        if subject not in known:
            raise BadInput(f"unknown subject {subject!r}", hint=near_names(str(subject), known))
    if not subjects:
        raise BadInput("no subjects were asked for", expected=f"some of {', '.join(known)}")
    return [subject for subject in known if subject in subjects]


def _betas_of(of_part: dict[str, RemoteFile], subject: str, part: str) -> RemoteFile:
    if part not in of_part:
        raise BrokenWarehouse(f"{MANIFEST} is damaged", expected=f"betas of {subject}, {part}", found="none")
    return of_part[part]


@cache
def _contents() -> _Contents:
    contents = _Contents({version: {} for version in VERSIONS}, {"": [], **{v: [] for v in VERSIONS}}, [])
    for file in sorted(known_files(), key=lambda file: file.path):
        for version, pattern in _BETAS.items():
            if found := pattern.fullmatch(file.path):
                contents.betas[version].setdefault(found["subject"], {})[found["part"]] = file
                break
        else:
            of_version = _OF_VERSION.fullmatch(file.path)
            if _MOTION_ENERGY.fullmatch(file.path):
                contents.motion_energy.append(file)
            else:
                contents.documents[of_version["version"] if of_version else ""].append(file)
    return contents
