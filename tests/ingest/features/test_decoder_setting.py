"""The decoder of an extraction: which one reads, and where it is part of a job's key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from alignhouse.ingest.features import extract as extraction_module
from alignhouse.ingest.features.inputs import InputMaker
from alignhouse.ingest.features.jobs import Extraction, extract, extraction_jobs
from alignhouse.ingest.features.reading import StimulusReader
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import Built
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.study.protocol import shipped
from alignhouse.warehouse.progress import Silent

NETWORK = catalog()["AlexNet"]


@pytest.fixture
def ordinary(tmp_path: Path) -> Extraction:
    """Of three videos whose frames are equal with both decoders."""
    stimuli = [Stimulus(name, "test", tmp_path / f"{name}.mp4", "video") for name in "abc"]
    return Extraction(
        root=tmp_path,
        stimuli=stimuli,
        sha256={each.name: each.name * 64 for each in stimuli},
        weights="random",
        seed=0,
        device="cpu",
        memory=10**9,
        scratch=10**9,
    )


def settings(decoder: Literal["av", "decord"]) -> ExtractionSettings:
    return ExtractionSettings(decoder=decoder)


def test_protocol_paper_reads_with_decord_and_sound_with_pyav() -> None:
    found = {name: each.extraction.decoder for name, each in shipped(["sound", "paper"]).items()}
    assert found == {"sound": "av", "paper": "decord"}
    assert ExtractionSettings().decoder == "av"


def test_keys_are_those_of_earlier_versions_where_frames_are_equal(ordinary: Extraction) -> None:
    with_av, with_decord = extraction_jobs(
        ordinary, NETWORK, [settings("av"), settings("decord")], skip_bad=False
    )
    assert with_av.key == with_decord.key
    assert with_av.version == 2
    assert set(with_av.settings) == {"model", "network", "weights", "extraction"}
    assert with_av.settings["extraction"] == {}


def test_keys_name_pyav_where_frames_differ(ordinary: Extraction) -> None:
    mirrored = replace(ordinary, unlike_decord=frozenset({"b"}))
    [earlier] = extraction_jobs(ordinary, NETWORK, [settings("av")], skip_bad=False)
    with_av, with_decord = extraction_jobs(
        mirrored, NETWORK, [settings("av"), settings("decord")], skip_bad=False
    )
    # RDMs that decord's frames gave stay those of decord.
    assert with_decord.key == earlier.key
    assert with_av.key != earlier.key
    assert with_av.settings == {**earlier.settings, "decoder": "av"}


@pytest.mark.parametrize(
    ("unlike", "decord_asked", "asked", "expected"),
    [
        ((), False, ["av"], ["av"]),
        ((), True, ["decord"], ["decord"]),
        # Frames are equal, so one decoder reads for both.
        ((), True, ["av", "decord"], ["decord", "decord"]),
        (("b",), True, ["av", "decord"], ["av", "decord"]),
        (("b",), False, ["av"], ["av"]),
        # The job of a study without decord may not take PyAV's frames for decord's.
        (("b",), False, ["decord"], ["decord"]),
    ],
)
def test_each_job_is_read_with_the_decoder_of_its_protocol(
    ordinary: Extraction,
    monkeypatch: pytest.MonkeyPatch,
    unlike: tuple[str, ...],
    decord_asked: bool,
    asked: list[Any],
    expected: list[str],
) -> None:
    used: list[str] = []

    def recorded(network: Any, module: Any, videos: Any, each: Any, **options: Any) -> list[Any]:
        used.extend(one.decoder for one in each)
        return []

    monkeypatch.setattr(extraction_module, "extract_rdms_together", recorded)
    extraction = replace(ordinary, unlike_decord=frozenset(unlike), decord_asked=decord_asked)
    jobs = extraction_jobs(extraction, NETWORK, [settings(each) for each in asked], skip_bad=False)
    assert list(extract(jobs, Silent(), NETWORK, extraction, Built(torch.nn.Identity()), "cpu")) == []
    assert used == expected


def test_a_video_is_decoded_once_with_each_decoder_that_is_needed() -> None:
    calls: list[tuple[str, str]] = []

    def read(path: Path, decoder: str) -> np.ndarray:
        calls.append((path.name, decoder))
        return np.full((2 if decoder == "av" else 3, 8, 8, 3), 7, np.uint8)

    makers = {
        (decoder, order): InputMaker(NETWORK, ExtractionSettings(decoder=decoder, channel_order=order))
        for decoder in ("av", "decord")
        for order in ("rgb", "bgr")
    }
    reader = StimulusReader(makers, read)  # type: ignore[arg-type]
    made = reader((0, Path("a.mp4")))
    assert calls == [("a.mp4", "av"), ("a.mp4", "decord")]
    assert {key: each.frames_sampled for key, each in made.items()} == {
        ("av", "rgb"): 2,
        ("av", "bgr"): 2,
        ("decord", "rgb"): 3,
        ("decord", "bgr"): 3,
    }
    calls.clear()
    assert set(reader((0, Path("a.png")))) == set(makers)
    assert calls == [("a.png", "av")]
