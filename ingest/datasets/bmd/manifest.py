"""The files of the BOLD Moments data set (OpenNeuro ds005165), and the selection that a study needs.

`manifest.csv` in this folder has the path, size and sha256 of each file, from the data set's own version
record.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import quote

from alignhouse.ingest.datasets.bmd.regions import LATEST_VERSION, VERSIONS, resolve
from alignhouse.ingest.datasets.choosing import S3, choose_subjects, on_mirror
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse

MANIFEST = "manifest.csv"
SERVER = S3
FOLDER = "openneuro.org/ds005165"
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
class _Contents:
    """The sorted manifest. betas : version -> subject -> part. documents : by version, "" for both."""

    betas: dict[str, dict[str, dict[str, RemoteFile]]]
    documents: dict[str, list[RemoteFile]]
    motion_energy: list[RemoteFile]


def select_files(
    version: str | None = None,
    subjects: Sequence[str] | None = None,
    regions: str | Sequence[str] | None = "study",
    *,
    annotations: bool = True,
    motion_energy: bool = False,
    endpoint_url: str | None = None,
) -> list[RemoteFile]:
    """The files that a study needs: small ones first, then betas by subject and region.

    Parameters
    ----------
    version : "A" or "B" of the betas; None for the latest.
    subjects : "sub-01", ...; None selects all ten.
    regions : as in `alignhouse.ingest.datasets.bmd.regions.resolve`; None selects no betas.
    annotations : also select annotations of the videos, readmes and changes.
    motion_energy : also select the motion-energy features, one file per video.
    endpoint_url : of a mirror with the same bucket and paths; None is the public server.

    Raises
    ------
    BadInput : the version, subject or region is unknown (the message lists similar names), nothing is
        selected, or `endpoint_url` is not a web address.
    """
    version = LATEST_VERSION if version is None else version
    if version not in VERSIONS:
        raise BadInput("unknown version of the data set", expected="A or B", found=version)
    contents = _contents()
    of_subject = contents.betas[version]
    wanted = choose_subjects(subjects, list(of_subject))
    files: list[RemoteFile] = []
    if annotations:
        files += contents.documents[""] + contents.documents[version]
    if motion_energy:
        files += contents.motion_energy
    if regions is not None:
        parts = list(dict.fromkeys(part for region in resolve(regions, version) for part in region.parts))
        files += [_betas_of(of_subject[subject], subject, part) for subject in wanted for part in parts]
    return on_mirror(files, SERVER, endpoint_url)


def bucket_address(path: str, endpoint_url: str = SERVER) -> str:
    """The address of a file of the data set on the public server or on a mirror."""
    return f"{endpoint_url.rstrip('/')}/{FOLDER}/{quote(path)}"


def known_files() -> list[RemoteFile]:
    """Every file of the manifest, in the order of the manifest.

    Raises
    ------
    BrokenWarehouse : the manifest is damaged; the message names the first bad line.
    """
    text = resources.files(__package__).joinpath(MANIFEST).read_text(encoding="utf-8")
    return read_manifest(text)


def read_manifest(text: str) -> list[RemoteFile]:
    """The files in the text of a manifest (CSV with the columns path, bytes, algorithm, digest).

    Raises
    ------
    BrokenWarehouse : the columns differ, an algorithm is not sha256, RemoteFile refuses a record, a path is
        listed twice, or there are no files.
    """
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames != _COLUMNS:
        raise BrokenWarehouse(
            f"{MANIFEST} is damaged", expected=f"columns {_COLUMNS}", found=reader.fieldnames
        )
    files: dict[str, RemoteFile] = {}
    for record in reader:
        try:
            file = _remote_file(record)
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


def _remote_file(record: dict[str, str]) -> RemoteFile:
    path, digest = record["path"], record["digest"]
    if not _SHA256.fullmatch(digest):
        raise BadInput(f"sha256 of {path}", expected="64 hexadecimal digits", found=digest)
    return RemoteFile(path, bucket_address(path), int(record["bytes"]), digest)


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
