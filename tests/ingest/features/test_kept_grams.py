"""Gram matrices that are kept, and the RDMs that derive from them, against RDMs from features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_plainly import sources
from scipy.spatial.distance import pdist
from small_batches import batch_of, made

from alignhouse.ingest.features import jobs
from alignhouse.ingest.features.extract import extract_rdms_together
from alignhouse.ingest.features.gram_files import (
    gram_output,
    grams_among,
    rdm_of_grams_batch,
    rdm_of_grams_job,
    rdms_among,
    read_grams,
)
from alignhouse.ingest.features.kept_grams import LayerGram
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import catalog
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job

DISTANCES = ("correlation", "cosine", "euclidean", "squared_euclidean")
SCIPY = {"squared_euclidean": "sqeuclidean"}
CONDITIONS = ["a", "b", "c", "d"]
COMPARED = [(distance, centering) for distance in DISTANCES for centering in ("none", "across_stimuli")]
PCA = ExtractionSettings(reduction="pca", pca_components=2)


class Extracted:
    """RDMs as the extraction computes them, and those of one that keeps Gram matrices, stored."""

    def __init__(self, alexnet: torch.nn.Module, videos: list[np.ndarray], folder: Path) -> None:
        directly = [
            *(ExtractionSettings(distance=each, centering=how) for each, how in COMPARED),
            *(PCA.model_copy(update={"distance": each}) for each in DISTANCES),
        ]
        keeping = [directly[0], PCA]
        found = extract_rdms_together(
            catalog()["AlexNet"],
            alexnet,
            sources(videos),
            [*directly, *keeping],
            grams=[False] * len(directly) + [True] * len(keeping),
            scratch=folder,
        )
        self.direct = dict(zip(directly, found, strict=False))
        self.kept = found[-2:]
        self.stored = [self._store(folder, number, each) for number, each in enumerate(self.kept)]

    def _store(self, folder: Path, number: int, found: NetworkRdms) -> list[Artifact]:
        job = Job("extraction", 1, {"number": number}, {}, "net")
        return made(folder / "w", batch_of(job, *jobs._outputs("net", found, CONDITIONS)))


@pytest.fixture(scope="module")
def extracted(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Extracted:
    return Extracted(alexnet, noise_videos, tmp_path_factory.mktemp("grams"))


def derived(folder: Path, artifacts: list[Artifact], distance: str, centering: str) -> Artifact:
    grams = grams_among(artifacts)
    assert grams is not None
    job = rdm_of_grams_job("net", grams.artifact, distance, centering, skip_bad=False)  # type: ignore[arg-type]
    [rdms] = made(folder, rdm_of_grams_batch(job, grams))
    return rdms


def test_what_is_kept_is_the_gram_matrix_of_the_features(
    extracted: Extracted, alexnet_features: dict[str, np.ndarray]
) -> None:
    kept = grams_among(extracted.stored[0])
    assert kept is not None
    assert kept.path.startswith("grams/kind=model/model=net/")
    assert list(read_grams(kept)) == list(alexnet_features)
    rows = kept.rows(["layer", "layer_index", "depth", "width"])
    rdms = rdms_among(extracted.stored[0])
    assert rows.rows() == rdms.rows(["layer", "layer_index", "depth", "width"]).rows()
    assert kept.about == rdms.about
    for layer, gram in read_grams(kept).items():
        features = alexnet_features[layer].astype(np.float64)
        means = features.mean(axis=1)
        centred = features - means[:, None]
        assert gram.width == features.shape[1]
        np.testing.assert_allclose(gram.means, means, rtol=1e-5, atol=1e-7)
        scale = np.trace(centred @ centred.T)
        np.testing.assert_allclose(gram.products, centred @ centred.T, rtol=1e-5, atol=1e-6 * scale)


def test_keeping_grams_changes_no_rdm(extracted: Extracted) -> None:
    for settings, kept in zip((ExtractionSettings(), PCA), extracted.kept, strict=True):
        for one, other in zip(extracted.direct[settings].layers, kept.layers, strict=True):
            assert one.rdm.tobytes() == other.rdm.tobytes()
            assert one.gram is None


@pytest.mark.parametrize(("distance", "centering"), COMPARED)
def test_derived_rdms_are_those_of_the_extraction_to_the_bit(
    extracted: Extracted,
    distance: str,
    centering: str,
    alexnet_features: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    settings = ExtractionSettings(distance=distance, centering=centering)  # type: ignore[arg-type]
    rdms = derived(tmp_path, extracted.stored[0], distance, centering)
    directly = extracted.direct[settings].layers
    names, stored = rdms.vectors("rdm")
    assert stored.tobytes() == np.stack([layer.rdm for layer in directly]).tobytes()
    assert names.rows() == [(each.name, each.index, each.depth, each.width) for each in directly]
    before = rdms_among(extracted.stored[0])
    assert rdms.about == before.about
    assert names.schema == before.vectors("rdm")[0].schema
    assert rdms.path.split("/")[:3] == before.path.split("/")[:3]
    for layer, rdm in zip(directly, stored, strict=True):
        features = alexnet_features[layer.name].astype(np.float64)
        if centering == "across_stimuli":
            features = features - features.mean(axis=0)
        expected = pdist(features, SCIPY.get(distance, distance))
        np.testing.assert_allclose(rdm, expected, rtol=1e-3, atol=1e-4 * expected.max())


@pytest.mark.parametrize("distance", DISTANCES)
def test_rdms_of_principal_components_derive_too(
    extracted: Extracted, distance: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the library gives eigenvectors of other signs."""
    settings = PCA.model_copy(update={"distance": distance})
    directly = np.stack([layer.rdm for layer in extracted.direct[settings].layers])
    _, stored = derived(tmp_path, extracted.stored[1], distance, "none").vectors("rdm")
    assert stored.tobytes() == directly.tobytes()
    eigh = np.linalg.eigh

    def other_signs(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, vectors = eigh(matrix)
        return values, vectors * np.where(np.arange(len(values)) % 2, 1.0, -1.0)

    monkeypatch.setattr(np.linalg, "eigh", other_signs)
    _, again = derived(tmp_path / "other", extracted.stored[1], distance, "none").vectors("rdm")
    np.testing.assert_allclose(again, directly, rtol=1e-12, atol=1e-14)


def test_layers_with_fewer_components_keep_as_many_signs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grams = {}
    for layer, width in (("wide", 9), ("narrow", 2)):
        rows = rng.normal(size=(5, width))
        centred = rows - rows.mean(axis=1, keepdims=True)
        anchors = np.array([1.0, -3.0, 2.0])[:width]
        grams[layer] = LayerGram.of(centred @ centred.T, rows.mean(axis=1), width, anchors)
    names: dict[str, list[Any]] = {
        "layer": list(grams),
        "layer_index": [0, 1],
        "depth": [None, None],
        "width": [9, 2],
    }
    output = gram_output("net", names, list(grams.values()), {"conditions": []})
    [artifact] = made(tmp_path, batch_of(Job("m", 1, {}, {}, "net"), output))
    for layer, found in read_grams(artifact).items():
        assert found.anchors is not None
        np.testing.assert_array_equal(found.anchors, grams[layer].anchors)
        np.testing.assert_array_equal(found.triangle, grams[layer].triangle)
    assert artifact.rows(["depth"])["depth"].to_list() == [None, None]


def test_a_layer_without_such_an_rdm_is_an_error_or_is_skipped(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(4, 6))
    zero = np.where(np.arange(4)[:, None] == 2, 0.0, rows)
    grams = [LayerGram.of(each @ each.T, np.zeros(4), 6) for each in (rows, zero)]
    names: dict[str, list[Any]] = {
        "layer": ["good", "bad"],
        "layer_index": [0, 1],
        "depth": [0.0, 1.0],
        "width": [6, 6],
    }
    notes = {"skipped_layers": {"worse": "constant"}}
    output = gram_output("net", names, grams, {"conditions": CONDITIONS, "notes": notes})
    [artifact] = made(tmp_path, batch_of(Job("m", 1, {}, {}, "net"), output))
    strict = rdm_of_grams_job("net", artifact.artifact, "cosine", "none", skip_bad=False)
    with pytest.raises(BadInput, match="layer bad of network net: .*none for stimulus 3 of 4.*skip_bad"):
        made(tmp_path, rdm_of_grams_batch(strict, artifact))
    lenient = rdm_of_grams_job("net", artifact.artifact, "cosine", "none", skip_bad=True)
    assert lenient.key != strict.key
    [rdms] = made(tmp_path, rdm_of_grams_batch(lenient, artifact))
    names_of, stored = rdms.vectors("rdm")
    assert names_of["layer"].to_list() == ["good"]
    np.testing.assert_allclose(stored[0], pdist(rows, "cosine"), rtol=1e-12)
    skipped = rdms.about["notes"]["skipped_layers"]
    assert set(skipped) == {"worse", "bad"}
    assert "none for stimulus 3 of 4" in skipped["bad"]
    # A distance that needs no angle has both layers.
    euclidean = rdm_of_grams_job("net", artifact.artifact, "euclidean", "none", skip_bad=False)
    [rdms] = made(tmp_path, rdm_of_grams_batch(euclidean, artifact))
    assert rdms.n_rows == 2
