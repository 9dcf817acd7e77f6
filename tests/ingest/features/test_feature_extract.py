"""RDMs of whole networks, against simple and slow references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_plainly import outputs, sources
from pydantic import ValidationError
from scipy.spatial.distance import pdist

from alignhouse.ingest.features.extract import extract_rdms, extract_rdms_together
from alignhouse.ingest.features.projection import project
from alignhouse.ingest.features.recipe import NetworkRdms, effective_components
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.warehouse.errors import BadInput


def test_sound_rdms_are_one_minus_pearson_over_mean_features(
    alexnet_features: dict[str, np.ndarray], alexnet_rdms: NetworkRdms
) -> None:
    assert [layer.name for layer in alexnet_rdms.layers] == list(alexnet_features)
    for layer in alexnet_rdms.layers:
        features = alexnet_features[layer.name]
        assert layer.width == features.shape[1]
        assert layer.rdm.dtype == np.float64
        np.testing.assert_allclose(layer.rdm, pdist(features, "correlation"), atol=2e-6)


def test_depth_runs_from_zero_to_one(alexnet_rdms: NetworkRdms) -> None:
    assert [layer.index for layer in alexnet_rdms.layers] == list(range(14))
    np.testing.assert_allclose([layer.depth for layer in alexnet_rdms.layers], np.arange(14) / 13)


def test_centring_across_stimuli_is_applied_on_demand(
    alexnet: torch.nn.Module,
    noise_videos: list[np.ndarray],
    alexnet_features: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    settings = ExtractionSettings(centering="across_stimuli")
    result = extract_rdms(catalog()["AlexNet"], alexnet, sources(noise_videos), settings, scratch=tmp_path)
    for layer in result.layers:
        features = alexnet_features[layer.name]
        expected = pdist(features - features.mean(axis=0), "correlation")
        np.testing.assert_allclose(layer.rdm, expected, atol=1e-4)


def test_pca_is_scikit_learns_with_at_most_stimuli_minus_two_components(
    alexnet: torch.nn.Module,
    thinner: int,
    noise_videos: list[np.ndarray],
    alexnet_features: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    from sklearn.decomposition import PCA

    settings = ExtractionSettings(reduction="pca")
    videos = [*sources(noise_videos), lambda: noise_videos[0][:, ::-1].copy()]
    result = extract_rdms(
        catalog()["AlexNet"], alexnet, videos, settings, scratch=tmp_path, memory=5e6 / thinner
    )
    assert set(result.notes["pca_components"].values()) == {3}
    small = extract_rdms(catalog()["AlexNet"], alexnet, videos[:4], settings, scratch=tmp_path)
    layer = small.layers[-1]
    scores = PCA(2, svd_solver="full").fit_transform(alexnet_features["classifier.6"])
    np.testing.assert_allclose(layer.rdm, pdist(scores, "correlation"), atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "stimuli", "width", "used"),
    [(100, 102, 10_000, 100), (100, 24, 10_000, 22), (100, 1102, 64, 64)],
)
def test_components_are_limited_by_stimuli_and_width(asked: int, stimuli: int, width: int, used: int) -> None:
    assert effective_components(ExtractionSettings(pca_components=asked), stimuli, width) == used


def test_the_same_input_gives_the_same_bytes(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], alexnet_rdms: NetworkRdms, tmp_path: Path
) -> None:
    again = extract_rdms(
        catalog()["AlexNet"], alexnet, sources(noise_videos), ExtractionSettings(), scratch=tmp_path, batch=2
    )
    for one, other in zip(alexnet_rdms.layers, again.layers, strict=True):
        assert one.rdm.tobytes() == other.rdm.tobytes()


def test_the_order_of_stimuli_only_permutes_the_rdm(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], alexnet_rdms: NetworkRdms, tmp_path: Path
) -> None:
    from scipy.spatial.distance import squareform

    order = [2, 0, 3, 1]
    videos = sources([noise_videos[index] for index in order])
    moved = extract_rdms(
        catalog()["AlexNet"], alexnet, videos, ExtractionSettings(), scratch=tmp_path, batch=2
    )
    for one, other in zip(alexnet_rdms.layers, moved.layers, strict=True):
        square = squareform(one.rdm)[np.ix_(order, order)]
        np.testing.assert_allclose(squareform(other.rdm), square, atol=1e-12)


@pytest.mark.parametrize("average", ["mean", "running_pairwise"])
def test_clips_are_averaged_plainly_or_pair_by_pair(
    average: str, x3d: torch.nn.Module, tmp_path: Path
) -> None:
    network = catalog()["x3d_s"].model_copy(update={"resize": 32, "crop": 32})
    random = np.random.default_rng(4)
    # 160 frames make three clips of 13 x 6.
    videos = [
        np.repeat(random.integers(0, 256, (16, 20, 24, 3), dtype=np.uint8), 10, axis=0) for _ in range(3)
    ]
    settings = ExtractionSettings(clip_average=average)  # type: ignore[arg-type]
    result = extract_rdms(network, x3d, sources(videos), settings, scratch=tmp_path)
    from alignhouse.ingest.features.inputs import Caller, InputMaker

    make, caller = InputMaker(network, settings), Caller(network, x3d, "cpu", settings.frame_count)
    names = [layer.name for layer in result.layers]
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for video in videos:
        calls = [caller.tensor([part])[0] for part in make(video).parts]
        assert len(calls) == 3
        parts = [
            outputs(x3d, names, lambda call=call: x3d(call, mode="tensor", stage="head"))  # type: ignore[misc]
            for call in calls
        ]
        for name in names:
            a, b, c = (part[name].double().numpy().ravel() for part in parts)
            rows[name].append((a + b + c) / 3 if average == "mean" else ((a + b) / 2 + c) / 2)
    for layer in result.layers:
        np.testing.assert_allclose(layer.rdm, pdist(np.stack(rows[layer.name]), "correlation"), atol=2e-6)
    assert result.notes["parts_averaged"] == [3, 3, 3]


def test_progress_is_told_after_each_stimulus_and_scratch_is_empty_in_the_end(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    told: list[tuple[int, int, bool]] = []
    extract_rdms(
        catalog()["AlexNet"],
        alexnet,
        sources(noise_videos[:3]),
        ExtractionSettings(),
        scratch=tmp_path,
        on_stimulus=lambda done, total: told.append((done, total, any(tmp_path.iterdir()))),
    )
    assert told == [(1, 3, True), (2, 3, True), (3, 3, True)]
    assert list(tmp_path.iterdir()) == []


def test_paths_are_decoded_and_name_the_stimulus_in_errors(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    def decode(path: Path, decoder: str) -> np.ndarray:
        assert decoder == "av"
        return noise_videos[int(path.stem)] if path.stem != "2" else noise_videos[2].astype(np.float32)

    paths = [Path(f"{index}.mp4") for index in range(3)]
    with pytest.raises(BadInput, match=r"frames of 2.mp4"):
        extract_rdms(
            catalog()["AlexNet"], alexnet, paths, ExtractionSettings(), scratch=tmp_path, read_frames=decode
        )
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_dies_names_layer_and_stimulus(
    own_alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    module = own_alexnet
    dying: Any = module.get_submodule("features.10")
    dying.weight.data.zero_()
    dying.bias.data.fill_(-1.0)
    with pytest.raises(BadInput, match=r"features of layer features.10 for stimulus 1.*found -1 in all"):
        extract_rdms(
            catalog()["AlexNet"], module, sources(noise_videos), ExtractionSettings(), scratch=tmp_path
        )


def test_a_layer_that_ignores_the_stimulus_is_an_error(
    own_alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    module = own_alexnet
    head: Any = module.get_submodule("classifier.6")
    head.weight.data.zero_()
    with pytest.raises(BadInput, match=r"layer classifier.6.*the same pattern for all"):
        extract_rdms(
            catalog()["AlexNet"], module, sources(noise_videos), ExtractionSettings(), scratch=tmp_path
        )


@pytest.mark.parametrize("reduction", ["none", "pca"])
def test_bad_layers_can_be_skipped_and_are_then_listed(
    reduction: str, own_alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    module = own_alexnet
    dying: Any = module.get_submodule("features.8")
    dying.weight.data.zero_()
    dying.bias.data.normal_(generator=torch.Generator().manual_seed(0))
    head: Any = module.get_submodule("classifier.6")
    head.weight.data.zero_()
    head.bias.data.fill_(2.0)
    result = extract_rdms(
        catalog()["AlexNet"],
        module,
        sources(noise_videos),
        ExtractionSettings(reduction=reduction),  # type: ignore[arg-type]
        scratch=tmp_path,
        skip_bad=True,
    )
    skipped = result.notes["skipped_layers"]
    assert list(skipped) == [*(f"features.{index}" for index in range(8, 13)), "classifier.6"]
    assert "found 2 in all 1000" in skipped["classifier.6"]
    assert "the same pattern for all" in skipped["features.8"]
    assert [layer.name for layer in result.layers] == [f"features.{index}" for index in range(8)]
    assert [layer.depth for layer in result.layers] == [index / 13 for index in range(8)]


def test_too_few_stimuli_are_an_error(
    alexnet: torch.nn.Module, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="at least 3, found 2"):
        extract_rdms(
            catalog()["AlexNet"], alexnet, sources(noise_videos[:2]), ExtractionSettings(), scratch=tmp_path
        )


def test_settings_are_closed_and_documented() -> None:
    with pytest.raises(ValidationError, match="chanel_order"):
        ExtractionSettings(chanel_order="rgb")  # type: ignore[call-arg]
    assert all(field.description for field in ExtractionSettings.model_fields.values())


def test_two_protocols_together_give_what_each_gives_alone(
    network_and_module: tuple[Network, torch.nn.Module],
    noise_videos: list[np.ndarray],
    sound: ExtractionSettings,
    paper: ExtractionSettings,
    tmp_path: Path,
) -> None:
    network, module = network_and_module
    passes = 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1

    counting = module.register_forward_hook(count)
    videos = sources(noise_videos)
    alone = [extract_rdms(network, module, videos, each, scratch=tmp_path) for each in (sound, paper)]
    passes_alone, passes = passes, 0
    together = extract_rdms_together(network, module, videos, [sound, paper], scratch=tmp_path)
    counting.remove()
    # Clips are the same under both protocols; single frames are not (colours, and the size in torchvision).
    assert passes == (passes_alone if network.takes == "frames" else passes_alone // 2)
    for one, other in zip(alone, together, strict=True):
        assert one.notes == other.notes
        assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]
        for a, b in zip(one.layers, other.layers, strict=True):
            np.testing.assert_array_equal(a.rdm, b.rdm)


@pytest.mark.parametrize(
    ("distance", "metric"), [("cosine", "cosine"), ("euclidean", "euclidean"), ("manhattan", "cityblock")]
)
@pytest.mark.parametrize("centering", ["none", "across_stimuli"])
def test_other_distances_are_those_of_scipy(
    distance: str,
    metric: str,
    centering: str,
    alexnet: torch.nn.Module,
    thinner: int,
    alexnet_features: dict[str, np.ndarray],
    noise_videos: list[np.ndarray],
    tmp_path: Path,
) -> None:
    settings = ExtractionSettings(distance=distance, centering=centering)  # type: ignore[arg-type]
    result = extract_rdms(
        catalog()["AlexNet"], alexnet, sources(noise_videos), settings, scratch=tmp_path, memory=2e7 / thinner
    )
    for layer in result.layers:
        features = alexnet_features[layer.name]
        if centering == "across_stimuli":
            features = features - features.mean(axis=0)
        np.testing.assert_allclose(layer.rdm, pdist(features, metric), rtol=2e-3, atol=1e-5)


def test_projected_patterns_are_correlated_and_keep_the_seed(
    alexnet: torch.nn.Module,
    alexnet_features: dict[str, np.ndarray],
    noise_videos: list[np.ndarray],
    tmp_path: Path,
) -> None:
    settings = ExtractionSettings(reduction="srp", srp_components=50, srp_seed=3)
    result = extract_rdms(catalog()["AlexNet"], alexnet, sources(noise_videos), settings, scratch=tmp_path)
    features = alexnet_features["classifier.6"]
    projected = project([features], 4, features.shape[1], 50, seed=3)
    np.testing.assert_allclose(result.layers[-1].rdm, pdist(projected, "correlation"), atol=1e-5)
