"""What GLMsingle writes, with regions as masks or labels of an atlas in NIfTI."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest
from lab_folders import shown, write_array, write_glmsingle, write_stimuli, write_volume

from alignhouse.ingest.arrays import hdf5_matrix, matrices
from alignhouse.ingest.betas.reading import open_betas
from alignhouse.ingest.datasets.arrays.data_set import ARRAYS
from alignhouse.ingest.datasets.arrays.layout import find_array_files
from alignhouse.ingest.datasets.arrays.reading import open_array_betas
from alignhouse.warehouse.errors import BadInput

SHOWN = shown()
SPACE = (5, 4, 3)
BETAS = np.random.default_rng(0).normal(size=(*SPACE, len(SHOWN.stimulus))).astype(np.float32)
ATLAS = np.random.default_rng(1).integers(0, 3, SPACE)
NAME = "TYPED_FITHRF_GLMDENOISE_RR"


def read(root: Path, region: str) -> np.ndarray:
    """The betas of sub-01, (stimuli, repetitions, voxels)."""
    [file] = find_array_files(root, None, [region], ["sub-01"])
    with open_betas(open_array_betas, file, memory=10**7) as betas:
        return np.concatenate([block.copy() for block in betas.blocks("test")])


def expected(mask: np.ndarray) -> np.ndarray:
    of_trials = BETAS[mask].T  # (trials, voxels)
    rows = [
        [row for row, each in enumerate(SHOWN.names) if each == name] for name in dict.fromkeys(SHOWN.names)
    ]
    return np.stack([of_trials[each] for each in rows])


def in_one_order(betas: np.ndarray) -> np.ndarray:
    """Voxels sorted, since a file of MATLAB has them in the reverse order of axes."""
    return betas[..., np.lexsort(betas.reshape(-1, betas.shape[-1]))]


@pytest.fixture
def person(tmp_path: Path) -> Path:
    (tmp_path / "sub-01").mkdir()
    write_stimuli(tmp_path / "stimuli.csv", SHOWN)
    return tmp_path / "sub-01"


@pytest.mark.parametrize("suffix", [".hdf5", ".h5", ".mat"])
@pytest.mark.parametrize("band", [matrices.BAND_BYTES, 64])
def test_regions_are_labels_of_an_atlas(
    person: Path, suffix: str, band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (matrices, hdf5_matrix):
        monkeypatch.setattr(module, "BAND_BYTES", band)
    write_glmsingle(person / f"{NAME}{suffix}", BETAS)
    write_volume(person.parent / "atlas.nii.gz", ATLAS)
    (person.parent / "labels.csv").write_text("index,name\n0,nothing\n1,V1\n2,IT\n")
    assert [each.name for each in ARRAYS.regions("all", None, person.parent)] == ["IT", "V1"]
    for label, region in ((1, "V1"), (2, "IT")):
        betas, want = read(person.parent, region), expected(label == ATLAS)
        if suffix != ".mat":
            np.testing.assert_array_equal(betas, want)
        np.testing.assert_array_equal(in_one_order(betas), in_one_order(want))


def test_regions_are_masks_of_ones_own(person: Path) -> None:
    write_glmsingle(person / f"{NAME}.h5", BETAS)
    write_glmsingle(person / "TYPEB_FITHRF.h5", -BETAS)
    np.save(person / "DESIGNINFO.npy", {"design": BETAS})  # type: ignore[arg-type]
    write_volume(person / "V1.nii", ATLAS == 1)
    write_volume(person / "IT.nii.gz", 7 * (ATLAS == 2))
    write_volume(person.parent / "unused.nii", ATLAS)
    np.testing.assert_array_equal(read(person.parent, "V1"), expected(ATLAS == 1))
    np.testing.assert_array_equal(read(person.parent, "IT"), expected(ATLAS == 2))


def test_a_region_without_voxels_is_absent(person: Path) -> None:
    write_glmsingle(person / f"{NAME}.h5", BETAS)
    write_volume(person / "V1.nii", np.zeros(SPACE))
    with pytest.raises(BadInput, match="V1 of sub-01 is absent"):
        read(person.parent, "V1")


def test_betas_of_voxels_have_an_atlas_of_voxels(person: Path) -> None:
    flat = BETAS.reshape(-1, BETAS.shape[-1])
    with h5py.File(person / f"{NAME}.h5", "w") as file:
        file["betasmd"] = flat
    write_volume(person / "V1.nii", (ATLAS == 1).reshape(-1, 1, 1))
    np.testing.assert_array_equal(read(person.parent, "V1"), expected(ATLAS == 1))
    write_volume(person / "V1.nii", ATLAS == 1)
    with pytest.raises(
        BadInput, match="the volume's shape, 5 x 4 x 3, found shape 60 x 24 .*save a file for"
    ):
        read(person.parent, "V1")


def test_the_pickle_that_python_writes_is_refused_with_the_way_out(person: Path) -> None:
    np.save(person / f"{NAME}.npy", {"betasmd": BETAS})  # type: ignore[arg-type]
    write_volume(person / "V1.nii", ATLAS == 1)
    with pytest.raises(BadInput, match=r"found a pickle .*wanthdf5'\] = 1"):
        read(person.parent, "V1")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda at: (at / "V1.nii").unlink(), "no regions for the betas in .*NIfTI masks"),
        (
            lambda at: write_volume(at / "V1.nii", ATLAS),
            r"V1\.nii is no mask: .*found 2 labels, such as 1, 2",
        ),
        (lambda at: (at / "V1.nii").write_bytes(b"junk"), r"V1\.nii cannot be read"),
        (
            lambda at: (at / "V1.nii").write_bytes((at / "V1.nii").read_bytes()[:360]),
            r"V1\.nii cannot be read",
        ),
        (lambda at: (at / "V1.nii").rename(at / "V1.nii.gz"), r"V1\.nii\.gz cannot be read"),
        (lambda at: (at / "V1.nii.gz").write_bytes(gzip.compress(b"junk")), "two masks of region V1"),
        (
            lambda at: (at / "labels.csv").write_text("index,name\n1,V1\n1,IT\n"),
            "row 2: .*each index and name once",
        ),
        (lambda at: (at / "labels.csv").write_text("index,name\nx,V1\n"), "row 1: expected a whole number"),
        (lambda at: (at / "labels.csv").write_text("number,name\n1,V1\n"), "columns index and name"),
        (lambda at: (at / "labels.csv").write_text("index,name\n1,V2\n"), "no betas of V1 .*did you mean V2"),
        (
            lambda at: write_volume(at / "V1.nii", np.ones((4, 4, 3))),
            "shape, 4 x 4 x 3, found shape 5 x 4 x 3 x 24",
        ),
        (lambda at: write_glmsingle(at / f"{NAME}.h5", BETAS[..., :5]), "expected 24 trials, .* found 5"),
        (lambda at: write_array(at, "IT", BETAS[0, 0], "npy"), "mixes two layouts"),
        (lambda at: write_glmsingle(at / "TYPED_OTHER.h5", BETAS), "two files of GLMsingle"),
    ],
)
def test_what_does_not_fit_is_one_line(person: Path, spoil, message: str) -> None:
    write_glmsingle(person / f"{NAME}.h5", BETAS)
    write_volume(person / "V1.nii", ATLAS == 1)
    spoil(person)
    with pytest.raises(BadInput, match=message) as caught:
        read(person.parent, "V1")
    assert "\n" not in str(caught.value)
