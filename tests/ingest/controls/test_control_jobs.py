"""The jobs that make RDMs of controls: keys, files, and errors that name a control or a stimulus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_videos import RATE, write_texture
from scipy.spatial.distance import pdist
from stored_rdms import artifacts_of

from alignhouse.ingest.controls.jobs import (
    Annotated,
    annotation_control_batch,
    embeddings_batch,
    frame_controls_batch,
)
from alignhouse.ingest.controls.motion_energy import motion_energy
from alignhouse.ingest.controls.names import CONTROLS
from alignhouse.ingest.controls.pictures import gradient_histograms, luminance, sampled_frames, squashed
from alignhouse.ingest.stimuli.videos import Stimulus, read_frames
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of

OF_FRAMES = [each for each in CONTROLS.values() if each.made_from == "frames"]
NAMES = ["0001", "0002", "0003"]


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> list[Stimulus]:
    folder = tmp_path_factory.mktemp("videos")
    return [
        Stimulus(name, "test", write_texture(folder / f"{name}.mp4", seed=seed, frames=6 + seed), "video")
        for seed, name in enumerate(NAMES)
    ]


def rdm_of(root: Path, batch: Batch) -> Artifact:
    [[artifact]] = artifacts_of(root, batch).values()
    return artifact


def frame_batch(stimuli: list[Stimulus], names: list[str]) -> Batch:
    sha256 = {each.name: sha256_of(each.path) for each in stimuli}
    rates = {each.name: float(RATE) for each in stimuli}
    return frame_controls_batch([CONTROLS[name] for name in names], stimuli, sha256, rates)


def test_every_control_of_frames_is_made_in_one_pass(stimuli: list[Stimulus], tmp_path: Path) -> None:
    names = [each.name for each in OF_FRAMES]
    batch = frame_batch(stimuli, names)
    done = artifacts_of(tmp_path, batch)
    found = {}
    for job in batch.jobs:
        [artifact] = done[job.key]
        rows, [rdm] = artifact.vectors("rdm")
        assert rows["layer"].to_list() == ["control"]
        assert artifact.about["conditions"] == NAMES
        found[str(job.settings["control"])] = rdm
    assert list(found) == names
    frames = [read_frames(each.path) for each in stimuli]
    light = [luminance(squashed(each, 16)).mean(axis=0).ravel() for each in frames]
    assert found["luminance"] == pytest.approx(pdist(np.stack(light)), rel=1e-5)
    energy = [motion_energy(luminance(squashed(each, 64)), RATE) for each in frames]
    assert found["motion_energy"] == pytest.approx(pdist(np.stack(energy)), rel=1e-5)
    hog = [
        np.mean(
            [gradient_histograms(luminance(squashed(one[None], 64))[0]) for one in sampled_frames(each)],
            axis=0,
        )
        for each in frames
    ]
    assert found["hog"] == pytest.approx(pdist(np.stack(hog)), rel=1e-5)


def test_a_file_that_has_changed_is_refused(stimuli: list[Stimulus], tmp_path: Path) -> None:
    batch = frame_controls_batch(
        [CONTROLS["luminance"]], stimuli, dict.fromkeys(NAMES, "0" * 64), dict.fromkeys(NAMES, 24.0)
    )
    with pytest.raises(BadInput, match="has changed"):
        artifacts_of(tmp_path, batch)


def test_a_control_without_differences_is_named(stimuli: list[Stimulus], tmp_path: Path) -> None:
    annotated = Annotated(labels={"scenes": dict.fromkeys(NAMES, frozenset({"kitchen"}))})
    batch = annotation_control_batch(CONTROLS["scenes"], stimuli, annotated, {})
    with pytest.raises(BadInput, match="control scenes") as error:
        artifacts_of(tmp_path, batch)
    assert "3 equal distances (0)" in str(error.value)
    assert "controls.include" in str(error.value)


def annotated(**changes: Any) -> Annotated:
    values: dict[str, Any] = {
        "labels": {"objects": {"0001": frozenset("ab"), "0002": frozenset("b"), "0003": frozenset("c")}},
        "memorability": {"0001": 0.5, "0002": 0.7, "0003": 1.0},
        "sentences": {"0001": ["a dog"], "0002": ["a cat", "a dog"], "0003": ["rain"]},
        "artifacts": {"stimulus_object": ["x"], "stimulus_sentence": ["y", "z"]},
    }
    return Annotated(**{**values, **changes})


@pytest.mark.parametrize(
    ("control", "expected"),
    [("objects", [0.5, 1, 1]), ("memorability", [0.2, 0.5, 0.3])],
)
def test_annotations_become_distances(
    stimuli: list[Stimulus], tmp_path: Path, control: str, expected: list[float]
) -> None:
    batch = annotation_control_batch(CONTROLS[control], stimuli, annotated(), {})
    assert rdm_of(tmp_path, batch).vectors("rdm")[1][0] == pytest.approx(expected)


def test_keys_hold_the_annotations_and_their_options(stimuli: list[Stimulus]) -> None:
    def job(options: dict[str, str], **changes: Any) -> Any:
        return annotation_control_batch(CONTROLS["sentences"], stimuli, annotated(**changes), options).jobs[0]

    first = job({"source": "annotator"})
    assert dict(first.inputs) == {"stimulus_sentence/0": "y", "stimulus_sentence/1": "z"}
    keys = {
        each.key
        for each in (
            first,
            job({"source": "spoken"}),
            job({"source": "annotator"}, artifacts={"stimulus_sentence": ["other"]}),
        )
    }
    assert len(keys) == 3


def test_embeddings_are_matched_by_name(stimuli: list[Stimulus], tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("stimulus,x,y\n0003,0,2\n0001,1,0\n0002,1,1\n", encoding="utf-8")
    batch = embeddings_batch(CONTROLS["embeddings"], stimuli, path, sha256_of(path))
    expected = [1 - np.sqrt(0.5), 1, 1 - np.sqrt(0.5)]
    assert rdm_of(tmp_path, batch).vectors("rdm")[1][0] == pytest.approx(expected)
    path.write_text("stimulus,x,y\n0003,0,2\n0001,1,0\n", encoding="utf-8")
    batch = embeddings_batch(CONTROLS["embeddings"], stimuli, path, sha256_of(path))
    with pytest.raises(BadInput, match="control embeddings") as error:
        artifacts_of(tmp_path, batch)
    assert "none for 0002" in str(error.value)
