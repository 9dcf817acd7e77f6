"""Protocol "paper" computes the same model RDMs as the published code on 24 real clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.sources.registry import get_source

# The first layers depend on the frames, channels, clips, means and components of the published code as all
# layers do, and need a tenth of the time.
first_or_all = pytest.mark.parametrize(
    "is_whole", [pytest.param(False, id="first layers"), pytest.param(True, id="all", marks=pytest.mark.slow)]
)


def clips(test_data: Path) -> list[Path]:
    return sorted((test_data / "paper_parity" / "clips").glob("*.mp4"))


def compare(network: Network, module: nn.Module, paper: ExtractionSettings, data: Path, tmp: Path) -> None:
    """Compare all layers of the network, or those that it lists."""
    result = extract_rdms(network, module, clips(data), paper, scratch=tmp)
    expected = np.load(data / "paper_parity" / "expected" / network.name / "model_rdms_pca22.npz")
    # The published code writes a layer's dots as underscores.
    found = {layer.name.replace(".", "_"): layer.rdm for layer in result.layers}
    asked = [name.replace(".", "_") for name in network.layers] or expected.files
    assert sorted(found) == sorted(asked)
    for name, rdm in found.items():
        np.testing.assert_allclose(rdm, expected[name], atol=1e-5, err_msg=name)
    assert set(result.notes["pca_components"].values()) == {22}


def xavier(module: nn.Module) -> None:
    """The random initialisation of torchvision networks in the published code."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        module.bias.data.fill_(0.01)
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)


def cut_before_layer1(residual: nn.Module) -> None:
    for name in ("layer1", "layer2", "layer3", "layer4"):
        setattr(residual, name, nn.Identity())


@first_or_all
def test_resnet34_as_published(
    is_whole: bool, test_data: Path, paper: ExtractionSettings, tmp_path: Path
) -> None:
    # The expected file also has the skipped layers, whose memory in-place activations overwrite.
    network = catalog()["ResNet34"].model_copy(update={"skips": ()})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = get_source("torchvision").build(network, "random", None).module.apply(xavier).eval()
    if not is_whole:
        cut_before_layer1(module)
        module.fc = nn.Identity()
        network = network.model_copy(update={"layers": ("conv1", "bn1", "relu", "maxpool")})
    compare(network, module, paper, test_data, tmp_path)


@first_or_all
def test_c2d_without_pooling_as_published(
    is_whole: bool, test_data: Path, paper: ExtractionSettings, tmp_path: Path
) -> None:
    network = catalog()["c2d_r50_nopool_mma"]
    module = build(network, weights="random")
    if not is_whole:
        cut_before_layer1(module.backbone)
        module.cls_head.fc_cls = nn.Identity()
        network = network.model_copy(update={"layers": ("backbone.conv1",)})
    compare(network, module, paper, test_data, tmp_path)
