"""The files of the data set that a study needs, and their addresses."""

from __future__ import annotations

import csv
from dataclasses import replace
from importlib import resources

import pytest

from alignhouse.ingest.datasets.bmd.layout import find_beta_files
from alignhouse.ingest.datasets.bmd.manifest import (
    MANIFEST,
    bucket_address,
    known_files,
    read_manifest,
    select_files,
)
from alignhouse.ingest.datasets.bmd.regions import resolve
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse

SHA = "0" * 64
HEADER = "path,bytes,algorithm,digest\n"
# The 17 regions of the study, with the names of their files.
STUDY = [
    *("V1v", "V1d", "V2v", "V2d", "V3v", "V3d"),
    *("hV4", "OFA", "LOC", "FFA", "PPA"),
    *("V3ab", "IPS0", "IPS1-2-3", "RSC"),
    *("EBA", "TOS", "MT", "STS"),
]
SUBJECTS = [f"sub-{i:02d}" for i in range(1, 11)]
IN_B = "derivatives/versionB/MNI152/prepared_allvoxel_pkl"
ABOUT = {
    "CHANGES",
    "README",
    "dataset_description.json",
    "derivatives/stimuli_metadata/README.txt",
    "derivatives/stimuli_metadata/annotations.json",
    "derivatives/stimuli_metadata/annotations_fieldnames.json",
    "derivatives/stimuli_metadata/llm_frame_annotations.json",
}
ABOUT_B = {"derivatives/versionB/README.txt", "derivatives/versionB/MNI152/README.txt"}


def sizes() -> dict[str, int]:
    with resources.files("alignhouse.ingest.datasets.bmd").joinpath(MANIFEST).open() as file:
        return {row["path"]: int(row["bytes"]) for row in csv.DictReader(file)}


def test_by_default_the_study_regions_of_all_subjects_and_what_describes_them_are_selected():
    wanted = (
        ABOUT
        | ABOUT_B
        | {
            f"{IN_B}/{subject}/{subject}_roi-{side}{area}_betas_normalized.pkl"
            for subject in SUBJECTS
            for side in "lr"
            for area in STUDY
        }
    )
    files, of_size = select_files(), sizes()
    assert len(files) == len(wanted) == 10 * 38 + 9
    assert {file.path for file in files} == wanted
    assert sum(file.bytes for file in files) == sum(of_size[path] for path in wanted)


def test_what_is_selected_is_what_the_reader_of_betas_looks_for(tmp_path):
    for version in "AB":
        files = select_files(version, regions="all", annotations=False)
        for file in files:
            (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file.path).touch()
        parts = [part for region in resolve("all", version) for part in region.parts]
        found = find_beta_files(tmp_path, version, parts)
        assert [str(beta.path.relative_to(tmp_path)) for beta in found] == [file.path for file in files]
    everything = {path for path in sizes() if path.endswith(".pkl")}
    assert everything == {
        file.path for v in "AB" for file in select_files(v, regions="all", annotations=False)
    }


def test_one_region_of_two_subjects_is_its_parts_each_once():
    files = select_files(subjects=["sub-10", "sub-02"], regions=["V1", "lV1", "lV1v"], annotations=False)
    assert [file.path for file in files] == [
        f"{IN_B}/{subject}/{subject}_roi-{part}_betas_normalized.pkl"
        for subject in ("sub-02", "sub-10")
        for part in ("lV1v", "rV1v", "lV1d", "rV1d")
    ]


@pytest.mark.parametrize("regions", ["study", "hemispheres", "parts"])
def test_ways_to_name_the_same_regions_select_the_same_files(regions):
    assert set(select_files(regions=regions)) == set(select_files())


def test_version_a_has_its_own_files_and_readmes():
    paths = {file.path for file in select_files("A")}
    assert sum(path.endswith(".pkl") for path in paths) == 10 * 18
    assert paths > ABOUT
    assert "derivatives/versionA/MNI152/README.txt" in paths
    assert not any("versionB" in path for path in paths)


def test_motion_energy_is_a_file_for_each_video_and_only_when_asked_for():
    files = select_files(regions=None, annotations=False, motion_energy=True)
    assert [file.path for file in files] == [
        f"derivatives/stimuli_metadata/ME_feats_matlab/vid_idx{i:04d}_ME_fps-orig.mat" for i in range(1, 1103)
    ]
    assert {file.path for file in select_files(regions=None)} == ABOUT | ABOUT_B


def test_every_file_of_the_manifest_can_be_selected():
    selected = {file for version in "AB" for file in select_files(version, regions="all", motion_energy=True)}
    assert selected == set(known_files())
    assert {file.path: file.bytes for file in known_files()} == sizes()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"subjects": ["sub-1"]}, "unknown subject 'sub-1'.*did you mean .*sub-01"),
        ({"subjects": []}, "no subjects are selected"),
        ({"regions": ["V1", "FAA"]}, "unknown region 'FAA'.*FFA"),
        ({"version": "A", "regions": "MT"}, "unknown region 'MT' in version A"),
        ({"version": "C", "regions": None}, "unknown version.*expected A or B, found C"),
        ({"regions": None, "annotations": False}, "no files are selected"),
    ],
)
def test_what_the_data_set_does_not_have_is_refused(asked, message):
    with pytest.raises(BadInput, match=message):
        select_files(**asked)


def test_files_are_at_the_public_bucket_by_default():
    by_path = {file.path: file for file in select_files(regions=None)}
    assert by_path["README"].url == "https://s3.amazonaws.com/openneuro.org/ds005165/README"
    assert all(len(file.sha256) == 64 for file in known_files())


@pytest.mark.parametrize("mirror", ["http://mirror:8080", "https://mirror/below/"])
def test_a_mirror_has_the_same_bucket_and_paths(mirror):
    at_mirror, public = select_files("A", endpoint_url=mirror), select_files("A")
    assert at_mirror[0].url == f"{mirror.rstrip('/')}/openneuro.org/ds005165/{public[0].path}"
    assert [replace(file, url=bucket_address(file.path)) for file in at_mirror] == public


def test_characters_that_an_address_cannot_have_are_escaped():
    assert (
        bucket_address("a b/c?#%.pkl", "https://m") == "https://m/openneuro.org/ds005165/a%20b/c%3F%23%25.pkl"
    )


@pytest.mark.parametrize("mirror", ["ftp://mirror", "mirror", "", "https://user:secret@mirror"])
def test_an_invalid_address_of_a_mirror_is_refused(mirror):
    with pytest.raises(BadInput, match="address of the mirror"):
        select_files(endpoint_url=mirror)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,bytes\na,1\n", "expected columns"),
        (HEADER, "expected files, found none"),
        (f"{HEADER}a,one,sha256,{SHA}\n", "line 2, is damaged"),
        (f"{HEADER}a,-1,sha256,{SHA}\n", "line 2.*size of a"),
        (f"{HEADER}a,1,sha256,abc\n", "line 2.*64 hexadecimal digits"),
        (f"{HEADER}a,1,md5,{SHA}\n", "line 2.*expected a sha256"),
        (f"{HEADER}a,1,sha256,{SHA}\na,1,sha256,{SHA}\n", "line 3.*each path once"),
        (f"{HEADER}a,1\n", "line 2"),
        (f"{HEADER}../a,1,sha256,{SHA}\n", "line 2.*plain relative path"),
    ],
)
def test_a_damaged_manifest_is_refused(text, message):
    with pytest.raises(BrokenWarehouse, match=message):
        read_manifest(text)
