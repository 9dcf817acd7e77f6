"""Extraction shows a network only the files that were inspected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from made_up_videos import write_texture

from alignhouse.ingest.features.jobs import Extraction, extract, extraction_jobs
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.progress import Silent


def test_a_file_that_is_damaged_after_its_inspection_is_named(
    tmp_path: Path, own_alexnet: torch.nn.Module
) -> None:
    paths = [write_texture(tmp_path / f"{name}.mp4", frames=2, seed=name) for name in range(3)]
    stimuli = [Stimulus(path.stem, "test", path, "video") for path in paths]
    extraction = Extraction(
        root=tmp_path,
        stimuli=stimuli,
        sha256={each.name: sha256_of(each.path) for each in stimuli},
        weights="random",
        seed=0,
        device="cpu",
        memory=10**9,
        scratch=10**9,
    )
    network = catalog()["AlexNet"]
    jobs = extraction_jobs(extraction, network, [ExtractionSettings()], skip_bad=False)
    options: dict[str, Any] = {
        "network": network,
        "extraction": extraction,
        "prepared": Built(own_alexnet),
        "device": "cpu",
    }
    [[output]] = extract(jobs, Silent(), **options)
    assert output.about["conditions"] == ["0", "1", "2"]
    # One bit of the last byte: the file still decodes to the same frames.
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadInput, match=r"1\.mp4 has changed: expected sha256 [0-9a-f]{12}, as when it was"):
        list(extract(jobs, Silent(), **options))
