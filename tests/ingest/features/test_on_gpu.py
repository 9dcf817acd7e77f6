"""Extraction on a GPU; skipped where there is none. `pytest tests/ingest/features/test_on_gpu.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from features_plainly import sources
from scipy.stats import rankdata

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import catalog

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")

Videos = list[Callable[[], np.ndarray]]


@pytest.fixture(scope="module")
def videos() -> Videos:
    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (6, 12, 9, 9, 3), dtype=np.uint8)
    return sources([clip.repeat(20, axis=1).repeat(20, axis=2) for clip in coarse])


@pytest.fixture
def gpu_gets_its_memory_back() -> Iterator[None]:
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def rdms(name: str, videos: Videos, folder: Path, device: str, **settings: str) -> NetworkRdms:
    network = catalog()[name]
    return extract_rdms(
        network,
        build(network, weights="random"),
        videos,
        ExtractionSettings.model_validate(settings),
        device=device,
        scratch=folder,
        skip_bad=True,
    )


def lowest_agreement(some: NetworkRdms, others: NetworkRdms) -> float:
    """The lowest rank correlation between RDMs of the same layer."""
    assert [layer.name for layer in some.layers] == [layer.name for layer in others.layers]
    return min(
        float(np.corrcoef(rankdata(one.rdm), rankdata(other.rdm))[0, 1])
        for one, other in zip(some.layers, others.layers, strict=True)
    )


@pytest.mark.parametrize("name", ["ResNet50", "deit_small_patch16_224", "x3d_s", "tsm_r50"])
def test_rdms_of_a_gpu_are_those_of_a_cpu(name: str, videos: Videos, tmp_path: Path) -> None:
    on_cpu = rdms(name, videos, tmp_path, "cpu")
    on_gpu = rdms(name, videos, tmp_path, "cuda")
    for here, there in zip(on_cpu.layers, on_gpu.layers, strict=True):
        assert (here.name, here.width, here.depth) == (there.name, there.width, there.depth)
        np.testing.assert_allclose(there.rdm, here.rdm, rtol=2e-3, atol=2e-5, err_msg=here.name)


def test_the_paper_protocol_gives_the_same_on_a_gpu(videos: Videos, tmp_path: Path) -> None:
    paper = {
        "channel_order": "bgr",
        "torchvision_transform": "squash224",
        "tap": "memory",
        "reduction": "pca",
        "layer_list": "paper",
    }
    on_cpu = rdms("ResNet50", videos, tmp_path, "cpu", **paper)
    assert lowest_agreement(on_cpu, rdms("ResNet50", videos, tmp_path, "cuda", **paper)) > 0.999


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
def test_lower_precision_is_used_and_changes_little(precision: str, videos: Videos, tmp_path: Path) -> None:
    full = rdms("ResNet50", videos, tmp_path, "cuda")
    lower = rdms("ResNet50", videos, tmp_path, "cuda", precision=precision)
    assert any((a.rdm != b.rdm).any() for a, b in zip(full.layers, lower.layers, strict=True))
    assert lowest_agreement(full, lower) > 0.98


def test_features_on_disk_and_on_the_gpu_give_the_same_rdms(videos: Videos, tmp_path: Path) -> None:
    network = catalog()["ResNet50"]
    module = build(network, weights="random")
    on_disk, on_gpu = (
        extract_rdms(
            network, module, videos, ExtractionSettings(), device="cuda", scratch=tmp_path, features_on=place
        )
        for place in ("disk", "device")
    )
    for here, there in zip(on_disk.layers, on_gpu.layers, strict=True):
        np.testing.assert_allclose(there.rdm, here.rdm, rtol=1e-9, atol=1e-12, err_msg=here.name)


@pytest.mark.usefixtures("gpu_gets_its_memory_back")
def test_a_gpu_without_memory_gets_smaller_calls(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    videos = sources(list(rng.integers(0, 256, (3, 64, 64, 64, 3), dtype=np.uint8)))
    network = catalog()["VGG19"]
    module = build(network, weights="random")
    whole = extract_rdms(
        network, module, videos, ExtractionSettings(), device="cuda", scratch=tmp_path, batch=64
    )
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(2.5e9 / total)
    said: list[str] = []
    halved = extract_rdms(
        network,
        module,
        videos,
        ExtractionSettings(),
        device="cuda",
        scratch=tmp_path,
        batch=64,
        features_on="disk",
        say=said.append,
    )
    assert any("out of memory, so 32 frames at a time" in line for line in said)
    for here, there in zip(whole.layers, halved.layers, strict=True):
        np.testing.assert_allclose(there.rdm, here.rdm, rtol=2e-3, atol=2e-5, err_msg=here.name)
