"""The files of MOSAIC in its public bucket, `mosaicfmri` on S3, listed in `files.csv`.

Folders and names are those of the makers' package mosaic-dataset. No checksums are published.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import resources

from alignhouse.ingest.datasets.choosing import choose_subjects, on_mirror
from alignhouse.ingest.datasets.mosaic.layout import DATA_SETS
from alignhouse.ingest.datasets.mosaic.regions import select_areas
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.warehouse.errors import BadInput

SERVER = "https://mosaicfmri.s3.amazonaws.com"
_BETAS = "fMRIPrepv23_2_0/task_fMRI/betas/GLMsinglev1_2"
_STIMULI = "stimulus_info"


def mosaic_files(
    version: str | None,
    subjects: Sequence[str] | None,
    regions: str | Sequence[str] | None,
    *,
    annotations: bool,
    motion_energy: bool,
    endpoint_url: str | None,
) -> list[RemoteFile]:
    """The files of one of the data sets, in a folder that is called after it; see `SelectFiles`.

    A person's file has all regions. Annotations are the makers' table of the stimuli; there is no motion
    energy.

    Raises
    ------
    BadInput : the version, a subject or a region is unknown, or nothing is selected.
    """
    if version not in DATA_SETS:
        raise BadInput(
            "the data set of MOSAIC", expected=f"--version {' or '.join(DATA_SETS)}", found=version
        )
    text = resources.files(__package__).joinpath("files.csv").read_text(encoding="utf-8")
    [row] = [each for each in csv.DictReader(text.splitlines()) if each["version"] == version]
    paths = {f"{version}/{row['stimuli']}": f"{_STIMULI}/{row['stimuli']}"} if annotations else {}
    people = [f"sub-{number:02d}" for number in range(1, int(row["people"]) + 1)]
    chosen = choose_subjects(subjects, people)
    if regions is not None:
        select_areas(regions)
        for subject in chosen:
            name = f"{subject}_{version}.hdf5"
            paths[f"{version}/{name}"] = f"{_BETAS}/{row['folder']}/{name}"
    files = [RemoteFile(path, f"{SERVER}/{key}", None, as_stated=True) for path, key in paths.items()]
    return on_mirror(files, SERVER, endpoint_url)
