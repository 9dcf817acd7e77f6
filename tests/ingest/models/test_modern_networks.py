"""The second catalog: its facts, its names in a selection, and networks that are built from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alignhouse.ingest.features.description_jobs import model_batch
from alignhouse.ingest.features.extract import measure_widths
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build_network
from alignhouse.ingest.models.catalog import catalog, select_names
from alignhouse.ingest.models.declaration import UNKNOWN
from alignhouse.ingest.models.modern import modern
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.selection import known_facts, known_network, select
from alignhouse.warehouse.errors import BadInput

OBJECTIVES = {"supervised", "contrastive", "masked", "distillation", "predictive"}
TYPES = {"image-self", "image-text", "image-in1k", "video-self", "video-text", "video-k400"}


@pytest.mark.parametrize("name", modern())
def test_every_fact_of_a_modern_network_is_stated(name: str) -> None:
    network = known_facts(name)
    assert network is not None
    assert network.objective in OBJECTIVES
    assert network.model_type in TYPES
    assert network.arch_type in {"CNNs", "Transformers", "Hybrids"}
    assert UNKNOWN not in (network.family, network.training_dataset)
    assert network.parameters_published
    assert network.resolution
    assert network.licence


def test_the_catalogs_share_no_name_and_modern_chooses_the_second() -> None:
    assert not modern().keys() & catalog().keys()
    assert select_names(["modern"]) == list(modern())
    assert select_names(["DINOv3-*", "AlexNet"], ["*-L16", "*-ConvNeXt-*"]) == [
        "AlexNet",
        "DINOv3-ViT-S16",
        "DINOv3-ViT-B16",
    ]
    assert not set(select_names(["all", "default"])) & modern().keys()


def test_an_unknown_name_lists_the_nearest_of_both_catalogs() -> None:
    with pytest.raises(BadInput, match=r"DINOv4-ViT-B16.*DINOv3-ViT-B16"):
        known_network("DINOv4-ViT-B16")


def test_a_study_cannot_declare_a_network_of_that_name() -> None:
    with pytest.raises(BadInput, match="a network of a catalog has that name"):
        network_of("MambaOut-T", OwnNetwork(source="timm", id="mambaout_tiny"))


def test_facts_are_known_to_rdms_from_elsewhere_and_to_the_networks_row() -> None:
    rows = [
        model_batch("name", known, "pretrained", "").jobs[0].settings
        for known in ("MambaOut-T", known_network("MambaOut-T"))
    ]
    for row in rows:
        facts = [row[key] for key in ("arch_type", "objective", "parameters", "resolution", "licence")]
        assert facts == ["CNNs", "supervised", 26_545_096, 224, "apache-2.0"]


def test_the_libraries_know_every_modern_network_and_its_weights() -> None:
    found = select(["modern"])
    assert [network.name for network in found] == list(modern())
    assert all(network.weights != UNKNOWN for network in found)


@pytest.mark.parametrize("name", ["MambaOut-T", "PE-Core-T16"])
def test_a_modern_network_is_built_as_stated(name: str) -> None:
    [network] = select([name])
    check_as_stated(network)


def test_an_untrained_video_network_is_built_and_shown_clips_without_the_hub(no_hub: None) -> None:
    network = smaller("V-JEPA2-ViT-L16", crop_size=32, frames_per_clip=4)
    built = build_network(network, weights="random")
    assert built.transform is not None
    video = np.random.default_rng(0).integers(0, 256, (4, 40, 50, 3), dtype=np.uint8)
    assert built.transform(video).shape == (1, 4, 3, 32, 32)
    [widths] = measure_widths(
        network, built.module, lambda: video, [ExtractionSettings()], transform=built.transform
    )
    # Two frames and 16 x 16 pixels are one token.
    assert widths == dict.fromkeys(
        ["embeddings.patch_embeddings.proj", "layer.0", "layer.1", "layernorm"], 2 * 4 * 16
    )


def test_the_time_of_an_untrained_network_with_a_class_token_can_be_averaged(no_hub: None) -> None:
    network = smaller("ViViT-B-16x2", image_size=32, num_frames=4)
    built = build_network(network, weights="random")
    video = np.random.default_rng(0).integers(0, 256, (4, 40, 50, 3), dtype=np.uint8)
    [widths] = measure_widths(
        network, built.module, lambda: video, [ExtractionSettings(time="mean")], transform=built.transform
    )
    # The four tokens of a time, and the class token.
    assert widths["layers.0"] == widths["layers.1"] == 5 * 16


def test_an_untrained_self_has_the_published_transform_of_the_declaration(no_hub: None) -> None:
    built = build_network(smaller("TimeSformer-B16", image_size=32, num_frames=2), weights="random")
    assert built.transform is not None
    grey = np.full((2, 40, 50, 3), 51, dtype=np.uint8)
    shown = built.transform(grey)
    torch.testing.assert_close(shown, torch.full((1, 2, 3, 32, 32), (0.2 - 0.45) / 0.225))


def smaller(name: str, **config: Any) -> Network:
    """A network of the catalog with two narrow layers."""
    declared = dict(modern()[name])
    few = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {key: 32 for key in ("intermediate_size",) if key in declared["config"]}
    declared["config"] = {**declared["config"], **few, **more, **config}
    return network_of("mine", OwnNetwork.model_validate(declared))


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub fails whoever asks, and nothing is cached."""
    import huggingface_hub.constants

    def fail(*given: Any, **more: Any) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("_listed", "_download"):
        monkeypatch.setattr(f"alignhouse.ingest.models.sources.transformers_files.{name}", fail)


def check_as_stated(network: Network) -> None:
    """Parameters and licence equal those of the library; the transform gives the stated resolution."""
    import timm
    from PIL import Image

    from alignhouse.ingest.models.sources.registry import source_of

    module = build_network(network, weights="random").module
    assert sum(each.numel() for each in module.parameters()) == network.parameters_published
    shown = source_of(network).transform(network, "weights")(Image.new("RGB", (300, 260)))
    assert shown.shape == (3, network.resolution, network.resolution)
    assert timm.get_pretrained_cfg(network.source_id).license == network.licence
