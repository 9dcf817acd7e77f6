"""The jobs that compute and store the RDMs of control models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from alignhouse.ingest.controls import annotations as by
from alignhouse.ingest.controls import pictures
from alignhouse.ingest.controls.motion_energy import SIDE as MOTION_SIDE
from alignhouse.ingest.controls.motion_energy import motion_energy
from alignhouse.ingest.controls.names import Control
from alignhouse.ingest.rdm import RowNames
from alignhouse.ingest.stimuli.videos import Stimulus, read_inspected_frames
from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output
from alignhouse.warehouse.vectors import vector_table

VERSION = 1
DESCRIPTION_VERSION = 1
LAYER = "control"


class ControlSettings(JobSettings):
    """Settings of the RDM of one control model.

    conditions : the stimuli of the RDM's rows and columns, in order. options : of this control only.
    """

    control: str
    conditions: tuple[str, ...]
    options: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Annotated:
    """What annotations say of stimuli, and where that is stored.

    labels : control -> stimulus -> labels. memorability : stimulus -> score. sentences : stimulus ->
    sentences. artifacts : table -> the artifacts of its rows.
    """

    labels: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    memorability: Mapping[str, float] = field(default_factory=dict)
    sentences: Mapping[str, Sequence[str]] = field(default_factory=dict)
    artifacts: Mapping[str, Sequence[str]] = field(default_factory=dict)


# Control -> the table of its annotations.
TABLES = {
    "objects": "stimulus_object",
    "scenes": "stimulus_scene",
    "actions": "stimulus_action",
    "memorability": "stimulus_memorability",
    "sentences": "stimulus_sentence",
    "sentence_model": "stimulus_sentence",
}


def frame_controls_batch(
    controls: Sequence[Control],
    stimuli: Sequence[Stimulus],
    sha256: Mapping[str, str],
    rates: Mapping[str, float | None],
) -> Batch:
    """RDMs of what frames show, one job per control; each stimulus is decoded once for all of them.

    Parameters
    ----------
    stimuli : in the order of the RDMs. sha256 : stimulus -> hash of its file. rates : frames per second,
        which the file declares.
    """
    jobs = tuple(
        Job(
            method="control_rdm",
            version=VERSION,
            settings=_settings(each, stimuli).as_json(),
            inputs={stimulus.name: sha256[stimulus.name] for stimulus in stimuli},
            label=f"control {each.name}",
        )
        for each in controls
    )
    return Batch(
        jobs=jobs,
        call=compare_frames,
        shared={"stimuli": tuple(stimuli), "sha256": dict(sha256), "rates": dict(rates)},
    )


def compare_frames(
    jobs: Sequence[Job],
    reporter: Reporter,
    stimuli: Sequence[Stimulus],
    sha256: Mapping[str, str],
    rates: Mapping[str, float | None],
) -> Iterator[list[Output]]:
    """The RDMs of controls of `jobs`; see `frame_controls_batch`.

    Raises
    ------
    BadInput : a stimulus is not the file that was inspected; or all stimuli are equal for a control.
    """
    names = [ControlSettings.of(job).control for job in jobs]

    def measured(stimulus: Stimulus) -> list[Any]:
        frames = read_inspected_frames(stimulus.path, sha256[stimulus.name])
        shown = _Shown(frames, rates[stimulus.name])
        return [_FEATURES[name](shown) for name in names]

    features = []
    with ThreadPoolExecutor(cores()) as pool:
        for done, of_stimulus in enumerate(pool.map(measured, stimuli), 1):
            features.append(of_stimulus)
            reporter.step(done, len(stimuli))
    for job, rows in zip(jobs, zip(*features, strict=True), strict=True):
        yield [_output(job, by.distances_of_patterns(np.stack(rows)), len(rows[0]))]


class _Shown:
    """The frames of one stimulus, each size made once for all controls. rate : frames per second."""

    def __init__(self, frames: pictures.Frames, rate: float | None) -> None:
        self._frames, self._rate = frames, rate

    @cached_property
    def _small(self) -> Any:
        return pictures.squashed(self._frames, pictures.GRID)

    @cached_property
    def _large(self) -> Any:
        """The luminance of some frames at the size of filters."""
        return pictures.luminance(pictures.squashed(pictures.sampled_frames(self._frames), pictures.SIDE))

    def luminance(self) -> Any:
        return pictures.luminance(self._small).mean(axis=0).ravel()

    def colour(self) -> Any:
        return pictures.opponents(self._small).mean(axis=0).ravel()

    def luminance_over_time(self) -> Any:
        return pictures.over_time(pictures.luminance(self._small).mean(axis=(1, 2))[:, None])

    def colour_over_time(self) -> Any:
        return pictures.over_time(pictures.opponents(self._small).mean(axis=(1, 2)))

    def motion_energy(self) -> Any:
        assert self._rate is not None
        every = pictures.luminance(pictures.squashed(self._frames, MOTION_SIDE))
        return motion_energy(every, self._rate)

    def hog(self) -> Any:
        return np.mean([pictures.gradient_histograms(each) for each in self._large], axis=0)

    def gist(self) -> Any:
        return np.mean([pictures.oriented_energies(each) for each in self._large], axis=0)


_FEATURES: dict[str, Callable[[_Shown], Any]] = {
    "luminance": _Shown.luminance,
    "colour": _Shown.colour,
    "luminance_over_time": _Shown.luminance_over_time,
    "colour_over_time": _Shown.colour_over_time,
    "motion_energy": _Shown.motion_energy,
    "hog": _Shown.hog,
    "gist": _Shown.gist,
}


def annotation_control_batch(
    control: Control, stimuli: Sequence[Stimulus], annotated: Annotated, options: Mapping[str, str]
) -> Batch:
    """The RDM of one kind of annotation.

    Parameters
    ----------
    options : of `sentences` and `sentence_model`: the source of sentences; the model and its version.
    """
    artifacts = annotated.artifacts.get(TABLES[control.name], ())
    job = Job(
        method="control_rdm",
        version=VERSION,
        settings=_settings(control, stimuli, options).as_json(),
        inputs={f"{TABLES[control.name]}/{number}": each for number, each in enumerate(artifacts)},
        label=f"control {control.name}",
    )
    return single(job, compare_annotations, annotated=annotated)


def compare_annotations(job: Job, reporter: Reporter, annotated: Annotated) -> Iterator[Output]:
    """The RDM of `annotation_control_batch`.

    Raises
    ------
    BadInput : stimuli without this annotation; or all stimuli are equal.
    """
    settings = ControlSettings.of(job)
    name, stimuli = settings.control, settings.conditions
    called = RowNames(f"control {name}, stimulus", stimuli)
    if name in annotated.labels:
        sets = by.of_stimuli(annotated.labels[name], stimuli, name)
        yield _output(job, by.jaccard_rdm(sets), len(frozenset().union(*sets)))
    elif name == "memorability":
        yield _output(job, by.difference_rdm(by.of_stimuli(annotated.memorability, stimuli, name)), 1)
    else:
        texts = by.of_stimuli(annotated.sentences, stimuli, name)
        if name == "sentences":
            rows = by.tfidf([" ".join(each) for each in texts])
        else:
            rows = by.sentence_embeddings(texts, settings.options["model"])
        yield _output(job, by.angles_of_patterns(rows, called), rows.shape[1])


def embeddings_batch(control: Control, stimuli: Sequence[Stimulus], path: Path, sha256: str) -> Batch:
    """The RDM of embeddings from a file, matched by the names of the stimuli; see `read_embeddings`."""
    job = Job(
        method="control_rdm",
        version=VERSION,
        settings=_settings(control, stimuli).as_json(),
        inputs={path.name: sha256},
        label=f"control {control.name}",
    )
    return single(job, compare_embeddings, path=path)


def compare_embeddings(job: Job, reporter: Reporter, path: Path) -> Iterator[Output]:
    """The RDM of `embeddings_batch`; raises BadInput as `read_embeddings` does, and for missing stimuli."""
    stimuli = ControlSettings.of(job).conditions
    rows = np.stack(by.of_stimuli(by.read_embeddings(path), stimuli, "embeddings"))
    called = RowNames(f"{path}, stimulus", stimuli)
    yield _output(job, by.angles_of_patterns(rows, called), rows.shape[1])


def describe_batch(dataset: str, split: str, rows: Sequence[Mapping[str, Any]]) -> Batch:
    """The rows of `control` of a data set and split; they replace all earlier ones.

    Parameters
    ----------
    rows : control, source, distance, description; for a network whose frames are in another order, network
        and frame_order too.
    """
    job = Job(
        method="controls",
        version=DESCRIPTION_VERSION,
        settings={"dataset": dataset, "split": split, "rows": [dict(each) for each in rows]},
        inputs={},
        label="controls",
    )
    return single(job, describe_controls)


def describe_controls(job: Job, reporter: Reporter) -> Iterator[Output]:
    """The rows of `control`; see `describe_batch`."""
    rows: Sequence[Mapping[str, Any]] = job.settings["rows"]
    names = ("control", "source", "network", "frame_order", "distance", "description")
    columns: dict[str, list[Any]] = {name: [each.get(name) for each in rows] for name in names}
    place = {name: [job.settings[name]] * len(rows) for name in ("dataset", "split")}
    yield rows_output("control", {**place, **columns}, ("dataset", "split"))


def _settings(
    control: Control, stimuli: Sequence[Stimulus], options: Mapping[str, str] | None = None
) -> ControlSettings:
    return ControlSettings(
        control=control.name,
        conditions=tuple(stimulus.name for stimulus in stimuli),
        options=dict(options or {}),
    )


def _output(job: Job, rdm: Any, width: int) -> Output:
    """An RDM as a file of one layer, like those of networks; BadInput if all of its distances are equal."""
    settings = ControlSettings.of(job)
    if (rdm == rdm[0]).all():
        raise BadInput(
            f"control {settings.control}",
            expected="stimuli that differ in it",
            found=f"{len(rdm):,} equal distances ({rdm[0]:g})",
            hint="leave it out of controls.include",
        )
    table = vector_table({"layer": [LAYER], "layer_index": [0]}, "rdm", rdm[None])
    table = table.append_column("depth", pa.nulls(1, pa.float64()))
    table = table.append_column("width", pa.array([width], pa.int64()))
    folder = ("rdms", "kind=control", hive("control", settings.control))
    return Output(folder, table, about={"conditions": list(settings.conditions)})
