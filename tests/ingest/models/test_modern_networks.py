"""The second catalog: its facts, its names in a selection, and networks that are built from it."""

from __future__ import annotations

import pytest

from alignhouse.ingest.features.description_jobs import model_batch
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
