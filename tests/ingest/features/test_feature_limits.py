"""Extraction with limited disk, memory and precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_plainly import sources

from alignhouse.ingest.features.extract import extract_rdms, extract_rdms_together, measure_widths
from alignhouse.ingest.features.passes import features_bytes, plan_passes
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.warehouse.errors import BadInput


@pytest.mark.parametrize("limit", ["scratch_bytes", "memory"])
def test_what_does_not_fit_is_done_in_several_passes_with_the_same_result(
    network_and_module: tuple[Network, torch.nn.Module],
    limit: str,
    noise_videos: list[np.ndarray],
    sound: ExtractionSettings,
    paper: ExtractionSettings,
    tmp_path: Path,
) -> None:
    network, module = network_and_module
    videos, both = sources(noise_videos), [sound, paper]
    whole = extract_rdms_together(network, module, videos, both, scratch=tmp_path)
    widths = [layer.width for rdms in whole for layer in rdms.layers]
    enough = max(widths) * (4 * len(videos) if limit == "scratch_bytes" else 16 / 0.75) * 1.5
    said: list[str] = []
    told: list[tuple[int, int]] = []
    on_disk: list[int] = []

    def watch(done: int, total: int) -> None:
        told.append((done, total))
        on_disk.append(sum(path.stat().st_size for path in tmp_path.rglob("*.fp32")))

    how: dict[str, Any] = {"scratch": tmp_path, limit: enough, "say": said.append, "on_stimulus": watch}
    how["features_on"] = "disk"
    measured = measure_widths(network, module, videos[0], both)
    assert [list(each.values()) for each in measured] == [
        [layer.width for layer in rdms.layers] for rdms in whole
    ]
    assert features_bytes(measured, len(videos), [4, 4]) == 4 * len(videos) * sum(widths)
    limits = {"scratch_bytes": np.inf, "memory": np.inf, limit: enough}
    limits["memory"] *= 0.75
    passes = len(plan_passes(measured, len(videos), what=network.name, value_bytes=[4, 4], **limits).passes)
    assert passes > 1
    parts = extract_rdms_together(network, module, videos, both, **how)
    for one, other in zip(whole, parts, strict=True):
        assert one.notes == other.notes
        assert [(layer.name, layer.index, layer.depth, layer.width) for layer in one.layers] == [
            (layer.name, layer.index, layer.depth, layer.width) for layer in other.layers
        ]
        for a, b in zip(one.layers, other.layers, strict=True):
            if limit == "scratch_bytes":
                np.testing.assert_array_equal(a.rdm, b.rdm)
            else:  # smaller blocks, summed in another order
                np.testing.assert_allclose(a.rdm, b.rdm, atol=1e-9)
    assert len(said) == 1
    assert f"{passes} passes over groups of layers" in said[0]
    assert told == [(done, passes * len(videos)) for done in range(1, passes * len(videos) + 1)]
    if limit == "scratch_bytes":
        assert max(on_disk) <= enough
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_alone_exceeds_the_scratch_is_refused_before_anything_is_shown(
    alexnet: torch.nn.Module, thinner: int, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    told: list[int] = []
    most = {1: "1.0 MB", 8: "125.0 kB"}[thinner]
    with pytest.raises(
        BadInput,
        match=f"layer features.0 of network AlexNet, 4 stimuli.*at most {most} of scratch.*raise compute",
    ):
        extract_rdms(
            catalog()["AlexNet"],
            alexnet,
            sources(noise_videos),
            ExtractionSettings(),
            scratch=tmp_path,
            scratch_bytes=1e6 / thinner,
            on_stimulus=lambda done, total: told.append(done),
        )
    assert told == []
    assert list(tmp_path.iterdir()) == []


class LittleMemory(torch.nn.Module):
    """A device whose memory is enough for two frames at a time."""

    def __init__(self, network: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.features, self.avgpool, self.classifier = network.features, network.avgpool, network.classifier
        self.most = most

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        if len(frames) > self.most:
            raise torch.OutOfMemoryError(f"tried to allocate {len(frames)} frames")
        return self.classifier(torch.flatten(self.avgpool(self.features(frames)), 1))


def test_out_of_memory_the_batch_is_halved_and_the_numbers_are_the_same(
    alexnet: Any, alexnet_rdms: NetworkRdms, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    said: list[str] = []
    result = extract_rdms(
        catalog()["AlexNet"],
        LittleMemory(alexnet, most=2).eval(),
        sources(noise_videos),
        ExtractionSettings(),
        scratch=tmp_path,
        batch=16,
        say=said.append,
    )
    assert said == [
        f"AlexNet: out of memory, so {batch} frames at a time from here on" for batch in (8, 4, 2)
    ]
    for one, other in zip(result.layers, alexnet_rdms.layers, strict=True):
        np.testing.assert_allclose(one.rdm, other.rdm, atol=1e-6)


def test_out_of_memory_for_a_single_frame_is_an_error(
    alexnet: Any, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(torch.OutOfMemoryError, match="1 frames"):
        extract_rdms(
            catalog()["AlexNet"],
            LittleMemory(alexnet, most=0).eval(),
            sources(noise_videos),
            ExtractionSettings(),
            scratch=tmp_path,
        )
    assert list(tmp_path.iterdir()) == []


def test_half_precision_is_close_and_changes_no_other_setting(
    alexnet: torch.nn.Module, alexnet_rdms: NetworkRdms, noise_videos: list[np.ndarray], tmp_path: Path
) -> None:
    half, whole = ExtractionSettings(precision="bf16"), ExtractionSettings()
    flags = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    both = extract_rdms_together(
        catalog()["AlexNet"], alexnet, sources(noise_videos), [half, whole], scratch=tmp_path, batch=2
    )
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == flags
    for near, same, exact in zip(both[0].layers, both[1].layers, alexnet_rdms.layers, strict=True):
        np.testing.assert_array_equal(same.rdm, exact.rdm)
        np.testing.assert_allclose(near.rdm, exact.rdm, atol=0.02)
    assert any(
        (near.rdm != exact.rdm).any() for near, exact in zip(both[0].layers, alexnet_rdms.layers, strict=True)
    )
