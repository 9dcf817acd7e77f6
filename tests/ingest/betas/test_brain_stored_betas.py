"""Stored betas: the parts of a region are concatenated within the memory limit."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from plain_reliability import ncsnr_plainly, reliability_plainly
from scipy.spatial.distance import pdist
from small_batches import made

from alignhouse.ingest.betas.beta_jobs import BetasAbout, betas_batch
from alignhouse.ingest.betas.crossnobis import cross_gram, crossnobis_rdm
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.reliability import rdm_reliability
from alignhouse.ingest.betas.stored import open_region
from alignhouse.ingest.datasets.bmd.reading import open_pickled_betas
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput

N = {"train": (9, 3), "test": (7, 10)}


def content(n_voxels: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    signal = {split: rng.normal(size=(n, 1, n_voxels)) for split, (n, _) in N.items()}
    return {
        f"{split}_data_allvoxel": signal[split] + rng.normal(size=(n, repetitions, n_voxels))
        for split, (n, repetitions) in N.items()
    }


def store(root: Path, part: str, betas: dict[str, np.ndarray]) -> dict[str, Artifact]:
    file = BetaFile("sub-01", part, root / f"{part}.pkl")
    file.path.write_bytes(pickle.dumps(betas))
    batches = {
        split: betas_batch(
            file, {file.path: "0" * 64}, "d", "B", split, open_raw=open_pickled_betas, memory=10**9
        )
        for split in N
    }
    return {split: made(root, batch)[0] for split, batch in batches.items()}


@pytest.fixture
def region(tmp_path: Path) -> tuple[Path, list[dict[str, Artifact]], dict[str, np.ndarray]]:
    """A region of two parts: root, artifacts of the parts, and the concatenated betas."""
    parts = [content(31, seed=1), content(8, seed=2)]
    stored = [store(tmp_path, part, betas) for part, betas in zip("ab", parts, strict=True)]
    both = {
        split: np.concatenate([each[f"{split}_data_allvoxel"] for each in parts], axis=2).astype(np.float32)
        for split in N
    }
    return tmp_path, stored, both


def test_stored_betas_have_a_row_per_stimulus_and_repetition(region):
    _, stored, both = region
    with stored[0]["train"].vector_file("beta") as file:
        assert file.names("stimulus") == [f"{i:04d}" for i in range(1, 10) for _ in range(3)]
        assert file.names("repetition") == [1, 2, 3] * 9
        assert set(file.names("split")) == {"train"}
        rows = file.read(0, 27)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.reshape(9, 3, 31), both["train"][..., :31])
    assert BetasAbout.of(stored[0]["train"]) == BetasAbout(voxels=31, stimuli=9, repetitions=3)


@pytest.mark.parametrize("memory", [1, 5_000, 10**9])
def test_rdms_are_those_of_averaged_patterns_whatever_the_memory(region, memory):
    _, stored, both = region
    means = {split: betas.astype(float).mean(axis=1) for split, betas in both.items()}
    wanted = [("test", "1003"), ("train", "0009"), ("train", "0001"), ("train", "0002"), ("test", "1001")]
    rows = [means[split][int(name) - (1001 if split == "test" else 1)] for split, name in wanted]
    with open_region(stored, ["a", "b"]) as betas:
        assert (betas.n_voxels, betas.n_kept, betas.absent) == (39, 39, "")
        np.testing.assert_allclose(betas.rdm(wanted, memory), pdist(rows, "correlation"), atol=1e-12)
        everything = [("test", name) for name in betas.stimuli("test")]
        expected = pdist(means["test"], "correlation")
        np.testing.assert_allclose(betas.rdm(everything, memory), expected, atol=1e-12)


@pytest.mark.parametrize("memory", [1, 5_000, 10**9])
def test_reliability_is_that_of_the_betas_whatever_the_memory(region, memory):
    _, stored, both = region
    with open_region(stored, ["a", "b"]) as betas:
        for split, (_, repetitions) in N.items():
            assert betas.repetitions(split) == repetitions
            np.testing.assert_allclose(betas.ncsnr([split]), ncsnr_plainly(both[split]), rtol=1e-9)
            found = rdm_reliability(betas.gram(split, memory), repetitions)
            assert found == pytest.approx(reliability_plainly(both[split]), abs=1e-9)


def test_voxels_below_the_threshold_are_left_out_everywhere(region):
    _, stored, both = region
    with open_region([{"test": each["test"]} for each in stored], ["a", "b"], min_ncsnr=0.9) as betas:
        kept = ncsnr_plainly(both["test"]) >= 0.9
        assert 2 < betas.n_kept == kept.sum() < 39
        np.testing.assert_array_equal(betas.read("test", 2, 5), both["test"][2:5][..., kept])
    with open_region(stored, ["a", "b"], min_ncsnr=50) as betas:
        assert betas.absent == "0 of 39 voxels reach an ncsnr of 50"


def test_a_region_of_which_a_part_is_empty_is_absent(region):
    root, stored, _ = region
    empty = store(root, "c", {name: values[..., :0] for name, values in content(3, 0).items()})
    assert empty["train"].n_rows == 0
    with open_region([*stored, empty], ["a", "b", "c"]) as betas:
        assert betas.absent == "c has no voxels"


def test_parts_that_do_not_fit_one_another_are_refused(region):
    root, stored, _ = region
    short = content(4, 0)
    short["test_data_allvoxel"] = short["test_data_allvoxel"][:5]
    with (
        pytest.raises(BadInput, match="test betas of c: expected 70 responses, as a has, found 50"),
        open_region([stored[0], store(root, "c", short)], ["a", "c"]),
    ):
        pass


WANTED = [("test", f"10{number:02d}") for number in (3, 1, 7, 2, 6)]


@pytest.mark.parametrize("memory", [1, 20_000, 10**9])
@pytest.mark.parametrize(
    ("distance", "of_scipy"),
    [("cosine", "cosine"), ("euclidean", "euclidean"), ("squared_euclidean", "sqeuclidean")],
)
def test_other_distances_are_those_of_scipy_on_averaged_patterns(region, memory, distance, of_scipy):
    _, stored, both = region
    means = both["test"].astype(float).mean(axis=1)[[int(name) - 1001 for _, name in WANTED]]
    with open_region(stored, ["a", "b"]) as betas:
        found = betas.rdm(WANTED, memory, distance=distance)
    np.testing.assert_allclose(found, pdist(means, of_scipy), rtol=1e-11)


@pytest.mark.parametrize("memory", [1, 20_000, 10**9])
def test_crossnobis_is_rsatoolboxes_with_repetitions_as_folds(region, memory):
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm

    _, stored, both = region
    responses = both["test"].astype(float)[[int(name) - 1001 for _, name in WANTED]]
    names = [name for _, name in WANTED]
    dataset = Dataset(
        responses.reshape(-1, responses.shape[2]),
        obs_descriptors={
            "stimulus": np.repeat(names, responses.shape[1]),
            "repetition": np.tile(np.arange(responses.shape[1]), len(names)),
        },
    )
    noise = np.diag(1 / responses.var(axis=1, ddof=1).mean(axis=0))
    expected = calc_rdm(
        dataset, method="crossnobis", descriptor="stimulus", cv_descriptor="repetition", noise=noise
    )
    # rsatoolbox sorts the stimuli by name.
    assert list(expected.pattern_descriptors["stimulus"]) == sorted(names)
    place = [sorted(names).index(name) for name in names]
    expected = expected.get_matrices()[0][np.ix_(place, place)][np.triu_indices(len(names), 1)]
    with open_region(stored, ["a", "b"]) as betas:
        found = betas.rdm(WANTED, memory, distance="crossnobis")
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_crossnobis_of_noise_alone_is_zero_on_average():
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(200, 1, 3, 50)) + rng.normal(size=50)
    pairs = [np.concatenate([one, other]) for one, other in zip(noise[:100], noise[100:], strict=True)]
    found = np.array([crossnobis_rdm(cross_gram(lambda a, b, x=x: x[a:b], 2, 1), 50)[0] for x in pairs])
    # d = |difference|^2 / 50 over pairs of repetitions: a mean of 0, where the plain distance is 2 / 3.
    assert abs(found.mean()) < 4 * found.std(ddof=1) / 10
    assert (found < 0).any()


def test_crossnobis_needs_repetitions_that_differ(region, tmp_path):
    _, stored, _ = region
    with open_region(stored, ["a", "b"]) as betas:
        mixed = [("test", "1001"), ("train", "0001")]
        with pytest.raises(BadInput, match="of V1.*same number.*found 10 in split test, 3 in split train"):
            betas.rdm(mixed, 10**9, "V1", "crossnobis")
    once = {name: values[:, :1] for name, values in content(6, seed=3).items()}
    refused = pytest.raises(BadInput, match="at least 2, found 1 in split test .*another brain_distance")
    with open_region([store(tmp_path, "once", once)], ["once"]) as betas, refused:
        betas.rdm(WANTED, 10**9, distance="crossnobis")
    dead = content(6, seed=3)
    dead["test_data_allvoxel"][..., 2] = 1.5
    refused = pytest.raises(BadInput, match="repetitions that differ, found 1 of 6 voxels")
    with open_region([store(tmp_path, "dead", dead)], ["dead"]) as betas, refused:
        betas.rdm(WANTED, 10**9, distance="crossnobis")
