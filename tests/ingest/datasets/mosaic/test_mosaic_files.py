"""The files of MOSAIC that a download fetches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import alignhouse
from file_server import FileServer, file_server

from alignhouse.ingest.datasets.mosaic.data_set import MOSAIC
from alignhouse.ingest.datasets.mosaic.layout import DATA_SETS
from alignhouse.ingest.downloads.remote_file import RemoteFile
from alignhouse.warehouse.errors import BadInput

BETAS = "fMRIPrepv23_2_0/task_fMRI/betas/GLMsinglev1_2"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


def select(version: str | None, subjects: list[str] | None = None, **options: object) -> list[RemoteFile]:
    asked = {"regions": "visual", "annotations": True, "motion_energy": False, "endpoint_url": None} | options
    return MOSAIC.remote_files(version, subjects, **asked)  # type: ignore[arg-type,misc]


def test_every_person_of_every_data_set_has_a_file() -> None:
    counts = {version: len(select(version, annotations=False)) for version in DATA_SETS}
    assert sum(counts.values()) == 93
    assert counts["NSD"] == 8
    files = select("NSD", ["sub-02"])
    assert [(file.path, file.url) for file in files] == [
        ("NSD/nsd_stiminfo.tsv", "https://mosaicfmri.s3.amazonaws.com/stimulus_info/nsd_stiminfo.tsv"),
        (
            "NSD/sub-02_NSD.hdf5",
            f"https://mosaicfmri.s3.amazonaws.com/{BETAS}/NaturalScenesDataset/sub-02_NSD.hdf5",
        ),
    ]
    assert all(file.as_stated for file in files)


@pytest.mark.parametrize(
    ("version", "options", "message"),
    [
        (None, {}, "the data set of MOSAIC: expected --version BMD or"),
        ("NSD", {"subjects": ["sub-09"]}, "unknown subject 'sub-09'"),
        ("NSD", {"regions": "V9"}, "unknown region 'V9'"),
        ("NSD", {"regions": None, "annotations": False}, "no files are selected"),
        ("NSD", {"endpoint_url": "ftp://x"}, "address of the mirror"),
    ],
)
def test_what_there_is_not_is_refused(version: str | None, options: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        select(version, **options)


def test_the_command_lists_sizes_and_fetches(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.put(f"{BETAS}/THINGS/sub-03_THINGS.hdf5", bytes(5000))
    server.put("stimulus_info/things_stiminfo.tsv", bytes(70))
    options = ["--version", "THINGS", "--subjects", "sub-03", "--to", "mosaic", "--endpoint-url", server.url]
    listed = alignhouse("ingest", "fetch", "mosaic", *options, "--dry-run", folder=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "5,000  THINGS/sub-03_THINGS.hdf5  (to fetch)" in listed.stdout
    assert "2 files, 5.1 kB: 0 verified, 2 to fetch (5.1 kB)" in listed.stdout
    assert "No checksum is published of 2 files." in listed.stdout
    assert list(tmp_path.iterdir()) == []
    done = alignhouse("ingest", "fetch", "mosaic", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Equal to what the server states, by size and ETag: 2 files, 5.1 kB; 2 fetched now" in done.stdout
    assert "not that it is the makers' file" in done.stdout
    assert (tmp_path / "mosaic/THINGS/sub-03_THINGS.hdf5").read_bytes() == bytes(5000)
