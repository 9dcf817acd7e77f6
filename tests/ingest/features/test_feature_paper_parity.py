"""Protocol "paper" computes the same model RDMs as the published code on 24 real clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.sources.registry import get_source


def clips(test_data: Path) -> list[Path]:
    return sorted((test_data / "paper_parity" / "clips").glob("*.mp4"))


def compare(
    network: Network, module: torch.nn.Module, paper: ExtractionSettings, data: Path, tmp: Path
) -> None:
    result = extract_rdms(network, module, clips(data), paper, scratch=tmp)
    expected = np.load(data / "paper_parity" / "expected" / network.name / "model_rdms_pca22.npz")
    # The published code writes a layer's dots as underscores.
    found = {layer.name.replace(".", "_"): layer.rdm for layer in result.layers}
    assert sorted(found) == sorted(expected.files)
    for name, rdm in found.items():
        np.testing.assert_allclose(rdm, expected[name], atol=1e-5, err_msg=name)
    assert set(result.notes["pca_components"].values()) == {22}


def xavier(module: torch.nn.Module) -> None:
    """The random initialisation of torchvision networks in the published code."""
    if isinstance(module, torch.nn.Linear):
        torch.nn.init.xavier_uniform_(module.weight)
        module.bias.data.fill_(0.01)
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.xavier_uniform_(module.weight)


def test_resnet34_as_published(test_data: Path, paper: ExtractionSettings, tmp_path: Path) -> None:
    # The expected file also has the skipped layers, whose memory in-place activations overwrite.
    network = catalog()["ResNet34"].model_copy(update={"skips": ()})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = get_source("torchvision").build(network, "random", None).module.apply(xavier).eval()
    compare(network, module, paper, test_data, tmp_path)


def test_c2d_without_pooling_as_published(test_data: Path, paper: ExtractionSettings, tmp_path: Path) -> None:
    network = catalog()["c2d_r50_nopool_mma"]
    compare(network, build(network, weights="random"), paper, test_data, tmp_path)
